package keylog

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var (
	random = strings.Repeat("0a", 32)
	master = strings.Repeat("5b", 48)
	short  = strings.Repeat("6c", 32)
)

func read(t testing.TB, text string) *Log {
	t.Helper()
	l := New(nil)
	if err := l.Add(strings.NewReader(text), 0); err != nil {
		t.Fatal(err)
	}
	return l
}

func bin(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Counts
	}{
		{"nothing", "", Counts{}},
		{"comments", "# SSL/TLS secrets log file\n\n  \r\n", Counts{}},
		{"TLS 1.2", "CLIENT_RANDOM " + random + " " + master + "\n", Counts{Secrets: 1}},
		{"no end of line", "CLIENT_RANDOM " + random + " " + master, Counts{Secrets: 1}},
		{"carriage return", "CLIENT_RANDOM " + random + " " + strings.ToUpper(master) + "\r\n", Counts{Secrets: 1}},
		{"TLS 1.3", "CLIENT_HANDSHAKE_TRAFFIC_SECRET " + random + " " + short + "\nSERVER_TRAFFIC_SECRET_0 " + random + " " + master + "\n", Counts{Secrets: 2}},
		{"twice", strings.Repeat("CLIENT_RANDOM "+random+" "+master+"\n", 3), Counts{Secrets: 1, Repeated: 2}},
		{"session id", "RSA Session-ID:0102 Master-Key:" + master + "\n", Counts{Secrets: 1}},
		{"others", "EXPORTER_SECRET " + random + " " + short + "\nRSA 0011223344556677 " + master + "\n", Counts{Others: 2}},
		{"short random", "CLIENT_RANDOM 0a0a " + master + "\n", Counts{Malformed: 1}},
		{"short secret", "CLIENT_RANDOM " + random + " " + short + "\n", Counts{Malformed: 1}},
		{"odd secret", "SERVER_TRAFFIC_SECRET_0 " + random + " " + short + "00\n", Counts{Malformed: 1}},
		{"no hex", "CLIENT_RANDOM " + random[:62] + "zz " + master + "\n", Counts{Malformed: 1}},
		{"fields", "CLIENT_RANDOM " + random + " " + master + " x\nCLIENT_RANDOM\n", Counts{Malformed: 2}},
		{"another file", "\x00\x01\x02\x03 GIF89a\nPK\x03\x04\n", Counts{Malformed: 2}},
		{"long line", strings.Repeat("CLIENT_RANDOM ", 10_000) + "\nCLIENT_RANDOM " + random + " " + master + "\n", Counts{Secrets: 1, Malformed: 1}},
	} {
		if got := read(t, c.text).Counts(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSecret(t *testing.T) {
	file := read(t, "CLIENT_RANDOM "+random+" "+master+"\nRSA Session-ID:0102 Master-Key:"+master+"\n")
	l := New(file)
	if l.Empty() || !New(nil).Empty() || !(*Log)(nil).Empty() {
		t.Error("what is empty is not told")
	}
	if err := l.Add(strings.NewReader("CLIENT_TRAFFIC_SECRET_0 "+random+" "+short+"\nRSA Session-ID:03 Master-Key:"+master+"\n"), 10); err != nil {
		t.Fatal(err)
	}
	r := bin(t, random)
	if got := l.Secret(r, Master, 1); !bytes.Equal(got, bin(t, master)) {
		t.Errorf("secret of the file: %x", got)
	}
	if l.Secret(r, ClientTraffic, 9) != nil || !bytes.Equal(l.Secret(r, ClientTraffic, 10), bin(t, short)) {
		t.Error("a secret of the capture is known before its block")
	}
	if l.Secret(r, ServerTraffic, 99) != nil || l.Secret(r[:31], Master, 1) != nil || l.Secret(bytes.Repeat([]byte{1}, 32), Master, 1) != nil {
		t.Error("a secret of something else")
	}
	if !bytes.Equal(l.MasterOf([]byte{1, 2}, 0), bin(t, master)) || l.MasterOf([]byte{3}, 9) != nil || l.MasterOf([]byte{3}, 10) == nil || l.MasterOf(nil, 9) != nil {
		t.Error("master secrets by session id")
	}
}

// TestBounds proves that a session has a bounded number of secrets.
func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "CLIENT_RANDOM %s %096x\n", random, i)
	}
	if got := read(t, b.String()).Counts(); got.Secrets != maxSession || got.Left != 100-maxSession {
		t.Errorf("%+v", got)
	}
}

// TestRead proves that errors name the file and show nothing of its content.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if l, err := Read(write("good", "CLIENT_RANDOM "+random+" "+master+"\n")); err != nil || l.Counts().Secrets != 1 {
		t.Errorf("%v", err)
	}
	_, err := Read(write("bad", "CLIENT_RANDOM "+random+" "+master[:94]+"\n"))
	if err == nil || !strings.Contains(err.Error(), "bad") || !strings.Contains(err.Error(), "1 that are no lines") || strings.Contains(err.Error(), master[:8]) {
		t.Errorf("error is %v", err)
	}
	for _, p := range []string{dir, filepath.Join(dir, "none")} {
		if _, err := Read(p); err == nil {
			t.Errorf("%s is a key log", p)
		}
	}
}

// TestFollow proves that lines are taken once they are whole.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	line := "CLIENT_RANDOM " + random + " " + master + "\n"
	if err := os.WriteFile(path, []byte(line[:20]), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Follow(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if c := w.Log().Counts(); c != (Counts{}) || w.Log().Empty() {
		t.Errorf("half a line gives %+v", c)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line[20:] + strings.Repeat("x", 3*maxLine)); err != nil {
		t.Fatal(err)
	}
	w.next = w.next.Add(-followEach)
	if err := w.Refresh(); err != nil {
		t.Fatal(err)
	}
	if c := w.Log().Counts(); c.Secrets != 1 || len(w.rest) > maxLine {
		t.Errorf("%+v, %d bytes wait", c, len(w.rest))
	}
	if w.Log().Secret(bin(t, random), Master, 0) == nil {
		t.Error("the secret is missing")
	}
}

// FuzzAdd proves that any bytes are read, and that each line is counted once.
func FuzzAdd(f *testing.F) {
	f.Add([]byte("CLIENT_RANDOM " + random + " " + master + "\nRSA Session-ID:01 Master-Key:" + master))
	f.Add([]byte("SERVER_TRAFFIC_SECRET_0 " + random + " " + short + "\r\n#\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := New(nil)
		if err := l.Add(bytes.NewReader(b), 0); err != nil {
			t.Fatal(err)
		}
		c := l.Counts()
		if n := c.Secrets + c.Repeated + c.Others + c.Malformed + c.Left; n > uint64(bytes.Count(b, []byte("\n")))+1 {
			t.Errorf("%d lines counted in %q", n, b)
		}
	})
}
