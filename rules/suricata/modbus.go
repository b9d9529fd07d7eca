package suricata

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// ModbusRequest is what the keyword modbus looks at in a request (MODBUS
// Application Protocol Specification V1.1b3, section 6).
type ModbusRequest struct {
	Unit     uint8
	Function uint8
	// Sub is the sub-function of diagnostics or of an encapsulated transport;
	// -1 for none.
	Sub int
	// Read and Write are what is accessed; Count is 0 for nothing.
	Read, Write ModbusRange
	Values      []uint16 // written, from the first address of Write on
}

// ModbusRange is a range of addresses of one primary table.
type ModbusRange struct {
	Table ModbusTable
	Start uint16 // from 0, as on the wire
	Count uint16
	Typed bool // the access has a kind, whether it names a table or not
}

// ModbusTable is a primary table.
type ModbusTable uint8

// Primary tables.
const (
	ModbusNone ModbusTable = iota
	ModbusDiscretes
	ModbusCoils
	ModbusInput
	ModbusHolding
)

// AppendModbus writes an instance of BufModbus.
func AppendModbus(dst []byte, r *ModbusRequest) []byte {
	dst = append(dst, r.Unit, r.Function)
	dst = binary.BigEndian.AppendUint16(dst, uint16(int16(r.Sub)))
	for _, a := range []ModbusRange{r.Read, r.Write} {
		typed := byte(0)
		if a.Typed {
			typed = 1
		}
		dst = append(dst, typed, byte(a.Table))
		dst = binary.BigEndian.AppendUint16(dst, a.Start)
		dst = binary.BigEndian.AppendUint16(dst, a.Count)
	}
	for _, v := range r.Values {
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	return dst
}

// modbusCategory is a set of categories of functions.
type modbusCategory uint8

const (
	mbAssigned modbusCategory = 1 << iota
	mbUnassigned
	mbUser
	mbReserved
	mbPublic = mbAssigned | mbUnassigned
	mbAll    = mbPublic | mbUser | mbReserved
)

var modbusCategories = map[string]modbusCategory{
	"assigned": mbAssigned, "unassigned": mbUnassigned, "public": mbPublic, "user": mbUser, "reserved": mbReserved, "all": mbAll,
}

// categoryOf tells the category of a function (section 5.1).
func categoryOf(function uint8, sub int) modbusCategory {
	switch f := function; {
	case f == 8:
		switch {
		case sub <= 4, sub >= 10 && sub <= 18, sub == 20:
			return mbAssigned
		}
		return mbReserved
	case f == 43:
		if sub == 13 || sub == 14 {
			return mbAssigned
		}
		return mbReserved
	case f >= 1 && f <= 7, f == 11, f == 12, f >= 15 && f <= 17, f >= 20 && f <= 24:
		return mbAssigned
	case f == 9, f == 10, f == 13, f == 14, f == 41, f == 42, f == 90, f == 91, f >= 125 && f <= 127:
		return mbReserved
	case f >= 65 && f <= 72, f >= 100 && f <= 110:
		return mbUser
	}
	return mbUnassigned
}

// modbusSpec is what a rule asks of a request.
type modbusSpec struct {
	unit, function, sub, address, value *uintCmp
	category                            modbusCategory
	notCategory                         bool
	access                              bool
	write                               bool
	table                               ModbusTable
}

func (m *modbusSpec) matches(d []byte) bool {
	if len(d) < 16 {
		return false
	}
	function, sub := d[1], int(int16(binary.BigEndian.Uint16(d[2:])))
	switch {
	case m.unit != nil && !m.unit.match(uint64(d[0])),
		m.function != nil && !m.function.match(uint64(function)),
		m.sub != nil && (sub < 0 || !m.sub.match(uint64(sub))),
		m.category != 0 && (categoryOf(function, sub)&m.category != 0) == m.notCategory:
		return false
	case !m.access:
		return true
	}
	a := d[4:10]
	if m.write {
		a = d[10:16]
	}
	if a[0] == 0 || m.table != ModbusNone && ModbusTable(a[1]) != m.table {
		return false
	}
	start, count := uint64(binary.BigEndian.Uint16(a[2:])), uint64(binary.BigEndian.Uint16(a[4:]))
	if m.address == nil && m.value == nil {
		return true
	}
	values := d[16:]
	for i := range count {
		if m.address != nil && !m.address.match(start+i+1) { // rules count from 1
			continue
		}
		if m.value == nil {
			return true
		}
		if 2*int(i)+2 <= len(values) && m.value.match(uint64(binary.BigEndian.Uint16(values[2*i:]))) {
			return true
		}
	}
	return false
}

// kwModbus takes modbus: unit, function or access with their values (Suricata
// user guide, "Modbus Keyword").
func kwModbus(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	m := &modbusSpec{}
	for _, p := range f.list() {
		w := p.words()
		if len(w) < 2 {
			return wrong(p.off, fmt.Sprintf("%q is no option of modbus", p.s), "unit, function, subfunction, access, address or value with a value")
		}
		rest := field{strings.TrimSpace(p.s[len(w[0].s):]), w[1].off}
		switch w[0].s {
		case "function":
			name, neg := strings.CutPrefix(rest.s, "!")
			if c, ok := modbusCategories[strings.TrimSpace(name)]; ok {
				m.category, m.notCategory = c, neg
				continue
			}
			if m.function, err = uintOf(rest, 8); err != nil {
				return err
			}
		case "subfunction":
			if m.sub, err = uintOf(rest, 16); err != nil {
				return err
			}
		case "unit":
			if m.unit, err = uintOf(rest, 8); err != nil {
				return err
			}
		case "address":
			if m.address, err = uintOf(rest, 16); err != nil {
				return err
			}
		case "value":
			if m.value, err = uintOf(rest, 16); err != nil {
				return err
			}
		case "access":
			m.access, m.write = true, w[1].s == "write"
			if w[1].s != "read" && w[1].s != "write" {
				return wrong(w[1].off, fmt.Sprintf("unknown access %q", w[1].s), "read or write")
			}
			if len(w) > 2 {
				t, ok := map[string]ModbusTable{"discretes": ModbusDiscretes, "coils": ModbusCoils, "input": ModbusInput, "holding": ModbusHolding}[w[2].s]
				if !ok {
					return wrong(w[2].off, fmt.Sprintf("unknown table %q", w[2].s), "discretes, coils, input or holding")
				}
				m.table = t
			}
		default:
			return wrong(w[0].off, fmt.Sprintf("unknown option %q", w[0].s), "unit, function, subfunction, access, address or value")
		}
	}
	if (m.address != nil || m.value != nil) && !m.access {
		return wrong(f.off, "address or value without access", "access read or access write before it")
	}
	b.special(BufModbus, m, o)
	return nil
}

func uintOf(f field, bits int) (*uintCmp, *fault) {
	c, err := parseUint(f, bits)
	return &c, err
}

// spec is a condition of a keyword on a buffer made for it.
type spec interface{ matches(data []byte) bool }

func (b *builder) special(buf Buffer, s spec, o *option) {
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{kind: itSpec, spec: s, at: o.val.off})
}
