package proto

import "saksi/rules/suricata"

var frameRFBPDU = frame("rfb.pdu")

// vncRules shows the beginning of a connection to the rules, as it grows.
type vncRules struct{ view bufTx }

func (r *vncRules) number(c *Context, p *Packets, b suricata.Buffer, n uint64) {
	r.add(c, p, b, suricata.AppendNumber(nil, n))
}

// add offers what is known, which grew by one buffer.
func (r *vncRules) add(c *Context, p *Packets, b suricata.Buffer, data []byte) {
	if !c.Matching() {
		return
	}
	r.view.app, r.view.id, r.view.again, r.view.packets = suricata.AppRFB, 1, true, p.List()
	r.view.add(b, data)
	dir := FromServer
	if b == suricata.BufRFBSecType {
		dir = FromClient // who chooses it
	}
	c.Offer(&r.view, dir)
}

// event tells of something odd.
func (r *vncRules) event(c *Context, p *Packets, name string) {
	r.add(c, p, suricata.BufAppEvent, []byte("rfb."+name))
}
