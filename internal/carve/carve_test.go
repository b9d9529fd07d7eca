package carve

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func picture() image.Image {
	m := image.NewPaletted(image.Rect(0, 0, 120, 90), color.Palette{color.Black, color.White, color.RGBA{200, 30, 90, 255}, color.RGBA{1, 200, 3, 255}})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = uint8(r.IntN(4))
	}
	return m
}

func built(t testing.TB, f func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func stored(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func zipped(t testing.TB, names ...string) []byte {
	return built(t, func(b *bytes.Buffer) error {
		w := zip.NewWriter(b)
		for i, n := range names {
			f, err := w.Create(n)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprint(f, strings.Repeat(n+" isi fail\n", 50*(i+1))); err != nil {
				return err
			}
		}
		return w.Close()
	})
}

func box(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(body)))
	return append(append(b, kind...), body...)
}

func riff(form string, chunks ...[]byte) []byte {
	body := []byte(form)
	for i, c := range chunks {
		body = append(body, fmt.Sprintf("ck%02d", i)...)
		body = binary.LittleEndian.AppendUint32(body, uint32(len(c)))
		body = append(body, c...)
		if len(c)%2 == 1 {
			body = append(body, 0)
		}
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func bitmap() []byte {
	b := make([]byte, 54+16*10*3)
	copy(b, "BM")
	for at, v := range map[int]uint32{2: uint32(len(b)), 10: 54, 14: 40, 18: 16, 22: 10, 26: 1 | 24<<16} {
		binary.LittleEndian.PutUint32(b[at:], v)
	}
	return b
}

// pdf is a document and an update of it.
func pdf() []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, "%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n")
	for i := range 2 {
		at := b.Len()
		fmt.Fprintf(&b, "xref\n0 1\n0000000000 65535 f \ntrailer\n<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", at)
		if i == 0 {
			fmt.Fprint(&b, "2 0 obj\n<</Title(kemas kini)>>\nendobj\n")
		}
	}
	return b.Bytes()
}

// sample is a file that must be found as it is.
type sample struct {
	kind, sure string
	data       []byte
}

func samples(t testing.TB) []sample {
	noise := make([]byte, 30000)
	for i := range noise {
		noise[i] = byte(i * 7)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := elf.NewFile(bytes.NewReader(program)); err != nil {
		t.Fatal(err)
	}
	evtx := stored(t, "artifact/sysmon.evtx")
	return []sample{
		{"jpeg", High, built(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(), nil) })},
		{"png", High, built(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) })},
		{"gif", Medium, built(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture(), nil) })},
		{"bmp", Medium, bitmap()},
		{"pdf", Medium, pdf()},
		{"zip", High, zipped(t, "satu.txt", "dua.txt")},
		{"docx", High, zipped(t, "[Content_Types].xml", "word/document.xml")},
		{"xlsx", High, zipped(t, "[Content_Types].xml", "xl/workbook.xml")},
		{"gzip", High, built(t, func(b *bytes.Buffer) error {
			w := gzip.NewWriter(b)
			w.Name = "fail.txt"
			if _, err := w.Write(noise); err != nil {
				return err
			}
			return w.Close()
		})},
		{"mp4", Medium, bytes.Join([][]byte{box("ftyp", []byte("isom\x00\x00\x00\x00mp42")), box("moov", noise[:500]), box("mdat", noise[:9000])}, nil)},
		{"mov", Medium, bytes.Join([][]byte{box("ftyp", []byte("qt  \x00\x00\x00\x00")), box("wide", nil), box("mdat", noise[:9000]), box("moov", noise[:500])}, nil)},
		{"wav", Medium, riff("WAVE", noise[:16], noise[:7001])},
		{"avi", Medium, riff("AVI ", noise[:160], noise[:20000])},
		{"evtx", High, evtx},
		{"evtx-chunk", High, evtx[4096 : 4096+65536]},
		{"regf", Medium, stored(t, "artifact/sample.hive")},
		{"elf", Medium, program},
		{"mp3", Medium, append(bytes.Repeat(append([]byte("\xff\xfb\x90\x64"), make([]byte, 413)...), 40), append([]byte("TAG"), make([]byte, 125)...)...)},
		{"mpeg", Medium, append(bytes.Repeat([]byte("\x00\x00\x01\xba\x44\x00\x04\x00\x04\x01\x00\x00\x03\xf8\x00\x00\x01\xe0\x00\x04abcd"), 9), "\x00\x00\x01\xb9"...)},
		{"ppm", Low, append([]byte("P6\n# ujian\n40 30\n255\n"), make([]byte, 3600)...)},
		{"script", Low, []byte("#!/bin/sh\necho ujian\n")},
	}
}

// media puts the samples behind one another at sectors, with a gap of one.
func media(list []sample) (b []byte, places []int64) {
	b = make([]byte, 512)
	for _, s := range list {
		places = append(places, int64(len(b)))
		b = append(b, s.data...)
		b = append(b, make([]byte, 1024-len(b)%512)...)
	}
	return b, places
}

func carved(t testing.TB, b []byte, ranges []Range) []*Found {
	t.Helper()
	var list []*Found
	err := Run(context.Background(), bytes.NewReader(b), ranges, Config{}, nil, func(f *Found) error {
		list = append(list, f)
		return nil
	})
	if err != nil && !errors.Is(err, ErrBudget) {
		t.Fatal(err)
	}
	return list
}

