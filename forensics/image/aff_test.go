package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
)

// affFileOf writes segments as afflib does.
func affFileOf(segments ...[3]any) Segment {
	b := []byte(affMagic)
	for _, s := range segments {
		name, arg, data := s[0].(string), s[1].(int), s[2].(string)
		b = append(b, "AFF\x00"...)
		for _, n := range []int{len(name), len(data), arg} {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		b = append(append(b, name...), data...)
		b = binary.BigEndian.AppendUint32(append(b, "ATT\x00"...), uint32(24+len(name)+len(data)))
	}
	return Segment{Name: "file_000.aff", Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}
}

var (
	affPageSize = [3]any{"pagesize", 1024, ""}
	affSize     = [3]any{"imagesize", 2, "\x00\x00\x0c\x00\x00\x00\x00\x00"} // three pages
	affOne      = strings.Repeat("satu", 256)
	affThree    = strings.Repeat("tiga", 256)
)

// TestAFFSet: pages lie in any file of a set; one that none has reads as zeros, and
// is told.
func TestAFFSet(t *testing.T) {
	first := affFileOf(affPageSize, affSize, [3]any{"page2", 0, affThree}, [3]any{"", 0, "was removed"})
	second := affFileOf(affPageSize, [3]any{"page0", 0, affOne}, [3]any{"badsectors", 2, "\x00\x00\x00\x07\x00\x00\x00\x00"})
	second.Name = "file_001.aff"
	im, err := Open([]Segment{first, second})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size))
	if want := affOne + strings.Repeat("\x00", 1024) + affThree; err != nil || string(b) != want {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	if len(im.Bad) != 1 || im.Bad[0] != (Range{1024, 1024}) || !im.Hole(1024, 1024) || im.Hole(0, 1024) {
		t.Errorf("missing: %v", im.Bad)
	}
	for _, note := range []string{"1 pages of 1024 bytes are missing, from page 1 on", "7 sectors could not be read"} {
		if !strings.Contains(strings.Join(im.Notes, "; "), note) {
			t.Errorf("notes %q lack %q", im.Notes, note)
		}
	}
	names := Siblings("file_000.aff", func(n string) bool { return n == "file_001.aff" || n == "file_002.aff" })
	if strings.Join(names, " ") != "file_001.aff file_002.aff" || len(Siblings("file_001.aff", func(string) bool { return true })) != 0 {
		t.Errorf("files of the set: %v", names)
	}
}

// TestAFFRefused names what is not read.
func TestAFFRefused(t *testing.T) {
	for _, c := range []struct {
		seg  Segment
		is   error
		text string
	}{
		{affFileOf(affPageSize, affSize, [3]any{"page0/aes256", 0, affOne}), ErrUnsupported, `segment "page0" is encrypted`},
		{affFileOf([3]any{"affkey_aes256", 0, affOne}), ErrUnsupported, "affcrypto -d"},
		{affFileOf(affPageSize, [3]any{"raw_image_file_extension", 0, "000"}), ErrUnsupported, "AFM"},
		{affFileOf(affSize, [3]any{"page0", 0, affOne}), ErrCorrupt, "no page size"},
		{affFileOf([3]any{"pagesize", 1000, ""}), ErrCorrupt, "pages of 1000 bytes"},
		{affFileOf(affPageSize, [3]any{"imagesize", 2, "\xff\xff\xff\xff\xff\xff\xff\xff"}), ErrCorrupt, "claims -1 bytes"},
	} {
		if _, err := Open([]Segment{c.seg}); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// TestAFFPages: a page that can't be expanded is named with its place, and the
// others are read.
func TestAFFPages(t *testing.T) {
	for what, page := range map[string][3]any{
		"invalid header": {"page1", affPacked, "no zlib"}, "not known": {"page1", affPacked | 0x40, "any"}, "dictionary": {"page1", affPacked | affLZMA, "\x5d\xff\xff\xff\xff" + affOne},
		"0 bytes, not 1024": {"page1", affPacked, "\x78\x9c\x03\x00\x00\x00\x00\x01"},
	} {
		im, err := Open([]Segment{affFileOf(affPageSize, affSize, [3]any{"page0", 0, affOne}, page, [3]any{"page2", 0, affThree})})
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1024)
		var c *ChunkError
		if _, err := im.ReadAt(b, 1500); !errors.As(err, &c) || c.Chunk != 1 || c.Offset != 1024 || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := im.ReadAt(b, 2048); err != nil || string(b) != affThree {
			t.Errorf("%s: the page behind: %v", what, err)
		}
	}
}
