package proto

import (
	"encoding/binary"

	"saksi/rules/suricata"
)

// QUIC long headers, RFC 9000 section 17.2 and RFC 8999:
//
//	0 form, fixed bit, type  1 version  5 length and destination id ... source id

func init() {
	register(&Entry{
		Name: "quic", Doc: "QUIC transport", Reference: "RFC 9000, RFC 9369",
		Transport: UDP, Ports: []uint16{443, 784, 853}, App: suricata.AppQUIC,
		Detect:  detectQUIC,
		Samples: []string{"quic.txt"}, Hostile: []string{"short.txt"},
	})
}

func detectQUIC(p *Probe) Verdict {
	b := p.Data
	if len(b) < 9 {
		return No
	}
	if b[0]&0x80 == 0 { // Google's QUIC up to Q043: public flags, connection id, version
		if b[0]&0x09 == 0x09 && len(b) >= 13 && b[9] == 'Q' && b[10] == '0' && digit(b[11]) && digit(b[12]) {
			return Yes
		}
		return No
	}
	v := binary.BigEndian.Uint32(b[1:])
	switch {
	case v == 0, v == 1, v == 0x6b3343cf, v == 0x709a50c4: // negotiation, v1, v2 and its draft
	case v>>8 == 0xff0000, v>>8 == 0xfaceb0, v&0x0f0f0f0f == 0x0a0a0a0a: // drafts, mvfst, reserved to force negotiation
	case (b[1] == 'Q' || b[1] == 'T') && digit(b[2]) && digit(b[3]) && digit(b[4]):
		if b[1] == 'Q' && (v == 0x51303436 || v == 0x51303433 || v == 0x51303434) {
			return Yes // Q043 to Q046 have lengths of ids in one byte
		}
	default:
		return No
	}
	d := int(b[5])
	if d > 20 || len(b) < 7+d {
		return No
	}
	if s := int(b[6+d]); s > 20 || len(b) < 7+d+s {
		return No
	}
	if v != 0 && b[0]&0x40 == 0 {
		return No
	}
	return Yes
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
