package mask

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"saksi/event"
	"saksi/findings"
)

// TestFind proves which texts hold what must not be stored, and which do not.
func TestFind(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"/x?ic=850131-14-5678&y=1", "/x?ic=[mykad]&y=1"},
		{"/x?ic=850131145678", "/x?ic=[mykad]"},
		{"851331145678", "851331145678"},         // no month 13
		{"850131175678", "850131175678"},         // place code 17 is not in use
		{"8501311456789", "8501311456789"},       // 13 digits, Luhn fails
		{"a850131145678", "a850131145678"},       // part of a word
		{"id 850131145678x", "id 850131145678x"}, // part of a word
		{"pay 4111 1111 1111 1111 now", "pay [card] now"},
		{"4111-1111-1111-1112", "4111-1111-1111-1112"},
		{"0000000000000000", "0000000000000000"},
		{"from aminah.binti@jpn.example.my, to", "from [email], to"},
		{"a@b", "a@b"},
		{"@example.my", "@example.my"},
		{"user=a&password=hunter2&z=1", "user=a&password=[credential]&z=1"},
		{"Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [credential]"},
		{"PHPSESSID=abc; x=1", "PHPSESSID=[credential]; x=1"},
		{"compass=north", "compass=north"},
		{"/plain/path?page=12", "/plain/path?page=12"},
	} {
		e := &event.Event{}
		e.Str(event.URLOriginal, c.text)
		got := ""
		err := Sink(make([]byte, 16), findings.SinkFunc(func(e *event.Event) error {
			got, _ = e.GetStr(event.URLOriginal)
			if got != c.text && (!e.Has(event.SaksiMasked) || !e.Has(event.SaksiMaskedDigest)) {
				t.Errorf("%q: masked without saying so", c.text)
			}
			return nil
		})).Emit(e)
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%q became %q, expected %q", c.text, got, c.want)
		}
	}
}

// TestMatches proves that matched bytes, which findings carry in hex, and
// fields that are secrets as a whole are masked too.
func TestMatches(t *testing.T) {
	e := &event.Event{}
	e.Str(event.SaksiEvidenceMatch, "$a@10+16:"+hex.EncodeToString([]byte("4111111111111111")))
	e.Str(event.URLPassword, "hunter2")
	e.Str(event.SaksiSnmpCommunity, "c0mmunity")
	for _, f := range []event.Field{event.ThreatIndicatorName, event.ThreatIndicatorURLFull, event.ThreatIndicatorFileName} {
		e.Str(f, "http://evil.example/?password=hunter2")
	}
	err := Sink(make([]byte, 16), findings.SinkFunc(func(e *event.Event) error {
		if line := string(e.AppendJSON(nil)); strings.Contains(line, "34313131") || strings.Contains(line, "hunter2") || strings.Contains(line, "c0mmunity") {
			t.Errorf("still there: %s", line)
		}
		return nil
	})).Emit(e)
	if err != nil {
		t.Fatal(err)
	}
}

// TestDigest proves that equal values have equal digests in any writing, and
// that another key gives others.
func TestDigest(t *testing.T) {
	digest := func(key byte, text string) (d string) {
		e := &event.Event{}
		e.Str(event.Message, text)
		k := make([]byte, 16)
		k[0] = key
		_ = Sink(k, findings.SinkFunc(func(e *event.Event) error {
			d, _ = e.GetStr(event.SaksiMaskedDigest)
			return nil
		})).Emit(e)
		return d
	}
	a, b, c := digest(1, "850131-14-5678"), digest(1, "ic 850131145678."), digest(2, "850131145678")
	if a == "" || a != b || a == c {
		t.Errorf("digests %q %q %q: expected the first two equal, the third other", a, b, c)
	}
}

// TestValues proves that what Values gives is what Sink masks, value by value, by
// the digests that the stored event holds.
func TestValues(t *testing.T) {
	e := &event.Event{}
	e.Str(event.URLOriginal, "/x?ic=850131-14-5678&password=hunter2")
	e.Str(event.Message, "nothing here")
	e.Str(event.URLPassword, "hunter3")
	e.Str(event.SaksiEvidenceMatch, "$a@10+16:"+hex.EncodeToString([]byte("4111111111111111")))
	k := make([]byte, 16)
	var stored []string
	if err := Sink(k, findings.SinkFunc(func(e *event.Event) error {
		for v := range e.Values(event.SaksiMaskedDigest) {
			stored = append(stored, v.Str())
		}
		return nil
	})).Emit(e); err != nil {
		t.Fatal(err)
	}
	var texts, digests []string
	for _, v := range Values(k, e) {
		texts, digests = append(texts, v.Field.Name()+" "+v.Text), append(digests, v.Digest)
	}
	if want := "url.original 850131-14-5678,url.original hunter2,url.password hunter3,Saksi.evidence.match 4111111111111111"; strings.Join(texts, ",") != want {
		t.Errorf("%q, expected %q", texts, want)
	}
	if strings.Join(digests, ",") != strings.Join(stored, ",") {
		t.Errorf("digests %q, stored %q", digests, stored)
	}
}

// TestFindBounds proves that spans are in order, inside the text and never
// overlap, whatever the text.
func TestFindBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[0-9a-z@.=:;&+ -]{0,80}`).Draw(t, "s")
		at := 0
		for _, f := range Find(s) {
			if f.Start < at || f.End <= f.Start || f.End > len(s) {
				t.Fatalf("%q: %v after %d", s, f, at)
			}
			at = f.End
		}
	})
}

// TestEveryText proves that every field of text is looked through but those that
// are named as plain, and that each of those names a field.
func TestEveryText(t *testing.T) {
	for _, name := range []string{"email.subject", "email.from.address", "Saksi.ftp.argument", "Saksi.db.statement", "Saksi.review.note", "Saksi.sip.from", "url.full", "tls.server.subject", "log.file.path"} {
		f, ok := event.Lookup(name)
		if !ok {
			t.Errorf("there is no field %s", name)
			continue
		}
		var got *event.Event
		e := &event.Event{}
		e.Str(f, "nama 900101-14-5678 aminah@agensi.example")
		if err := Sink([]byte("0123456789abcdef"), findings.SinkFunc(func(e *event.Event) error { got = e.Clone(); return nil })).Emit(e); err != nil {
			t.Fatal(err)
		}
		if s := string(got.AppendJSON(nil)); strings.Contains(s, "900101") || strings.Contains(s, "aminah@") {
			t.Errorf("%s is stored as %s", name, s)
		}
	}
	for _, p := range plain {
		if !slices.ContainsFunc(event.AllFields(), func(f event.Field) bool { return strings.HasPrefix(f.Name(), p) }) {
			t.Errorf("%q begins no field", p)
		}
	}
	for _, f := range event.AllFields() {
		if textual[f] && strings.Contains(f.Name(), ".hash.") {
			t.Errorf("%s is a digest, whose digits could look like a number", f.Name())
		}
	}
}
