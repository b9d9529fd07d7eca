package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"saksi/event"
)

// .DS_Store of macOS: what the Finder keeps of a folder, and so names of files that
// were in it, those deleted among them, and where what lies in the trash was. A
// buddy allocator holds a tree of records; all numbers are big-endian.

func init() {
	register(Format{
		Name:      "ds-store",
		Doc:       ".DS_Store of macOS: names the Finder saw in a folder, with times, sizes, comments and, of the trash, where a file was put from",
		Reference: "W. Lewis, Mac::Finder::DSStore, DS_Store file format; A. Houghton, ds_store",
		Detect:    func(head []byte) bool { return strings.HasPrefix(string(head), "\x00\x00\x00\x01Bud1") },
		Parse:     parseDSStore,
		Event: func(r *Record, e *event.Event) {
			e.Str(event.EventModule, "macos")
			e.Str(event.HostOSType, "macos")
			e.Str(event.EventCategory, "file")
			e.Str(event.EventType, "info")
			e.Str(event.EventAction, "finder-entry")
			e.Str(event.FileName, r.Get("name"))
			if p := r.Get("put_from"); p != "" {
				e.Str(event.FilePath, "/"+strings.Trim(p, "/")+"/"+firstOf(r.Get("put_name"), r.Get("name")))
			}
			e.Str(event.Message, "entry "+r.Get("name"))
			putData(r, e)
		},
		Samples: []string{"sample.DS_Store"},
		Hostile: []string{"sample.DS_Store cut=2100", "sample.DS_Store @8=ffffffff", "sample.DS_Store @12=ffffffff", "sample.DS_Store @16=00000000"},
	})
}

var errDSStore = errors.New("it is no .DS_Store of a form that is known")

// dsStore is one under work; offsets count from byte 4.
type dsStore struct {
	b       []byte
	blocks  []uint32
	seen    map[uint32]bool
	spent   int // bytes of the nodes read
	names   map[string]*Record
	order   []*Record
	problem func(Problem)
}

const maxDSStore = 64 << 20

// part is b[off:off+n], or nil.
func (d *dsStore) part(off, n int64) []byte {
	if off < 0 || n < 0 || off+n > int64(len(d.b)) {
		return nil
	}
	return d.b[off : off+n]
}

// block gives a block by its number and where it lies.
func (d *dsStore) block(n uint32) ([]byte, int64) {
	if int64(n) >= int64(len(d.blocks)) {
		return nil, 0
	}
	a := d.blocks[n]
	off := int64(a&^0x1f) + 4
	return d.part(off, 1<<(a&0x1f)), off
}

