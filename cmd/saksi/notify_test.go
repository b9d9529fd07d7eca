package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNotifyChannels proves that a mail server that is down neither keeps a
// webhook from being told nor has it told again.
func TestNotifyChannels(t *testing.T) {
	dir := home(t)
	var told atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	defer s.Close()
	index := filepath.Join(dir, "ix")
	saksi(t, "sensor", "read", "../../testdata/capture/demo.pcap", "--rules", "../../testdata/rules/demo.rules", "--index", index, "--quiet")
	for range 3 {
		var stderr strings.Builder
		code := run(t.Context(), &app{stdin: strings.NewReader(""), stdout: &strings.Builder{}, stderr: &stderr}, []string{
			"findings", "notify", "--index", index, "--all", "--once", "--webhook", s.URL, "--smtp", "127.0.0.1:9", "--from", "a@b.example", "--to-mail", "c@b.example",
		})
		if code != exitFailed || !strings.Contains(stderr.String(), "127.0.0.1:9") {
			t.Errorf("exit %d: %s", code, stderr.String())
		}
	}
	if n := told.Load(); n != 1 {
		t.Errorf("the webhook was told %d times", n)
	}
}
