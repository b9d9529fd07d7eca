package proto

import (
	"bytes"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/krb"
)

// kerberosRules shows messages to the rules.
type kerberosRules struct{ id uint64 }

func (r *kerberosRules) message(c *Context, dir Dir, m *krb.Message) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppKerberos, id: r.id, packets: []uint64{c.Number}}
	t.number(suricata.BufKerberosType, uint64(m.Type))
	for _, n := range []struct {
		buf  suricata.Buffer
		name []byte
	}{{suricata.BufKerberosClient, m.Client}, {suricata.BufKerberosServer, m.Service}} {
		if len(n.name) == 0 {
			continue
		}
		for part := range bytes.SplitSeq(n.name, []byte("/")) {
			t.add(n.buf, part)
		}
	}
	switch m.Type {
	case krb.Error:
		t.number(suricata.BufKerberosError, uint64(m.Code))
	case krb.ASRep, krb.TGSRep:
		t.number(suricata.BufKerberosEncryption, uint64(m.Ticket))
		if weakCipher(m.Ticket) || weakCipher(m.Cipher) {
			t.event("krb5.weak_encryption")
		}
	}
	c.Offer(t, dir)
}

// malformed tells of bytes that are no message.
func (r *kerberosRules) malformed(c *Context, dir Dir) {
	if !c.Matching() {
		return
	}
	r.id++
	t := &bufTx{app: suricata.AppKerberos, id: r.id, packets: []uint64{c.Number}}
	t.event("krb5.malformed_data")
	c.Offer(t, dir)
}

// weakCipher reports what RFC 6649 and RFC 8429 deprecate, and types that the
// registry does not assign.
func weakCipher(n int64) bool { return n < 17 || n > 20 && n != 25 && n != 26 }
