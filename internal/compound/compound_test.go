package compound_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"saksi/internal/compound"
)

// TestRead holds streams to their sizes and places, as olefile 0.47 gives them,
// and a chain that turns back to an error that keeps what was read.
func TestRead(t *testing.T) {
	b, err := os.ReadFile("../../testdata/artifact/f01b4d95cf55d32a.automaticDestinations-ms")
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	open := func() *compound.File {
		f, err := compound.Open(bytes.NewReader(b), int64(len(b)), func(_ int64, text string) { said += text })
		if err != nil || said != "" {
			t.Fatal(err, said)
		}
		return f
	}
	f := open()
	want := map[string]int{"5": 149, "DestList": 372, "b": 4946}
	for i := range f.Entries {
		e := &f.Entries[i]
		d, err := f.Read(e)
		if err != nil || len(d.B) != want[e.Name] || len(d.B) == 0 {
			t.Fatalf("%q has %d bytes: %v", e.Name, len(d.B), err)
		}
		for at, c := range d.B {
			if b[d.Place(at)] != c {
				t.Fatalf("byte %d of %q is not at byte %d of the file", at, e.Name, d.Place(at))
			}
		}
		delete(want, e.Name)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	// Streams that lie over each other: the budget ends.
	f = open()
	for range 30 { // 372 bytes of 8192
		_, err = f.Read(&f.Entries[len(f.Entries)-1])
	}
	if err == nil || !strings.Contains(err.Error(), "left for streams") {
		t.Errorf("a stream thirty times: %v", err)
	}
	for _, e := range f.Entries {
		if e.Name != "b" {
			continue
		}
		first := b[e.Offset+116] // its second sector leads back to the first
		copy(b[512+4*(int(first)+1):], []byte{first, 0, 0, 0})
		f = open()
		for i := range f.Entries {
			if f.Entries[i].Name == "b" {
				if d, err := f.Read(&f.Entries[i]); err == nil || !strings.Contains(err.Error(), "turns back") || len(d.B) != 1024 {
					t.Errorf("a chain that turns back: %d bytes: %v", len(d.B), err)
				}
			}
		}
		return
	}
}
