package tls

// Faults of messages, as rules name them behind "tls." (Suricata user guide,
// "app-layer-event"; the events of its rules for TLS).
const (
	FaultHandshakeLength  = "handshake_invalid_length"
	FaultManySNI          = "multiple_sni_extensions"
	FaultSNIType          = "invalid_sni_type"
	FaultSNILength        = "invalid_sni_length"
	FaultCertificate      = "invalid_certificate"
	FaultCertificateLen   = "certificate_invalid_length"
	FaultHandshakeMessage = "invalid_handshake_message"
)

// HelloFaults lists what is wrong with the body of a hello; names of servers are
// in a client's.
func HelloFaults(body []byte, client bool) []string {
	r := &reader{b: body}
	r.take(34) // version, random
	r.take(r.u8())
	if client {
		r.take(r.u16())
		r.take(r.u8())
	} else {
		r.take(3)
	}
	if r.bad {
		return []string{FaultHandshakeLength}
	}
	if len(r.b) == 0 {
		return nil
	}
	if n := r.u16(); r.bad || n > len(r.b) {
		return []string{FaultHandshakeLength}
	}
	var out []string
	names := 0
	for len(r.b) >= 4 {
		typ := r.u16()
		e := reader{b: r.take(r.u16())}
		if r.bad {
			return append(out, FaultHandshakeLength)
		}
		if typ != extServerName || !client || len(e.b) == 0 {
			continue
		}
		if names++; names == 2 {
			out = append(out, FaultManySNI)
		}
		l := reader{b: e.take(e.u16())}
		kind := l.u8()
		switch l.take(l.u16()); {
		case kind != 0:
			out = append(out, FaultSNIType)
		case e.bad || l.bad:
			out = append(out, FaultSNILength)
		}
	}
	return out
}

// ChainFaults lists what is wrong with the body of a Certificate message of TLS
// 1.2 and below; certificates that can't be read are told of by their chain.
func ChainFaults(body []byte) []string {
	r := &reader{b: body}
	n := r.u8()<<16 | r.u16()
	if r.bad || n > len(r.b) {
		return []string{FaultCertificateLen, FaultHandshakeMessage}
	}
	for r.b = r.b[:n]; len(r.b) > 0; {
		der := r.take(r.u8()<<16 | r.u16())
		if r.bad {
			return []string{FaultCertificateLen, FaultHandshakeMessage}
		}
		if f := derFault(der); f != "" {
			return []string{f, FaultHandshakeMessage}
		}
	}
	return nil
}

// derFault looks whether the first elements of a certificate, all sequences,
// lie within it.
func derFault(b []byte) string {
	for range 2 { // Certificate, TBSCertificate (RFC 5280 section 4.1)
		if len(b) < 2 || b[0] != 0x30 {
			return FaultCertificate
		}
		n, rest := uint64(b[1]), b[2:]
		if n >= 0x80 {
			k := n & 0x7f
			if k > 4 || int(k) > len(rest) {
				return FaultCertificateLen
			}
			n = 0
			for _, c := range rest[:k] {
				n = n<<8 | uint64(c)
			}
			rest = rest[k:]
		}
		if n > uint64(len(rest)) {
			return FaultCertificateLen
		}
		b = rest[:n]
	}
	return ""
}
