package proto

import (
	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/tlv"
)

var frameLDAPPDU = frame("ldap.pdu")

// maxLDAPAnswers bounds the answers of one operation that rules see.
const maxLDAPAnswers = 1024

// ldapRules shows operations to the rules: a request when it comes, and all
// answers to it together with the last.
type ldapRules struct {
	id      uint64
	eve     *ldapTx // of the message in work; nil for none
	answers map[int64]*ldapAnswers
}

// ldapAnswers are those of one operation, as far as they came.
type ldapAnswers struct {
	tx    bufTx
	count uint64
}

// request offers an operation (RFC 4511 section 4).
func (r *ldapRules) request(c *Context, id int64, op byte, body []byte) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppLDAP, id: r.id, packets: []uint64{c.Number}}
	if r.eve != nil {
		t.eve = r.eve
	}
	t.number(suricata.BufLDAPRequestOp, uint64(op&0x1f))
	_, first, rest, _ := tlv.Next(body)
	switch op {
	case ldapBind:
		_, name, _, _ := tlv.Next(rest)
		t.add(suricata.BufLDAPRequestDN, name)
	case ldapSearch:
		t.add(suricata.BufLDAPRequestDN, first)
		for range 6 { // scope, aliases, size, time, types only, filter
			_, _, rest, _ = tlv.Next(rest)
		}
		list, _ := tlv.Into(rest, tlv.Sequence)
		for {
			_, v, next, ok := tlv.Next(list)
			if !ok {
				break
			}
			t.add(suricata.BufLDAPRequestAttribute, v)
			list = next
		}
	case ldapModify, ldapAdd:
		t.add(suricata.BufLDAPRequestDN, first)
		list, _ := tlv.Into(rest, tlv.Sequence)
		for {
			_, v, next, ok := tlv.Next(list)
			if !ok {
				break
			}
			if op == ldapModify { // operation, then the attribute
				_, _, v, _ = tlv.Next(v)
				v, _ = tlv.Into(v, tlv.Sequence)
			}
			if _, name, _, ok := tlv.Next(v); ok {
				t.add(suricata.BufLDAPRequestAttribute, name)
			}
			list = next
		}
	case ldapDelete:
		t.add(suricata.BufLDAPRequestDN, body)
	case ldapRename:
		t.add(suricata.BufLDAPRequestDN, first)
	case ldapCompare:
		t.add(suricata.BufLDAPRequestDN, first)
		ava, _ := tlv.Into(rest, tlv.Sequence)
		if _, name, _, ok := tlv.Next(ava); ok {
			t.add(suricata.BufLDAPRequestAttribute, name)
		}
	}
	if op != ldapUnbind && op != ldapAbandon {
		if r.answers == nil {
			r.answers = map[int64]*ldapAnswers{}
		}
		if len(r.answers) < maxLDAPRequests {
			r.answers[id] = &ldapAnswers{tx: bufTx{app: suricata.AppLDAP, id: r.id}}
		}
	}
	c.Offer(t, FromClient)
}

// Answers that come before the last of an operation.
const (
	ldapReference    = 0x73
	ldapIntermediate = 0x79
)

// response gathers an answer, and offers all when it is the last.
func (r *ldapRules) response(c *Context, id int64, op byte, body []byte) {
	if !c.Matching() {
		return
	}
	a := r.answers[id]
	if a == nil {
		r.id++
		a = &ldapAnswers{tx: bufTx{app: suricata.AppLDAP, id: r.id}}
		if id != 0 { // 0 is what a server tells by itself
			a.tx.event("ldap.request_not_found")
		}
	}
	if len(a.tx.packets) < MaxPackets {
		a.tx.packets = append(a.tx.packets, c.Number)
	}
	t := &a.tx
	if r.eve != nil {
		t.eve = r.eve
	}
	a.count++
	if a.count <= maxLDAPAnswers {
		own := func(b []byte) []byte { return append([]byte{}, b...) }
		t.number(suricata.BufLDAPResponseOp, uint64(op&0x1f))
		if op == ldapEntry {
			_, dn, rest, _ := tlv.Next(body)
			t.add(suricata.BufLDAPResponseDN, own(dn))
			list, _ := tlv.Into(rest, tlv.Sequence)
			for {
				_, v, next, ok := tlv.Next(list)
				if !ok {
					break
				}
				if _, name, _, ok := tlv.Next(v); ok {
					t.add(suricata.BufLDAPResponseAttribute, own(name))
				}
				list = next
			}
		} else if code, ok := tlv.Into(body, tlv.Enumerated); ok {
			n, _ := tlv.Int(code)
			t.number(suricata.BufLDAPResponseCode, uint64(n))
			_, _, rest, _ := tlv.Next(body)
			_, dn, rest, _ := tlv.Next(rest)
			_, text, _, _ := tlv.Next(rest)
			t.add(suricata.BufLDAPResponseDN, own(dn))
			t.add(suricata.BufLDAPResponseMessage, own(text))
		}
	}
	if op == ldapEntry || op == ldapReference || op == ldapIntermediate {
		return
	}
	t.number(suricata.BufLDAPResponseCount, a.count)
	delete(r.answers, id)
	c.Offer(t, FromServer)
}
