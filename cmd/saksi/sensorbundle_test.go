package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
	"saksi/evidence/bundle"
)

// TestBundleURL proves what a sensor takes from a server: a newer bundle once, nothing of
// what was changed on the way or is older, and nothing that a redirect leads to; and that what
// was fetched does not stay.
func TestBundleURL(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	key := filepath.Join(t.TempDir(), "center.key")
	pub, err := evidence.GenerateKey(key, evidence.KeyECDSA, nil)
	if err != nil {
		t.Fatal(err)
	}
	center, err := evidence.LoadSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	pack := func(serial int64, rule string) []byte {
		t.Helper()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "rules"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "rules", "r.rules"), []byte(rule), 0o600); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := bundle.Pack(t.Context(), &b, dir, "sensor", serial, time.Date(2026, 11, 24, 8, 0, int(serial), 0, time.UTC), center, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const rule = `alert tcp any any -> any any (msg:"x"; content:"abc"; sid:1;)` + "\n"
	var body []byte
	tag, status, unchanged := `"1"`, http.StatusOK, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case status != http.StatusOK:
			w.Header().Set("Location", "http://127.0.0.1:9/")
			w.WriteHeader(status)
		case r.Header.Get("If-None-Match") == tag:
			unchanged++
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", tag)
			_, _ = w.Write(body)
		}
	}))
	defer server.Close()
	var said bytes.Buffer
	a := &app{stderr: &said}
	o := &bundleFlags{source: server.URL + "/b?token=rahsia", key: pub, name: "sensor", every: time.Minute}
	p, err := o.open(a, &ruleFlags{})
	if err != nil {
		t.Fatal(err)
	}
	first := pack(2, rule)
	step := func(name string, changed bool, want string) {
		t.Helper()
		got, err := p.update(t.Context())
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != changed || want == "" && err != nil || !strings.Contains(text, want) || strings.Contains(text, "rahsia") {
			t.Errorf("%s: changed %t, %q; expected %t, %q", name, got, text, changed, want)
		}
		left, err := filepath.Glob(filepath.Join(p.dir, fetchedName+"*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
	}
	body = first
	step("the first", true, "")
	step("the same", false, "")
	if unchanged != 1 {
		t.Errorf("it was fetched again")
	}
	body, tag = bytes.Replace(pack(3, rule), []byte{0x1f, 0x8b}, []byte{0x1f, 0x8c}, 1), `"2"`
	step("changed on the way", false, "does not verify")
	body, tag = pack(1, rule), `"3"`
	step("older", false, "would go back")
	body, tag = pack(4, "alert tcp any any -> any any (msg:\"x\"; sid:x;)\n"), `"4"`
	step("of no use", false, "no rule of it runs")
	tag = `"5"`
	step("the same of no use under another tag is said once", false, "")
	status = http.StatusFound
	step("elsewhere", false, "the server answers 302")
	status = http.StatusNotFound
	step("gone", false, "the server answers 404")
	status, body, tag = http.StatusOK, pack(5, rule), `"6"`
	step("newer", true, "")
	server.Close()
	step("the server is down", false, "connection refused")
	if b, err := os.ReadFile(filepath.Join(p.dir, "sensor", "rules", "r.rules")); err != nil || string(b) != rule {
		t.Errorf("%q, %v", b, err)
	}
	for _, source := range []string{"http://example.org/b", "https://"} {
		o.source = source
		if _, err := o.open(a, &ruleFlags{}); err == nil {
			t.Errorf("%s is taken", source)
		}
	}
}
