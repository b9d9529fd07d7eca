package evtx

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const sample = "../../testdata/artifact/sysmon.evtx"

func read(t testing.TB, b []byte) (list []*Record, problems []Problem, err error) {
	t.Helper()
	err = Read(bytes.NewReader(b), int64(len(b)), func(r *Record) error { list = append(list, r); return nil },
		func(p Problem) { problems = append(problems, p) })
	return list, problems, err
}

// flat writes an element in lines, times without the zeros at their end.
func flat(b *strings.Builder, e *Element, path string) {
	path += "/" + e.Name
	for _, a := range e.Attrs {
		if a.Name == "SystemTime" {
			a.Value = strings.TrimRight(strings.TrimSuffix(a.Value, "Z"), "0")
		}
		b.WriteString(path + "@" + a.Name + "=" + a.Value + "\n")
	}
	if len(e.Children) == 0 {
		b.WriteString(path + "=" + strings.TrimSpace(e.Text+strings.Join(e.List, "|")) + "\n")
	}
	for _, c := range e.Children {
		flat(b, c, path)
	}
}

var zeros = regexp.MustCompile(`^0x0*([0-9a-f])`)

// theirs reads what evtxexport writes; it sets zeros before hexadecimal
// numbers, which Windows does not.
func theirs(t *testing.T, out []byte) (list []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(out))
	var stack []*Element
	for {
		tok, err := d.Token()
		if err != nil {
			return list
		}
		switch x := tok.(type) {
		case xml.StartElement:
			e := &Element{Name: x.Name.Local}
			for _, a := range x.Attr {
				e.Attrs = append(e.Attrs, Attr{a.Name.Local, a.Value})
			}
			if len(stack) > 0 {
				top := stack[len(stack)-1]
				top.Children = append(top.Children, e)
			}
			stack = append(stack, e)
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].Text += string(x)
			}
		case xml.EndElement:
			e := stack[len(stack)-1]
			e.Text = zeros.ReplaceAllString(strings.TrimSpace(e.Text), "0x$1")
			if stack = stack[:len(stack)-1]; len(stack) == 0 {
				var b strings.Builder
				flat(&b, e, "")
				list = append(list, b.String())
			}
		}
	}
}

// TestInteropEvtxexport proves that evtxexport reads the same out of the
// sample and of every log of the corpus.
func TestInteropEvtxexport(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs evtxexport: run by make interop")
	}
	files := []string{sample}
	if dir := os.Getenv("SAKSI_CORPUS"); dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "sigma", "evtx", "*.evtx"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	n := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, problems, err := read(t, b)
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", path, problems, err)
		}
		out, err := exec.Command("evtxexport", "-f", "xml", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := theirs(t, out)
		list = slices.DeleteFunc(list, func(r *Record) bool { return r.Where != "" }) // it gives those in use
		if len(want) != len(list) {
			t.Errorf("%s: %d records, evtxexport gives %d", path, len(list), len(want))
			continue
		}
		for i, r := range list {
			var got strings.Builder
			flat(&got, r.Root, "")
			if got.String() != want[i] {
				t.Errorf("%s: record %d: %s", path, r.ID, firstDifference(got.String(), want[i]))
			}
			n++
		}
	}
	t.Logf("%d records compared", n)
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "; evtxexport: " + y[i]
		}
	}
	return "one has more lines"
}

// TestValues proves how values of each type are written.
func TestValues(t *testing.T) {
	le := func(n uint64, size int) []byte { return binary.LittleEndian.AppendUint64(nil, n)[:size] }
	for _, c := range []struct {
		typ  byte
		b    []byte
		want string
	}{
		{typeNull, []byte("x"), ""},
		{typeString, []byte("a\x00b\x00\x00\x00"), "ab"},
		{typeANSI, []byte("a\xe9\x00"), "aé"},
		{typeInt8, le(0xff, 1), "-1"},
		{typeUint8, le(0xff, 1), "255"},
		{typeInt16, le(0xfffe, 2), "-2"},
		{typeUint16, le(0xfffe, 2), "65534"},
		{typeInt32, le(0xffffffff, 4), "-1"},
		{typeUint32, le(0xffffffff, 4), "4294967295"},
		{typeInt64, le(1<<64-1, 8), "-1"},
		{typeUint64, le(1<<64-1, 8), "18446744073709551615"},
		{typeFloat, le(0x3f000000, 4), "0.5"},
		{typeDouble, le(0x3fe0000000000000, 8), "0.5"},
		{typeBool, le(1, 4), "true"},
		{typeBool, le(0, 4), "false"},
		{typeBinary, []byte{0xab, 1}, "AB01"},
		{typeSize, le(255, 8), "0xff"},
		{typeHex32, le(0x1fffff, 4), "0x1fffff"},
		{typeHex64, le(0x8020000000000000, 8), "0x8020000000000000"},
		{typeFileTime, le(116444736000000001, 8), "1970-01-01T00:00:00.0000001Z"},
		{typeFileTime, le(0, 8), "1601-01-01T00:00:00.0000000Z"},
		{typeFileTime, le(2650467743999999999, 8), "9999-12-31T23:59:59.9999999Z"},
		{typeFileTime, le(2650467744000000000, 8), "2650467744000000000"},
		{typeFileTime, le(1<<63-1, 8), "9223372036854775807"},
		{typeGUID, le(1, 3), "010000"},
		{typeSID, []byte{1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0}, "S-1-5-18"},
		{typeSID, []byte{1, 9, 0}, "010900"},
		{typeHex32, nil, "0x0"},
		{typeSysTime, []byte{0xea, 7, 1, 0, 4, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0}, "2026-01-02T03:04:05.006Z"},
	} {
		if got := format(c.typ, c.b); got != c.want {
			t.Errorf("type %d of %x is %q, expected %q", c.typ, c.b, got, c.want)
		}
	}
	if got := formatList(typeString, []byte("a\x00\x00\x00b\x00")); len(got) != 2 || got[1] != "b" {
		t.Errorf("a list of strings: %q", got)
	}
	if got := formatList(typeUint16, []byte{1, 0, 2, 0}); strings.Join(got, " ") != "1 2" {
		t.Errorf("a list of numbers: %q", got)
	}
}

