package proto

import (
	"net/netip"
	"strings"

	"saksi/event"
)

// snmpTx is a message of SNMP, as EVE JSON has it.
type snmpTx struct {
	eveTx
	version         byte
	encrypted       bool
	tag             int
	fault           string
	trap            []string // kind, identifier, address
	oids            []string
	community, user string
}

// snmpNames are the kinds of messages as Suricata names them.
var snmpNames = map[int]string{
	0xa0: "get_request", 0xa1: "get_next_request", 0xa2: "response", 0xa3: "set_request", 0xa4: "trap_v1", 0xa5: "get_bulk_request",
	0xa6: "inform_request", 0xa7: "trap_v2", 0xa8: "report",
}

// snmpTraps are the generic traps of version 1 (RFC 1157 section 4.1.6).
var snmpTraps = [...]string{"ColdStart", "WarmStart", "LinkDown", "LinkUp", "AuthenticationFailure", "EgpNeighborLoss", "EnterpriseSpecific"}

// eveOf makes what EVE JSON tells of a message with its PDU; tag is -1 if that
// is encrypted.
func (p *snmp) eveOf(m *snmpCall, tag int, pdu []byte) *snmpTx {
	t := &snmpTx{eveTx: eveTx(p.tx), version: m.version[0] - '0', encrypted: tag < 0, tag: tag, community: m.community, user: m.user}
	if snmpNames[tag] == "" {
		return t
	}
	own := snmpCall{}
	own.pdu(tag, pdu)
	t.oids = own.oids
	if own.fault != "" {
		t.fault = strings.ToUpper(own.fault[:1]) + own.fault[1:]
	}
	if tag == 0xa4 {
		w := wire{b: pdu}
		_, enterprise := w.ber()
		_, agent := w.ber()
		_, generic := w.ber()
		a, _ := netip.AddrFromSlice(agent)
		if n := berInt(generic); !w.short && n >= 0 && n < int64(len(snmpTraps)) && a.IsValid() {
			t.trap = []string{snmpTraps[n], berOID(enterprise), a.String()}
		}
	}
	return t
}

// AppendEVE implements EVE.
func (t *snmpTx) AppendEVE(m *event.Members) {
	m.Open("snmp")
	m.Int("version", int64(t.version))
	if t.encrypted {
		m.Str("pdu_type", "encrypted")
		m.Close()
		return
	}
	if name := snmpNames[t.tag]; name != "" {
		m.Str("pdu_type", name)
	}
	if t.fault != "" {
		m.Str("error", t.fault)
	}
	if len(t.trap) == 3 {
		m.Str("trap_type", t.trap[0])
		m.Str("trap_oid", t.trap[1])
		m.Str("trap_address", t.trap[2])
	}
	if len(t.oids) > 0 {
		m.Array("vars")
		for _, s := range t.oids {
			m.Str("", s)
		}
		m.End()
	}
	if t.version == 3 {
		m.Str("usm", t.user)
	} else {
		m.Str("community", t.community)
	}
	m.Close()
}
