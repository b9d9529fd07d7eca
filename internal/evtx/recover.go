package evtx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Where records are found that are none of those in use.
const (
	inSlack  = "slack"
	inDamage = "damaged chunk"
	isAlone  = "alone"
)

const recordMagic = 0x2a2a

var errOverwritten = errors.New("what names its values is overwritten")

// Alone reports whether b begins with a record that stands alone: its magic, a size
// that fits one chunk, and binary XML.
func Alone(b []byte) bool {
	return len(b) >= recordHead+4 && binary.LittleEndian.Uint32(b) == recordMagic && fits(binary.LittleEndian.Uint32(b[4:])) && string(b[recordHead:recordHead+3]) == "\x0f\x01\x01"
}

func fits(size uint32) bool {
	return size >= recordHead+4+4 && size <= chunkSize-chunkHeader && size%4 == 0
}

// find looks for records between two places of the chunk: the head of one, the
// beginning of its XML, and its size once more at its end. They may be of an older
// use of the chunk, so each name and template is checked before it is believed;
// where one is overwritten the values are given without names.
func (c *chunk) find(from, to uint32, where string, emit func(*Record) error) error {
	c.strict, c.names = true, map[uint32]string{}
	for at := (from + 3) &^ 3; at+recordHead+8 <= to; {
		b := c.buf[at:to]
		size := binary.LittleEndian.Uint32(b[4:])
		if !Alone(b) || size > uint32(len(b)) || binary.LittleEndian.Uint32(b[size-4:]) != size {
			at += 4
			continue
		}
		rec := c.record(at)
		rec.Where = where
		c.recover(rec, int(at), int(at+size-4))
		if err := emit(rec); err != nil {
			return err
		}
		at += size
	}
	return nil
}

// recover reads the XML of a record that was found, or its values alone.
func (c *chunk) recover(rec *Record, at, end int) {
	spent := func(f func(p *parser) error) error {
		p := &parser{c: c, at: at + recordHead, end: end, left: c.budget()}
		given := *p.left
		err := f(p)
		c.left.steps -= given.steps - p.left.steps
		c.left.bytes -= given.bytes - p.left.bytes
		return err
	}
	c.unnamed = false
	root := &Element{}
	err := spent(func(p *parser) error { return p.fragment(root, nil, 0) })
	if rec.Root = root.child("Event"); err == nil && rec.Root != nil {
		rec.Partial = c.unnamed
		return
	}
	rec.Partial = true
	system, data := &Element{Name: "System"}, &Element{Name: "EventData"}
	rec.Root = &Element{Name: "Event", Children: []*Element{system, data}}
	_ = spent(func(p *parser) error { // what can't be read is left out: the record is marked
		if !p.system(system, data, rec.ID) {
			p.at = at + recordHead
			p.values(data, 0)
		}
		return nil
	})
	if system.child("EventRecordID") == nil {
		system.Children = append(system.Children, &Element{Name: "EventRecordID", Text: strconv.FormatUint(rec.ID, 10)})
	}
	if rec.Time != 0 && system.child("TimeCreated") == nil {
		system.Children = append(system.Children, &Element{Name: "TimeCreated", Attrs: []Attr{{"SystemTime", time.Unix(0, rec.Time).UTC().Format("2006-01-02T15:04:05.0000000Z")}}})
	}
}

// systemValues are those of the template that Windows has for the whole of an event:
// element, and attribute or "".
var systemValues = [...][2]string{
	{"Level"},
	{"Opcode"},
	{"Task"},
	{"EventID"},
	{"EventID", "Qualifiers"},
	{"Keywords"},
	{"TimeCreated", "SystemTime"},
	{"Correlation", "ActivityID"},
	{"Execution", "ProcessID"},
	{"Execution", "ThreadID"},
	{"EventRecordID"},
	{"Version"},
	{"Security", "UserID"},
	{},
	{"Provider", "Name"},
	{"Provider", "Guid"},
	{"Channel"},
}

// system names the values of that template, which is known by the types of its
// values and because one is the number of the record; the rest goes to data.
func (p *parser) system(system, data *Element, id uint64) bool {
	vals, ok := p.instance()
	if !ok || len(vals) < 13 || vals[3].typ != typeUint16 || vals[6].typ != typeFileTime || vals[10].typ != typeUint64 || little(p.c.buf[vals[10].from:vals[10].to]) != id {
		return false
	}
	named := 13
	if len(vals) > 17 && vals[14].typ == typeString && vals[15].typ == typeGUID && vals[16].typ == typeString && vals[17].typ == typeBinXML {
		named = 17
	}
	for i, n := range systemValues[:named] {
		v := vals[i]
		if v.typ == typeNull || n[0] == "" {
			continue
		}
		text := format(v.typ, p.c.buf[v.from:v.to])
		if p.spend(len(text)) != nil {
			return true
		}
		e := system.child(n[0])
		if e == nil {
			e = &Element{Name: n[0]}
			system.Children = append(system.Children, e)
		}
		if n[1] != "" {
			e.Attrs = append(e.Attrs, Attr{n[1], text})
		} else {
			e.Text = text
		}
	}
	p.unnamedValues(data, vals[named:], 0)
	return true
}

