package proto

import (
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/tlv"
)

// ldapTx is an operation with its answers, as EVE JSON has it.
type ldapTx struct {
	eveTx
	request, responses event.Members
	asked              bool
}

// AppendEVE implements EVE.
func (t *ldapTx) AppendEVE(m *event.Members) {
	m.Open("ldap")
	if t.asked {
		m.Open("request")
		m.Add(&t.request)
		m.Close()
	}
	if !t.responses.Empty() {
		m.Array("responses")
		m.Add(&t.responses)
		m.End()
	}
	m.Close()
}

// ldapEVE gathers operations.
type ldapEVE struct {
	last uint64
	open map[int64]*ldapTx // by message id
}

// ldapNames are the operations by their tags.
var ldapNames = map[byte]string{
	0x60: "bind_request", 0x61: "bind_response", 0x42: "unbind_request", 0x63: "search_request", 0x64: "search_result_entry", 0x65: "search_result_done",
	0x73: "search_result_reference", 0x66: "modify_request", 0x67: "modify_response", 0x68: "add_request", 0x69: "add_response", 0x4a: "del_request",
	0x6b: "del_response", 0x6c: "mod_dn_request", 0x6d: "mod_dn_response", 0x6e: "compare_request", 0x6f: "compare_response", 0x50: "abandon_request",
	0x77: "extended_request", 0x78: "extended_response", 0x79: "intermediate_response",
}

// message takes a message of which op and body are known.
func (s *ldapEVE) message(c *Context, dir Dir, b []byte, id int64, op byte, body []byte) *ldapTx {
	t := s.open[id]
	if dir == FromClient || t == nil {
		s.last++
		t = &ldapTx{eveTx: eveTx(s.last), asked: dir == FromClient}
	}
	if dir == FromClient {
		m := &t.request
		m.Int("message_id", id)
		m.Str("operation", ldapNames[op])
		ldapOperation(c, m, op, body)
		ldapControls(m, b)
		if op == ldapUnbind || op == ldapAbandon || len(s.open) >= maxEVEOpen || s.open[id] != nil {
			c.Record("ldap", t)
			return t
		}
		if s.open == nil {
			s.open = map[int64]*ldapTx{}
		}
		s.open[id] = t
		return t
	}
	if m := &t.responses; !m.Full() {
		m.Open("")
		m.Str("operation", ldapNames[op])
		if !t.asked {
			m.Int("message_id", id)
		}
		ldapOperation(c, m, op, body)
		ldapControls(m, b)
		m.Close()
	}
	if op != ldapEntry && op != ldapReference && op != ldapIntermediate || !t.asked {
		delete(s.open, id)
		c.Record("ldap", t)
	}
	return t
}

// close tells of what has no answer.
func (s *ldapEVE) close(c *Context) {
	for _, t := range byNumber(s.open) {
		c.Record("ldap", t)
	}
	clear(s.open)
}

// ldapOperation writes what an operation says. What proves who somebody is stays
// out, and values are told only with what messages carry.
func ldapOperation(c *Context, m *event.Members, op byte, body []byte) {
	name := ldapNames[op]
	if name == "" || op == ldapUnbind || op == ldapAbandon || op == ldapReference {
		return
	}
	_, first, rest, _ := tlv.Next(body)
	m.Open(name)
	switch op {
	case ldapBind:
		n, _ := tlv.Int(first)
		m.Int("version", n)
		_, dn, auth, _ := tlv.Next(rest)
		m.Bytes("name", dn)
		if tag, v, _, ok := tlv.Next(auth); ok && tag == 0xa3 {
			_, mechanism, _, _ := tlv.Next(v)
			m.Open("sasl")
			m.Bytes("mechanism", mechanism)
			m.Close()
		}
	case ldapSearch:
		ldapSearchRequest(m, first, rest)
	case ldapModify:
		m.Bytes("object", first)
		ldapChanges(c, m, rest)
	case ldapAdd:
		m.Bytes("entry", first)
		ldapAttributes(c, m, "name", rest)
	case ldapDelete:
		m.Bytes("dn", body)
	case ldapRename:
		m.Bytes("entry", first)
		_, rdn, rest, _ := tlv.Next(rest)
		m.Bytes("new_rdn", rdn)
		_, old, rest, _ := tlv.Next(rest)
		m.Bool("delete_old_rdn", len(old) > 0 && old[0] != 0)
		if _, v, _, ok := tlv.Next(rest); ok {
			m.Bytes("new_superior", v)
		}
	case ldapCompare:
		m.Bytes("entry", first)
		ava, _ := tlv.Into(rest, tlv.Sequence)
		_, what, rest, _ := tlv.Next(ava)
		m.Open("attribute_value_assertion")
		m.Bytes("description", what)
		if _, v, _, ok := tlv.Next(rest); ok && c.Payload {
			m.Blob("value", v)
		}
		m.Close()
	case ldapExtended:
		m.Bytes("name", first)
		if v, ok := tlv.Find(body, 0x81); ok && c.Payload {
			m.Blob("value", v)
		}
	case ldapEntry:
		m.Bytes("base_object", first)
		ldapAttributes(c, m, "type", rest)
	case ldapIntermediate, ldapExtended + 1:
		if op != ldapIntermediate {
			ldapResult(m, body)
		}
		at := byte(0x80)
		if op != ldapIntermediate {
			at = 0x8a
		}
		if v, ok := tlv.Find(body, at); ok {
			m.Bytes("name", v)
		}
		if v, ok := tlv.Find(body, at+1); ok && c.Payload {
			m.Blob("value", v)
		}
	default:
		ldapResult(m, body)
	}
	m.Close()
}

