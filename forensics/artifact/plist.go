package artifact

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"saksi/event"
)

// Property lists of Apple, binary and XML: one record a file with its values by
// their paths, and what launchd starts as a program.

func init() {
	register(Format{
		Name:      "plist",
		Doc:       "property lists of macOS and iOS, binary and XML: their values by path; launch agents and daemons with what they run and when",
		Reference: "Apple CFBinaryPList.c (bplist00), PropertyList-1.0.dtd; launchd.plist(5)",
		Detect: func(head []byte) bool {
			return bytes.HasPrefix(head, []byte("bplist00")) || bytes.HasPrefix(bytes.TrimLeft(head, "\xef\xbb\xbf \r\n\t"), []byte("<?xml")) && bytes.Contains(head, []byte("<plist"))
		},
		Parse:   parsePlist,
		Event:   eventPlist,
		Samples: []string{"sample.binary.plist", "sample.launchd.plist"},
		Hostile: []string{"sample.binary.plist @8=d10100", "sample.binary.plist cut=60", "sample.launchd.plist cut=300", "sample.launchd.plist @250=3c3c3c"},
	})
}

const (
	maxPlist      = 32 << 20
	maxPlistDepth = 64
	maxPlistNodes = 100_000 // objects may be shared: a small file can hold a huge tree
	maxPlistText  = 16 << 10
)

// secretKey is the path of a value whose name says that it is a secret.
var secretKey = regexp.MustCompile(`(?i)(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key)[^.]*(?:\.[0-9]+)*$`)

// plist gathers the values of a list.
type plist struct {
	b       []byte
	offsets []byte
	osize   int
	rsize   int
	objects uint64
	nodes   int
	left    bool // values were left out
	cut     int  // values that were cut
	r       *Record
	add     func(path, value string)
}

func parsePlist(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxPlist {
		return fmt.Errorf("the list has %d bytes; %d are read at most", in.Size, maxPlist)
	}
	b := make([]byte, in.Size)
	if _, err := in.ReadAt(b, 0); err != nil && err != io.EOF {
		return fmt.Errorf("reading the list: %w", err)
	}
	p := &plist{b: b, r: record("plist", 0)}
	size := 0
	p.add = func(path, value string) {
		if len(value) > maxPlistText {
			value = value[:maxPlistText]
			p.cut++
		}
		if len(p.r.Fields) >= maxFields-8 || size > maxRecord/2 {
			p.left = true
			return
		}
		size += len(path) + len(value)
		if value = masked(strings.ToValidUTF8(value, "\uFFFD")); value != "" && secretKey.MatchString(path) {
			value = "****"
		}
		p.r.Fields = append(p.r.Fields, Field{path, value})
	}
	at, err := int64(0), error(nil)
	if bytes.HasPrefix(b, []byte("bplist00")) {
		err = p.binary()
	} else {
		at, err = p.xml()
	}
	if err != nil {
		problem(Problem{at, err.Error()})
	}
	if p.left {
		problem(Problem{0, "the list has more values than are read; the rest is left out"})
	}
	if p.cut > 0 {
		problem(Problem{0, fmt.Sprintf("%d values are longer than %d bytes; they are cut there", p.cut, maxPlistText)})
	}
	if len(p.r.Fields) == 1 {
		return nil
	}
	p.launchd()
	return emit(p.r)
}

// launchd tells what a list for launchd(8) starts.
func (p *plist) launchd() {
	label, program := p.r.Get("Label"), p.r.Get("Program")
	var args []string
	for _, f := range p.r.Fields {
		if strings.HasPrefix(f.Name, "ProgramArguments.") {
			args = append(args, f.Value)
		}
	}
	if label == "" || program == "" && len(args) == 0 {
		return
	}
	// The arguments together: a password stands behind the option that says so.
	p.r.Fields = slices.DeleteFunc(p.r.Fields, func(f Field) bool { return strings.HasPrefix(f.Name, "ProgramArguments.") })
	p.r.Fields[0].Value = "launchd"
	p.r.Fields = append(p.r.Fields, Field{"command", masked(firstOf(strings.Join(args, " "), program))})
}

