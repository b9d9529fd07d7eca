package image

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
)

// TestCacheBytes: pieces larger than expected push others out, so that a cache keeps no more
// than it may.
func TestCacheBytes(t *testing.T) {
	c := newCache(1 << 10)
	for i := range int64(100) {
		if _, err := c.get(i, func() ([]byte, error) { return make([]byte, 5<<20), nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.items) != cacheLeast || c.bytes != cacheLeast*5<<20 {
		t.Errorf("%d pieces of %d bytes are kept", len(c.items), c.bytes)
	}
	if _, err := c.get(99, func() ([]byte, error) { t.Error("the last is gone"); return nil, nil }); err != nil {
		t.Fatal(err)
	}
}

// aff4Of makes a container of its segments.
func aff4Of(t *testing.T, segments ...string) Segment {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(segments); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: segments[i], Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(segments[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return Segment{Name: "x.aff4", Size: int64(b.Len()), ReaderAt: bytes.NewReader(b.Bytes())}
}

const aff4Words = "@prefix aff4: <http://aff4.org/Schema#> .\n"

// TestAFF4Targets: a map that names one stream a thousand times opens it once, and streams beyond
// those of any image are refused.
func TestAFF4Targets(t *testing.T) {
	stream := func(n int) string {
		return fmt.Sprintf("<aff4://s%d> a aff4:ImageStream; aff4:size 16777216; aff4:chunkSize 16777216; aff4:chunksInSegment 1 .\n", n)
	}
	entry := func(n int) string {
		b := binary.LittleEndian.AppendUint64(nil, uint64(n)*512)
		b = binary.LittleEndian.AppendUint64(b, 512)
		b = binary.LittleEndian.AppendUint64(b, 0)
		return string(binary.LittleEndian.AppendUint32(b, uint32(n)))
	}
	facts, same, other, entries := aff4Words+"<aff4://m> a aff4:Map; aff4:size 512000 .\n", "", "", ""
	for i := range 1000 {
		facts += stream(i)
		same += "aff4://s0\n"
		other += fmt.Sprintf("aff4://s%d\n", i)
		entries += entry(i)
	}
	seg := func(idx string) Segment {
		return aff4Of(t, "container.description", "aff4://v", "information.turtle", facts, "aff4%3A%2F%2Fm/map", entries, "aff4%3A%2F%2Fm/idx", idx,
			"aff4%3A%2F%2Fs0/00000000", "", "aff4%3A%2F%2Fs0/00000000.index", strings.Repeat("\x00", 12))
	}
	im, err := Open([]Segment{seg(same)})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(io.NewSectionReader(im, 0, im.Size)); err != nil || len(b) != 512000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	m := im.r.(*aff4Map)
	if s := m.streams[0].(*aff4Stream); len(m.streams) != 1000 || m.streams[999] != m.streams[0] || len(s.chunks.items) != 1 {
		t.Error("each line of the index opened the stream anew")
	}
	if _, err := Open([]Segment{seg(other)}); err == nil || !strings.Contains(err.Error(), "more than 64 image streams") {
		t.Error(err)
	}
}

// TestTurtleSubjects: what says nothing counts, too.
func TestTurtleSubjects(t *testing.T) {
	var b strings.Builder
	for i := range turtleMost + 1 {
		fmt.Fprintf(&b, "%x . ", i)
	}
	if _, err := parseTurtle(b.String()); err == nil || !strings.Contains(err.Error(), "more than 1048576 statements") {
		t.Error(err)
	}
}

// TestUDIFGaps: media that no table tells of reads as zeros, and is told.
func TestUDIFGaps(t *testing.T) {
	table := make([]byte, udifTable+udifEntry)
	be := binary.BigEndian
	copy(table, "mish")
	be.PutUint32(table[200:], 1)
	e := table[udifTable:]
	be.PutUint32(e, udifRaw)
	be.PutUint64(e[8:], 2)
	be.PutUint64(e[16:], 1)
	be.PutUint64(e[32:], 512)
	b := []byte(strings.Repeat("satu", 128))
	list := "<plist><dict><key>blkx</key><array><dict><key>Data</key><data>" + base64.StdEncoding.EncodeToString(table) + "</data></dict></array></dict></plist>"
	trailer := make([]byte, udifTrailer)
	copy(trailer, "koly")
	be.PutUint32(trailer[8:], udifTrailer)
	be.PutUint64(trailer[32:], 512)
	be.PutUint64(trailer[216:], 512)
	be.PutUint64(trailer[224:], uint64(len(list)))
	be.PutUint64(trailer[492:], 10)
	b = append(append(b, list...), trailer...)
	im, err := Open([]Segment{{Name: "x.dmg", Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Join(im.Notes, ""); !strings.Contains(n, "4608 bytes of media, from offset 0 on, are in none of its tables") {
		t.Error(n)
	}
	if !im.Hole(0, 1024) || im.Hole(0, 1025) || !im.Hole(1536, 3584) {
		t.Error("its holes are others")
	}
}

// TestAFFFar: pages that lie far apart, and missing ones that are many, are told alike.
func TestAFFFar(t *testing.T) {
	segments := [][3]any{affPageSize, {"imagesize", 2, "\x00\x00\x00\x00\x00\x00\x00\x01"}} // 4 GiB
	for i := range affText + 10 {
		segments = append(segments, [3]any{fmt.Sprintf("page%d", 3000000+2*i), 0, affOne})
	}
	im, err := Open([]Segment{affFileOf(segments...)})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(im.Notes, "; ")
	if len(im.Bad) != affText || im.Bad[0] != (Range{0, 3000000 * 1024}) || !strings.Contains(notes, "from page 0 on") || !strings.Contains(notes, "they are 4107 stretches, of which the first 4096 are listed") {
		t.Errorf("%d, %v: %s", len(im.Bad), im.Bad[0], notes)
	}
}
