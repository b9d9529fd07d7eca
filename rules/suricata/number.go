package suricata

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// AppendNumber writes the instance of a buffer that is a number, such as
// BufDNSOpcode.
func AppendNumber(dst []byte, n uint64) []byte { return binary.BigEndian.AppendUint64(dst, n) }

// kwNumber takes a keyword that compares a number of a transaction (Suricata
// user guide, "Integer Keywords"): a comparison, the name of a value or names of
// bits, and for numbers that occur several times which of them it means.
func kwNumber(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if strings.HasPrefix(o.val.s, "!") {
		f = o.val
	}
	buf := numberKeywords[o.key.s]
	info := &bufTable[buf]
	l := b.listFor(buf, nil)
	it := item{kind: itNumber, at: o.val.off}
	switch parts := f.list(); {
	case len(info.flags) > 0 && isFlags(parts, info.flags):
		if it.size, err = flagBits(parts, info.flags); err != nil {
			return err
		}
	case strings.HasPrefix(f.s, "count") && info.multi:
		rest := strings.TrimPrefix(f.s, "count")
		if l.which.cmp, err = parseUint(field{rest, f.off + len(f.s) - len(rest)}, 32); err != nil {
			return err
		}
		l.which.kind = whichLength
		return nil
	default:
		if it.size, err = parseNamed(parts[0], info.bits, info.names); err != nil {
			return err
		}
		if len(parts) > 1 {
			if !info.multi {
				return wrong(parts[1].off, o.key.s+" takes no index", "a comparison alone")
			}
			if l.which, err = parseWhich(parts[1:]); err != nil {
				return err
			}
		}
	}
	l.items = append(l.items, it)
	return nil
}

func isFlags(parts []field, names map[string]uint64) bool {
	_, ok := names[strings.ToLower(strings.TrimPrefix(parts[0].s, "!"))]
	return ok
}

// flagBits makes one comparison of "name,!name".
func flagBits(parts []field, names map[string]uint64) (uintCmp, *fault) {
	c := uintCmp{op: opMask}
	for _, p := range parts {
		s, neg := strings.CutPrefix(p.s, "!")
		bit, ok := names[strings.ToLower(strings.TrimSpace(s))]
		if !ok {
			return c, wrong(p.off, fmt.Sprintf("unknown flag %q", s), "names of flags with ! before them or not")
		}
		c.a |= bit
		if !neg {
			c.b |= bit
		}
	}
	return c, nil
}

// parseNamed reads a comparison whose operand may be one of names.
func parseNamed(f field, bits int, names map[string]uint64) (uintCmp, *fault) {
	s, neg := strings.CutPrefix(f.s, "!")
	if n, ok := names[strings.ToLower(strings.TrimSpace(s))]; ok {
		switch {
		case n == beyond && neg:
			return uintCmp{op: opLe, a: uint64(len(names) - 2)}, nil
		case n == beyond:
			return uintCmp{op: opGt, a: uint64(len(names) - 2)}, nil
		case neg:
			return uintCmp{op: opNe, a: n}, nil
		}
		return uintCmp{op: opEq, a: n}, nil
	}
	if len(names) > 0 && s != "" && isAlpha(s[0]) {
		return uintCmp{}, wrong(f.off, fmt.Sprintf("%q is not one of the names known", s), "a number or a name of the protocol's registry")
	}
	return parseUint(f, bits)
}

// numberKeywords maps the keywords of numbers to their buffers.
var numberKeywords = func() map[string]Buffer {
	m := map[string]Buffer{}
	for b := range NumBuffers {
		if bufTable[b].bits > 0 && !bufTable[b].special {
			m[bufTable[b].name] = b
		}
	}
	return m
}()

// beyond is the value of a name for all numbers above those that have one,
// which then count from 0.
const beyond = 1<<64 - 1

