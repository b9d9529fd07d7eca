package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"
)

// Cert is what is told of a certificate (RFC 5280).
type Cert struct {
	DER                  []byte
	SHA1, SHA256         string // hex
	Serial               string // upper-case hex without separators
	Subject, Issuer      string // attributes in their order, "C=MY, O=..., CN=..."
	SubjectCN, IssuerCN  []string
	NotBefore, NotAfter  int64 // Unix nanoseconds
	Names                []string
	KeyAlgorithm, SigAlg string
	KeyBits              int
	Parsed               bool
}

// ParseCert reads a certificate. One that can't be parsed still has its
// digests. As a server sends the same one each time, the result may be an
// earlier one of the same bytes: it MUST NOT be changed.
func ParseCert(der []byte) *Cert {
	digest := sha256.Sum256(der)
	if c := seen.get(digest); c != nil {
		return c
	}
	c := parseCert(bytes.Clone(der), digest)
	seen.add(digest, c)
	return c
}

func parseCert(der []byte, digest [sha256.Size]byte) *Cert {
	h1 := sha1.Sum(der)
	c := &Cert{DER: der, SHA1: hex.EncodeToString(h1[:]), SHA256: hex.EncodeToString(digest[:])}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		c.Parsed = c.lenient(der)
		return c
	}
	c.Parsed = true
	c.Serial = strings.ToUpper(hex.EncodeToString(x.SerialNumber.Bytes()))
	if c.Serial == "" {
		c.Serial = "00"
	}
	c.Subject, c.SubjectCN = distinguished(x.Subject)
	c.Issuer, c.IssuerCN = distinguished(x.Issuer)
	c.NotBefore, c.NotAfter = nanos(x.NotBefore.Unix()), nanos(x.NotAfter.Unix())
	c.Names = append(c.Names, x.DNSNames...)
	for _, ip := range x.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	c.Names = append(c.Names, x.EmailAddresses...)
	c.KeyAlgorithm, c.SigAlg = x.PublicKeyAlgorithm.String(), x.SignatureAlgorithm.String()
	switch k := x.PublicKey.(type) {
	case *rsa.PublicKey:
		c.KeyBits = k.N.BitLen()
	case *ecdsa.PublicKey:
		c.KeyBits = k.Curve.Params().BitSize
	}
	return c
}

// nanos turns seconds into nanoseconds as far as they fit (years 1678 to 2262).
func nanos(sec int64) int64 {
	const limit = 1<<63/1_000_000_000 - 1
	return max(-limit, min(sec, limit)) * 1e9
}

var attributeNames = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.17": "postalCode", "2.5.4.42": "GN", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

var oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}

// attribute is one attribute of a distinguished name.
type attribute struct {
	oid   asn1.ObjectIdentifier
	value string
}

func distinguished(n pkix.Name) (text string, cn []string) {
	attrs := make([]attribute, len(n.Names))
	for i, a := range n.Names {
		attrs[i] = attribute{a.Type, fmt.Sprint(a.Value)}
	}
	return join(attrs)
}

// join writes attributes as "C=MY, O=..., CN=..." and lists the common names.
func join(attrs []attribute) (text string, cn []string) {
	var b strings.Builder
	for _, a := range attrs {
		if a.oid.Equal(oidCN) {
			cn = append(cn, a.value)
		}
		name := attributeNames[a.oid.String()]
		if name == "" {
			name = a.oid.String()
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(a.value)
	}
	return b.String(), cn
}
