package proto

// LDAP, RFC 4511 section 4, in BER, over TCP and, as Active Directory's locator
// has it, over UDP ([MS-ADTS] section 6.3.3):
//
//	message   SEQUENCE: id INTEGER, operation, controls [0]
//	bind      [APPLICATION 0] version, name, simple [0] or sasl [3]: mechanism, credentials
//	search    [APPLICATION 3] base, scope, aliases, size, time, types only, filter, attributes
//	result    [APPLICATION 1, 5, 7, ...] code, name, message
//
// One event an operation with its result. Passwords and the values of changes
// are never taken.

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/ldapfilter"
	"saksi/sensor/proto/internal/ntlm"
	"saksi/sensor/proto/internal/tlv"
)

func init() {
	register(&Entry{
		Name: "ldap", Doc: "Lightweight Directory Access Protocol", Reference: "RFC 4511, [MS-ADTS]",
		Transport: TCP | UDP, Ports: []uint16{389, 3268}, App: suricata.AppLDAP,
		First: []string{"\x30"}, Detect: detectLDAP,
		New:     func(t Transport) Parser { return &ldap{stream: t == TCP} },
		Samples: []string{"ldap_tcp.txt", "cldap_udp.txt"}, Hostile: []string{"ldap_hostile.txt"},
	})
}

// Operations: tags of requests; the result has the tag behind it but for
// searches.
const (
	ldapBind     = 0x60
	ldapUnbind   = 0x42
	ldapSearch   = 0x63
	ldapEntry    = 0x64
	ldapDone     = 0x65
	ldapModify   = 0x66
	ldapAdd      = 0x68
	ldapDelete   = 0x4a
	ldapRename   = 0x6c
	ldapCompare  = 0x6e
	ldapAbandon  = 0x50
	ldapExtended = 0x77
)

var ldapActions = map[byte]string{
	ldapBind: "bind", ldapSearch: "search", ldapModify: "modify", ldapAdd: "add", ldapDelete: "delete",
	ldapRename: "rename", ldapCompare: "compare", ldapExtended: "extended",
}

// startTLS is the name of an extended operation (RFC 4511 section 4.14.1).
const startTLS = "1.3.6.1.4.1.1466.20037"

func detectLDAP(p *Probe) Verdict {
	b := p.Data
	if len(b) < 9 {
		if p.Transport == TCP {
			return More
		}
		return No
	}
	n := tlv.Size(b)
	if n < 0 || n > maxLDAP || p.Transport == UDP && n != int64(p.Length) {
		return No
	}
	id, op, body, ok := ldapMessage(b)
	if !ok || id < 0 {
		return No
	}
	switch op {
	case ldapBind: // version 2 or 3
		v, ok := tlv.Into(body, tlv.Integer)
		if ok && len(v) == 1 && (v[0] == 2 || v[0] == 3) {
			return Yes
		}
	case ldapSearch: // base, then a scope of at most 3
		_, _, rest, ok := tlv.Next(body)
		if ok && body[0] == tlv.Octets && len(rest) >= 6 && rest[0] == tlv.Enumerated && rest[1] == 1 && rest[2] <= 3 && rest[3] == tlv.Enumerated {
			return Yes
		}
	case ldapBind + 1, ldapDone:
		if _, ok := tlv.Into(body, tlv.Enumerated); ok {
			return onPort(p, true, 389, 3268)
		}
	case ldapExtended:
		if v, ok := tlv.Find(body, 0x80); ok && bytes.HasPrefix(v, []byte("1.")) {
			return Yes
		}
	}
	return No
}

const (
	// maxLDAP bounds a message.
	maxLDAP = 64 << 20
	// maxLDAPRequests bounds operations that wait for their result.
	maxLDAPRequests = 128
	// maxLDAPAttributes bounds the attributes listed of a search.
	maxLDAPAttributes = 32
	// maxLDAPText bounds a name or a filter.
	maxLDAPText = 4 << 10
)