// TestUnixTime proves that a time beyond Unix nanoseconds is none.
func TestUnixTime(t *testing.T) {
	for ft, want := range map[uint64]int64{0: 0, 1<<63 - 1: 0, 1<<64 - 1: 0, 116444736000000001: 100, 116444735999999999: -100} {
		if got := unixTime(ft); got != want {
			t.Errorf("%d is %d, expected %d", ft, got, want)
		}
	}
}

// TestLost proves that nothing that the log lost goes without a problem, and
// that space which is not used yet is none.
func TestLost(t *testing.T) {
	b, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	head, chunk, zero := b[:headerSize], b[headerSize:headerSize+chunkSize], make([]byte, chunkSize)
	other := bytes.Clone(chunk) // no XML in its first record
	other[chunkHeader+recordHead] = tokEnd
	binary.LittleEndian.PutUint32(other[52:], crc32.ChecksumIEEE(other[chunkHeader:binary.LittleEndian.Uint32(other[48:])]))
	const second = headerSize + chunkSize
	for _, c := range []struct {
		name   string
		count  uint16 // of the header
		chunks [][]byte
		at     int64 // of the problem, 0 for none
		want   string
	}{
		{"whole", 1, [][]byte{chunk}, 0, ""},
		{"not used yet", 1, [][]byte{chunk, zero, zero}, 0, ""},
		{"count too small", 1, [][]byte{chunk, chunk, zero}, 0, ""},
		{"zeros in use", 3, [][]byte{chunk, zero, zero, zero}, second, "all is zeros where 2 of the chunks in use should be"},
		{"a chunk behind zeros", 1, [][]byte{chunk, zero, chunk}, second, "all is zeros where 1 of the chunks in use should be"},
		{"cut", 3, [][]byte{chunk}, second, "the log is cut: 2 of the chunks in use are missing"},
		{"no Event", 1, [][]byte{other}, headerSize + chunkHeader, "its XML has no Event"},
	} {
		log := bytes.Clone(head)
		binary.LittleEndian.PutUint16(log[42:], c.count)
		_, problems, err := read(t, append(log, bytes.Join(c.chunks, nil)...))
		switch {
		case err != nil || c.at == 0 && len(problems) > 0:
			t.Errorf("%s: %v %v", c.name, problems, err)
		case c.at > 0 && (len(problems) == 0 || problems[0].Offset != c.at || !strings.Contains(problems[0].Text, c.want)):
			t.Errorf("%s: %v, expected %q at %d", c.name, problems, c.want, c.at)
		}
	}
}

// TestTemplateValues proves that each value of a template is a step.
func TestTemplateValues(t *testing.T) {
	c := &chunk{buf: make([]byte, chunkSize), names: map[uint32]string{}}
	binary.LittleEndian.PutUint32(c.buf[1024+5:], chunkHeader) // an empty definition
	binary.LittleEndian.PutUint32(c.buf[1024+9:], 1000)
	for steps, want := range map[int]error{999: errSteps, 1010: nil} {
		p := &parser{c: c, at: 1024, end: chunkSize, left: &budget{steps, maxBytes}}
		if err := p.template(&Element{}, 0); err != want {
			t.Errorf("1,000 values in %d steps: %v, expected %v", steps, err, want)
		}
	}
}

// TestBounds proves that a record which names itself, or expands without end,
// is a problem within a moment.
func TestBounds(t *testing.T) {
	b, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for at := headerSize + chunkHeader; at < headerSize+chunkHeader+4000; at += 4 {
		for _, v := range []byte{0x0c, 0x0e, 0xff} {
			c := bytes.Clone(b)
			c[at] = v
			if _, _, err := read(t, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d := time.Since(begun); d > time.Minute {
		t.Errorf("3,000 changed logs took %v", d)
	}
}

// FuzzRead proves that no log makes the reader panic or hang.
func FuzzRead(f *testing.F) {
	b, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint16(512), []byte{0x2a})
	f.Add(uint16(560), []byte{0x0c, 0x01, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		c := bytes.Clone(b)
		copy(c[headerSize+int(at):], patch)
		begun := time.Now()
		list, _, err := read(t, c)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > chunkSize/recordHead {
			t.Errorf("%d records in one chunk", len(list))
		}
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
