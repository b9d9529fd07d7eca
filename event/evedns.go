package event

import (
	"strconv"
	"strings"
)

// eveOps are the codes of dns.op_code (RFC 1035, 1996, 2136).
var eveOps = map[string]int64{"QUERY": 0, "IQUERY": 1, "STATUS": 2, "NOTIFY": 4, "UPDATE": 5}

// eveRcodes are the codes of dns.response_code (IANA, DNS RCODEs).
var eveRcodes = map[string]int64{
	"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5, "YXDOMAIN": 6, "YXRRSET": 7, "NXRRSET": 8, "NOTAUTH": 9, "NOTZONE": 10,
}

var eveDNSFlags = []struct {
	name, key string
	bit       int64
}{{"AA", "aa", 0x400}, {"TC", "tc", 0x200}, {"RD", "rd", 0x100}, {"RA", "ra", 0x80}, {"Z", "z", 0x40}, {"AD", "", 0x20}, {"CD", "", 0x10}}

// dnsHeader gives the flags of a message, and whether it answers.
func dnsHeader(e *Event) (flags int64, answer bool) {
	t, _ := e.GetStr(DNSType)
	answer = t == "answer"
	if flags, ok := e.GetInt(SaksiEveDNSFlags); ok {
		return flags, answer
	}
	op, _ := e.GetStr(DNSOpCode)
	code, _ := e.GetStr(DNSResponseCode)
	flags = eveOps[op]<<11 | eveRcodes[code]
	if answer {
		flags |= 0x8000
	}
	for v := range e.Values(DNSHeaderFlags) {
		for _, f := range eveDNSFlags {
			if f.name == v.Str() {
				flags |= f.bit
			}
		}
	}
	return flags, answer
}

// dns writes version 3 of Suricata's DNS log.
func (w *eve) dns(e *Event) {
	w.open("dns")
	w.num("version", 3)
	flags, answer := dnsHeader(e)
	if answer {
		w.str("type", "response")
	} else {
		w.str("type", "request")
		w.number("tx_id", e, SaksiEveTxID)
	}
	if id, ok := e.GetStr(DNSID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("id", n)
		}
	}
	w.str("flags", strconv.FormatInt(flags, 16))
	if answer {
		w.boolean("qr", true)
	}
	for _, f := range eveDNSFlags {
		if f.key != "" && flags&f.bit != 0 {
			w.boolean(f.key, true)
		}
	}
	w.num("opcode", flags>>11&15)
	code, _ := e.GetStr(DNSResponseCode)
	if code == "" {
		code = "NOERROR"
	}
	w.str("rcode", code)
	w.dnsQueries(e)
	w.dnsAnswers(e)
	w.close()
}

func (w *eve) dnsQueries(e *Event) {
	name, ok := e.GetStr(DNSQuestionName)
	if !ok {
		return
	}
	w.key("queries")
	w.b = append(w.b, '[')
	w.open("")
	w.str("rrname", name)
	w.field("rrtype", e, DNSQuestionType)
	w.close()
	w.b = append(w.b, ']')
}

// mdns writes Suricata's log of multicast DNS.
func (w *eve) mdns(e *Event) {
	w.open("mdns")
	flags, answer := dnsHeader(e)
	if answer {
		w.str("type", "response")
	} else {
		w.str("type", "request")
	}
	if id, ok := e.GetStr(DNSID); ok {
		if n, err := strconv.ParseInt(id, 10, 64); err == nil {
			w.num("id", n)
		}
	}
	var list []string
	for _, f := range eveDNSFlags {
		if flags&f.bit != 0 {
			list = append(list, strings.ToLower(f.name))
		}
	}
	w.list("flags", list)
	w.num("opcode", flags>>11&15)
	w.num("rcode", flags&15)
	w.dnsQueries(e)
	names, types, data := e.all(DNSAnswersName), e.all(DNSAnswersType), e.all(DNSAnswersData)
	if len(names) > 0 && len(types) == len(names) {
		w.key("answers")
		w.b = append(w.b, '[')
		for i := range names {
			w.key("")
			w.open("")
			w.str("rrname", names[i])
			if len(data) == len(names) {
				switch types[i] {
				case "PTR":
					w.str("ptr", data[i])
				case "TXT":
					w.list("txt", []string{data[i]})
				}
			}
			w.close()
		}
		w.b = append(w.b, ']')
	}
	w.close()
}

// dnsAnswers writes the answers, one by one and grouped by type. Data that is
// empty has no value of its own, so positions hold only when all have one.
func (w *eve) dnsAnswers(e *Event) {
	names, types, ttls, data := e.all(DNSAnswersName), e.all(DNSAnswersType), e.all(DNSAnswersTTL), e.all(DNSAnswersData)
	if len(names) == 0 || len(types) != len(names) || len(ttls) != len(names) {
		return
	}
	if len(data) != len(names) {
		data = make([]string, len(names))
	}
	w.key("answers")
	w.b = append(w.b, '[')
	var order []string
	groups := map[string][]int{}
	for i := range names {
		w.key("")
		w.open("")
		w.str("rrname", names[i])
		w.str("rrtype", types[i])
		w.key("ttl")
		w.b = append(w.b, ttls[i]...)
		if kind := eveRecords[types[i]]; kind != "" && data[i] != "" {
			w.record(kind, kind, mailHost(types[i], data[i]))
			if groups[types[i]] == nil {
				order = append(order, types[i])
			}
			groups[types[i]] = append(groups[types[i]], i)
		}
		w.close()
	}
	w.b = append(w.b, ']')
	if len(order) == 0 {
		return
	}
	w.open("grouped")
	for _, t := range order {
		w.key(t)
		w.b = append(w.b, '[')
		for _, i := range groups[t] {
			w.record("", eveRecords[t], mailHost(t, data[i]))
		}
		w.b = append(w.b, ']')
	}
	w.close()
}

// eveRecords are the keys under which the data of a record stands, by its type.
// Of other types Suricata writes none.
var eveRecords = map[string]string{
	"A": "rdata", "AAAA": "rdata", "CNAME": "rdata", "NS": "rdata", "PTR": "rdata", "TXT": "rdata", "MX": "rdata", "NULL": "rdata",
	"SOA": "soa", "SRV": "srv", "SSHFP": "sshfp",
}

// mailHost cuts the preference off the data of an MX record.
func mailHost(typ, data string) string {
	if _, name, ok := strings.Cut(data, " "); ok && typ == "MX" {
		return name
	}
	return data
}

// record writes the data of a record of a kind under a key, or as an element.
func (w *eve) record(key, kind, data string) {
	f := strings.Split(data, " ")
	number := func(k, s string) {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil {
			w.num(k, int64(n))
		}
	}
	w.key(key)
	switch {
	case kind == "soa":
		w.b = append(w.b, '{')
		w.str("mname", f[0])
		if len(f) > 1 {
			w.str("rname", f[1])
		}
		w.close()
	case kind == "srv" && len(f) == 4:
		w.b = append(w.b, '{')
		number("priority", f[0])
		number("weight", f[1])
		number("port", f[2])
		w.str("name", f[3])
		w.close()
	case kind == "sshfp" && len(data) > 4:
		w.b = append(w.b, '{')
		for i, k := range [2]string{"algo", "type"} {
			if n, err := strconv.ParseUint(data[2*i:2*i+2], 16, 8); err == nil {
				w.num(k, int64(n))
			}
		}
		w.str("fingerprint", colons(data[4:], false))
		w.close()
	default:
		w.text(data)
	}
}
