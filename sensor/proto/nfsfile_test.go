package proto

import (
	"bytes"
	"strings"
	"testing"
)

// TestNFSFiles proves that pieces of a file come together in any order, that a
// file is whole when it was read to its end or committed, and that gaps are told.
func TestNFSFiles(t *testing.T) {
	type piece struct {
		at   uint64
		text string
		size uint64 // 0: not told
	}
	for _, c := range []struct {
		name   string
		dir    Dir
		pieces []piece
		commit bool
		want   string
	}{
		{"in order", FromServer, []piece{{0, "abc", 6}, {3, "def", 6}}, false, "abcdef whole"},
		{"the end first", FromServer, []piece{{3, "def", 6}, {0, "abc", 0}}, false, "abcdef whole"},
		{"a piece missing", FromServer, []piece{{0, "abc", 9}, {6, "ghi", 9}}, false, "abcghi part"},
		{"a piece twice", FromServer, []piece{{0, "abc", 0}, {1, "bcd", 4}}, false, "abcd whole"},
		{"read twice", FromServer, []piece{{0, "abc", 3}, {0, "abc", 3}}, false, "abc whole|abc whole"},
		{"written and committed", FromClient, []piece{{3, "def", 0}, {0, "abc", 0}}, true, "abcdef whole"},
		{"written", FromClient, []piece{{0, "abc", 0}}, false, "abc part"},
	} {
		h := &partsHost{}
		h.entry = &Entry{Name: "nfs"}
		ctx := &Context{Host: h}
		var s nfsFiles
		s.named("01", "surat.txt")
		for _, p := range c.pieces { // half of each is held of its record, the rest follows
			half := len(p.text) / 2
			s.begin(ctx, nfsKey{"01", c.dir}, nfsData{at: 2, n: len(p.text), offset: p.at, size: p.size, sized: p.size > 0}, []byte("xx"+p.text[:half]))
			s.more(c.dir, []byte(p.text[half:]+"padding"))
		}
		if c.commit {
			s.commit("01")
		}
		s.close()
		var got []string
		for i, f := range h.files {
			state := " whole"
			if bytes.Contains(h.lines[i], []byte("incomplete")) {
				state = " part"
			}
			got = append(got, string(f.data)+state)
			if f.name != "surat.txt" {
				t.Errorf("%s: the file is called %q", c.name, f.name)
			}
		}
		if s := strings.Join(got, "|"); s != c.want {
			t.Errorf("%s: %q, expected %q", c.name, s, c.want)
		}
	}
}
