package proto

import "saksi/rules/suricata"

// framed is one frame of a message.
type framed struct {
	buf  suricata.Buffer
	data []byte
}

// offerFrames shows the frames of one message to the rules that name them. They
// need no transaction.
func offerFrames(c *Context, dir Dir, app suricata.AppProto, list ...framed) {
	t := bufTx{app: app}
	for _, f := range list {
		if c.Wants(f.buf) {
			t.add(f.buf, f.data)
		}
	}
	if len(t.bufs) > 0 {
		t.packets = []uint64{c.Number}
		c.Offer(&t, dir)
	}
}