func eventPlist(r *Record, e *event.Event) {
	e.Str(event.EventModule, "macos")
	e.Str(event.HostOSType, "macos")
	e.Str(event.EventCategory, "configuration")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, r.Get("record"))
	if r.Get("record") == "launchd" {
		e.Str(event.ServiceName, r.Get("Label"))
		e.Str(event.ProcessCommandLine, r.Get("command"))
		e.Str(event.UserName, r.Get("UserName"))
	}
	e.Str(event.Message, strings.TrimSpace(r.Get("record")+" "+firstOf(r.Get("Label"), r.Get("CFBundleIdentifier"))+" "+r.Get("command")))
	putData(r, e)
}

// binary reads a list of the form bplist00.
func (p *plist) binary() error {
	if len(p.b) < 40 {
		return errors.New("the list ends within its trailer")
	}
	t := p.b[len(p.b)-32:]
	p.osize, p.rsize, p.objects = int(t[6]), int(t[7]), binary.BigEndian.Uint64(t[8:])
	top, table := binary.BigEndian.Uint64(t[16:]), binary.BigEndian.Uint64(t[24:])
	room := uint64(len(p.b) - 32)
	if p.osize < 1 || p.osize > 8 || p.rsize < 1 || p.rsize > 8 || table < 8 || table > room || p.objects > (room-table)/uint64(p.osize) {
		return fmt.Errorf("its trailer states %d objects at %d, which are not there: it was cut or is damaged", p.objects, table)
	}
	p.offsets = p.b[table:room]
	return p.object(top, "", 0)
}