// ldapResult writes a result (RFC 4511 section 4.1.9).
func ldapResult(m *event.Members, body []byte) {
	_, code, rest, _ := tlv.Next(body)
	n, _ := tlv.Int(code)
	text := ldapCodes[n]
	if text == "" {
		text = strconv.FormatInt(n, 10)
	}
	m.Str("result_code", text)
	_, dn, rest, _ := tlv.Next(rest)
	m.Bytes("matched_dn", dn)
	_, v, _, _ := tlv.Next(rest)
	m.Bytes("message", v)
}

func ldapSearchRequest(m *event.Members, base, rest []byte) {
	m.Bytes("base_object", base)
	for _, k := range [4]string{"scope", "deref_alias", "size_limit", "time_limit"} {
		var v []byte
		_, v, rest, _ = tlv.Next(rest)
		n, _ := tlv.Int(v)
		m.Int(k, n)
	}
	_, only, rest, _ := tlv.Next(rest)
	m.Bool("types_only", len(only) > 0 && only[0] != 0)
	tag, v, rest, _ := tlv.Next(rest)
	if tag == 0x87 {
		m.Open("filter")
		m.Str("type", "present")
		m.Bytes("value", v)
		m.Close()
	}
	list, _ := tlv.Into(rest, tlv.Sequence)
	ldapList(m, "attributes", list, func(_ byte, v []byte) { m.Bytes("", v) })
}

// ldapList writes an array of what stands in list, if there is anything.
func ldapList(m *event.Members, key string, list []byte, each func(tag byte, v []byte)) {
	if len(list) == 0 {
		return
	}
	m.Array(key)
	for !m.Full() {
		tag, v, next, ok := tlv.Next(list)
		if !ok {
			break
		}
		each(tag, v)
		list = next
	}
	m.End()
}

// ldapAttributes writes a list of attributes, each a name and a set of values.
func ldapAttributes(c *Context, m *event.Members, key string, b []byte) {
	list, _ := tlv.Into(b, tlv.Sequence)
	ldapList(m, "attributes", list, func(_ byte, v []byte) {
		_, name, rest, _ := tlv.Next(v)
		m.Open("")
		m.Bytes(key, name)
		ldapValues(c, m, "values", rest)
		m.Close()
	})
}

func ldapValues(c *Context, m *event.Members, key string, b []byte) {
	if tag, set, _, ok := tlv.Next(b); ok && tag == 0x31 && c.Payload {
		ldapList(m, key, set, func(_ byte, v []byte) { m.Blob("", v) })
	}
}

// ldapChangeNames are the operations of a change (RFC 4511 section 4.6).
var ldapChangeNames = map[int64]string{0: "add", 1: "delete", 2: "replace", 3: "increment"}

func ldapChanges(c *Context, m *event.Members, b []byte) {
	list, _ := tlv.Into(b, tlv.Sequence)
	ldapList(m, "changes", list, func(_ byte, v []byte) {
		_, what, rest, _ := tlv.Next(v)
		n, _ := tlv.Int(what)
		change, _ := tlv.Into(rest, tlv.Sequence)
		_, name, rest, _ := tlv.Next(change)
		m.Open("")
		m.Str("operation", ldapChangeNames[n])
		m.Open("modification")
		m.Bytes("attribute_type", name)
		ldapValues(c, m, "attribute_values", rest)
		m.Close()
		m.Close()
	})
}

// ldapControls writes the controls of a message b.
func ldapControls(m *event.Members, b []byte) {
	seq, _ := tlv.Into(b, tlv.Sequence)
	_, _, rest, _ := tlv.Next(seq)
	_, _, rest, _ = tlv.Next(rest)
	tag, list, _, ok := tlv.Next(rest)
	if !ok || tag != 0xa0 {
		return
	}
	ldapList(m, "controls", list, func(_ byte, v []byte) {
		_, kind, rest, _ := tlv.Next(v)
		m.Open("")
		m.Bytes("control_type", kind)
		tag, x, rest, ok := tlv.Next(rest)
		m.Bool("criticality", ok && tag == 1 && len(x) > 0 && x[0] != 0)
		if ok && tag == 1 {
			_, x, _, ok = tlv.Next(rest)
		}
		if ok {
			m.Hex("control_value", x)
		}
		m.Close()
	})
}

// ldapCodes are the names of results (RFC 4511 section 4.1.9).
var ldapCodes = map[int64]string{
	0: "success", 1: "operations_error", 2: "protocol_error", 3: "time_limit_exceeded", 4: "size_limit_exceeded", 5: "compare_false", 6: "compare_true",
	7: "auth_method_not_supported", 8: "stronger_auth_required", 10: "referral", 11: "admin_limit_exceeded", 12: "unavailable_critical_extension",
	13: "confidentiality_required", 14: "sasl_bind_in_progress", 16: "no_such_attribute", 17: "undefined_attribute_type", 18: "inappropriate_matching",
	19: "constraint_violation", 20: "attribute_or_value_exists", 21: "invalid_attribute_syntax", 32: "no_such_object", 33: "alias_problem",
	34: "invalid_d_n_syntax", 36: "alias_dereferencing_problem", 48: "inappropriate_authentication", 49: "invalid_credentials",
	50: "insufficient_access_rights", 51: "busy", 52: "unavailable", 53: "unwilling_to_perform", 54: "loop_detect", 64: "naming_violation",
	65: "object_class_violation", 66: "not_allowed_on_non_leaf", 67: "not_allowed_on_rdn", 68: "entry_already_exists", 69: "object_class_mods_prohibited",
	71: "affects_multiple_dsas", 80: "other",
}