// ntpModes are names of modes (RFC 5905 section 7.3).
var ntpModes = map[string]uint64{
	"reserved": 0, "symmetric_active": 1, "symmetric_passive": 2, "client": 3, "server": 4, "broadcast": 5, "control": 6, "private": 7,
}

var yesNo = map[string]uint64{"yes": 1, "true": 1, "no": 0, "false": 0}

// dnsRcodes and dnsRRTypes are names of the IANA registry "Domain Name System
// (DNS) Parameters".
var dnsRcodes = map[string]uint64{
	"noerror": 0, "formerr": 1, "servfail": 2, "nxdomain": 3, "notimp": 4, "refused": 5, "yxdomain": 6, "yxrrset": 7, "nxrrset": 8,
	"notauth": 9, "notzone": 10, "badvers": 16, "badsig": 16, "badkey": 17, "badtime": 18, "badmode": 19, "badname": 20, "badalg": 21, "badtrunc": 22,
}

var dnsRRTypes = map[string]uint64{
	"a": 1, "ns": 2, "md": 3, "mf": 4, "cname": 5, "soa": 6, "mb": 7, "mg": 8, "mr": 9, "null": 10, "wks": 11, "ptr": 12, "hinfo": 13, "minfo": 14,
	"mx": 15, "txt": 16, "rp": 17, "afsdb": 18, "x25": 19, "isdn": 20, "rt": 21, "nsap": 22, "nsapptr": 23, "sig": 24, "key": 25, "px": 26, "gpos": 27,
	"aaaa": 28, "loc": 29, "nxt": 30, "srv": 33, "atma": 34, "naptr": 35, "kx": 36, "cert": 37, "a6": 38, "dname": 39, "opt": 41, "apl": 42, "ds": 43,
	"sshfp": 44, "ipseckey": 45, "rrsig": 46, "nsec": 47, "dnskey": 48, "dhcid": 49, "nsec3": 50, "nsec3param": 51, "tlsa": 52, "hip": 55, "cds": 59,
	"cdnskey": 60, "svcb": 64, "https": 65, "spf": 99, "tkey": 249, "tsig": 250, "maila": 254, "any": 255, "uri": 256,
}

// http2Frames and http2Errors are names of RFC 9113, sections 6 and 7.
var http2Frames = map[string]uint64{
	"data": 0, "headers": 1, "priority": 2, "rststream": 3, "settings": 4, "pushpromise": 5, "ping": 6, "goaway": 7, "windowupdate": 8, "continuation": 9,
	"rst_stream": 3, "push_promise": 5, "window_update": 8,
}

var http2Errors = map[string]uint64{
	"no_error": 0, "protocol_error": 1, "internal_error": 2, "flow_control_error": 3, "settings_timeout": 4, "stream_closed": 5, "frame_size_error": 6,
	"refused_stream": 7, "cancel": 8, "compression_error": 9, "connect_error": 10, "enhance_your_calm": 11, "inadequate_security": 12, "http_1_1_required": 13,
}

// mqttTypes are the control packets of MQTT 5.0, section 2.1.2.
var mqttTypes = map[string]uint64{
	"unassigned": 0, "connect": 1, "connack": 2, "publish": 3, "puback": 4, "pubrec": 5, "pubrel": 6, "pubcomp": 7, "subscribe": 8, "suback": 9,
	"unsubscribe": 10, "unsuback": 11, "pingreq": 12, "pingresp": 13, "disconnect": 14, "auth": 15,
}

// snmpPDUs are the tags of RFC 3416, section 3.
var snmpPDUs = map[string]uint64{
	"get_request": 0, "get_next_request": 1, "response": 2, "set_request": 3, "trap_v1": 4, "get_bulk_request": 5, "inform_request": 6, "trap_v2": 7, "report": 8,
}

// rfbResults are the security results of RFC 6143, section 7.1.3.
var rfbResults = map[string]uint64{"ok": 0, "fail": 1, "toomany": 2, "unknown": beyond}
