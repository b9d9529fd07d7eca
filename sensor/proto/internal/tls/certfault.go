package tls

import "time"

// Faults of a certificate by its field, as rules name them behind "tls.". What
// Suricata's parser takes a fault for was read in x509-parser, which it uses.
const (
	FaultCertificateVersion    = "certificate_invalid_version"
	FaultCertificateSerial     = "certificate_invalid_serial"
	FaultCertificateAlgorithm  = "certificate_invalid_algorithmidentifier"
	FaultCertificateDate       = "certificate_invalid_date"
	FaultCertificateExtensions = "certificate_invalid_extensions"
	FaultCertificateDER        = "certificate_invalid_der"
)

// Tags of DER (X.690) that a certificate has.
const (
	derInteger     = 0x02
	derBits        = 0x03
	derOctets      = 0x04
	derOID         = 0x06
	derUTCTime     = 0x17
	derGeneralTime = 0x18
	derSequence    = 0x30
	derVersion     = 0xa0
)

// derReader reads elements one behind the other; it keeps the first fault.
type derReader struct {
	b     []byte
	fault string
}

// fail notes a fault, unless there is one.
func (r *derReader) fail(fault string) {
	if r.fault == "" {
		r.fault, r.b = fault, nil
	}
}

// next reads an element of any kind: its first byte and what it holds.
func (r *derReader) next() (byte, []byte) {
	b := r.b
	if len(b) < 2 {
		r.fail(FaultCertificateLen)
		return 0, nil
	}
	tag, at := b[0], 1
	if tag&0x1f == 0x1f { // a number of a tag that goes on
		for at < len(b) && b[at]&0x80 != 0 {
			at++
		}
		if at++; at >= len(b) {
			r.fail(FaultCertificateLen)
			return 0, nil
		}
	}
	n := uint64(b[at])
	at++
	if n >= 0x80 {
		k := int(n & 0x7f)
		switch {
		case k == 0 || k > 8:
			r.fail(FaultCertificateDER)
			return 0, nil
		case k > len(b)-at:
			r.fail(FaultCertificateLen)
			return 0, nil
		}
		n = 0
		for _, c := range b[at : at+k] {
			n = n<<8 | uint64(c)
		}
		at += k
	}
	if n > uint64(len(b)-at) {
		r.fail(FaultCertificateLen)
		return 0, nil
	}
	r.b = b[at+int(n):]
	return tag, b[at : at+int(n)]
}

// sequence enters a sequence; what is wrong within is told of the whole.
func (r *derReader) sequence(within func(*derReader)) {
	tag, body := r.next()
	if r.fault == "" && tag != derSequence {
		r.fail(FaultCertificateDER)
	}
	if r.fault != "" {
		return
	}
	in := derReader{b: body}
	if within(&in); in.fault != "" {
		r.fail(in.fault)
	}
}

// must reads an element of a kind; any other, and one that is cut, is the fault.
func (r *derReader) must(tag byte, fault string) []byte {
	in := derReader{b: r.b}
	got, body := in.next()
	if r.fault == "" && (in.fault != "" || got != tag) {
		r.fail(fault)
		return nil
	}
	if r.fault == "" {
		r.b = in.b
	}
	return body
}

// certificateFault looks through a certificate in the order of its fields (RFC
// 5280 section 4.1) and names the first fault; empty if there is none.
func certificateFault(der []byte) string {
	r := derReader{b: der}
	r.sequence(func(r *derReader) {
		r.sequence(tbsFault)
		r.algorithm()
		r.bits()
	})
	return r.fault
}

// tbsFault looks through what is signed.
func tbsFault(r *derReader) {
	if len(r.b) > 0 && r.b[0] == derVersion {
		_, body := r.next()
		if v := (&derReader{b: body}); r.fault == "" {
			if n := v.must(derInteger, FaultCertificateVersion); v.fault != "" || len(n) == 0 || len(n) > 4 || n[0] >= 0x80 {
				r.fail(FaultCertificateVersion)
			}
		}
	}
	r.must(derInteger, FaultCertificateSerial)
	r.algorithm()
	r.sequence(func(*derReader) {}) // issuer: its parts are read as far as they can be
	r.sequence(func(r *derReader) {
		r.time()
		r.time()
	})
	r.sequence(func(*derReader) {}) // subject
	r.sequence(func(r *derReader) {
		r.algorithm()
		r.bits()
	})
	for _, tag := range [2]byte{1, 2} { // identifiers of issuer and subject
		if len(r.b) > 0 && r.b[0]&0xdf == 0x80|tag {
			r.next()
		}
	}
	if len(r.b) > 0 {
		r.extensions()
	}
}

// algorithm reads an AlgorithmIdentifier.
func (r *derReader) algorithm() {
	r.sequence(func(r *derReader) {
		r.must(derOID, FaultCertificateAlgorithm)
		if len(r.b) > 0 {
			r.next()
		}
	})
}

// bits reads a bit string.
func (r *derReader) bits() {
	if b := r.must(derBits, FaultCertificate); len(b) == 0 {
		r.fail(FaultCertificate)
	}
}

// time reads a point in time.
func (r *derReader) time() {
	tag, body := r.next()
	layouts := [2]string{"060102150405Z0700", "0601021504Z0700"}
	switch {
	case r.fault != "" || tag != derUTCTime && tag != derGeneralTime:
		r.fault = ""
		r.fail(FaultCertificateDate)
		return
	case tag == derGeneralTime:
		layouts = [2]string{"20060102150405Z0700", "200601021504Z0700"}
	}
	for _, l := range layouts {
		if _, err := time.Parse(l, string(body)); err == nil {
			return
		}
	}
	r.fail(FaultCertificateDate)
}

// extensions reads those of a certificate: the element that holds them, and each.
func (r *derReader) extensions() {
	tag, body := r.next()
	if r.fault != "" || tag&0x1f != 3 {
		r.fault = ""
		r.fail(FaultCertificateExtensions)
		return
	}
	in := derReader{b: body}
	in.sequence(func(r *derReader) {
		for len(r.b) > 0 && r.fault == "" {
			x := derReader{b: r.b}
			x.sequence(func(r *derReader) {
				r.must(derOID, FaultCertificate)
				if len(r.b) > 0 && r.b[0] == 1 {
					r.next()
				}
				r.must(derOctets, FaultCertificate)
			})
			if r.b = x.b; x.fault != "" {
				r.fail(FaultCertificate)
			}
		}
	})
	if len(in.b) > 0 {
		in.fail(FaultCertificate)
	}
	if in.fault != "" {
		r.fail(in.fault)
	}
}
