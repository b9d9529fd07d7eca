package sensor

import (
	"encoding/binary"
	"math/bits"
	"time"
	"unsafe"

	"saksi/sensor/asset"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
	"saksi/sensor/proto"
)

// seenFacts is the number of facts a shard remembers having told.
const seenFacts = 1 << 10

// factsAgain is how long a shard tells nothing twice. An address that made room for
// others and comes back is known anew after it.
const factsAgain = 24 * time.Hour

// fact tells the ordered stage something of a host, unless the shard told it
// lately: what tells the same twice changes nothing.
func (w *worker) fact(f asset.Fact) {
	if f.Value == "" || !f.Host.Holds() {
		return
	}
	h := digest(&f, w.pc.Time/int64(factsAgain))
	slot := &w.sh.told[h%seenFacts]
	if *slot == h {
		return
	}
	*slot = h
	r := w.res
	f.Packet, f.Time = w.pc.Number, w.pc.Time
	if len(f.Value) > cap(r.text)-len(r.text) { // facts before keep what they point to
		r.text = make([]byte, 0, max(16<<10, len(f.Value)))
	}
	n := len(r.text)
	r.text = append(r.text, f.Value...)
	f.Value = unsafe.String(&r.text[n], len(f.Value))
	r.facts = append(r.facts, f)
	it := w.item(itemFact)
	it.at = len(r.facts) - 1
	r.items = append(r.items, it)
}

// digest is a hash of a fact. It is the same in each run, so that what is told
// twice, when two share a slot, is too.
func digest(f *asset.Fact, day int64) uint64 {
	h := uint64(f.Kind)<<56 ^ uint64(day) ^ 0x9e3779b97f4a7c15
	mix := func(x uint64) {
		hi, lo := bits.Mul64(h^x, 0xa0761d6478bd642f)
		h = hi ^ lo ^ 0xe7037ed1a0b428db
	}
	mix(binary.LittleEndian.Uint64(f.Host[:8]))
	mix(binary.LittleEndian.Uint64(f.Host[8:]))
	for _, s := range [2]string{f.Via, f.Value} {
		b := unsafe.Slice(unsafe.StringData(s), len(s))
		for ; len(b) >= 8; b = b[8:] {
			mix(binary.LittleEndian.Uint64(b))
		}
		var last [8]byte
		copy(last[:], b)
		mix(binary.LittleEndian.Uint64(last[:]) ^ uint64(len(s))<<56)
	}
	return h | 1
}

// sight takes from the first packet of a side of a flow what it tells of its
// sender: the MAC, if it came straight from it, and how it opens connections.
func (w *worker) sight(p *decode.Packet, dir int) {
	host := asset.Of(p.Src)
	w.pc.Number, w.pc.Time = p.Number, p.Time
	if p.SrcMAC != [6]byte{} && p.SrcMAC[0]&1 == 0 && host.Holds() {
		if near(p) {
			w.fact(asset.Fact{Host: host, Kind: asset.MAC, Value: unsafe.String(&p.SrcMAC[0], 6), Via: "frame"})
		} else {
			x := p.Src[15] & 3 // a few addresses are enough to tell a router
			w.fact(asset.Fact{Host: asset.OfMAC(p.SrcMAC), Kind: asset.Forwards, Value: "0123"[x : x+1], Via: "frame"})
		}
	}
	if p.Proto == decode.ProtoTCP && dir == flow.FromOrig && p.TCPFlags&(decode.SYN|decode.ACK|decode.RST|decode.FIN) == decode.SYN && p.Flags&decode.FlagBadTCP == 0 {
		w.signature = asset.AppendSignature(w.signature[:0], p.TTL, p.Segment[:p.HdrLen])
		if len(w.signature) > 0 {
			w.fact(asset.Fact{Host: host, Kind: asset.SYN, Value: unsafe.String(&w.signature[0], len(w.signature)), Via: "syn"})
		}
	}
}

// near reports a packet that no router has passed on: its time to live is still
// the one that systems begin with, or its addresses are never routed.
func near(p *decode.Packet) bool {
	switch p.TTL {
	case 64, 128, 255:
		return true
	}
	if p.Flags&decode.FlagV6 != 0 {
		return p.Src[0] == 0xfe && p.Src[1]&0xc0 == 0x80
	}
	return p.Src[12] == 169 && p.Src[13] == 254 || p.Dst[12] == 224 && p.Dst[13] == 0 && p.Dst[14] == 0
}

// neighbor takes what frames that are no IP packets, and Neighbor Discovery,
// tell.
func (w *worker) neighbor(p *decode.Packet) {
	w.pc.Number, w.pc.Time = p.Number, p.Time
	if p.Ether != 0 {
		asset.Frame(p.Ether, p.SrcMAC, p.Segment, w.fact)
		return
	}
	src, _ := p.Addrs()
	asset.ND(src, p.Segment, w.fact)
}

// seen tells the ordered stage of a flow that has ended.
func (w *worker) seen(r *flow.Record, state string, sent, received uint64) {
	o, p := r.Addrs()
	f := asset.Flow{
		Orig: asset.Of(*o), Resp: asset.Of(*p), Proto: r.Proto, Port: r.RespPort(), First: r.First, Last: r.Last,
		Bytes: [2]uint64{sent, received}, Packets: r.Pkts, Packet: r.FirstPacket(),
	}
	if r.App() != 0 {
		f.App = w.protos.Entry(r.App()).Name
	}
	usual := false
	if r.App() != 0 && r.Proto == decode.ProtoUDP {
		usual = w.protos.OnPort(proto.UDP, f.Port) == w.protos.Entry(r.App())
	}
	f.Served = served(r, state, f.App, usual)
	w.res.seen = append(w.res.seen, f)
	it := w.item(itemSeen)
	it.at = len(w.res.seen) - 1
	w.res.items = append(w.res.items, it)
}

// ephemeral is where the ports begin that systems choose for their own end of a
// flow: the lowest range in use is Linux' (ip_local_port_range).
const ephemeral = 32768

// served reports whether the responder of a flow offers a service at its port.
// usual says that the port is the usual one of its protocol.
func served(r *flow.Record, state, app string, usual bool) bool {
	switch r.Proto {
	case decode.ProtoTCP:
		switch state {
		case "SF", "S1", "S2", "S3", "RSTO", "RSTR":
			return app != "ftp-data"
		case "OTH":
			return app != "" && app != "ftp-data" && r.Payload(flow.FromResp) > 0 && r.RespPort() < ephemeral
		}
	case decode.ProtoUDP:
		return r.Pkts[0] > 0 && r.Pkts[1] > 0 && (usual || r.RespPort() < ephemeral) && app != "rtp" && app != "rtcp"
	}
	return false
}