// TestWhole proves that every kind is found where it lies, with its size to the
// byte.
func TestWhole(t *testing.T) {
	list := samples(t)
	b, places := media(list)
	got := carved(t, b, []Range{{0, int64(len(b))}})
	if len(got) != len(list) {
		t.Errorf("%d files, expected %d", len(got), len(list))
	}
	for i, s := range list {
		found := false
		for _, f := range got {
			if f.Runs[0].Offset != places[i] {
				continue
			}
			found = true
			want := int64(len(s.data))
			if f.Type != s.kind || f.Size != want || f.Sure != s.sure || f.Fragment || len(f.Checked) == 0 {
				t.Errorf("%s of %d bytes: %+v", s.kind, want, f)
			}
		}
		if !found {
			t.Errorf("%s at %d was not found", s.kind, places[i])
		}
	}
}

// TestCut proves that what ends before its structure does is a fragment, never
// a file.
func TestCut(t *testing.T) {
	for _, s := range samples(t) {
		if len(s.data) > 1<<20 || s.kind == "evtx-chunk" || s.kind == "script" || s.kind == "mp3" {
			continue
		}
		b := append(make([]byte, 512), s.data[:len(s.data)*2/3]...)
		for _, f := range carved(t, b, []Range{{0, int64(len(b))}}) {
			if f.Runs[0].Offset == 512 && (!f.Fragment || f.Sure != Low) {
				t.Errorf("%s cut short: %+v", s.kind, f)
			}
		}
	}
}

// TestFollowed proves that a file is followed over used space, where its
// checksums then agree.
func TestFollowed(t *testing.T) {
	p := built(t, func(b *bytes.Buffer) error { return png.Encode(b, picture()) })
	if len(p) < 2048 {
		t.Fatalf("%d bytes", len(p))
	}
	b := append(make([]byte, 512), p[:1024]...)
	b = append(b, bytes.Repeat([]byte{0xee}, 4096)...)
	b = append(b, p[1024:]...)
	got := carved(t, b, []Range{{0, 1536}, {1536 + 4096, int64(len(p) - 1024)}})
	if len(got) != 1 || got[0].Fragment || got[0].Sure != High || len(got[0].Runs) != 2 || got[0].Size != int64(len(p)) {
		t.Fatalf("%+v", got)
	}
	got = carved(t, b, []Range{{0, int64(len(b))}})
	if len(got) != 1 || !got[0].Fragment {
		t.Errorf("over used space as one: %+v", got)
	}
}

// TestHostile changes bytes: nothing panics, no file reaches beyond its space,
// and what is read stays in bounds.
func TestHostile(t *testing.T) {
	var small []sample
	for _, s := range samples(t) {
		if len(s.data) < 100<<10 {
			small = append(small, s)
		}
	}
	whole, places := media(small)
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range 150 {
		b := bytes.Clone(whole)
		for range 1 + r.IntN(30) {
			at := int(places[r.IntN(len(places))]) + r.IntN(600)
			b[at%len(b)] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			b = b[:1+r.IntN(len(b))]
		}
		for _, f := range carved(t, b, []Range{{0, int64(len(b))}}) {
			found++
			var n int64
			for _, x := range f.Runs {
				n += x.Length
				if x.Offset < 0 || x.Length <= 0 || x.Offset+x.Length > int64(len(b)) {
					t.Fatalf("%+v of %d bytes", f, len(b))
				}
			}
			if n != f.Size {
				t.Fatalf("%+v", f)
			}
		}
	}
	if found < 500 {
		t.Errorf("only %d files in 150 damaged copies", found)
	}
}

// TestBudget proves that media made of nothing but beginnings ends.
func TestBudget(t *testing.T) {
	b := bytes.Repeat(append([]byte("%PDF-1.4 "), make([]byte, 503)...), 4096)
	if got := carved(t, b, []Range{{0, int64(len(b))}}); len(got) != 4096 {
		t.Errorf("%d beginnings", len(got))
	}
}

// badSectors can't be read in one stretch.
type badSectors struct {
	*bytes.Reader
	from, to int64
}

func (h badSectors) ReadAt(p []byte, at int64) (int, error) {
	if at >= h.from && at < h.to {
		return 0, errors.New("bad sector")
	}
	if at < h.from {
		p = p[:min(int64(len(p)), h.from-at)]
	}
	return h.Reader.ReadAt(p, at)
}

// TestUnread proves that sectors that can't be read are told with their number
// and place, and that what lies behind them is found.
func TestUnread(t *testing.T) {
	list := samples(t)
	b, _ := media(list)
	b = append(make([]byte, 8192), b...)
	n, told := 0, 0
	err := Run(context.Background(), badSectors{bytes.NewReader(b), 1024, 4096}, []Range{{0, int64(len(b))}}, Config{}, func(int64, int64, State) error { told++; return nil }, func(*Found) error { n++; return nil })
	if !errors.Is(err, ErrUnread) || !strings.Contains(err.Error(), "3072 bytes, the first at offset 1024 (bad sector)") {
		t.Errorf("the error is %v", err)
	}
	if n != len(list) || told < 6 {
		t.Errorf("%d files of %d, progress told %d times", n, len(list), told)
	}
}
