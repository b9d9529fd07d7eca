package sensor

import (
	"bytes"
	"net/netip"

	"saksi/sensor/proto"
)

// maxExpected bounds the connections a shard expects; beyond it the oldest are
// forgotten all together.
const maxExpected = 1024

// expectKey is a connection to come: who is called, by whom, on which port.
type expectKey struct {
	called, caller netip.Addr
	port           uint16
}

// expected is how a connection to come is parsed.
type expected struct {
	entry  *proto.Entry
	parser proto.Parser
}

// Expect implements proto.Host. Both flows are of one address pair, so the
// same shard has them.
func (w *worker) Expect(to proto.Dir, port uint16, name string, p proto.Parser) {
	k := expectKey{w.pc.Client, w.pc.Server, port}
	if to == proto.FromServer {
		k.called, k.caller = w.pc.Server, w.pc.Client
	}
	e := w.protos.ByName(name)
	if e == nil {
		return
	}
	if len(w.sh.expected) >= maxExpected || w.sh.expected == nil {
		w.sh.expected = map[expectKey]expected{}
	}
	w.sh.expected[k] = expected{e, p}
}

// awaited gives the flow in work the parser that was announced for it.
func (w *worker) awaited(c *conn) bool {
	if len(w.sh.expected) == 0 || c.outer == nil && !w.pc.Keys.Empty() && tlsBegins(c) {
		return false // what was announced may lie within TLS
	}
	o, op := w.rec.Orig()
	r, rp := w.rec.Resp()
	for _, k := range [2]expectKey{{r, o, rp}, {o, r, op}} { // a flow picked up late may be turned round
		if x, ok := w.sh.expected[k]; ok {
			delete(w.sh.expected, k)
			c.entry, c.parser = x.entry, x.parser
			if c.outer == nil {
				w.rec.SetApp(x.entry.Index())
			}
			return true
		}
	}
	return false
}

// tlsBegins reports a client that begins with a handshake record of TLS.
func tlsBegins(c *conn) bool { return bytes.HasPrefix(c.tail[0], []byte{0x16, 3}) }
