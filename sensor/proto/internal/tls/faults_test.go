package tls

import (
	"slices"
	"strings"
	"testing"
)

// el makes an element of DER.
func el(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	switch n := len(body); {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + body
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + body
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + body
	}
}

// chain makes the body of a Certificate message.
func chain(certs ...string) []byte {
	var s string
	for _, c := range certs {
		s += string([]byte{0, byte(len(c) >> 8), byte(len(c))}) + c
	}
	return []byte(string([]byte{0, byte(len(s) >> 8), byte(len(s))}) + s)
}

// TestChainFaults proves each fault of a certificate by a field that has it, and
// that one in order has none.
func TestChainFaults(t *testing.T) {
	algorithm := el(0x30, el(0x06, "\x2a\x86\x48"), el(0x05))
	name := el(0x30, el(0x31, el(0x30, el(0x06, "\x55\x04\x03"), el(0x0c, "a"))))
	dates := el(0x30, el(0x17, "260101000000Z"), el(0x18, "20361231235959Z"))
	key := el(0x30, algorithm, el(0x03, "\x00k"))
	extension := el(0x30, el(0x06, "\x55\x1d\x13"), el(0x01, "\xff"), el(0x04, el(0x30)))
	good := []string{el(0xa0, el(0x02, "\x02")), el(0x02, "\x01"), algorithm, name, dates, name, key, el(0xa3, el(0x30, extension))}
	with := func(i int, field string) string {
		f := slices.Clone(good)
		f[i] = field
		return el(0x30, el(0x30, f...), algorithm, el(0x03, "\x00s"))
	}
	whole := with(0, good[0])
	for _, c := range []struct {
		why, cert string
		want      string
	}{
		{"in order", whole, ""},
		{"version 1, which is left out", with(0, ""), ""},
		{"identifiers of issuer and subject", with(6, key+el(0x81, "\x00i")+el(0x82, "\x00s")), ""},
		{"no extensions", with(7, ""), ""},
		{"a part of a name that can't be read", with(3, el(0x30, el(0x31, "\x30\x09"))), ""},
		{"a version that is no number", with(0, el(0xa0, el(0x04, "\x02"))), FaultCertificateVersion},
		{"a version without bytes", with(0, el(0xa0)), FaultCertificateVersion},
		{"a version below zero", with(0, el(0xa0, el(0x02, "\xff"))), FaultCertificateVersion},
		{"a serial number that is a text", with(1, el(0x0c, "1")), FaultCertificateSerial},
		{"no algorithm in its sequence", with(2, el(0x30, el(0x05))), FaultCertificateAlgorithm},
		{"an algorithm that is no sequence", with(2, el(0x31, el(0x06, "\x2a"))), FaultCertificateDER},
		{"an issuer that is a set", with(3, el(0x31)), FaultCertificateDER},
		{"a month that is none", with(4, el(0x30, el(0x17, "261301000000Z"), el(0x17, "360101000000Z"))), FaultCertificateDate},
		{"one date only", with(4, el(0x30, el(0x17, "260101000000Z"))), FaultCertificateDate},
		{"a date that is a number", with(4, el(0x30, el(0x02, "\x01"), el(0x17, "360101000000Z"))), FaultCertificateDate},
		{"a key without bits", with(6, el(0x30, algorithm)), FaultCertificate},
		{"something else where extensions stand", with(7, el(0x04)), FaultCertificateExtensions},
		{"an extension without its value", with(7, el(0xa3, el(0x30, el(0x30, el(0x06, "\x55"))))), FaultCertificate},
		{"something behind the extensions", with(7, el(0xa3, el(0x30, extension), el(0x05))), FaultCertificate},
		{"a name longer than what holds it", with(5, "\x30\x7f"), FaultCertificateLen},
		{"a length of no end", "\x30\x80\x00\x00", FaultCertificateDER},
		{"a length of nine bytes", "\x30\x89\xff\xff\xff\xff\xff\xff\xff\xff\xff", FaultCertificateDER},
		{"a length beyond all", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff", FaultCertificateLen},
		{"cut", whole[:len(whole)-1], FaultCertificateLen},
		{"empty", "", FaultCertificateLen},
		{"no sequence", "\x02\x01\x01", FaultCertificateDER},
	} {
		want := []string{c.want, FaultHandshakeMessage}
		if c.want == "" {
			want = nil
		}
		if got := ChainFaults(chain(c.cert)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.why, got, want)
		}
		if got := ChainFaults(chain(whole, c.cert)); got != nil {
			t.Errorf("%s, in the second certificate: %q", c.why, got)
		}
	}
	for why, c := range map[string][]byte{"a chain that is cut": chain(whole)[:9], "a chain of nothing": {0, 0, 9}, "cut in its length": {0}} {
		if got := ChainFaults(c); !slices.Equal(got, []string{FaultHandshakeMessage}) {
			t.Errorf("%s: %q", why, got)
		}
	}
	if got := ChainFaults([]byte("\x00\x00\x04\x00\x00\x09a")); !slices.Equal(got, []string{FaultCertificate, FaultHandshakeMessage}) {
		t.Errorf("a certificate beyond its chain: %q", got)
	}
	for n := range whole { // no prefix and no flipped byte harms
		ChainFaults(chain(whole[:n]))
		b := []byte(whole)
		b[n] ^= 0xff
		ChainFaults(chain(string(b)))
	}
}
