package proto

// BitTorrent: the handshake of peers over TCP (BEP 3) or uTP (BEP 29), the
// distributed hash table (BEP 5), trackers over UDP (BEP 15) and local peer
// discovery (BEP 14).
//
//	handshake  0 13h  1 "BitTorrent protocol"  20 reserved  28 info hash (20)  48 peer id (20)
//	uTP        0 type, version 1  1 extension  2 connection  4 time  8 difference  12 window  16 sequence  18 acknowledged

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "bittorrent", Doc: "BitTorrent: peers, hash table, trackers", Reference: "BEP 3, BEP 5, BEP 14, BEP 15, BEP 29",
		Transport: TCP | UDP, Ports: []uint16{6771, 6881}, Application: "bittorrent", App: suricata.AppBitTorrentDHT,
		First: []string{btHandshake, "d1:", "d2:", "BT-SEARCH * HTTP/", "A\x00", "A\x02", "\x00\x00\x04\x17\x27\x10\x19\x80"}, Detect: detectBitTorrent,
		New:     func(t Transport) Parser { return &bitTorrent{udp: t == UDP} },
		Samples: []string{"bittorrent_tcp.txt", "bittorrent_dht_udp.txt", "bittorrent_utp_udp.txt"}, Hostile: []string{"bittorrent_hostile.txt", "short.txt"},
	})
}

const btHandshake = "\x13BitTorrent protocol"

func detectBitTorrent(p *Probe) Verdict {
	b := p.Data
	switch {
	case b[0] == btHandshake[0]:
		return Yes
	case p.Transport == TCP:
		return No
	case b[0] == 'B':
		return Yes
	case b[0] == 'd': // DHT: a dictionary with the id of a node, or an error
		for _, s := range [...]string{"d1:ad2:id20:", "d1:rd2:id20:", "d2:ip6:", "d1:eli2"} {
			if bytes.HasPrefix(b, []byte(s)) {
				return Yes
			}
		}
	case b[0] == 'A': // uTP SYN: sequence number 1, nothing acknowledged, no difference
		if len(b) < 20 || binary.BigEndian.Uint32(b[8:]) != 0 || binary.BigEndian.Uint16(b[16:]) != 1 || binary.BigEndian.Uint16(b[18:]) != 0 {
			return No
		}
		if b[1] == 0 && p.Length == 20 || b[1] == 2 && p.Length == 30 && len(b) >= 22 && b[21] == 8 {
			return Yes
		}
	case b[0] == 0: // tracker: connect
		if p.Length == 16 && len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) == 0 {
			return Yes
		}
	}
	return No
}

const (
	// maxBTHashes bounds the hashes of one flow.
	maxBTHashes = 32
	// maxBTDatagrams is how many datagrams are looked at.
	maxBTDatagrams = 64
)

type bitTorrent struct {
	udp       bool
	packets   Packets
	hashes    []string
	peers     [2]string
	shaken    [2]bool
	datagrams int
	number    uint64 // of those told of in EVE JSON
}

// Data implements Parser.
func (p *bitTorrent) Data(c *Context, dir Dir, b []byte) Result {
	if p.udp {
		p.datagrams++
		if c.Detail || c.Matching() {
			p.record(c, dir, b)
		} else if p.datagrams > maxBTDatagrams {
			return Done
		}
		p.datagram(c, dir, b)
		return 0
	}
	if p.shaken[dir] {
		return Result(len(b))
	}
	if len(b) < 68 {
		return 0
	}
	if !bytes.HasPrefix(b, []byte(btHandshake)) {
		return Broken
	}
	p.packets.Add(c.Number)
	p.handshake(dir, b)
	p.shaken[dir] = true
	if p.shaken[0] && p.shaken[1] {
		return Done
	}
	return 68
}

// record tells of a datagram of the hash table in EVE JSON, and shows it to the
// rules.
func (p *bitTorrent) record(c *Context, dir Dir, b []byte) {
	if !isDHT(b) {
		return
	}
	x := &bufTx{app: suricata.AppBitTorrentDHT, id: p.number + 1, packets: []uint64{c.Number}}
	if events := c.Wants(suricata.BufAppEvent); c.Detail || events {
		v, _, ok := bencode(b, maxBenDepth)
		switch {
		case !ok || !dhtWhole(&v):
			if !events {
				return
			}
			x.event("bittorrent-dht.malformed_packet")
		case c.Detail:
			t := dhtMessage(x.id, &v)
			x.eve = t
			defer c.Record("bittorrent_dht", t)
		}
	}
	if p.number++; c.Matching() {
		c.Offer(x, dir)
	}
}

func (p *bitTorrent) handshake(dir Dir, b []byte) {
	p.hash(b[28:48])
	p.peers[dir] = string(b[48:68])
}

func (p *bitTorrent) hash(b []byte) {
	if h := hex.EncodeToString(b); len(p.hashes) < maxBTHashes {
		p.hashes = addOnce(p.hashes, h)
	}
}

// datagram looks for hashes: of a query of the hash table, of a handshake
// within uTP, of an announcement.
func (p *bitTorrent) datagram(c *Context, dir Dir, b []byte) {
	if i := bytes.Index(b[:min(len(b), 512)], []byte("9:info_hash20:")); i >= 0 && len(b) >= i+34 {
		p.packets.Add(c.Number)
		p.hash(b[i+14 : i+34])
	}
	if i := bytes.Index(b[:min(len(b), 64)], []byte(btHandshake)); i >= 0 && len(b) >= i+68 {
		p.packets.Add(c.Number)
		p.handshake(dir, b[i:])
	}
	if bytes.HasPrefix(b, []byte("BT-SEARCH")) {
		for line := range bytes.SplitSeq(b, []byte("\r\n")) {
			if v, ok := bytes.CutPrefix(line, []byte("Infohash: ")); ok && len(v) == 40 {
				p.packets.Add(c.Number)
				p.hashes = addOnce(p.hashes, strings.ToLower(string(v)))
			}
		}
	}
}

// Gap implements Parser: a handshake can't be found behind it.
func (p *bitTorrent) Gap(*Context, Dir, uint32) bool { return p.shaken[0] || p.shaken[1] }

// Close implements Parser.
func (p *bitTorrent) Close(c *Context) {
	if len(p.hashes) == 0 {
		return
	}
	e := c.Begin("saksi.bittorrent", p.packets.List())
	for _, h := range p.hashes {
		e.Str(event.SaksiBittorrentInfoHash, h)
	}
	for _, id := range p.peers {
		if len(id) == 20 && id[0] == '-' && id[7] == '-' { // BEP 20: the client and its version
			e.Str(event.SaksiBittorrentClient, id[1:7])
		}
	}
	c.Emit(e)
}
