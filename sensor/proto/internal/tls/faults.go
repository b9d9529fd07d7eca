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
// 1.2 and below. Of its certificates the first is read; the others must lie in it.
func ChainFaults(body []byte) []string {
	r := &reader{b: body}
	n := r.u8()<<16 | r.u16()
	if r.bad || n > len(r.b) {
		return []string{FaultHandshakeMessage}
	}
	first := true
	for r.b = r.b[:n]; len(r.b) > 0; first = false {
		der := r.take(r.u8()<<16 | r.u16())
		if r.bad {
			return []string{FaultCertificate, FaultHandshakeMessage}
		}
		if !first {
			continue
		}
		if f := certificateFault(der); f != "" {
			return []string{f, FaultHandshakeMessage}
		}
	}
	return nil
}
