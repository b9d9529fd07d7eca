package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

var (
	frameDNSPDU  = frame("dns.pdu")
	frameMDNSPDU = frame("mdns.pdu")
)

// dnsTx is a message as rules see it. What few rules ask for is read from the
// message when one does.
type dnsTx struct {
	d    *dns
	dir  Dir
	msg  []byte
	more bufTx
	made bool
	told *dnsEVE // for EVE JSON alone
}

// EVE implements Teller.
func (t *dnsTx) EVE() EVE {
	if t.told == nil {
		return nil
	}
	return t.told
}

// App implements suricata.Tx.
func (t *dnsTx) App() suricata.AppProto { return t.d.app }

// ID implements suricata.Tx.
func (t *dnsTx) ID() uint64 { return t.d.tx }

// NBuf implements suricata.Tx.
func (t *dnsTx) NBuf(b suricata.Buffer) int {
	switch b {
	case suricata.BufDNSQuery:
		if t.dir == FromServer {
			return 0
		}
		return len(t.d.names)
	case suricata.BufDNSQueryName, suricata.BufMDNSQueryName:
		return len(t.d.names)
	case suricata.BufDNSOpcode, suricata.BufDNSRcode, suricata.BufDNSRRType, suricata.BufDNSAnswerName, suricata.BufDNSAuthorityName,
		suricata.BufDNSAdditionalName, suricata.BufDNSResponseName, suricata.BufAppEvent, suricata.BufMDNSAnswerName, suricata.BufMDNSAuthorityName,
		suricata.BufMDNSAdditionalName, suricata.BufMDNSResponseName:
		t.read()
		return t.more.NBuf(b)
	}
	return 0
}

// BufAt implements suricata.Tx.
func (t *dnsTx) BufAt(b suricata.Buffer, i int) []byte {
	if b == suricata.BufDNSQuery || b == suricata.BufDNSQueryName || b == suricata.BufMDNSQueryName {
		return t.d.names[i]
	}
	t.read()
	return t.more.BufAt(b, i)
}

// read goes through the header and the records of the message (RFC 1035
// section 4.1).
func (t *dnsTx) read() {
	if t.made {
		return
	}
	t.made = true
	b, m := t.msg, &t.more
	flags := binary.BigEndian.Uint16(b[2:])
	answer := flags&0x8000 != 0
	m.number(suricata.BufDNSOpcode, uint64(flags>>11&15))
	m.number(suricata.BufDNSRcode, uint64(flags&15)) // of a query too, where it is 0
	switch {
	case t.d.app != suricata.AppDNS:
	case answer && t.dir == FromClient:
		m.event("dns.not_request")
	case !answer && t.dir == FromServer:
		m.event("dns.not_response")
	}
	prefix := "dns."
	if t.d.app == suricata.AppMDNS {
		prefix = "mdns."
	}
	if flags&0x40 != 0 {
		m.event(prefix + "z_flag_set")
	}
	if flags>>11&15 >= 7 {
		m.event(prefix + "invalid_opcode")
	}
	t.d.loop, t.d.long = false, false
	if where := t.records(answer); where != "" {
		m.event(prefix + where)
	}
	if t.d.loop {
		m.event(prefix + "infinite_loop")
	}
	if t.d.long {
		m.event(prefix + "name_too_long")
	}
}

// named adds the name that a record's data are: of CNAME, PTR, MX, NS and SOA
// (RFC 1035 section 3.3).
func (t *dnsTx) named(all suricata.Buffer, typ uint16, at int) {
	switch typ {
	case 2, 5, 6, 12:
	case 15:
		at += 2
	default:
		return
	}
	if name, _, ok := t.d.name(t.msg, at); ok {
		t.more.add(all, name)
	}
}

// maxDNSRecords bounds the records of one message that rules see.
const maxDNSRecords = 256

// dnsBroken are the events of records that can't be read, by their section.
var dnsBroken = [3]string{"malformed_data", "invalid_authorities", "invalid_additionals"}

// records reads the records; it gives the event of one that can't be read.
func (t *dnsTx) records(answer bool) string {
	b, m, at := t.msg, &t.more, 12
	sections := [3]suricata.Buffer{suricata.BufDNSAnswerName, suricata.BufDNSAuthorityName, suricata.BufDNSAdditionalName}
	all := suricata.BufDNSResponseName
	if t.d.app == suricata.AppMDNS {
		sections = [3]suricata.Buffer{suricata.BufMDNSAnswerName, suricata.BufMDNSAuthorityName, suricata.BufMDNSAdditionalName}
		all = suricata.BufMDNSResponseName
	}
	for range min(int(binary.BigEndian.Uint16(b[4:])), maxDNSRecords) {
		name, next, ok := t.d.name(b, at)
		if !ok || next+4 > len(b) {
			return "malformed_data"
		}
		m.number(suricata.BufDNSRRType, uint64(binary.BigEndian.Uint16(b[next:])))
		if answer {
			m.add(all, name)
		}
		at = next + 4
	}
	for i, section := range sections {
		for range min(int(binary.BigEndian.Uint16(b[6+2*i:])), maxDNSRecords) {
			name, next, ok := t.d.name(b, at)
			if !ok || next+10 > len(b) {
				return dnsBroken[i]
			}
			typ := binary.BigEndian.Uint16(b[next:])
			at = next + 10 + int(binary.BigEndian.Uint16(b[next+8:]))
			if at > len(b) {
				return dnsBroken[i]
			}
			if typ == 41 { // OPT is no record of a name (RFC 6891)
				continue
			}
			m.add(section, name)
			if i == 0 { // of questions and answers
				m.number(suricata.BufDNSRRType, uint64(typ))
			}
			if answer {
				m.add(all, name)
				t.named(all, typ, next+10)
			}
		}
	}
	return ""
}
