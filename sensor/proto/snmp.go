package proto

// SNMP, RFC 1157 and RFC 3416, in BER: a sequence of version, then community
// (v1, v2c) or header (v3).

func init() {
	register(&Entry{
		Name: "snmp", Doc: "Simple Network Management Protocol", Reference: "RFC 3416, RFC 3412",
		Transport: UDP, Ports: []uint16{161, 162},
		First: []string{"\x30"},
		Detect: func(p *Probe) Verdict {
			b, ok := berBody(p.Data, 0x30)
			if !ok || len(b) < 5 || b[0] != 2 || b[1] != 1 || b[2] > 3 {
				return No
			}
			if b[2] == 3 && b[3] == 0x30 || b[2] < 3 && b[3] == 4 && int(b[4])+7 <= len(b) && b[5+b[4]] >= 0xa0 && b[5+b[4]] <= 0xa8 {
				return Yes
			}
			return No
		},
		Samples: []string{"snmp.txt"}, Hostile: []string{"short.txt"},
	})
}

// berBody returns what is inside a BER value of a tag, as far as it is there.
func berBody(b []byte, tag byte) ([]byte, bool) {
	if len(b) < 2 || b[0] != tag {
		return nil, false
	}
	if b[1] < 0x80 {
		return b[2:], true
	}
	n := int(b[1] & 0x7f)
	if n == 0 || n > 4 || len(b) < 2+n {
		return nil, false
	}
	return b[2+n:], true
}
