package search

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"saksi/internal/feature"
)

func utf16of(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = binary.BigEndian.AppendUint16(b, u)
		} else {
			b = binary.LittleEndian.AppendUint16(b, u)
		}
	}
	return string(b)
}

func told(t testing.TB, cfg Config, data string) string {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hits, more := m.Scan([]byte(data), 100)
	var out []string
	for _, h := range hits {
		out = append(out, fmt.Sprintf("%s %s@%d+%d %s %q", h.Kind, h.Name, h.Offset, h.Length, h.Encoding, h.Text))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more", more))
	}
	return strings.Join(out, "; ")
}

// TestScan proves what is found in each encoding, with its place and length.
func TestScan(t *testing.T) {
	words := Config{Keywords: []string{"he", "she", "Hers", "rahsia", "机密"}}
	for _, c := range []struct {
		cfg        Config
		data, want string
	}{
		{words, "uSHErs", `keyword she@1+3 ascii "SHE"; keyword Hers@2+4 ascii "HErs"; keyword he@2+2 ascii "HE"`},
		{words, "x\xff" + utf16of("RAHSIA", false), `keyword rahsia@2+12 utf-16le "RAHSIA"`},
		{words, "\xff\xff" + utf16of("rahsia", true) + "zz", `keyword rahsia@2+12 utf-16be "rahsia"`},
		{words, "机密", `keyword 机密@0+6 ascii "机密"`},
		{words, "a" + utf16of("机密", false), `keyword 机密@1+4 utf-16le "机密"`},
		{words, utf16of("机密", true), `keyword 机密@0+4 utf-16be "机密"`},
		{Config{Regexps: []string{`KES-\d{3}`}}, "KES-12 KES-123  " + utf16of("\x01KES-777", false), `regex KES-\d{3}@7+7 ascii "KES-123"; regex KES-\d{3}@18+14 utf-16le "KES-777"`},
		{Config{Regexps: []string{`(?m)^ab`}}, "abab\nab", `regex (?m)^ab@0+2 ascii "ab"; regex (?m)^ab@5+2 ascii "ab"`},
		{Config{Features: feature.All}, "\x00\x00" + utf16of("850131-14-5678", false), `mykad @2+28 utf-16le "850131-14-5678"`},
		{Config{Features: feature.All}, "a@b.example.my\x00\x00" + utf16of("mail x@example.my!", false), `email @0+14 ascii "a@b.example.my"; email @26+24 utf-16le "x@example.my"`},
	} {
		if got := told(t, c.cfg, c.data); got != c.want {
			t.Errorf("%q:\n%s\nexpected\n%s", c.data, got, c.want)
		}
	}
}

// TestLimit proves that hits beyond the limit are counted.
func TestLimit(t *testing.T) {
	got := told(t, Config{Keywords: []string{"ab"}, Features: feature.All}, strings.Repeat("ab", 250)+" x@example.my")
	if !strings.HasSuffix(got, `"x@example.my"; 200 more`) {
		t.Error(got)
	}
}

// TestWrong proves that what can't be looked for is an error with its number.
func TestWrong(t *testing.T) {
	for want, cfg := range map[string]Config{
		"at most 1024": {Regexps: []string{strings.Repeat("a", 1025)}}, "expression 2": {Regexps: []string{"a", "("}}, "expression 1 (x*)": {Regexps: []string{"x*"}}, "keyword 2": {Keywords: []string{"a", ""}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", cfg, err)
		}
	}
}

// TestKeywords proves the automaton against a plain search.
func TestKeywords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfNDistinct(rapid.StringMatching(`[abC]{1,4}`), 1, 6, strings.ToLower).Draw(t, "words")
		data := rapid.StringMatching(`[aBc]{0,60}`).Draw(t, "data")
		m, err := New(Config{Keywords: words})
		if err != nil {
			t.Fatal(err)
		}
		hits, _ := m.Scan([]byte(data), 1000)
		got := map[string]bool{}
		for _, h := range hits {
			got[fmt.Sprint(h.Name, h.Offset)] = true
		}
		want := 0
		for _, w := range words {
			for i := 0; i+len(w) <= len(data); i++ {
				if strings.EqualFold(data[i:i+len(w)], w) {
					want++
					if !got[fmt.Sprint(w, i)] {
						t.Fatalf("%q at %d of %q is missed", w, i, data)
					}
				}
			}
		}
		if want != len(hits) {
			t.Fatalf("%d hits, expected %d", len(hits), want)
		}
	})
}
