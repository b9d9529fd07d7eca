package intel

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"saksi/event"
)

// mostHits is how many indicators of one event are told.
const mostHits = 64

// mostAsked is how many indicators of one value are looked at: a feed that names
// one value a million times must not stop the traffic.
const mostAsked = 1024

// compared are the kinds of values a field holds.
var compared = func() (t [event.NumFields][]Kind) {
	for _, x := range []struct {
		kinds  []Kind
		fields []event.Field
	}{
		{[]Kind{Address, Source, Network}, []event.Field{event.SourceIP}},
		{[]Kind{Address, Destination, Network}, []event.Field{event.DestinationIP}},
		{[]Kind{Address, Network}, []event.Field{event.DNSResolvedIP, event.SaksiStunRelayedIP, event.SaksiStunPeerIP, event.SourceNatIP}},
		{[]Kind{Domain, Tree, Below}, []event.Field{event.DNSQuestionName, event.DNSAnswersData, event.URLDomain, event.TLSClientServerName, event.DestinationDomain, event.SourceDomain, event.TLSServerX509AlternativeNames}},
		{[]Kind{URL, BareURL}, []event.Field{event.URLFull}},
		{[]Kind{MD5}, []event.Field{event.FileHashMD5, event.ProcessHashMD5}},
		{[]Kind{SHA1}, []event.Field{event.FileHashSHA1, event.ProcessHashSHA1}},
		{[]Kind{SHA256}, []event.Field{event.FileHashSHA256, event.ProcessHashSHA256}},
		{[]Kind{Email, Sender}, []event.Field{event.EmailFromAddress}},
		{[]Kind{Email, Recipient}, []event.Field{event.EmailToAddress}},
		{[]Kind{Email}, []event.Field{event.UserEmail}},
		{[]Kind{Subject}, []event.Field{event.EmailSubject}},
		{[]Kind{JA3}, []event.Field{event.TLSClientJA3}},
		{[]Kind{JA3S}, []event.Field{event.TLSServerJA3S}},
		{[]Kind{JA4}, []event.Field{event.SaksiTLSJA4}},
		{[]Kind{HASSH}, []event.Field{event.SaksiSSHHassh}},
		{[]Kind{HASSHServer}, []event.Field{event.SaksiSSHHasshServer}},
		{[]Kind{CertSHA1}, []event.Field{event.TLSServerHashSHA1}},
		{[]Kind{CertSHA256}, []event.Field{event.TLSServerHashSHA256, event.TLSClientHashSHA256}},
		{[]Kind{CertSerial}, []event.Field{event.TLSServerX509SerialNumber}},
		{[]Kind{FileName}, []event.Field{event.FileName, event.ProcessName}},
		{[]Kind{UserAgent}, []event.Field{event.UserAgentOriginal}},
		{[]Kind{DestinationPort}, []event.Field{event.DestinationPort}},
		{[]Kind{SourcePort}, []event.Field{event.SourcePort}},
		{[]Kind{Protocol}, []event.Field{event.NetworkProtocol, event.NetworkTransport, event.NetworkType}},
		{[]Kind{FileSize}, []event.Field{event.FileSize}},
		{[]Kind{Method}, []event.Field{event.HTTPRequestMethod}},
		{[]Kind{Path}, []event.Field{event.URLOriginal}},
	} {
		for _, f := range x.fields {
			t[f] = x.kinds
		}
	}
	return t
}()

// fieldList names up to eight fields.
type fieldList struct {
	f [8]event.Field
	n uint8
}

func (l *fieldList) add(f event.Field) {
	if int(l.n) < len(l.f) && !slices.Contains(l.f[:l.n], f) {
		l.f[l.n] = f
		l.n++
	}
}

// Hit is an indicator that an event holds.
type Hit struct {
	entry
	mixed  int32 // the pattern of several terms, or -1
	Kind   Kind
	fields fieldList
	text   string // the value in its normal form
}

// scratch is what one search needs; it is used again.
type scratch struct {
	set    *Set
	e      *event.Event
	buf    []byte
	hits   []Hit
	start  bool // the addresses of a flow are asked for
	inFlow bool
	file   bool // a file that a flow carried: what else it holds, another event of the flow tells
}

// Match returns the indicators that e holds, in the order of its values. The
// addresses of a flow are not among them: MatchFlow tells them once. An event that
// holds none costs no allocation.
func (s *Set) Match(e *event.Event) []Hit { return s.match(e, false) }

// MatchFlow returns the indicators that are addresses of a flow, at its start.
func (s *Set) MatchFlow(e *event.Event) []Hit { return s.match(e, true) }

