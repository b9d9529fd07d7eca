package proto

import (
	"bytes"
	"encoding/binary"

	"saksi/event"
)

// modbusEVE is a request with its response, as EVE JSON has it.
type modbusEVE struct {
	eveTx
	request, response []byte // nil if it did not come
}

// modbusTold gathers them.
type modbusTold struct {
	last uint64
	open map[uint16]*modbusEVE // by transaction
}

// message takes a message; the transaction is told of once its answer is there.
func (s *modbusTold) message(c *Context, dir Dir, m []byte) *modbusEVE {
	id := binary.BigEndian.Uint16(m)
	if s.open == nil {
		s.open = map[uint16]*modbusEVE{}
	}
	t := s.open[id]
	if dir == FromServer && t != nil {
		delete(s.open, id)
		t.response = bytes.Clone(m)
		c.Record("modbus", t)
		return t
	}
	s.last++
	t = &modbusEVE{eveTx: eveTx(s.last)}
	if dir == FromServer {
		t.response = bytes.Clone(m)
		c.Record("modbus", t)
		return t
	}
	t.request = bytes.Clone(m)
	if old := s.open[id]; old != nil {
		c.Record("modbus", old)
		delete(s.open, id)
	}
	if len(s.open) >= maxEVEOpen {
		c.Record("modbus", t)
		return t
	}
	s.open[id] = t
	return t
}

// close tells of requests without an answer.
func (s *modbusTold) close(c *Context) {
	for _, t := range byNumber(s.open) {
		c.Record("modbus", t)
	}
	s.open = nil
}

// AppendEVE implements EVE.
func (t *modbusEVE) AppendEVE(m *event.Members) {
	m.Open("modbus")
	m.Int("id", int64(t.Number()))
	if t.request != nil {
		m.Open("request")
		modbusMessage(m, t.request, true)
		m.Close()
	}
	if t.response != nil {
		m.Open("response")
		modbusMessage(m, t.response, false)
		m.Close()
	}
	m.Close()
}

// modbusSubfunctions are the diagnostics by their numbers (MODBUS Application
// Protocol Specification V1.1b3 section 6.8).
var modbusSubfunctions = map[int]string{
	0: "RetQueryData", 1: "RestartCommOpt", 2: "RetDiagReg", 3: "ChangeInputDelimiter", 4: "ForceListenOnlyMode", 10: "ClearCtrDiagReg",
	11: "RetBusMsgCount", 12: "RetBusCommErrCount", 13: "RetBusExcErrCount", 14: "RetServerMsgCount", 15: "RetServerNoRespCount",
	16: "RetServerNAKCount", 17: "RetServerBusyCount", 18: "RetBusCharOverrunCount", 19: "RetOverrunErrCount", 20: "ClearOverrunCounterFlag",
	21: "GetClearPlusStats",
}

// modbusExceptions are the exceptions by their numbers (section 7).
var modbusExceptions = map[int]string{
	1: "IllegalFunction", 2: "IllegalDataAddr", 3: "IllegalDataValue", 4: "ServerDeviceFail", 5: "Ack", 6: "ServerDeviceBusy", 7: "NegAck",
	8: "MemParityErr", 10: "GatewayPathUnavailable", 11: "GatewayTargetFailToResp",
}

// modbusMessage writes a message: head, function, data.
func modbusMessage(m *event.Members, b []byte, request bool) {
	fn := b[7]
	name, access, category := event.ModbusNames(int64(fn & 0x7f))
	m.Int("transaction_id", int64(binary.BigEndian.Uint16(b)))
	m.Int("protocol_id", int64(binary.BigEndian.Uint16(b[2:])))
	m.Int("unit_id", int64(b[6]))
	m.Int("function_raw", int64(fn))
	m.Str("function_code", name)
	m.Str("access_type", access)
	if category != "" {
		m.Str("category", category)
	}
	if _, ok := modbusAccess(b); ok || !request {
		m.Str("error_flags", "NONE")
	}
	w := wire{b: b, at: 8}
	coded := func(key string, raw int, code, other string) {
		m.Open(key)
		m.Int("raw", int64(raw))
		if code == "" {
			code = other
		}
		m.Str("code", code)
	}
	switch {
	case fn >= 0x80:
		n := w.u8()
		coded("exception", n, modbusExceptions[n], "Unknown")
		m.Close()
	case fn == 8:
		n := w.u16()
		coded("diagnostic", n, modbusSubfunctions[n], "Reserved")
		m.Blob("data", w.rest())
		m.Close()
	case fn == 43:
		n := w.u8()
		coded("mei", n, map[int]string{13: "CANOpenGenRefReqResp", 14: "RdDevId"}[n], "Unknown")
		m.Blob("data", w.rest())
		m.Close()
	case fn >= 1 && fn <= 4 && request:
		m.Open("read")
		m.Int("address", int64(w.u16()))
		m.Int("quantity", int64(w.u16()))
		m.Close()
	case fn >= 1 && fn <= 4, fn == 23 && !request:
		m.Open("read")
		m.Blob("data", w.take(w.u8()))
		m.Close()
	case fn == 5, fn == 6, (fn == 15 || fn == 16) && !request:
		m.Open("write")
		m.Int("address", int64(w.u16()))
		m.Int("data", int64(w.u16()))
		m.Close()
	case fn == 15, fn == 16:
		modbusWrite(m, &w)
	case fn == 22:
		m.Open("write")
		m.Int("address", int64(w.u16()))
		m.Int("and_mask", int64(w.u16()))
		m.Int("or_mask", int64(w.u16()))
		m.Close()
	case fn == 23:
		m.Open("read")
		m.Int("address", int64(w.u16()))
		m.Int("quantity", int64(w.u16()))
		m.Close()
		modbusWrite(m, &w)
	case w.left() > 0:
		m.Blob("data", w.rest())
	}
}

// modbusWrite writes what is written to several places.
func modbusWrite(m *event.Members, w *wire) {
	m.Open("write")
	m.Int("address", int64(w.u16()))
	m.Int("quantity", int64(w.u16()))
	m.Blob("data", w.take(w.u8()))
	m.Close()
}
