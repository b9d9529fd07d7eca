package service

import (
	"strings"
	"testing"
)

// TestLookup proves that names match by whole labels, the longest suffix first.
func TestLookup(t *testing.T) {
	for host, want := range map[string]string{
		"www.google.com": "google", "google.com": "google", "mail.google.com": "gmail", "GoogleVideo.com.": "youtube", "*.youtube.com": "youtube",
		"notgoogle.com": "", "google.com.evil.example": "", "com": "", "": "", ".": "", "jpj.gov.my": "jpj", "www.hasil.gov.my": "lhdn",
		"captive.apple.com.edgekey.net": "apple", "e1.example.edgekey.net": "akamai", "edgekey.net": "akamai",
		"portal.mof.gov.my": "malaysia-government", strings.Repeat("a.", 200) + "google.com": "",
	} {
		if got := Get(Lookup(host)).Application; got != want {
			t.Errorf("%q: %q, expected %q", host, got, want)
		}
	}
	if c := Category("jpj"); c != "government" {
		t.Errorf("category of jpj: %q", c)
	}
	if n := testing.AllocsPerRun(100, func() { Lookup("a.b.c.D.googlevideo.com") }); n > 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
}

// TestParse proves that faults of the table are told with their line.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb":                     "services.tsv:1: expected",
		"a\tb\tx.my\na\tb\ty.my":   "services.tsv:2: application a",
		"a\tb\tx.my\nc\tb\tx.my":   "services.tsv:2: suffix x.my is there",
		"# c\na\tb\t.x.my":         "services.tsv:2: suffix .x.my is not",
		"# c\n# d\na\tb\tX.my y.b": "services.tsv:3: suffix X.my is not",
	} {
		if _, err := parse(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, expected %s", text, err, want)
		}
	}
	for _, s := range load().suffixes[1:] {
		if len(s.Name) > maxHost || strings.ContainsAny(s.Name, "*/: ") {
			t.Errorf("suffix %q can't match", s.Name)
		}
	}
}