// instance reads the values of the instance of a template, whatever that is.
func (p *parser) instance() ([]value, bool) {
	if p.need(1) == nil && p.c.buf[p.at]&^more == tokHeader && p.skip(4) != nil {
		return nil, false
	}
	if tok, err := p.u8(); err != nil || tok&^more != tokTemplate || p.skip(1+4) != nil {
		return nil, false
	}
	off, err := p.u32()
	if err == nil && int64(off) == int64(p.at) {
		if err = p.need(24); err == nil {
			err = p.skip(24 + int(binary.LittleEndian.Uint32(p.c.buf[p.at+20:])&0xffffff))
		}
	}
	if err != nil {
		return nil, false
	}
	n, err := p.u32()
	if err != nil || p.need(4*int(min(n, chunkSize))) != nil {
		return nil, false
	}
	at := p.at + 4*int(n)
	var vals []value
	for range n {
		size, typ := int(binary.LittleEndian.Uint16(p.c.buf[p.at:])), p.c.buf[p.at+2]
		if p.at += 4; at+size > p.end || p.step() != nil {
			break
		}
		vals = append(vals, value{typ, at, at + size})
		at += size
	}
	return vals, true
}

// values adds the values of the instance of a template, each as Data without a
// name, and those of what is nested in it; it ends where they do.
func (p *parser) values(data *Element, depth int) {
	if vals, ok := p.instance(); ok {
		p.unnamedValues(data, vals, depth)
	}
}

func (p *parser) unnamedValues(data *Element, vals []value, depth int) {
	for _, v := range vals {
		switch b := p.c.buf[v.from:v.to]; {
		case p.step() != nil || p.spend(len(b)) != nil || depth > maxDepth:
			return
		case v.typ == typeBinXML:
			q := &parser{c: p.c, at: v.from, end: v.to, left: p.left}
			q.values(data, depth+1)
		case len(b) == 0 || v.typ == typeNull:
		case v.typ&typeArray != 0:
			data.Children = append(data.Children, &Element{Name: "Data", List: formatList(v.typ&^typeArray, b)})
		default:
			data.Children = append(data.Children, &Element{Name: "Data", Text: format(v.typ, b)})
		}
	}
}

// nameHash is what stands before a name, of its characters.
func nameHash(raw []byte) uint16 {
	var h uint32
	for i := 0; i+1 < len(raw); i += 2 {
		h = h*65599 + uint32(binary.LittleEndian.Uint16(raw[i:]))
	}
	return uint16(h)
}

// checkName reports whether a name at that place of the chunk is one.
func (c *chunk) checkName(off uint32) error {
	n := int(binary.LittleEndian.Uint16(c.buf[off+6:]))
	end := int(off) + 8 + 2*n
	if n == 0 || end > chunkSize || nameHash(c.buf[off+8:end]) != binary.LittleEndian.Uint16(c.buf[off+4:]) {
		return fmt.Errorf("the name at offset %d: %w", off, errOverwritten)
	}
	return nil
}

// alone reads a record outside of any chunk. Where its template is in it, its place
// in the chunk is known by that, and so is what it names.
func alone(r io.ReaderAt, size int64, emit func(*Record) error, problem func(Problem)) error {
	b := make([]byte, min(size, chunkSize))
	if n, err := r.ReadAt(b, 0); n < len(b) {
		return fmt.Errorf("reading the record at offset 0: %w", errors.Join(ErrFormat, noEOF(err)))
	}
	end := binary.LittleEndian.Uint32(b[4:])
	if int64(end) > size || binary.LittleEndian.Uint32(b[end-4:]) != end {
		problem(Problem{0, fmt.Sprintf("the record says it has %d bytes, and its end does not; it is read as far as it goes", end)})
		end = uint32(len(b))
	}
	if size > int64(end) {
		problem(Problem{int64(end), "more follows the record; it is not read"})
	}
	// Behind the header of its XML: the token, version and number of its template, then
	// where that lies in the chunk; the number is the beginning of its GUID.
	const place = recordHead + 4 + 1 + 1 + 4
	base := uint32(chunkHeader)
	if len(b) >= place+12 && bytes.Equal(b[place-4:place], b[place+8:place+12]) {
		if at := int64(binary.LittleEndian.Uint32(b[place:])) - place - 4; at >= chunkHeader && at+int64(end) <= chunkSize {
			base = uint32(at)
		}
	}
	c := &chunk{buf: make([]byte, chunkSize), names: map[uint32]string{}, left: budget{maxSteps, maxBytes}, strict: true}
	copy(c.buf[base:], b[:min(int(end), chunkSize-int(base))])
	end = min(end, chunkSize-base)
	rec := c.record(base)
	rec.Offset, rec.Where = 0, isAlone
	c.recover(rec, int(base), int(base+end)-4)
	return emit(rec)
}
