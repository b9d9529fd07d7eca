package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/xpress"
)

// Prefetch files of Windows: what a program loaded, how often it was started and
// when the last times.

func init() {
	register(Format{
		Name:      "prefetch",
		Doc:       "prefetch files of Windows XP to 11 (versions 17, 23, 26, 30, 31), compressed ones too: the last starts of a program, its volumes and the files it loaded",
		Reference: "J. Metz, Windows Prefetch File (PF) format; [MS-XCA] section 2.2",
		Detect: func(head []byte) bool {
			return len(head) >= 8 && (string(head[4:8]) == "SCCA" || string(head[:3]) == "MAM" && head[3]&0x7f == 4)
		},
		Parse:   parsePrefetch,
		Event:   eventPrefetch,
		Samples: []string{"sample.pf", "sample-compressed.pf"},
		Hostile: []string{
			"sample.pf cut=100", "sample.pf @0=ff", "sample.pf @100=ffffff7f", "sample.pf @104=ffffffff", "sample.pf @108=ffffff7f", "sample.pf @112=ffffffff",
			"sample-compressed.pf cut=200", "sample-compressed.pf @4=ffffffff", "sample-compressed.pf @8=ff",
		},
	})
}

// maxPrefetch bounds an expanded prefetch file, in bytes.
const maxPrefetch = 64 << 20

// prefetch is a file while it is read.
type prefetch struct {
	b       []byte
	version uint32
}

func (p *prefetch) u32(at int) uint32 {
	if at < 0 || at+4 > len(p.b) {
		return 0
	}
	return binary.LittleEndian.Uint32(p.b[at:])
}

// part is a piece of the file, cut to what is there.
func (p *prefetch) part(off, size uint32) []byte {
	from := min(uint64(off), uint64(len(p.b)))
	return p.b[from:min(from+uint64(size), uint64(len(p.b)))]
}

func parsePrefetch(in Input, emit func(*Record) error, problem func(Problem)) error {
	p := &prefetch{}
	if in.Size > maxPrefetch {
		return fmt.Errorf("a prefetch file of %d bytes; none has more than %d", in.Size, maxPrefetch)
	}
	p.b = make([]byte, in.Size)
	if _, err := in.ReadAt(p.b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if string(p.b[:3]) == "MAM" {
		if err := p.expand(problem); err != nil {
			return err
		}
	}
	if len(p.b) < 84+68 || string(p.b[4:8]) != "SCCA" {
		return errors.New("the file ends before its header does, or holds none")
	}
	p.version = p.u32(0)
	last, runs, err := p.layout()
	if err != nil {
		return err
	}
	return p.records(last, runs, emit, problem)
}

func (p *prefetch) expand(problem func(Problem)) error {
	head := 8
	if p.b[3]&0x80 != 0 {
		head = 12 // a checksum
	}
	if len(p.b) < head {
		return errors.New("the file ends within its header")
	}
	size := int64(p.u32(4))
	if size > maxPrefetch {
		problem(Problem{4, fmt.Sprintf("the file says it has %d bytes; at most %d are read", size, maxPrefetch)})
		size = maxPrefetch
	}
	out, err := xpress.Expand(p.b[head:], int(size))
	if err != nil {
		problem(Problem{int64(head), err.Error()})
	}
	p.b = out
	return nil
}

// layout tells where the version keeps its times and its count.
func (p *prefetch) layout() (last []int, runs int, err error) {
	switch p.version {
	case 17:
		return []int{84 + 36}, 84 + 60, nil
	case 23:
		return []int{84 + 44}, 84 + 68, nil
	case 26, 30, 31:
		for i := range 8 {
			last = append(last, 84+44+8*i)
		}
		runs = 84 + 124
		if p.version >= 30 && p.u32(84) == 0x128 { // a shorter form of Windows 10 and 11
			runs = 84 + 116
		}
		return last, runs, nil
	}
	return nil, 0, fmt.Errorf("a prefetch file of version %d; 17, 23, 26, 30 and 31 are read", p.version)
}

func (p *prefetch) records(last []int, runs int, emit func(*Record) error, problem func(Problem)) error {
	name := utf16Until(p.b[16:76])
	files := strings.Split(strings.TrimRight(utf16All(p.part(p.u32(84+16), p.u32(84+20))), "\x00"), "\x00")
	if n := uint64(p.u32(84+16)) + uint64(p.u32(84+20)); n > uint64(len(p.b)) {
		problem(Problem{84 + 16, fmt.Sprintf("the names of files end at byte %d of %d", n, len(p.b))})
	}
	path := ""
	for _, f := range files {
		if strings.HasSuffix(strings.ToUpper(f), `\`+strings.ToUpper(name)) {
			path = f
			break
		}
	}
	common := []Field{
		{"executable", name},
		{"path", path},
		{"run_count", strconv.FormatUint(uint64(p.u32(runs)), 10)},
		{"hash", fmt.Sprintf("%08X", p.u32(76))},
		{"version", strconv.FormatUint(uint64(p.version), 10)},
	}
	record := func(kind string, off int, at int64, more ...Field) error {
		return emit(&Record{Offset: int64(off), Time: at, Header: 1, Fields: append(append([]Field{{"record", kind}}, common...), more...)})
	}
	latest := int64(0)
	for i, off := range last {
		at := fileTimeAt(p.b, off)
		if at == 0 {
			continue
		}
		if latest == 0 {
			latest = at
		}
		if err := record("execution", off, at, Field{"position", strconv.Itoa(i)}); err != nil {
			return err
		}
	}
	if err := p.volumes(record, problem); err != nil {
		return err
	}
	for i, f := range files {
		if f == "" {
			continue
		}
		if err := record("file", int(p.u32(84+16)), latest, Field{"file", f}, Field{"position", strconv.Itoa(i)}); err != nil {
			return err
		}
	}
	return nil
}

// volumes gives the volumes that files were loaded from.
func (p *prefetch) volumes(record func(string, int, int64, ...Field) error, problem func(Problem)) error {
	step := 104
	switch {
	case p.version == 17:
		step = 40
	case p.version >= 30:
		step = 96
	}
	base, n := int(p.u32(84+24)), int(p.u32(84+28))
	if fits := max(len(p.b)-base, 0) / step; n > fits {
		problem(Problem{84 + 28, fmt.Sprintf("the file says it tells of %d volumes; %d fit in it", n, fits)})
		n = fits
	}
	for i := range n {
		at := base + i*step
		path := p.part(uint32(base)+p.u32(at), 2*min(p.u32(at+4), 1024))
		if err := record("volume", at, fileTimeAt(p.b, at+8), Field{"device", utf16Until(path)}, Field{"serial", fmt.Sprintf("%08X", p.u32(at+16))}); err != nil {
			return err
		}
	}
	return nil
}

func eventPrefetch(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventAction, "prefetch-"+kind)
	e.Str(event.EventCategory, "process")
	e.Str(event.EventType, "info")
	e.Str(event.ProcessName, r.Get("executable"))
	e.Str(event.ProcessExecutable, r.Get("path"))
	if kind == "file" {
		e.Str(event.FilePath, r.Get("file"))
		e.Str(event.FileName, base(r.Get("file")))
		if r.Time != 0 {
			e.Str(event.SaksiAssumed, "time of the last start")
		}
	}
	for _, f := range r.Fields[r.Header:] {
		e.Str(event.SaksiWindowsData, f.Name+"="+f.Value)
	}
	e.Str(event.Message, strings.TrimSpace(kind+" "+r.first("file", "device", "path", "executable")))
}
