package suricata

import (
	"fmt"
	"strings"
	"time"
)

// Sides of flow.pkts, flow.bytes and flow.elephant.
const (
	sideClient = iota // sent by the client
	sideServer
	sideBoth
	sideEither
)

var flowSides = map[string]uint32{"toserver": sideClient, "to_server": sideClient, "toclient": sideServer, "to_client": sideServer, "both": sideBoth, "either": sideEither}

// kwFlowCount takes flow.pkts and flow.bytes: SIDE,COMPARISON (Suricata user
// guide, "Flow Keywords").
func kwFlowCount(b *builder, o *option) *fault {
	op, bits := ckFlowPackets, 32
	if strings.HasPrefix(o.key.s, "flow.bytes") {
		op, bits = ckFlowBytes, 64
	}
	side, f := uint32(0), o.val
	switch {
	case strings.HasSuffix(o.key.s, "_toserver"):
		side = sideClient
	case strings.HasSuffix(o.key.s, "_toclient"):
		side = sideServer
	default:
		name, rest, ok := strings.Cut(o.val.s, ",")
		s, known := flowSides[strings.TrimSpace(name)]
		if !ok || !known {
			return wrong(o.val.off, fmt.Sprintf("unknown side %q", name), "toserver, toclient, both or either, then a comparison")
		}
		side, f = s, field{rest, o.val.off + len(name) + 1}
	}
	c, err := parseUint(f, bits)
	if err != nil {
		return err
	}
	b.r.checks = append(b.r.checks, check{op: op, a: side, cmp: c})
	return nil
}

// kwFlowAge takes flow.age: a comparison with seconds.
func kwFlowAge(b *builder, o *option) *fault {
	c, err := parseUint(o.val, 32)
	if err != nil {
		return err
	}
	b.r.checks = append(b.r.checks, check{op: ckFlowAge, cmp: c})
	return nil
}

// onSides decides a comparison with what each side sent.
func (c *check) onSides(client, server uint64) bool {
	switch c.a {
	case sideClient:
		return c.cmp.match(client)
	case sideServer:
		return c.cmp.match(server)
	case sideBoth:
		return c.cmp.match(client) && c.cmp.match(server)
	}
	return c.cmp.match(client) || c.cmp.match(server)
}

func (c *check) flow(p *Packet) bool {
	switch c.op {
	case ckFlowPackets:
		return c.onSides(p.ClientPackets, p.ServerPackets)
	case ckFlowBytes:
		return c.onSides(p.ClientFrames, p.ServerFrames)
	}
	return c.cmp.match(uint64(p.Age / int64(time.Second)))
}

// kwFrame takes frame:[PROTOCOL.]FRAME, a sticky buffer.
func kwFrame(b *builder, o *option) *fault {
	name := strings.Replace(o.val.s, ":", ".", 1)
	for i, n := range frameNames {
		app, frame, _ := strings.Cut(n, ".")
		if n != name && (frame != name || b.r.app == AppUnknown || !b.r.app.covers(appNames[app]) && !appNames[app].covers(b.r.app)) {
			continue
		}
		b.dropCurrent()
		b.last, b.prev = nil, nil
		b.cur, b.sticky = b.listFor(firstFrame+Buffer(i), nil), true
		return nil
	}
	app, _, ok := strings.Cut(name, ".")
	if _, known := appNames[app]; ok && known || b.r.app != AppUnknown {
		return refused(o.val.off, "frame:"+name)
	}
	return wrong(o.val.off, fmt.Sprintf("no frame is named %q", name), "PROTOCOL.FRAME such as tls.pdu")
}

func kwFlow(b *builder, o *option) *fault {
	for _, p := range o.val.list() {
		// What only says where contents are looked for leaves a rule on addresses one.
		b.flowKeyword = b.flowKeyword || !strings.HasSuffix(strings.ToLower(p.s), "_stream")
		switch strings.ToLower(p.s) {
		case "established":
			b.r.checks = append(b.r.checks, check{op: ckEstablished})
		case "not_established":
			b.r.checks = append(b.r.checks, check{op: ckNotEstablished})
		case "stateless":
		case "to_server", "from_client":
			b.r.dir |= toServer
		case "to_client", "from_server":
			b.r.dir |= toClient
		case "only_stream":
			b.onlyStream, b.onlyFlow = true, true
		case "no_stream":
			b.noStream = true
		case "only_frag":
			b.r.checks = append(b.r.checks, check{op: ckFragments, a: 1})
		case "no_frag":
			b.r.checks = append(b.r.checks, check{op: ckFragments})
		default:
			return wrong(p.off, fmt.Sprintf("unknown flow option %q", p.s), "established, not_established, stateless, to_server, to_client, from_server, from_client, only_stream or no_stream")
		}
	}
	if b.r.dir == toServer|toClient {
		return wrong(o.val.off, "flow asks for both directions", "to_server or to_client")
	}
	if b.onlyStream && b.noStream {
		return wrong(o.val.off, "flow asks for only_stream and no_stream", "one of them")
	}
	return nil
}

// kwStreamSize takes stream_size: server|client|both|either, operator, number.
func kwStreamSize(b *builder, o *option) *fault {
	parts := o.val.list()
	if len(parts) != 3 {
		return wrong(o.val.off, "stream_size takes three values", "side, operator, number")
	}
	side, ok := map[string]uint32{"client": 0, "server": 1, "both": 2, "either": 3}[parts[0].s]
	if !ok {
		return wrong(parts[0].off, fmt.Sprintf("unknown side %q", parts[0].s), "client, server, both or either")
	}
	c, err := parseUint(field{parts[1].s + parts[2].s, parts[1].off}, 32)
	if err != nil {
		return err
	}
	b.streamSize = true
	b.r.checks = append(b.r.checks, check{op: ckStreamSize, a: side, cmp: c})
	return nil
}
