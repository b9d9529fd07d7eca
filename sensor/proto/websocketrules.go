package proto

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/rules/suricata"
)

var (
	frameWSHeader = frame("websocket.header")
	frameWSPDU    = frame("websocket.pdu")
	frameWSData   = frame("websocket.data")
)

// maxWSPayload bounds the payload of a frame, and of a message of several, that
// rules see.
const maxWSPayload = 64 << 10

// wsRules shows frames to the rules: the payload unmasked, that of a message in
// several frames together with the last.
type wsRules struct {
	id      uint64
	head    []byte // of the frame in work
	payload []byte // of it, masked
	whole   []byte // of the message in work
}

// begin notes the head of a frame.
func (r *wsRules) begin(c *Context, head []byte) {
	if c.Matching() || c.Detail {
		r.head, r.payload = append(r.head[:0], head...), r.payload[:0]
	}
}

func (r *wsRules) content(b []byte) {
	if len(r.head) > 0 {
		r.payload = append(r.payload, b[:min(len(b), maxWSPayload-len(r.payload))]...)
	}
}

// end offers the frame. It is the numberth of the connection.
func (r *wsRules) end(c *Context, dir Dir, number uint64) {
	if len(r.head) < 2 {
		return
	}
	h := r.head
	var eve EVE
	if c.Detail {
		eve = wsTx{eveTx(number), bytes.Clone(h)}
		defer c.Record("websocket", eve)
	}
	if !c.Matching() {
		r.head = r.head[:0]
		return
	}
	offerFrames(c, dir, suricata.AppWebSocket, framed{frameWSHeader, h}, framed{frameWSPDU, append(append([]byte{}, h...), r.payload...)}, framed{frameWSData, r.payload})
	r.id++
	t := &bufTx{app: suricata.AppWebSocket, id: r.id, packets: []uint64{c.Number}, eve: eve}
	t.number(suricata.BufWebSocketFlags, uint64(h[0]&0xf0))
	t.number(suricata.BufWebSocketOpcode, uint64(h[0]&15))
	data := append([]byte{}, r.payload...)
	if h[1]&0x80 != 0 && len(h) >= 6 {
		mask := h[len(h)-4:]
		t.number(suricata.BufWebSocketMask, uint64(binary.BigEndian.Uint32(mask)))
		for i := range data {
			data[i] ^= mask[i&3]
		}
	}
	switch op := h[0] & 15; {
	case op >= 8: // control frames come between those of a message
	case h[0]&0x80 == 0:
		r.whole = append(r.whole, data[:min(len(data), maxWSPayload-len(r.whole))]...)
		data = nil
	case op == 0:
		data = append(r.whole, data...)
		r.whole = nil
	}
	t.add(suricata.BufWebSocketPayload, data)
	r.head = r.head[:0]
	c.Offer(t, dir)
}

// wsTx is a frame by its head, as EVE JSON has it.
type wsTx struct {
	eveTx
	head []byte
}

// AppendEVE implements EVE. Suricata calls the opcodes from 8 on by the names of
// those before them.
func (t wsTx) AppendEVE(m *event.Members) {
	h := t.head
	m.Open("websocket")
	m.Bool("fin", h[0]&0x80 != 0)
	if h[1]&0x80 != 0 && len(h) >= 6 {
		m.Int("mask", int64(binary.BigEndian.Uint32(h[len(h)-4:])))
	}
	switch op := h[0] & 15; op {
	case 0, 1, 2:
		m.Str("opcode", wsOpcodes[op])
	case 8, 9:
		m.Str("opcode", wsOpcodes[op+1])
	default:
		m.Str("opcode", "unknown-"+strconv.Itoa(int(op)))
	}
	m.Close()
}