// ldapMessage opens a message.
func ldapMessage(b []byte) (id int64, op byte, body []byte, ok bool) {
	seq, ok := tlv.Into(b, tlv.Sequence)
	if !ok {
		return 0, 0, nil, false
	}
	tag, num, rest, ok := tlv.Next(seq)
	if !ok || tag != tlv.Integer {
		return 0, 0, nil, false
	}
	id, ok = tlv.Int(num)
	if !ok {
		return 0, 0, nil, false
	}
	op, body, _, ok = tlv.Next(rest)
	return id, op, body, ok
}

// ldapRequest is an operation whose result is to come.
type ldapRequest struct {
	id         int64
	op         byte
	packets    Packets
	dn         []byte
	mechanism  string
	user       userName
	base       []byte
	scope      string
	filter     []byte
	attributes [][]byte
	entries    int64
	startTLS   bool
}

type ldap struct {
	segmenter
	noRest
	stream   bool
	requests []*ldapRequest
	server   ntlm.Message
	sealed   bool
	rules    ldapRules
	eve      ldapEVE
}

// Data implements Parser.
func (p *ldap) Data(c *Context, dir Dir, b []byte) Result {
	if p.stream {
		return p.data(c, dir, b, p)
	}
	for rest := b; len(rest) > 0; {
		n := tlv.Size(rest)
		if n <= 0 {
			break
		}
		p.take(c, dir, rest, n)
		rest = rest[min(n, int64(len(rest))):]
	}
	return Result(len(b))
}

func (p *ldap) size(_ Dir, b []byte) (n, hold int64) {
	if b[0] != tlv.Sequence { // SASL has sealed what follows (RFC 4422 section 3.7)
		p.sealed = true
		return 1, 1
	}
	n = tlv.Size(b)
	if n > maxLDAP {
		return -1, 0
	}
	return n, maxHeld
}

func (p *ldap) take(c *Context, dir Dir, b []byte, _ int64) Result {
	if p.sealed {
		return Done
	}
	id, op, body, ok := ldapMessage(b)
	offerFrames(c, dir, suricata.AppLDAP, framed{frameLDAPPDU, b})
	switch {
	case !ok && p.stream:
		return Broken
	case !ok:
		return 0
	}
	if c.Detail {
		p.rules.eve = p.eve.message(c, dir, b, id, op, body)
	}
	if dir == FromClient {
		p.rules.request(c, id, op, body)
		p.request(c, id, op, body)
		return 0
	}
	p.rules.response(c, id, op, body)
	return p.result(c, id, op, body)
}

func (p *ldap) request(c *Context, id int64, op byte, body []byte) {
	if ldapActions[op] == "" {
		return
	}
	q := &ldapRequest{id: id, op: op}
	q.packets.Add(c.Number)
	_, first, rest, _ := tlv.Next(body)
	switch op {
	case ldapBind:
		_, name, auth, _ := tlv.Next(rest)
		q.dn = ldapText(name)
		p.auth(q, auth)
	case ldapSearch:
		q.base = ldapText(first)
		p.search(q, rest)
	case ldapDelete:
		q.dn = ldapText(body)
	case ldapExtended:
		q.dn = ldapText(first)
		q.startTLS = string(first) == startTLS
	default:
		q.dn = ldapText(first)
	}
	if len(p.requests) >= maxLDAPRequests {
		p.emit(c, 0, -1)
	}
	p.requests = append(p.requests, q)
}

func ldapText(b []byte) []byte { return bytes.Clone(b[:min(len(b), maxLDAPText)]) }

