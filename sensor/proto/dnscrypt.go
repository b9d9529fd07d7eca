package proto

// DNSCrypt versions 1 and 2: a client first asks for the certificates of its
// provider in the clear, by a TXT question "2.dnscrypt-cert.provider"; what
// follows is encrypted, and each answer begins with a magic number.
//
//	certificate  0 "DNSC"  4 cipher  6 minor version  8 signature (64)  72 key (32)  104 client magic (8)  112 serial  116 from  120 until
//	answer       0 "r6fnvWj8"  8 nonce (24)  32 encrypted; over TCP behind a length of 16 bits

import (
	"bytes"
	"encoding/binary"

	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "dnscrypt", Doc: "DNSCrypt", Reference: "draft-denis-dprive-dnscrypt",
		Transport: TCP | UDP, App: suricata.AppDNS, Detect: detectDNSCrypt, New: newDNSCrypt,
		Samples: []string{"dnscrypt_udp.txt", "dnscrypt_tcp.txt"}, Hostile: []string{"dns_loop.txt", "short.txt"},
	})
}

const dnscryptMagic = "r6fnvWj8"

func detectDNSCrypt(p *Probe) Verdict {
	b := p.Data
	if p.Transport == TCP {
		if len(b) < 2 {
			return More
		}
		n := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if n < 12 || n > 4096 {
			return No
		}
		if len(b) < min(n, 64) {
			return More
		}
	}
	if dnscryptAnswer(b) || dnscryptQuestion(b, p.On(53)) {
		return Yes
	}
	return No
}

func dnscryptAnswer(b []byte) bool { return len(b) >= 48 && string(b[:8]) == dnscryptMagic }

// dnscryptQuestion reports a message of DNS that asks for certificates, or
// brings one: its first label is the version of the protocol, its type TXT. On
// a port of DNS the name or the answer must say so too.
func dnscryptQuestion(b []byte, port53 bool) bool {
	if len(b) < 12+3+5 || b[12] != 1 || b[13] != '1' && b[13] != '2' || binary.BigEndian.Uint16(b[4:]) != 1 {
		return false
	}
	at := 12
	for at < len(b) && b[at] != 0 {
		if b[at] >= 0x40 {
			return false
		}
		at += 1 + int(b[at])
	}
	if at+5 > len(b) || binary.BigEndian.Uint16(b[at+1:]) != 16 {
		return false
	}
	if !port53 || bytes.EqualFold(b[15:min(len(b), 28)], []byte("dnscrypt-cert")) {
		return true
	}
	return bytes.Contains(b[at:min(len(b), at+64)], []byte("DNSC\x00"))
}

// dnsCrypt reads the questions for certificates as DNS, and passes over what
// is encrypted.
type dnsCrypt struct{ *dns }

func newDNSCrypt(t Transport) Parser { return dnsCrypt{newDNSOf(suricata.AppDNS)(t).(*dns)} }

// Data implements Parser.
func (d dnsCrypt) Data(c *Context, dir Dir, b []byte) Result {
	m := b
	if d.stream && len(b) > 2 {
		m = b[2:]
	}
	if !dnscryptQuestion(m, false) {
		return Done
	}
	return d.dns.Data(c, dir, b)
}