// HasAddress reports whether an address may be an indicator, for itself or by
// its network.
func (s *Set) HasAddress(a netip.Addr) bool {
	a = a.Unmap()
	var b [17]byte
	addr := b[1:]
	if a.Is4() {
		v4 := a.As4()
		addr = addr[:copy(addr, v4[:])]
	} else {
		v6 := a.As16()
		copy(addr, v6[:])
	}
	for _, k := range [...]Kind{Address, Source, Destination} {
		if s.simple.has(k) && s.table.may(k, addr) {
			return true
		}
	}
	if !s.simple.has(Network) {
		return false
	}
	lengths := s.prefixes.v6
	if a.Is4() {
		lengths = s.prefixes.v4
	}
	for i := len(lengths) - 1; i >= 0; i-- { // what is cut off stays off
		n := int(lengths[i])
		for j := n / 8; j < len(addr); j++ {
			keep := max(n-8*j, 0)
			addr[j] &^= 0xff >> keep
		}
		b[0] = byte(n)
		if s.table.may(Network, b[:1+len(addr)]) {
			return true
		}
	}
	return false
}

// WantsFlows reports whether MatchFlow can find anything.
func (s *Set) WantsFlows() bool {
	return s.simple.has(Address) || s.simple.has(Source) || s.simple.has(Destination) || s.simple.has(Network)
}

func (s *Set) match(e *event.Event, start bool) []Hit {
	if s.table.n == 0 && (s.scans == 0 || start) {
		return nil
	}
	m := s.pool.Get().(*scratch)
	m.e, m.start, m.inFlow, m.hits = e, start, e.Has(event.SaksiFlowID), m.hits[:0]
	name, _ := e.GetStr(event.EventDataset)
	m.file = name == "saksi.file"
	for v := range e.All() {
		if len(compared[v.Field]) > 0 {
			m.value(v)
		}
	}
	var hits []Hit
	if len(m.hits) > 0 {
		hits = slices.Clone(m.hits)
		clear(m.hits)
	}
	m.e = nil
	s.pool.Put(m)
	return hits
}

// value looks a value of the event up as all it can be.
func (m *scratch) value(v event.Value) {
	for _, k := range compared[v.Field] {
		if len(m.set.scanned[k]) > 0 && !m.start {
			m.scan(k, v)
		}
		if !m.set.simple.has(k) && !m.set.joined.has(k) || !k.searched() {
			continue
		}
		switch k {
		case Network:
			m.networks(v)
			continue
		case Tree, Below:
			m.parents(k, v)
			continue
		}
		var ok bool
		if m.buf, ok = appendKey(m.buf[:0], k, v); ok {
			m.ask(k, v, m.buf)
		}
	}
}

// ask looks up one normal form.
func (m *scratch) ask(k Kind, v event.Value, value []byte) {
	s := m.set
	ends := m.inFlow && (v.Field == event.SourceIP || v.Field == event.DestinationIP)
	if s.simple.has(k) && ends == m.start && !(m.file && !ofFile(k)) {
		for _, e := range m.bounded(s.table.lookup(k, value)) {
			m.add(e, -1, k, v, value)
		}
	}
	if s.joined.has(k) && !m.start {
		for _, e := range m.bounded(s.table.lookup(k|anchored, value)) {
			x := &s.mixed[e.record]
			if x.flow && m.inFlow && !isFlow(m.e) {
				continue // told once, by the event of the flow
			}
			if m.holds(x) {
				m.add(x.entry, int32(e.record), k, v, value)
			}
		}
	}
}

// bounded leaves out, and counts, what is beyond mostAsked.
func (m *scratch) bounded(list []entry) []entry {
	if n := len(list); n > mostAsked {
		m.set.beyond.Add(uint64(n - mostAsked))
		return list[:mostAsked]
	}
	return list
}

// ofFile reports whether a kind is about a file itself.
func ofFile(k Kind) bool { return k == MD5 || k == SHA1 || k == SHA256 || k == FileName }

func isFlow(e *event.Event) bool {
	name, _ := e.GetStr(event.EventDataset)
	return name == "saksi.flow"
}

func (m *scratch) add(e entry, mixed int32, k Kind, v event.Value, value []byte) {
	for i := range m.hits {
		if h := &m.hits[i]; h.entry == e && h.mixed == mixed {
			h.fields.add(v.Field)
			return
		}
	}
	s := m.set
	if s.dead[e.record] {
		return
	}
	if at, judged := moment(m.e); judged {
		if _, x := readRecord(s.arena[e.record:]); x.From != 0 && at < x.From || x.Until != 0 && at >= x.Until {
			s.outside.Add(1)
			return
		}
	}
	if len(m.hits) >= mostHits {
		s.beyond.Add(1)
		return
	}
	h := Hit{entry: e, mixed: mixed, Kind: k, text: valueText(k, value)}
	h.fields.add(v.Field)
	m.hits = append(m.hits, h)
}

