package suricata

import (
	"slices"
	"strings"
)

// Keywords of events: what is wrong with a packet, a stream or what a parser read
// (Suricata user guide, "Generic Decode Layer Keywords", "Generic App Layer
// Keywords").

// raised looks for a decoding event among those of the packet.
func (p *Packet) raised(n uint32) bool {
	for v := p.Events; v != 0; v >>= 8 {
		if uint32(v&0xff) == n+1 {
			return true
		}
	}
	return false
}

// eventAliases are older names of events.
var eventAliases = map[string]string{
	"dns.not_a_request": "dns.not_request", "dns.not_a_response": "dns.not_response", "udp.hlen_invalid": "udp.len_invalid",
	"3whs_synack_resend_with_diff_ack": "3whs_synack_resend_with_different_ack", "est_synack_resend_with_diff_ack": "est_synack_resend_with_different_ack",
}

// eventName gives the name of an event as it is known; case means nothing.
func eventName(o *option, prefix string) string {
	name := strings.TrimPrefix(strings.ToLower(strings.Trim(o.val.s, `"`)), prefix)
	if n, ok := eventAliases[name]; ok {
		return n
	}
	return name
}

// event adds the check of an event of a packet or a stream, or tells that there is
// none of the name.
func (b *builder) event(o *option, op checkOp, known []string, name string) *fault {
	i := slices.Index(known, name)
	switch {
	case i >= 0:
		b.r.checks = append(b.r.checks, check{op: op, a: uint32(i)})
	case slices.Contains(b.c.offered.Never, name):
		b.r.checks = append(b.r.checks, check{op: ckNever})
	default:
		return refused(o.val.off, because(o.key.s+":"+o.val.s, refusedEvents[name]))
	}
	return nil
}

// kwDecodeEvent takes decode-event:LAYER.EVENT.
func kwDecodeEvent(b *builder, o *option) *fault {
	b.r.events = true
	return b.event(o, ckDecodeEvent, b.c.offered.DecodeEvents, eventName(o, "decoder."))
}

// kwStreamEvent takes stream-event:EVENT and the older stream-event:stream.EVENT.
func kwStreamEvent(b *builder, o *option) *fault {
	b.r.streamEvents = true
	return b.event(o, ckStreamEvent, b.c.offered.StreamEvents, eventName(o, "stream."))
}

// kwEngineEvent takes the older engine-event, which names events of packets and
// of streams.
func kwEngineEvent(b *builder, o *option) *fault {
	if strings.HasPrefix(o.val.s, "stream.") {
		return kwStreamEvent(b, o)
	}
	return kwDecodeEvent(b, o)
}

// kwAppEvent takes app-layer-event:PROTOCOL.EVENT.
func kwAppEvent(b *builder, o *option) *fault {
	name := eventName(o, "")
	never := slices.Contains(b.c.offered.Never, name)
	prefix, _, of := strings.Cut(name, ".")
	if !of && (never || slices.Contains(b.c.offered.AppEvents, name)) { // of flows, whatever their protocol
		b.whole(BufAppEvent, name, false, false, o)
		return nil
	}
	app, ok := appNames[prefix]
	if why := refusedEvents[name]; why != "" {
		return refused(o.val.off, because("app-layer-event:"+name, why))
	}
	if !ok || !never && b.c.offered.AppEvents != nil && !slices.Contains(b.c.offered.AppEvents, name) {
		return refused(o.val.off, "app-layer-event:"+name)
	}
	if !b.r.app.covers(app) {
		return wrong(o.val.off, "an event of another protocol", "the header's protocol to be "+appName(app))
	}
	b.r.app = app
	b.whole(BufAppEvent, name, false, false, o)
	return nil
}