// auth reads how a bind authenticates; a simple password is passed over.
func (p *ldap) auth(q *ldapRequest, b []byte) {
	tag, v, _, ok := tlv.Next(b)
	if !ok {
		return
	}
	switch tag {
	case 0x80:
		q.mechanism = "simple"
		q.user.name = q.dn
		if len(q.dn) == 0 {
			q.user.name = []byte("anonymous")
		}
	case 0xa3:
		_, mech, rest, _ := tlv.Next(v)
		q.mechanism = string(mech[:min(len(mech), 32)])
		if _, cred, _, ok := tlv.Next(rest); ok {
			q.user.token(cred, &p.server)
		}
	case 0x89, 0x8a, 0x8b: // [MS-ADTS] section 5.1.1.1.3: NTLM as it is
		q.mechanism = "sicily"
		q.user.token(v, &p.server)
	}
}

func (p *ldap) search(q *ldapRequest, b []byte) {
	_, scope, rest, ok := tlv.Next(b)
	if ok && len(scope) == 1 && scope[0] < 3 {
		q.scope = [3]string{"base", "one", "subtree"}[scope[0]]
	}
	for range 4 { // aliases, size, time, types only
		_, _, rest, _ = tlv.Next(rest)
	}
	q.filter = ldapfilter.Append(nil, rest, maxLDAPText)
	_, _, rest, _ = tlv.Next(rest)
	list, _ := tlv.Into(rest, tlv.Sequence)
	for len(q.attributes) < maxLDAPAttributes {
		_, v, next, ok := tlv.Next(list)
		if !ok {
			break
		}
		q.attributes = append(q.attributes, ldapText(v[:min(len(v), 128)]))
		list = next
	}
}

func (p *ldap) result(c *Context, id int64, op byte, body []byte) Result {
	i := 0
	for i < len(p.requests) && p.requests[i].id != id {
		i++
	}
	if i == len(p.requests) {
		return 0
	}
	q := p.requests[i]
	q.packets.Add(c.Number)
	switch {
	case op == ldapEntry:
		q.entries++
		return 0
	case op != q.op+1 && !(op == ldapDone && q.op == ldapSearch) && !(op == 0x6b && q.op == ldapDelete):
		return 0
	}
	code := int64(-1)
	if v, ok := tlv.Into(body, tlv.Enumerated); ok {
		code, _ = tlv.Int(v)
	}
	if q.op == ldapBind { // the challenge of a bind in steps
		if v, ok := tlv.Find(body, 0x87); ok {
			(&userName{}).token(v, &p.server)
		} else {
			(&userName{}).token(body, &p.server)
		}
	}
	p.emit(c, i, code)
	if q.startTLS && code == 0 {
		c.Redetect = true
		return Done
	}
	return 0
}

// emit tells of the operation at an index; code is negative if its result was
// not seen.
func (p *ldap) emit(c *Context, i int, code int64) {
	q := p.requests[i]
	p.requests = append(p.requests[:i], p.requests[i+1:]...)
	e := c.Begin("saksi.ldap", q.packets.List())
	e.Str(event.EventAction, ldapActions[q.op])
	if q.op == ldapBind {
		e.Str(event.EventCategory, "authentication")
	}
	e.Bytes(event.SaksiLdapDn, q.dn)
	e.Str(event.SaksiLdapMechanism, q.mechanism)
	q.user.login(e)
	e.Bytes(event.SaksiLdapBase, q.base)
	e.Str(event.SaksiLdapScope, q.scope)
	e.Bytes(event.SaksiLdapFilter, q.filter)
	for _, a := range q.attributes {
		e.Bytes(event.SaksiLdapAttributes, a)
	}
	if q.op == ldapSearch {
		e.Int(event.SaksiLdapEntries, q.entries)
	}
	if code >= 0 {
		e.Int(event.SaksiLdapResultCode, code)
		if code != 14 { // saslBindInProgress
			outcome(e, code == 0 || code == 5 || code == 6)
		}
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *ldap) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *ldap) Close(c *Context) {
	p.eve.close(c)
	for len(p.requests) > 0 {
		p.emit(c, 0, -1)
	}
}