func bigEndian(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// object gives the values of an object under a path.
func (p *plist) object(n uint64, path string, depth int) error {
	if p.nodes++; p.nodes > maxPlistNodes {
		p.left = true
		return nil
	}
	if n >= p.objects || depth > maxPlistDepth {
		return fmt.Errorf("%s leads to object %d of %d, or too deep", path, n, p.objects)
	}
	at := bigEndian(p.offsets[n*uint64(p.osize) : (n+1)*uint64(p.osize)])
	if at < 8 || at >= uint64(len(p.b)-32) {
		return fmt.Errorf("object %d lies at %d, outside the list", n, at)
	}
	kind, low, rest := p.b[at]>>4, p.b[at]&15, p.b[at+1:len(p.b)-32]
	count := uint64(low)
	if low == 15 && kind >= 4 && kind != 8 {
		if len(rest) < 2 || rest[0]>>4 != 1 || rest[0]&15 > 3 || len(rest) < 1+1<<(rest[0]&15) {
			return fmt.Errorf("object %d at %d has no length", n, at)
		}
		size := 1 << (rest[0] & 15)
		count, rest = bigEndian(rest[1:1+size]), rest[1+size:]
	}
	take := func(size uint64) ([]byte, error) {
		if size > uint64(len(rest)) {
			return nil, fmt.Errorf("object %d at %d states %d bytes, %d are there", n, at, size, len(rest))
		}
		return rest[:size], nil
	}
	var b []byte
	var err error
	switch kind {
	case 0:
		p.add(path, map[byte]string{0: "null", 8: "false", 9: "true"}[low])
	case 1, 2, 3:
		if b, err = take(1 << (low & 7)); err != nil {
			return err
		}
		p.add(path, number(kind, b))
	case 4:
		if b, err = take(count); err == nil {
			p.add(path, "base64:"+base64.StdEncoding.EncodeToString(b[:min(len(b), maxPlistText)]))
		}
	case 5:
		if b, err = take(count); err == nil {
			p.add(path, string(b))
		}
	case 6:
		if count > uint64(len(rest)) {
			return fmt.Errorf("object %d at %d states %d characters", n, at, count)
		}
		if b, err = take(2 * count); err == nil {
			u := make([]uint16, min(len(b)/2, maxPlistText+1))
			for i := range u {
				u[i] = binary.BigEndian.Uint16(b[2*i:])
			}
			p.add(path, string(utf16.Decode(u)))
		}
	case 8:
		if b, err = take(count + 1); err == nil {
			p.add(path, "uid:"+strconv.FormatUint(bigEndian(b[:min(len(b), 8)]), 10))
		}
	case 10, 11, 12, 13:
		err = p.container(kind, count, rest, path, depth)
	default:
		err = fmt.Errorf("object %d at %d has the type %d, which there is not", n, at, kind)
	}
	return err
}

// container gives the values of an array, a set or a dictionary.
func (p *plist) container(kind byte, count uint64, rest []byte, path string, depth int) error {
	refs := count
	if kind == 13 {
		refs *= 2
	}
	if count > uint64(len(rest)) || refs*uint64(p.rsize) > uint64(len(rest)) {
		return fmt.Errorf("%s states %d members, which go beyond the list", path, count)
	}
	ref := func(i uint64) uint64 { return bigEndian(rest[i*uint64(p.rsize) : (i+1)*uint64(p.rsize)]) }
	var errs error
	for i := range count {
		if p.nodes > maxPlistNodes {
			return errs
		}
		name, value := strconv.FormatUint(i, 10), ref(i)
		if kind == 13 {
			key := &plist{b: p.b, offsets: p.offsets, osize: p.osize, rsize: p.rsize, objects: p.objects, nodes: maxPlistNodes - 1, add: func(_, v string) { name = v }}
			if err := key.object(ref(i), path, maxPlistDepth); err != nil && errs == nil {
				errs = err
			}
			value = ref(count + i)
		}
		if path != "" {
			name = path + "." + name
		}
		if err := p.object(value, name[:min(len(name), 1024)], depth+1); err != nil && errs == nil {
			errs = err
		}
	}
	return errs
}

// number writes an integer, a real or a date.
func number(kind byte, b []byte) string {
	switch {
	case kind == 1 && len(b) == 8:
		return strconv.FormatInt(int64(bigEndian(b)), 10)
	case kind == 1 && len(b) < 8:
		return strconv.FormatUint(bigEndian(b), 10)
	case kind == 2 && len(b) == 4:
		return strconv.FormatFloat(float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 'g', -1, 32)
	case kind == 2 && len(b) == 8:
		return strconv.FormatFloat(math.Float64frombits(binary.BigEndian.Uint64(b)), 'g', -1, 64)
	case kind == 3 && len(b) == 8:
		return timeField(cocoaTime(math.Float64frombits(binary.BigEndian.Uint64(b))))
	}
	return fmt.Sprintf("0x%x", b)
}

// xml reads a list in XML. No entity of its own is expanded.
func (p *plist) xml() (int64, error) {
	d := xml.NewDecoder(bytes.NewReader(p.b))
	type level struct {
		dict bool
		key  string
		n    int
		path string
	}
	var stack []level
	text := ""
	path := func() string {
		if len(stack) == 0 {
			return ""
		}
		l := &stack[len(stack)-1]
		name := l.key
		if !l.dict {
			name = strconv.Itoa(l.n)
			l.n++
		}
		if l.path != "" {
			name = l.path + "." + name
		}
		return name[:min(len(name), 1024)]
	}
	for {
		t, err := d.Token()
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return d.InputOffset(), fmt.Errorf("the list is cut short or no XML: %w", err)
		}
		switch x := t.(type) {
		case xml.StartElement:
			text = ""
			switch x.Name.Local {
			case "dict", "array":
				if len(stack) > maxPlistDepth {
					return d.InputOffset(), errors.New("the list is too deep")
				}
				stack = append(stack, level{dict: x.Name.Local == "dict", path: path()})
			}
		case xml.CharData:
			if len(text) <= maxPlistText {
				text += string(x)
			}
		case xml.EndElement:
			switch x.Name.Local {
			case "dict", "array":
				if len(stack) > 0 {
					stack = stack[:len(stack)-1]
				}
			case "key":
				if len(stack) > 0 {
					stack[len(stack)-1].key = text
				}
			case "true", "false":
				p.add(path(), x.Name.Local)
			case "string", "integer", "real", "date":
				p.add(path(), text)
			case "data":
				p.add(path(), "base64:"+strings.Join(strings.Fields(text), ""))
			}
		}
	}
}
