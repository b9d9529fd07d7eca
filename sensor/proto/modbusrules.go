package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

var frameModbusPDU = frame("modbus.pdu")

// modbusRules shows requests to the rules, and what is odd about messages.
type modbusRules struct {
	id    uint64
	told  *modbusEVE        // of the message in work, for EVE JSON alone
	asked map[uint32]uint64 // transactions that wait for their answer, with what it must repeat
}

// maxModbusAsked bounds them.
const maxModbusAsked = 500

func (r *modbusRules) begin(c *Context, dir Dir, m []byte) *bufTx {
	offerFrames(c, dir, suricata.AppModbus, framed{frameModbusPDU, m})
	if !c.Matching() {
		return nil
	}
	r.id++
	t := &bufTx{app: suricata.AppModbus, id: r.id, packets: []uint64{c.Number}}
	if r.told != nil {
		t.eve = r.told
	}
	if u := m[6]; u > 247 && u != 255 {
		t.event("modbus.invalid_unit_identifier")
	}
	return t
}

func (r *modbusRules) request(c *Context, m []byte) {
	t := r.begin(c, FromClient, m)
	if t == nil {
		return
	}
	key := uint32(m[0])<<16 | uint32(m[1])<<8 | uint32(m[6])
	if r.asked == nil {
		r.asked = map[uint32]uint64{}
	}
	if len(r.asked) >= maxModbusAsked {
		t.event("modbus.flooded")
		clear(r.asked)
	}
	r.asked[key] = modbusEcho(m)
	if fn := m[7]; fn == 0 || fn >= 0x80 {
		t.event("modbus.invalid_function_code")
	}
	q, ok := modbusAccess(m)
	if !ok {
		t.event("modbus.invalid_value")
	}
	t.add(suricata.BufModbus, suricata.AppendModbus(nil, &q))
	c.Offer(t, FromClient)
}

// reply looks only at what is odd.
func (r *modbusRules) reply(c *Context, m []byte) {
	t := r.begin(c, FromServer, m)
	if t == nil {
		return
	}
	key := uint32(m[0])<<16 | uint32(m[1])<<8 | uint32(m[6])
	switch echo, ok := r.asked[key]; {
	case !ok:
		t.event("modbus.unsolicited_response")
	case echo != 0 && m[7] == byte(echo>>32) && echo != modbusEcho(m):
		t.event("modbus.value_mismatch")
	}
	delete(r.asked, key)
	if m[7] >= 0x80 && (len(m) < 9 || m[8] == 0 || m[8] > 11 || m[8] == 7 || m[8] == 9) {
		t.event("modbus.invalid_exception_code")
	}
	c.Offer(t, FromServer)
}

// modbusEcho is what the answer to a write repeats: function, address, and value
// or number; 0 if it repeats nothing.
func modbusEcho(m []byte) uint64 {
	switch m[7] {
	case 5, 6, 15, 16:
		if len(m) >= 12 {
			return uint64(m[7])<<32 | uint64(binary.BigEndian.Uint32(m[8:]))
		}
	}
	return 0
}

// broken tells of a head that can't be read.
func (r *modbusRules) broken(c *Context, dir Dir, name string) {
	if c.Matching() {
		r.id++
		t := &bufTx{app: suricata.AppModbus, id: r.id, packets: []uint64{c.Number}}
		t.event("modbus." + name)
		c.Offer(t, dir)
	}
}

// modbusAccess reads what a request accesses (MODBUS Application Protocol
// Specification V1.1b3 section 6); false if it does not fit its function.
func modbusAccess(m []byte) (suricata.ModbusRequest, bool) {
	q := suricata.ModbusRequest{Unit: m[6], Function: m[7], Sub: -1}
	b := m[8:]
	word := func(i int) uint16 {
		if len(b) < i+2 {
			return 0
		}
		return binary.BigEndian.Uint16(b[i:])
	}
	span := func(table suricata.ModbusTable, start, count uint16) suricata.ModbusRange {
		return suricata.ModbusRange{Table: table, Start: start, Count: count, Typed: true}
	}
	registers := func(from int) {
		for i := from; i+2 <= len(b); i += 2 {
			q.Values = append(q.Values, word(i))
		}
	}
	limit := func(n, most uint16) bool { return n > 0 && n <= most }
	ok := true
	switch q.Function {
	case 1, 2, 3, 4:
		table := [...]suricata.ModbusTable{suricata.ModbusCoils, suricata.ModbusDiscretes, suricata.ModbusHolding, suricata.ModbusInput}[q.Function-1]
		q.Read = span(table, word(0), word(2))
		most := uint16(2000)
		if q.Function > 2 {
			most = 125
		}
		ok = len(b) >= 4 && limit(word(2), most)
	case 5:
		q.Write = span(suricata.ModbusCoils, word(0), 1)
		q.Values = []uint16{word(2) >> 15}
		ok = len(b) >= 4 && (word(2) == 0 || word(2) == 0xff00)
	case 6:
		q.Write = span(suricata.ModbusHolding, word(0), 1)
		q.Values = []uint16{word(2)}
		ok = len(b) >= 4
	case 8:
		q.Sub = int(word(0))
	case 15:
		q.Write = span(suricata.ModbusCoils, word(0), word(2))
		for i := 0; i < int(word(2)) && 5+i/8 < len(b); i++ {
			q.Values = append(q.Values, uint16(b[5+i/8]>>(i%8)&1))
		}
		ok = len(b) >= 5 && limit(word(2), 1968) && int(b[4]) == (int(word(2))+7)/8
	case 16:
		q.Write = span(suricata.ModbusHolding, word(0), word(2))
		registers(5)
		ok = len(b) >= 5 && limit(word(2), 123) && int(b[4]) == 2*int(word(2))
	case 20:
		q.Read.Typed = true
	case 21:
		q.Write.Typed = true
	case 22:
		q.Write = span(suricata.ModbusHolding, word(0), 1)
		q.Values = []uint16{word(2)}
	case 23:
		q.Read = span(suricata.ModbusHolding, word(0), word(2))
		q.Write = span(suricata.ModbusHolding, word(4), word(6))
		registers(9)
	case 24:
		q.Read = span(suricata.ModbusHolding, word(0), 1)
	case 43:
		if len(b) > 0 {
			q.Sub = int(b[0])
		}
	}
	return q, ok
}
