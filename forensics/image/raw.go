package image

// Raw images: the media as it is, in one file or in numbered pieces.
//
// There is no header. Pieces are named NAME.000, NAME.001 … or from .001 on
// (dd, FTK Imager, dcfldd), or NAME.aa, NAME.ab … (split); their concatenation
// is the media.

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
)

func init() {
	register(Format{
		Name:      "raw",
		Doc:       "raw media in one file or in pieces (.000 or .001 on, two to four digits; .aa on); also what no other format recognizes",
		Reference: "dd(1), POSIX.1-2017; piece names as split(1) -d and FTK Imager write them",
		Next:      rawNext,
		Open:      openRaw,
		Samples:   []string{"container/media.raw", "container/split.001"},
		Hostile:   []string{"container/media.raw cut=0", "container/media.raw cut=1", "container/media.raw cut=100000"},
	})
}

// rawNext: names that end in .00 or .01 (two to four digits), or in as many
// letters a, as split(1) gives, begin a set.
func rawNext(first string, n int) string {
	stem, ext, ok := cutLast(first)
	from := pieceNumber(ext)
	if !ok || from < 0 || from > 1 || from == 1 && ext[0] >= 'a' {
		return ""
	}
	name := pieceName(from+n, len(ext), ext[0] >= 'a')
	if name == "" {
		return ""
	}
	return stem + "." + name
}

// pieceNumber is the number of a piece by the last part of its name, -1 if that
// is none: two to four digits, or letters a to z as digits of base 26.
func pieceNumber(ext string) int {
	if len(ext) < 2 || len(ext) > 4 {
		return -1
	}
	n, base, zero := 0, 10, byte('0')
	if ext[0] >= 'a' {
		base, zero = 26, 'a'
	}
	for i := range len(ext) {
		d := int(ext[i]) - int(zero)
		if d < 0 || d >= base {
			return -1
		}
		n = n*base + d
	}
	return n
}

// pieceName is the name of that number, "" when it takes more digits.
func pieceName(n, digits int, letters bool) string {
	if !letters {
		s := fmt.Sprintf("%0*d", digits, n)
		if len(s) > digits {
			return ""
		}
		return s
	}
	b := make([]byte, digits)
	for i := digits - 1; i >= 0; i-- {
		b[i] = 'a' + byte(n%26)
		n /= 26
	}
	if n > 0 {
		return ""
	}
	return string(b)
}

// cutLast splits "stem.ext".
func cutLast(name string) (stem, ext string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// named are containers that are recognized so that their packed bytes are
// not mistaken for media.
var named = []struct {
	tail  bool
	at    int
	magic string
	what  string
	hint  string
}{
	{false, 0, "EVF2\r\n\x81\x00", "an EnCase 7 (Ex01) image", "convert it with 'ewfexport' of libewf or with EnCase"},
	{false, 0, "LEF2\r\n\x81\x00", "an EnCase 7 logical (Lx01) image", "export its files with EnCase"},
	{false, 0, "LVF\x09\r\n\xff\x00", "an EnCase logical (L01) image", "export its files with 'ewfexport'"},
	{false, 0, "PAGEDUMP", "a crash dump of 32-bit Windows", "examine it with WinDbg or Volatility"},
	{false, 0, "COWD", "a VMware ESX sparse (COWD) extent", "convert it with 'vmkfstools -i'"},
	{false, 0, "encrcdsa", "an encrypted Apple disk image", "open it on a Mac, or decrypt it with 'vfdecrypt'"},
	{true, 1016, "cdsaencr", "an encrypted Apple disk image", "open it on a Mac, or decrypt it with 'vfdecrypt'"},
}

func openRaw(segs []Segment, _ int) (*Image, error) {
	head := make([]byte, min(segs[0].Size, headSize))
	if err := readFull(segs[0], head, 0); err != nil {
		return nil, err
	}
	tail := make([]byte, min(segs[0].Size, tailSize))
	if err := readFull(segs[0], tail, segs[0].Size-int64(len(tail))); err != nil {
		return nil, err
	}
	for _, m := range named {
		b := head
		if m.tail {
			b = tail
		}
		if len(b) >= m.at && bytes.HasPrefix(b[m.at:], []byte(m.magic)) {
			return nil, fmt.Errorf("opening %s: it is %s, which is %w; %s", segs[0].Name, m.what, ErrUnsupported, m.hint)
		}
	}
	return rawMedia(segs)
}

// rawMedia gives the media of one file or of pieces, whatever is in them.
func rawMedia(segs []Segment) (*Image, error) {
	segs, err := orderRaw(segs)
	if err != nil {
		return nil, err
	}
	c := concat{segs: segs}
	im := &Image{}
	for _, s := range segs {
		c.start = append(c.start, im.Size)
		im.Size += s.Size
		im.Segments = append(im.Segments, s.Name)
	}
	im.r = c
	return im, nil
}

// orderRaw sorts the pieces by their number and finds the first gap.
func orderRaw(segs []Segment) ([]Segment, error) {
	if len(segs) == 1 {
		return segs, nil
	}
	segs = append([]Segment(nil), segs...)
	number := func(s Segment) int {
		_, ext, _ := cutLast(s.Name)
		return pieceNumber(ext)
	}
	sort.SliceStable(segs, func(i, j int) bool { return number(segs[i]) < number(segs[j]) })
	if number(segs[0]) < 0 {
		return nil, fmt.Errorf("opening %s: its name is none of a piece, and there are %d other files: %w", segs[0].Name, len(segs)-1, ErrMissing)
	}
	for i, s := range segs[1:] {
		if n, want := number(s), number(segs[0])+i+1; n != want {
			stem, ext, _ := cutLast(segs[0].Name)
			return nil, &MissingError{Image: segs[0].Name, Names: []string{stem + "." + pieceName(want, len(ext), ext[0] >= 'a')}, Why: "piece"}
		}
	}
	return segs, nil
}

// concat reads segments one after the other.
type concat struct {
	segs  []Segment
	start []int64
}

func (c concat) ReadAt(p []byte, off int64) (int, error) {
	i := sort.Search(len(c.start), func(i int) bool { return c.start[i] > off }) - 1
	n := 0
	for n < len(p) && i < len(c.segs) {
		s := c.segs[i]
		at := off + int64(n) - c.start[i]
		want := min(int64(len(p)-n), s.Size-at)
		m, err := s.ReadAt(p[n:n+int(want)], at)
		n += m
		if int64(m) < want {
			return n, fmt.Errorf("reading %s at offset %d: %w", s.Name, at+int64(m), err)
		}
		i++
	}
	return n, nil
}
