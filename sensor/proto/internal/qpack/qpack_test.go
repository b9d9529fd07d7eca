package qpack

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func text(list []Field) string {
	var out []string
	for _, f := range list {
		out = append(out, string(f.Name)+"="+string(f.Value))
	}
	return strings.Join(out, "|")
}

// TestExamples reads the examples of RFC 9204 appendix B, the instructions byte by
// byte.
func TestExamples(t *testing.T) {
	var d Decoder
	for _, c := range []struct {
		instructions, section, want string
		err                         error
	}{
		{"", "0000 510b 2f69 6e64 6578 2e68 746d 6c", ":path=/index.html", nil},
		{"", "0381 10 11", "", ErrBlocked},
		{"3fbd01 c00f 7777772e6578616d706c652e636f6d c10c 2f73616d706c652f70617468", "0381 10 11", ":authority=www.example.com|:path=/sample/path", nil},
		{"4a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565", "", "", nil},
		{"02", "0500 80 c1 81", ":authority=www.example.com|:path=/|custom-key=custom-value", nil},
		{"810d 637573746f6d2d76616c756532", "", "", nil}, // evicts the first
	} {
		for _, b := range unhex(t, c.instructions) {
			if err := d.Instructions([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if c.section == "" {
			continue
		}
		got, err := d.Section(unhex(t, c.section), 220)
		if text(got) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %s, %v; want %s, %v", c.section, text(got), err, c.want, c.err)
		}
	}
	if d.dropped != 1 || d.inserted() != 5 || text(d.entries) != ":path=/sample/path|custom-key=custom-value|:authority=www.example.com|custom-key=custom-value2" {
		t.Errorf("%d dropped of %d: %s", d.dropped, d.inserted(), text(d.entries))
	}
}

func TestStatic(t *testing.T) {
	if len(static) != 99 || text(static[98:]) != "x-frame-options=sameorigin" || text(static[:2]) != ":authority=|:path=/" || text(static[63:64]) != ":status=100" {
		t.Errorf("%d entries: %s", len(static), text(static))
	}
}

// FuzzDecoder proves that any instructions and sections are read in bounded
// memory.
func FuzzDecoder(f *testing.F) {
	f.Add(unhex(f, "3fbd01 c00f 7777772e6578616d706c652e636f6d c10c 2f73616d706c652f70617468"), unhex(f, "0381 10 11"))
	f.Add(unhex(f, "3fffff03 4a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565 02"), unhex(f, "0500 80 c1 81"))
	f.Fuzz(func(t *testing.T, instructions, section []byte) {
		var d Decoder
		_ = d.Instructions(instructions) // any but a panic
		list, _ := d.Section(section, 4096)
		if d.size > d.capacity || d.capacity > MaxCapacity || len(d.rest) > 2*maxString+len(instructions) || len(list) > maxFields {
			t.Errorf("%d of %d bytes, %d wait, %d fields", d.size, d.capacity, len(d.rest), len(list))
		}
	})
}