// moment is the time by which validity is judged. A file at rest has none: its
// times are what somebody set.
func moment(e *event.Event) (at int64, judged bool) {
	if name, _ := e.GetStr(event.EventDataset); name == "saksi.entry" {
		return 0, false
	}
	at, ok := e.GetTime(event.Timestamp)
	return at, ok && at != 0
}

// networks looks up the networks an address lies in, wide ones first.
func (m *scratch) networks(v event.Value) {
	a := v.Addr().Unmap()
	lengths := m.set.prefixes.v6
	if a.Is4() {
		lengths = m.set.prefixes.v4
	}
	for _, n := range lengths {
		p, err := a.Prefix(int(n))
		if err != nil {
			continue
		}
		m.buf = append(m.buf[:0], n)
		if p.Addr().Is4() {
			b := p.Addr().As4()
			m.buf = append(m.buf, b[:]...)
		} else {
			b := p.Addr().As16()
			m.buf = append(m.buf, b[:]...)
		}
		m.ask(Network, v, m.buf)
	}
}

// parents looks up a name and those above it.
func (m *scratch) parents(k Kind, v event.Value) {
	var ok bool
	if m.buf, ok = appendKey(m.buf[:0], Domain, v); !ok {
		return
	}
	name := m.buf
	for at := 0; ; {
		if k == Tree || at > 0 {
			m.ask(k, v, name[at:])
		}
		dot := strings.IndexByte(string(name[at:]), '.')
		if dot < 0 {
			return
		}
		at += dot + 1
	}
}

// appendKey appends the normal form of an event's value as a kind; false where
// it can be none.
func appendKey(dst []byte, k Kind, v event.Value) ([]byte, bool) {
	switch k {
	case Address, Source, Destination:
		a := v.Addr().Unmap()
		if a.Is4() {
			b := a.As4()
			return append(dst, b[:]...), true
		}
		b := a.As16()
		return append(dst, b[:]...), true
	case Domain, Tree, Below:
		s := v.Str()
		if n := len(s); n > 1 && s[n-1] == '.' {
			s = s[:n-1]
		}
		if len(s) == 0 || len(s) > 253 {
			return dst, false
		}
		for i := 0; i < len(s); i++ {
			dst = append(dst, lower(s[i]))
		}
		return dst, true
	case URL, BareURL:
		s := v.Str()
		if k == BareURL { // what stands before the host is left out
			if i := strings.Index(s, "://"); i >= 0 {
				s = s[i+1:]
				switch i {
				case 4:
					s = cutPort(s, ":80")
				case 5:
					s = cutPort(s, ":443")
				}
			}
		}
		dst, _, ok := appendURL(dst, s)
		return dst, ok && len(s) <= maxValue
	case MD5, JA3, JA3S, HASSH, HASSHServer, SHA1, CertSHA1, SHA256, CertSHA256:
		s := v.Str()
		if len(s) > 64 || len(s)%2 != 0 {
			return dst, false
		}
		for i := 0; i < len(s); i += 2 {
			a, b := nibble(s[i]), nibble(s[i+1])
			if a > 15 || b > 15 {
				return dst, false
			}
			dst = append(dst, a<<4|b)
		}
		return dst, true
	case Email, Sender, Recipient, JA4:
		s := v.Str()
		for i := 0; i < len(s); i++ {
			dst = append(dst, lower(s[i]))
		}
		return dst, len(s) <= maxValue
	case CertSerial:
		s := v.Str()
		for len(s) > 1 && s[0] == '0' {
			s = s[1:]
		}
		for i := 0; i < len(s); i++ {
			dst = append(dst, upper(s[i]))
		}
		return dst, true
	case FileName:
		s := v.Str()
		return append(dst, s[strings.LastIndexAny(s, `/\`)+1:]...), len(s) <= maxValue
	}
	return append(dst, v.Str()...), len(v.Str()) <= maxValue
}

// cutPort takes a port from the host of "//host:port/...".
func cutPort(s, port string) string {
	end := strings.IndexAny(s[2:], "/?#")
	if end < 0 {
		end = len(s) - 2
	}
	if host, ok := strings.CutSuffix(s[:2+end], port); ok {
		return host + s[2+end:]
	}
	return s
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// valueText writes a normal form as it is read.
func valueText(k Kind, value []byte) string {
	switch k {
	case Address, Source, Destination:
		return addrText(value)
	case Network:
		return addrText(value[1:]) + "/" + itoa(int64(value[0]))
	case MD5, JA3, JA3S, HASSH, HASSHServer, SHA1, CertSHA1, SHA256, CertSHA256:
		return hex.EncodeToString(value)
	}
	return string(value)
}
