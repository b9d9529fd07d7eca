package proto

// The distributed hash table (BEP 5): each datagram is a dictionary of bencode
// (BEP 3): strings behind their length and a colon, i number e, l list e, d keys and
// values e.
//
//	t id of the transaction  y q, r or e  q kind of the query, a its arguments  r answer  e number and text  v client

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"

	"saksi/event"
)

// dhtTx is a datagram, as EVE JSON has it.
type dhtTx struct {
	eveTx
	members event.Members
}

// AppendEVE implements EVE.
func (t *dhtTx) AppendEVE(m *event.Members) { m.Add(&t.members) }

// isDHT reports whether a datagram begins as one of the hash table.
func isDHT(b []byte) bool {
	if len(b) < 6 {
		return false
	}
	switch string(b[:5]) {
	case "d1:ad", "d1:rd", "d2:ip", "d1:el":
		return true
	}
	return false
}

// dhtWhole reports whether a datagram has what its kind must have, of the type it
// must be, as Suricata's parser asks for.
func dhtWhole(v *benValue) bool {
	if v.at("t").text == nil || !v.sorted() || v.has("v") && v.at("v").text == nil {
		return false
	}
	switch string(v.at("y").text) {
	case "q":
		a := v.at("a")
		for _, k := range [3]string{"target", "info_hash", "token"} {
			if a.has(k) && a.at(k).text == nil {
				return false
			}
		}
		for k, limit := range map[string]int64{"implied_port": 0xff, "port": 0xffff} {
			if x := a.at(k); a.has(k) && (!x.number || x.n < 0 || x.n > limit) {
				return false
			}
		}
		return v.at("q").text != nil && a.at("id").text != nil
	case "r":
		r := v.at("r")
		for _, k := range [3]string{"nodes", "nodes6", "token"} {
			if r.has(k) && r.at(k).text == nil {
				return false
			}
		}
		for _, x := range r.at("values").list {
			if len(x.text) < 6 {
				return false
			}
		}
		return r.at("id").text != nil
	case "e":
		number, text := false, false
		for _, x := range v.at("e").list {
			number, text = number || x.number, text || x.text != nil
		}
		return number && text
	}
	return false
}

// dhtMessage makes the record of a datagram.
func dhtMessage(number uint64, v *benValue) *dhtTx {
	t := &dhtTx{eveTx: eveTx(number)}
	m := &t.members
	m.Open("bittorrent_dht")
	m.Hex("transaction_id", v.at("t").text)
	if x := v.at("v"); x != nil && x.text != nil {
		m.Hex("client_version", x.text)
	}
	switch string(v.at("y").text) {
	case "q":
		m.Bytes("request_type", v.at("q").text)
		m.Open("request")
		dhtRequest(m, v.at("a"))
		m.Close()
	case "r":
		m.Open("response")
		dhtResponse(m, v.at("r"))
		m.Close()
	case "e":
		m.Open("error")
		for _, x := range v.at("e").list {
			if x.text != nil {
				m.Bytes("msg", x.text)
			} else {
				m.Int("num", x.n)
			}
		}
		m.Close()
	}
	m.Close()
	return t
}

func dhtRequest(m *event.Members, a *benValue) {
	m.Hex("id", a.at("id").text)
	for _, k := range [3]string{"target", "info_hash", "token"} {
		if x := a.at(k); x.text != nil {
			m.Hex(k, x.text)
		}
	}
	for _, k := range [2]string{"implied_port", "port"} {
		if x := a.at(k); x.number {
			m.Int(k, x.n)
		}
	}
}

func dhtResponse(m *event.Members, r *benValue) {
	m.Hex("id", r.at("id").text)
	for _, k := range [2]string{"nodes", "nodes6"} {
		size := 26
		if k == "nodes6" {
			size = 38
		}
		b := r.at(k).text
		if len(b) < size {
			continue
		}
		m.Array(k)
		for ; len(b) >= size && !m.Full(); b = b[size:] {
			m.Open("")
			m.Hex("id", b[:20])
			dhtPeer(m, b[20:size])
			m.Close()
		}
		m.End()
	}
	if list := r.at("values").list; len(list) > 0 {
		m.Array("values")
		for _, x := range list {
			if len(x.text) >= 6 && !m.Full() {
				m.Open("")
				dhtPeer(m, x.text)
				m.Close()
			}
		}
		m.End()
	}
	if x := r.at("token"); x.text != nil {
		m.Hex("token", x.text)
	}
}

// dhtPeer writes an address with a port behind it.
func dhtPeer(m *event.Members, b []byte) {
	n := len(b) - 2
	if n >= 16 {
		n = 16
	} else {
		n = 4
	}
	a, _ := netip.AddrFromSlice(b[:n])
	m.Str("ip", a.StringExpanded())
	m.Int("port", int64(binary.BigEndian.Uint16(b[n:])))
}

// benValue is a value of bencode: a text, a number, a list or a dictionary.
type benValue struct {
	text   []byte
	n      int64
	number bool
	list   []benValue
	keys   []string
}

// at finds a member; of none it gives a value without anything.
func (v *benValue) at(key string) *benValue {
	for i, k := range v.keys {
		if k == key {
			return &v.list[i]
		}
	}
	return &benValue{}
}

// has reports whether there is such a member.
func (v *benValue) has(key string) bool { return slices.Contains(v.keys, key) }

// sorted reports whether keys of dictionaries stand in order, each once (BEP 3).
func (v *benValue) sorted() bool {
	for i := 1; i < len(v.keys); i++ {
		if v.keys[i-1] >= v.keys[i] {
			return false
		}
	}
	for i := range v.list {
		if !v.list[i].sorted() {
			return false
		}
	}
	return true
}

// maxBenDepth bounds how deep values are nested; those of a datagram are three deep.
const maxBenDepth = 4

// maxBen bounds the elements of a list or a dictionary.
const maxBen = 512

// bencode reads a value, nested at most so deep, and returns what follows.
func bencode(b []byte, depth int) (v benValue, rest []byte, ok bool) {
	if len(b) < 2 || depth < 0 {
		return v, nil, false
	}
	switch b[0] {
	case 'i':
		digits, rest, ok := bytes.Cut(b[1:], []byte("e"))
		n, err := strconv.ParseInt(string(digits[:min(len(digits), 20)]), 10, 64)
		return benValue{n: n, number: true}, rest, ok && err == nil
	case 'l', 'd':
		isDict := b[0] == 'd'
		for b = b[1:]; len(b) > 0 && b[0] != 'e'; {
			if len(v.list) >= maxBen {
				return v, nil, false
			}
			var x benValue
			if isDict {
				if x, b, ok = bencode(b, 0); !ok || x.text == nil {
					return v, nil, false
				}
				v.keys = append(v.keys, string(x.text))
			}
			if x, b, ok = bencode(b, depth-1); !ok {
				return v, nil, false
			}
			v.list = append(v.list, x)
		}
		if len(b) == 0 {
			return v, nil, false
		}
		return v, b[1:], true
	}
	digits, b, ok := bytes.Cut(b, []byte(":"))
	n, err := strconv.ParseUint(string(digits[:min(len(digits), 20)]), 10, 16)
	if !ok || err != nil || int(n) > len(b) {
		return v, nil, false
	}
	return benValue{text: b[:n:n]}, b[n:], true
}
