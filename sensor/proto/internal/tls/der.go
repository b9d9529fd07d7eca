package tls

import (
	"encoding/asn1"
	"encoding/hex"
	"strings"
	"time"
)

// lenient reads names, serial number and validity of a certificate that the
// strict parser refuses, such as one with a zero byte in a name: what such a
// certificate pretends to be is what one wants to know.
//
//	Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version?,
//	  serialNumber INTEGER, signature SEQUENCE, issuer Name,
//	  validity SEQUENCE, subject Name, ... }, ... }   (RFC 5280 section 4.1)
func (c *Cert) lenient(der []byte) bool {
	cert, _, ok := element(der, 0x30)
	if !ok {
		return false
	}
	tbs, _, ok := element(cert, 0x30)
	if !ok {
		return false
	}
	if _, rest, ok := element(tbs, 0xa0); ok {
		tbs = rest
	}
	serial, rest, ok1 := element(tbs, 0x02)
	_, rest, ok2 := element(rest, 0x30)
	issuer, rest, ok3 := element(rest, 0x30)
	validity, rest, ok4 := element(rest, 0x30)
	subject, _, ok5 := element(rest, 0x30)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return false
	}
	for len(serial) > 1 && serial[0] == 0 {
		serial = serial[1:]
	}
	c.Serial = strings.ToUpper(hex.EncodeToString(serial))
	c.Issuer, c.IssuerCN = name(issuer)
	c.Subject, c.SubjectCN = name(subject)
	var from, to time.Time
	if rest, err := asn1.Unmarshal(validity, &from); err == nil {
		if _, err := asn1.Unmarshal(rest, &to); err == nil {
			c.NotBefore, c.NotAfter = nanos(from.Unix()), nanos(to.Unix())
		}
	}
	return true
}

// element takes the DER element of a tag off b.
func element(b []byte, tag byte) (body, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, b, false
	}
	n, at := int(b[1]), 2
	if n >= 0x80 {
		k := n & 0x7f
		if k == 0 || k > 3 || len(b) < 2+k {
			return nil, b, false
		}
		n = 0
		for _, c := range b[2 : 2+k] {
			n = n<<8 | int(c)
		}
		at += k
	}
	if n > len(b)-at {
		return nil, b, false
	}
	return b[at : at+n], b[at+n:], true
}

// name writes the attributes of a Name (RFC 5280 section 4.1.2.4) as
// distinguished does.
func name(b []byte) (text string, cn []string) {
	var attrs []attribute
	for len(b) > 0 && len(attrs) < maxAttributes {
		set, rest, ok := element(b, 0x31)
		if !ok {
			break
		}
		b = rest
		for {
			seq, more, ok := element(set, 0x30)
			if !ok {
				break
			}
			set = more
			var oid asn1.ObjectIdentifier
			val, err := asn1.Unmarshal(seq, &oid)
			if err != nil || len(val) < 2 {
				continue
			}
			if body, _, ok := element(val, val[0]); ok {
				attrs = append(attrs, attribute{oid, string(body)})
			}
		}
	}
	return join(attrs)
}

// maxAttributes bounds the attributes of a name.
const maxAttributes = 64
