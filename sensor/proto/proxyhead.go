package proto

// PROXY (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt): before a
// connection a proxy tells whose it passes on. One event; what follows is
// detected anew. Version 1 is a line of at most 107 bytes, version 2
//
//	0 signature  12 version, command  13 family  14 length  16 addresses, ports

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "haproxy", Doc: "PROXY: a proxy tells whose connection it passes on", Reference: "https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt",
		Transport: TCP, First: []string{"PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", proxyV2},
		Detect:  func(*Probe) Verdict { return Yes },
		New:     func(Transport) Parser { return proxyHead{} },
		Samples: []string{"haproxy.txt", "haproxy_v2.txt"}, Hostile: []string{"haproxy_hostile.txt"},
	})
}

// proxyV2 is the signature of version 2.
const proxyV2 = "\r\n\r\n\x00\r\nQUIT\n"

// maxProxyLine is the longest head of version 1.
const maxProxyLine = 107

// proxyHead passes over the head.
type proxyHead struct{}

// proxied are the ends of the connection that is passed on.
type proxied struct{ from, to netip.AddrPort }

// Data implements Parser.
func (proxyHead) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return 0
	}
	var x proxied
	n, version := 0, "1"
	if len(b) > 0 && b[0] == proxyV2[0] {
		if len(b) < 16 {
			return 0
		}
		if n = 16 + int(binary.BigEndian.Uint16(b[14:])); len(b) < n {
			return 0
		}
		x, version = proxyBinary(b[13], b[16:n]), "2"
	} else {
		line, _, ok := bytes.Cut(b[:min(len(b), maxProxyLine)], []byte("\r\n"))
		if !ok {
			if len(b) >= maxProxyLine {
				return Broken
			}
			return 0
		}
		n, x = len(line)+2, proxyText(line)
	}
	e := c.Begin("saksi.haproxy", []uint64{c.Number})
	e.Str(event.SaksiProxyVersion, version)
	if x.from.IsValid() {
		e.Addr(event.ClientIP, x.from.Addr())
		e.Int(event.ClientPort, int64(x.from.Port()))
	}
	if x.to.IsValid() {
		e.Addr(event.ServerIP, x.to.Addr())
		e.Int(event.ServerPort, int64(x.to.Port()))
	}
	c.Emit(e)
	c.Redetect, c.Used = true, n
	return Done
}

// proxyBinary reads the addresses of version 2: families 1 and 2 are IPv4 and
// IPv6.
func proxyBinary(family byte, b []byte) (x proxied) {
	n := 0
	switch family >> 4 {
	case 1:
		n = 4
	case 2:
		n = 16
	}
	if n == 0 || len(b) < 2*n+4 {
		return x
	}
	from, _ := netip.AddrFromSlice(b[:n])
	to, _ := netip.AddrFromSlice(b[n : 2*n])
	x.from = netip.AddrPortFrom(from, binary.BigEndian.Uint16(b[2*n:]))
	x.to = netip.AddrPortFrom(to, binary.BigEndian.Uint16(b[2*n+2:]))
	return x
}

// proxyText reads "PROXY TCP4 from to port port".
func proxyText(line []byte) (x proxied) {
	f := bytes.Fields(line)
	if len(f) != 6 {
		return x
	}
	end := func(addr, port []byte) netip.AddrPort {
		a, err := netip.ParseAddr(string(addr))
		n, err2 := strconv.ParseUint(string(port), 10, 16)
		if err != nil || err2 != nil {
			return netip.AddrPort{}
		}
		return netip.AddrPortFrom(a, uint16(n))
	}
	return proxied{end(f[2], f[4]), end(f[3], f[5])}
}

// Gap implements Parser.
func (proxyHead) Gap(*Context, Dir, uint32) bool { return false }

// Close implements Parser.
func (proxyHead) Close(*Context) {}
