package proto

import (
	"strings"
	"time"

	"saksi/event"
	"saksi/rules/suricata"
	tlsmsg "saksi/sensor/proto/internal/tls"
)

// tlsView is a TLS session, seen from one direction, as rules see it.
type tlsView struct {
	p   *tlsSession
	dir Dir
}

// App implements suricata.Tx.
func (v *tlsView) App() suricata.AppProto {
	if v.p.kind == 'q' {
		return suricata.AppQUIC
	}
	return suricata.AppTLS
}

// ID implements suricata.Tx: a session is one transaction.
func (v *tlsView) ID() uint64 { return 0 }

// Packets implements Evidence.
func (v *tlsView) Packets() []uint64 { return v.p.packets.List() }

// Lasting implements Lasting.
func (v *tlsView) Lasting() {}

// Describe implements Describer.
func (v *tlsView) Describe(e *event.Event) { v.p.Describe(e) }

// Again implements suricata.Parts: a session is offered as it unfolds.
func (v *tlsView) Again() bool { return true }

// MayCome implements suricata.Growing: a server's certificates may come until the
// handshake ends, the client's until it has sent its key.
func (v *tlsView) MayCome(b suricata.Buffer) bool {
	switch b {
	case suricata.BufTLSCerts, suricata.BufTLSCertSubject, suricata.BufTLSCertIssuer, suricata.BufTLSCertSerial, suricata.BufTLSCertFingerprint:
		return v.dir == FromServer || v.p.state&suricata.TLSClientKey == 0
	}
	return false
}

// NBuf implements suricata.Tx.
func (v *tlsView) NBuf(b suricata.Buffer) int {
	switch b {
	case suricata.BufAppEvent:
		return len(v.p.events)
	case suricata.BufTLSCerts:
		return len(v.p.certs[v.dir])
	case suricata.BufTLSALPN:
		return len(v.alpn())
	case suricata.BufTLSSubjectAltName:
		if v.dir == FromServer && len(v.p.certs[v.dir]) > 0 {
			return len(v.p.certs[v.dir][0].Names)
		}
		return 0
	}
	if v.buf(b) == nil {
		return 0
	}
	return 1
}

// BufAt implements suricata.Tx.
func (v *tlsView) BufAt(b suricata.Buffer, i int) []byte {
	switch b {
	case suricata.BufAppEvent:
		return v.p.events[i]
	case suricata.BufTLSCerts:
		return v.p.certs[v.dir][i].DER
	case suricata.BufTLSALPN:
		return v.alpn()[i]
	case suricata.BufTLSSubjectAltName:
		return []byte(v.p.certs[v.dir][0].Names[i])
	}
	return v.buf(b)
}

// alpn lists the protocols a client offers, or the one its server chose (RFC
// 7301).
func (v *tlsView) alpn() [][]byte {
	switch {
	case v.dir == FromClient && v.p.hasC:
		return v.p.client.ALPN
	case v.dir == FromServer && v.p.hasS && len(v.p.server.ALPN) > 0:
		return [][]byte{v.p.server.ALPN}
	}
	return nil
}

// random is that of the hello of this direction.
func (v *tlsView) random() []byte {
	r := v.p.client.Random
	if v.dir == FromServer {
		r = v.p.server.Random
	}
	if len(r) != 32 {
		return nil
	}
	return r
}

// text makes a buffer of a string; empty ones are absent.
func text(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func (v *tlsView) buf(b suricata.Buffer) []byte {
	p := v.p
	switch b {
	case suricata.BufQUICVersion:
		return p.quicName
	case suricata.BufQUICSNI:
		if p.kind == 'q' && v.dir == FromClient && p.hasC {
			return p.client.ServerName
		}
		return nil
	case suricata.BufTLSState:
		return suricata.AppendNumber(nil, p.state)
	case suricata.BufTLSRecordVersion:
		if n := v.legacy(); n > 0 {
			return suricata.AppendNumber(nil, uint64(n))
		}
		return nil
	}
	if b == suricata.BufTLSVersion {
		version := p.version
		if p.hasS {
			version = p.server.Version
		}
		number, _ := tlsmsg.VersionName(version)
		return text(number)
	}
	if v.random() != nil {
		switch b {
		case suricata.BufTLSRandom:
			return v.random()
		case suricata.BufTLSRandomTime:
			return v.random()[:4]
		case suricata.BufTLSRandomBytes:
			return v.random()[4:]
		}
	}
	if v.dir == FromClient {
		if !p.hasC {
			return nil
		}
		switch b {
		case suricata.BufTLSSNI:
			return p.client.ServerName
		case suricata.BufJA3Hash:
			return tlsmsg.AppendMD5(nil, p.ja3)
		case suricata.BufJA3String:
			return p.ja3
		case suricata.BufJA4Hash:
			return p.ja4
		}
	} else if p.hasS {
		switch b {
		case suricata.BufJA3SHash:
			return tlsmsg.AppendMD5(nil, p.ja3s)
		case suricata.BufJA3SString:
			return p.ja3s
		}
	}
	if len(p.certs[v.dir]) == 0 {
		return nil
	}
	x := p.certs[v.dir][0]
	switch b {
	case suricata.BufTLSChainLen:
		return suricata.AppendNumber(nil, uint64(len(p.certs[v.dir])))
	case suricata.BufTLSCertSubject:
		return text(x.Subject)
	case suricata.BufTLSCertIssuer:
		return text(x.Issuer)
	case suricata.BufTLSCertSerial:
		return text(event.SerialColons(x.Serial))
	case suricata.BufTLSCertFingerprint:
		return text(colons(x.SHA1))
	case suricata.BufTLSNotBefore:
		return certTime(x, x.NotBefore)
	case suricata.BufTLSNotAfter:
		return certTime(x, x.NotAfter)
	}
	return nil
}

func certTime(x *tlsmsg.Cert, ns int64) []byte {
	if !x.Parsed {
		return nil
	}
	return suricata.AppendNumber(nil, suricata.CertTime(time.Unix(0, ns)))
}

// legacy is the version of a side's hello, before any that extensions name; of
// the record when no hello was seen.
func (v *tlsView) legacy() uint16 {
	p := v.p
	switch {
	case v.dir == FromClient && p.hasC:
		return p.client.Version
	case v.dir == FromServer && p.hasS:
		return p.server.Version
	}
	return p.version
}

// colons puts a colon between the bytes of a hex text.
func colons(s string) string {
	var b strings.Builder
	for i := 0; i+1 < len(s); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(s[i : i+2])
	}
	return b.String()
}