func parseDSStore(in Input, emit func(*Record) error, problem func(Problem)) error {
	size := min(in.Size, maxDSStore)
	if size < in.Size {
		problem(Problem{size, "the rest of the file is not read"})
	}
	d := &dsStore{b: make([]byte, size), seen: map[uint32]bool{}, names: map[string]*Record{}, problem: problem}
	if _, err := in.ReadAt(d.b, 0); err != nil {
		return fmt.Errorf("reading it at offset 0: %w", err)
	}
	be := binary.BigEndian
	if len(d.b) < 20 {
		return fmt.Errorf("reading the header at offset 0: %w", errDSStore)
	}
	at := int64(be.Uint32(d.b[8:])) + 4
	root := d.part(at, int64(be.Uint32(d.b[12:])))
	if be.Uint32(d.b[8:]) != be.Uint32(d.b[16:]) {
		problem(Problem{16, "the header gives two places for the allocator's root; the first is taken"})
	}
	if len(root) < 8 {
		return fmt.Errorf("reading the allocator's root at offset %d: %w", at, errDSStore)
	}
	n := int64(be.Uint32(root))
	table := (n + 255) / 256 * 256 * 4
	if 8+table+4 > int64(len(root)) {
		return fmt.Errorf("reading the table of blocks at offset %d: %w", at, errDSStore)
	}
	for i := range n {
		d.blocks = append(d.blocks, be.Uint32(root[8+4*i:]))
	}
	rest := root[8+table:]
	count := be.Uint32(rest)
	rest = rest[4:]
	for range count {
		if len(rest) < 1 || len(rest) < 1+int(rest[0])+4 {
			break
		}
		name, number := string(rest[1:1+rest[0]]), be.Uint32(rest[1+rest[0]:])
		rest = rest[1+int(rest[0])+4:]
		if name != "DSDB" {
			continue
		}
		master, off := d.block(number)
		if len(master) < 4 {
			problem(Problem{off, "the tree's block lies outside of the file"})
			continue
		}
		d.node(be.Uint32(master), 0)
	}
	for _, r := range d.order {
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// node reads a node of the tree and those below it.
func (d *dsStore) node(number uint32, depth int) {
	b, off := d.block(number)
	// Blocks don't overlap: all of the tree's together fit the file.
	if d.spent += len(b); len(b) < 8 || depth > 32 || d.seen[number] || d.spent > 2*len(d.b) {
		d.problem(Problem{off, fmt.Sprintf("the tree's node %d lies outside of the file or over others, or the tree goes round in a circle", number)})
		return
	}
	d.seen[number] = true
	be := binary.BigEndian
	right, count := be.Uint32(b), be.Uint32(b[4:])
	at := 8
	for i := range count {
		if right != 0 {
			if at+4 > len(b) {
				d.problem(Problem{off + int64(at), "the node ends too early"})
				return
			}
			d.node(be.Uint32(b[at:]), depth+1)
			at += 4
		}
		n := d.entry(b[at:], off+int64(at))
		if n == 0 {
			d.problem(Problem{off + int64(at), fmt.Sprintf("record %d of the node's %d is damaged; the rest of the node is not read", i, count)})
			return
		}
		at += n
	}
	if right != 0 {
		d.node(right, depth+1)
	}
}

// dsFields are codes of what is told of a file.
var dsFields = map[string]string{
	"cmmt": "comment", "lg1S": "bytes", "logS": "bytes", "phyS": "bytes_on_disk", "ph1S": "bytes_on_disk", "modD": "modified", "moDD": "modified", "ptbL": "put_from", "ptbN": "put_name",
	"dscl": "open_in_list", "vSrn": "view_version", "vstl": "view", "extn": "extension", "Iloc": "icon_place",
}

// entry reads a record and tells its bytes; 0 when it is damaged.
func (d *dsStore) entry(b []byte, off int64) int {
	be := binary.BigEndian
	if len(b) < 4 {
		return 0
	}
	n := int64(be.Uint32(b))
	at := 4 + 2*n
	if n == 0 || at+8 > int64(len(b)) {
		return 0
	}
	name, field, kind := utf16BE(b[4:at]), dsFields[string(b[at:at+4])], string(b[at+4:at+8])
	at += 8
	size := map[string]int64{"bool": 1, "long": 4, "shor": 4, "type": 4, "comp": 8, "dutc": 8}[kind]
	head := int64(0)
	switch kind {
	case "blob", "ustr":
		if at+4 > int64(len(b)) {
			return 0
		}
		head, size = 4, int64(be.Uint32(b[at:]))
		if kind == "ustr" {
			size *= 2
		}
	default:
		if size == 0 {
			return 0
		}
	}
	if at+head+size > int64(len(b)) {
		return 0
	}
	v := b[at+head : at+head+size]
	r := d.names[name]
	if r == nil {
		r = record("entry", 0)
		r.Offset = off
		r.add("name", name)
		d.names[name] = r
		d.order = append(d.order, r)
	}
	if field != "" && r.Get(field) == "" && len(r.Fields) < maxData {
		d.value(r, field, kind, v)
	}
	return int(at + head + size)
}

func (d *dsStore) value(r *Record, field, kind string, v []byte) {
	be := binary.BigEndian
	switch {
	case field == "modified":
		t := int64(0)
		if kind == "dutc" { // 1/65536 s since 1904
			t = nanos(time.Unix(int64(be.Uint64(v)>>16)-2_082_844_800, 0))
		} else if len(v) == 8 {
			t = cocoaTime(math.Float64frombits(binary.LittleEndian.Uint64(v)))
		}
		r.Time = t
		r.add(field, timeField(t))
	case field == "icon_place":
		if len(v) >= 8 {
			r.add(field, fmt.Sprintf("%d,%d", int32(be.Uint32(v)), int32(be.Uint32(v[4:]))))
		}
	case kind == "ustr":
		r.add(field, utf16BE(v))
	case kind == "type":
		r.add(field, strings.ToValidUTF8(string(v), "\uFFFD"))
	case kind == "bool":
		r.add(field, wordFor(strconv.Itoa(int(v[0])), "no", "yes"))
	case len(v) == 4:
		r.add(field, strconv.FormatUint(uint64(be.Uint32(v)), 10))
	case len(v) == 8:
		r.add(field, strconv.FormatUint(be.Uint64(v), 10))
	}
}

func utf16BE(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
