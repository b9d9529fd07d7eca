// Package scope tells which packets an authority lets be captured, read or
// extracted. Start with New; Frame judges each frame in order, because what is
// privileged by the name of a host is known by what was seen before: the
// answers of DNS that give its addresses, and the hello of a connection that asks
// for it.
package scope

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"saksi/evidence"
	"saksi/sensor/decode"
	"saksi/sensor/proto"
)

const (
	// maxLearned bounds the addresses and connections that belong to privileged
	// names, in each of two halves; the oldest are forgotten.
	maxLearned = 1 << 16
	// maxHellos bounds the hellos whose name is still to come, and maxHello the
	// bytes kept of one.
	maxHellos = 1024
	maxHello  = 8 << 10
)

// Filter judges the frames of one capture. It is not safe for concurrent use.
type Filter struct {
	auth    *evidence.Authority
	act     evidence.Act
	exhibit string
	names   bool // a privileged entry has names of hosts
	target  evidence.Target
	hosts   learned[netip.Addr]
	flows   learned[connection]
	hellos  map[connection][]byte
}

// connection is one way of a connection.
type connection struct {
	src, dst         netip.Addr
	srcPort, dstPort uint16
}

// learned are the names that belong to what was seen.
type learned[K comparable] struct{ now, before map[K]string }

func (l *learned[K]) get(k K) string {
	if n, ok := l.now[k]; ok {
		return n
	}
	return l.before[k]
}

func (l *learned[K]) add(k K, name string) {
	if l.now == nil || len(l.now) >= maxLearned {
		l.before, l.now = l.now, map[K]string{}
	}
	l.now[k] = name
}

// New makes the Filter of an act on a capture. exhibit is its id, if it is one.
func New(a *evidence.Authority, act evidence.Act, exhibit string) *Filter {
	return &Filter{auth: a, act: act, exhibit: exhibit, names: a.PrivilegedHosts(), hellos: map[connection][]byte{}}
}

// Frame says how a frame stands: as the most privileged of its packets does, else
// as the one that is covered best. held is a fragment that was kept back, nil for
// none. iface is where a live capture took it from, t its time in Unix
// nanoseconds. A live capture is not covered any more when the authority has
// expired.
func (f *Filter) Frame(packets []decode.Packet, held *decode.Packet, iface string, t int64) evidence.Standing {
	at := time.Unix(0, t)
	best := evidence.Outside
	judge := func(p *decode.Packet) bool {
		f.target = evidence.Target{Interface: iface, Exhibit: f.exhibit, Time: at, Names: f.target.Names[:0]}
		if p != nil {
			f.aim(p)
		}
		switch f.auth.Judge(f.act, &f.target) {
		case evidence.Privileged:
			best = evidence.Privileged
			return false
		case evidence.Within:
			best = evidence.Within
		}
		return true
	}
	for i := range packets {
		if !judge(&packets[i]) {
			return best
		}
	}
	if held != nil || len(packets) == 0 {
		judge(held)
	}
	if best == evidence.Within && f.act == evidence.ActCapture && f.auth.Expired(at) {
		return evidence.Outside
	}
	return best
}

// aim sets what is known of a packet.
func (f *Filter) aim(p *decode.Packet) {
	s := &f.target
	s.Src, s.Dst = p.Addrs()
	switch p.Proto {
	case decode.ProtoTCP, decode.ProtoUDP, decode.ProtoSCTP:
		s.SrcPort, s.DstPort = p.SrcPort, p.DstPort
		s.NoPorts = p.HdrLen == 0 || p.Flags&decode.FlagFragment != 0
	}
	if !f.names {
		return
	}
	f.learn(p)
	c := connection{s.Src, s.Dst, s.SrcPort, s.DstPort}
	for _, n := range [...]string{f.hosts.get(s.Src), f.hosts.get(s.Dst), f.flows.get(c), f.flows.get(connection{c.dst, c.src, c.dstPort, c.srcPort})} {
		if n != "" {
			s.Names = append(s.Names, n)
		}
	}
}

// learn takes the names that a packet tells.
func (f *Filter) learn(p *decode.Packet) {
	b := p.Payload()
	if len(b) == 0 {
		return
	}
	switch {
	case p.Proto == decode.ProtoUDP && (p.SrcPort == 53 || p.SrcPort == 5353):
		f.answer(b)
	case p.Proto == decode.ProtoTCP && p.SrcPort == 53 && len(b) > 2:
		f.answer(b[2:])
	case p.Proto == decode.ProtoTCP:
		f.hello(p, b)
	case p.Proto == decode.ProtoUDP:
		if name := proto.QUICServerName(b); name != "" {
			f.asks(p, name)
		}
	}
}

// answer learns the addresses that an answer of DNS gives for a privileged name,
// by whatever other names it came to them.
func (f *Filter) answer(b []byte) {
	var m dnsmessage.Parser
	h, err := m.Start(b)
	if err != nil || !h.Response {
		return
	}
	var name string
	see := func(n dnsmessage.Name) {
		if s := hostName(n.String()); name == "" && f.auth.PrivilegedName(s) {
			name = s
		}
	}
	for {
		q, err := m.Question()
		if err != nil {
			break
		}
		see(q.Name)
	}
	var addrs []netip.Addr
	for {
		r, err := m.AnswerHeader()
		if err != nil {
			break
		}
		see(r.Name)
		switch r.Type {
		case dnsmessage.TypeA:
			if a, err := m.AResource(); err == nil {
				addrs = append(addrs, netip.AddrFrom4(a.A))
				continue
			}
		case dnsmessage.TypeAAAA:
			if a, err := m.AAAAResource(); err == nil {
				addrs = append(addrs, netip.AddrFrom16(a.AAAA).Unmap())
				continue
			}
		}
		if m.SkipAnswer() != nil {
			break
		}
	}
	if name == "" {
		return
	}
	for _, a := range addrs {
		f.hosts.add(a, name)
	}
}

// hello learns the name that a client asks a server of TLS or HTTP for, in one
// segment or the first few.
func (f *Filter) hello(p *decode.Packet, b []byte) {
	src, dst := p.Addrs()
	c := connection{src, dst, p.SrcPort, p.DstPort}
	early, waits := f.hellos[c]
	if waits {
		b = append(early, b...)
	}
	name, more := proto.ServerName(b)
	switch {
	case name != "":
		f.asks(p, name)
	case more && len(b) < maxHello && (waits || len(f.hellos) < maxHellos):
		if !waits {
			b = append([]byte(nil), b...)
		}
		f.hellos[c] = b
		return
	}
	delete(f.hellos, c)
}

// asks notes that a connection is to a host, if the host is privileged.
func (f *Filter) asks(p *decode.Packet, name string) {
	if name = hostName(name); f.auth.PrivilegedName(name) {
		src, dst := p.Addrs()
		f.flows.add(connection{src, dst, p.SrcPort, p.DstPort}, name)
	}
}

// hostName is a name as an authority has it.
func hostName(s string) string { return strings.ToLower(strings.TrimSuffix(s, ".")) }
