package intel

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"saksi/rules"
)

// bundle is a STIX bundle of an indicator for each pattern.
func bundle(t testing.TB, patterns ...string) string {
	var objects []map[string]any
	for i, p := range patterns {
		objects = append(objects, map[string]any{
			"type": "indicator", "id": fmt.Sprintf("indicator--00000000-0000-4000-8000-%012d", i), "pattern": p, "pattern_type": "stix", "valid_from": "2020-01-01T00:00:00Z",
		})
	}
	b, err := json.Marshal(map[string]any{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000", "objects": objects})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTexts proves what LIKE and MATCHES find, alone and beside other terms.
func TestTexts(t *testing.T) {
	s, problems := load(t, "bundle.json", bundle(t,
		"[url:value LIKE 'http://%.example/gate_.php']",
		`[domain-name:value MATCHES '^[a-z]{4}\\.Evil\\.example$']`,
		`[file:name MATCHES 'invoice-[0-9]+\\.(exe|scr)$' AND file:size > 100]`,
		"[email-message:subject LIKE '%bayaran%' AND email-message:from_ref.value = 'a@evil.example']",
		"[network-traffic:extensions.'http-request-ext'.request_value MATCHES '/wp-[a-z]+/x' AND network-traffic:dst_port = 80]",
	))
	if len(problems) != 0 || s.Len() != 5 || s.scans != 4 {
		t.Fatalf("%d indicators, %d held against every event, %+v", s.Len(), s.scans, problems)
	}
	for _, c := range []struct {
		dataset string
		values  []string
		want    []string
	}{
		{"saksi.http", []string{"url.full=http://a.example/gate7.php"}, []string{"url http://a.example/gate7.php url.full"}},
		{"saksi.http", []string{"url.full=http://a.example:80/gate7.php"}, []string{"url http://a.example/gate7.php url.full"}}, // by its normal form
		{"saksi.http", []string{"url.full=http://a.example/gate77.php"}, nil},
		{"saksi.http", []string{"url.full=http://a.example/gate7.php?x"}, nil},
		{"saksi.file", []string{"url.full=http://a.example/gate7.php"}, nil}, // the request told it
		{"saksi.dns", []string{"dns.question.name=ABCD.evil.example."}, []string{"domain abcd.evil.example dns.question.name"}},
		{"saksi.dns", []string{"dns.question.name=abcde.evil.example"}, nil},
		{"saksi.dns", []string{"dns.question.name=good.example", "dns.answers.data=abcd.evil.example"}, []string{"domain abcd.evil.example dns.answers.data"}},
		{"saksi.file", []string{"file.name=invoice-12.scr", "file.size=101"}, []string{"filename invoice-12.scr file.name"}},
		{"saksi.file", []string{"file.name=invoice-12.scr", "file.size=100"}, nil},
		{"saksi.file", []string{"file.name=invoice-12.scr.txt", "file.size=101"}, nil},
		{"saksi.smtp", []string{"email.from.address=a@evil.example", "email.subject=Sila buat bayaran"}, []string{"email-src a@evil.example email.from.address"}},
		{"saksi.smtp", []string{"email.from.address=a@evil.example", "email.subject=Bayaran"}, nil},
		{"saksi.http", []string{"url.original=/wp-admin/x", "destination.port=80"}, []string{"path /wp-admin/x url.original"}},
		{"saksi.http", []string{"url.original=/wp-admin/x", "destination.port=81"}, nil},
		{"saksi.http", []string{"url.full=" + strings.Repeat("http://a.example/", 1000) + "gate7.php"}, nil}, // longer than what is looked up
	} {
		if got := names(s.Match(build(t, c.dataset, c.values...))); !slices.Equal(got, c.want) {
			t.Errorf("%s %.60q: %q, expected %q", c.dataset, c.values, got, c.want)
		}
	}
}

// TestTextsBound proves that no feed makes every event be held against more
// texts than are taken, and says which were left out.
func TestTextsBound(t *testing.T) {
	var patterns []string
	for i := range maxScanned + 2 {
		patterns = append(patterns, fmt.Sprintf("[url:value LIKE '%%/%d/%%']", i))
	}
	patterns = append(patterns, "[domain-name:value = 'evil.example' AND url:value LIKE '%/x/%']") // looked up
	s, problems := load(t, "bundle.json", bundle(t, patterns...))
	if s.Len() != maxScanned+1 || s.scans != maxScanned || len(problems) != 2 || problems[0].Level != rules.Refused || !strings.Contains(problems[0].Message, "held against every event") {
		t.Fatalf("%d indicators, %d scanned, %+v", s.Len(), s.scans, problems)
	}
	if got := names(s.Match(build(t, "saksi.http", "url.full=http://a.example/999/"))); len(got) != 1 {
		t.Errorf("the last that was taken: %q", got)
	}
}
