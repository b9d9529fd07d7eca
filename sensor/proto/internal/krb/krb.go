// Package krb reads the messages of Kerberos 5 (RFC 4120 section 5), in DER.
//
//	KDC-REQ  [APPLICATION 10|12] pvno [1] 5, type [2], padata [3], body [4]: cname [1], realm [2], sname [3], etype [8]
//	KDC-REP  [APPLICATION 11|13] pvno [0] 5, type [1], padata [2], crealm [3], cname [4], ticket [5], enc-part [6]
//	AP-REQ   [APPLICATION 14]    pvno [0] 5, type [1], options [2], ticket [3], authenticator [4]
//	ERROR    [APPLICATION 30]    pvno [0] 5, type [1], code [6], crealm [7], cname [8], realm [9], sname [10]
//	Ticket   [APPLICATION 1]     vno [0], realm [1], sname [2], enc-part [3]: etype [0], kvno [1], cipher [2]
package krb

import (
	"bytes"
	"strconv"

	"saksi/sensor/proto/internal/tlv"
)

// Types of messages (section 7.5.7).
const (
	ASReq  = 10
	ASRep  = 11
	TGSReq = 12
	TGSRep = 13
	APReq  = 14
	APRep  = 15
	Error  = 30
)

// Message is what a message says in clear.
type Message struct {
	Type            int
	Client, Service []byte // names as "a/b"
	ClientRealm     []byte
	Realm           []byte // of the service
	Offered         []int64
	PreAuth         []int64
	Ticket          int64 // encryption type of the ticket, 0 if there is none
	Cipher          int64 // encryption type of the reply's own part
	Code            int64 // of an error
}

const (
	// maxList bounds encryption types and pre-authentication data listed.
	maxList = 16
	// maxParts bounds the parts of a name.
	maxParts = 8
)

// Is reports whether b begins as a message does.
func Is(b []byte) bool {
	if len(b) == 0 || b[0] < 0x6a || b[0] > 0x6f && b[0] != 0x7e {
		return false
	}
	body, ok := tlv.Into(b, b[0])
	if !ok {
		return false
	}
	seq, ok := tlv.Into(body, tlv.Sequence)
	if !ok || len(seq) < 10 {
		return false
	}
	first := byte(0)
	if b[0] == 0x60|ASReq || b[0] == 0x60|TGSReq {
		first = 1
	}
	return bytes.Equal(seq[:10], []byte{0xa0 | first, 3, 2, 1, 5, 0xa0 | first + 1, 3, 2, 1, b[0] & 0x1f})
}

// Parse reads a message; what is cut off is missing in the result.
func Parse(b []byte) (m Message, ok bool) {
	if !Is(b) {
		return m, false
	}
	m.Type = int(b[0] & 0x1f)
	seq, _ := tlv.Path(b, b[0], tlv.Sequence)
	switch m.Type {
	case ASReq, TGSReq:
		if pa, ok := tlv.Path(seq, tlv.Context(3), tlv.Sequence); ok {
			m.PreAuth = list(pa, func(v []byte) (int64, bool) {
				n, ok := tlv.Path(v, tlv.Context(1), tlv.Integer)
				if !ok {
					return 0, false
				}
				return tlv.Int(n)
			})
		}
		body, _ := tlv.Path(seq, tlv.Context(4), tlv.Sequence)
		m.Client = name(body, 1)
		m.Realm = text(body, 2)
		m.ClientRealm = m.Realm
		m.Service = name(body, 3)
		if types, ok := tlv.Path(body, tlv.Context(8), tlv.Sequence); ok {
			m.Offered = list(types, tlv.Int)
		}
	case ASRep, TGSRep:
		m.ClientRealm, m.Client = text(seq, 3), name(seq, 4)
		m.ticket(seq, 5)
		m.Cipher = integer(seq, tlv.Context(6), tlv.Sequence, tlv.Context(0), tlv.Integer)
	case APReq:
		m.ticket(seq, 3)
	case Error:
		m.Code = integer(seq, tlv.Context(6), tlv.Integer)
		m.ClientRealm, m.Client = text(seq, 7), name(seq, 8)
		m.Realm, m.Service = text(seq, 9), name(seq, 10)
	}
	return m, true
}

// ticket reads who a ticket is for.
func (m *Message) ticket(seq []byte, n byte) {
	t, ok := tlv.Path(seq, tlv.Context(n), 0x61, tlv.Sequence)
	if !ok {
		return
	}
	m.Realm, m.Service = text(t, 1), name(t, 2)
	m.Ticket = integer(t, tlv.Context(3), tlv.Sequence, tlv.Context(0), tlv.Integer)
}

// gss is the head of a Kerberos token within SPNEGO (RFC 4121 section 4.1): the
// mechanism's identifier, then the two bytes of an AP-REQ.
var gss = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00")

// Find reads the AP-REQ within a GSS-API token.
func Find(b []byte) (Message, bool) {
	i := bytes.Index(b, gss)
	if i < 0 {
		return Message{}, false
	}
	return Parse(b[i+len(gss):])
}

func list(b []byte, f func([]byte) (int64, bool)) (out []int64) {
	for len(out) < maxList {
		_, body, rest, ok := tlv.Next(b)
		if !ok {
			break
		}
		if n, ok := f(body); ok {
			out = append(out, n)
		}
		b = rest
	}
	return out
}

func integer(b []byte, path ...byte) int64 {
	if v, ok := tlv.Path(b, path...); ok {
		n, _ := tlv.Int(v)
		return n
	}
	return 0
}

// text reads a KerberosString.
func text(b []byte, n byte) []byte {
	v, ok := tlv.Find(b, tlv.Context(n))
	if !ok {
		return nil
	}
	_, v, _, _ = tlv.Next(v)
	return v
}

// name reads a PrincipalName: name-type [0], name-string [1].
func name(b []byte, n byte) []byte {
	v, ok := tlv.Path(b, tlv.Context(n), tlv.Sequence, tlv.Context(1), tlv.Sequence)
	if !ok {
		return nil
	}
	var out []byte
	for i := range maxParts {
		_, part, rest, ok := tlv.Next(v)
		if !ok {
			break
		}
		if i > 0 {
			out = append(out, '/')
		}
		out = append(out, part...)
		v = rest
	}
	return out
}

// etypes are the encryption types of RFC 3961 section 8, RFC 4757, RFC 6803
// and RFC 8009.
var etypes = map[int64]string{
	1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 5: "des3-cbc-md5", 7: "des3-cbc-sha1", 16: "des3-cbc-sha1-kd",
	17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128", 20: "aes256-cts-hmac-sha384-192",
	23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac", 26: "camellia256-cts-cmac",
}

// Etype names an encryption type.
func Etype(n int64) string {
	if s, ok := etypes[n]; ok {
		return s
	}
	return strconv.FormatInt(n, 10)
}

// codes are the errors of RFC 4120 section 7.5.9.
var codes = map[int64]string{
	1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN", 7: "KDC_ERR_S_PRINCIPAL_UNKNOWN",
	8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 9: "KDC_ERR_NULL_KEY", 10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID", 12: "KDC_ERR_POLICY",
	13: "KDC_ERR_BADOPTION", 14: "KDC_ERR_ETYPE_NOSUPP", 15: "KDC_ERR_SUMTYPE_NOSUPP", 16: "KDC_ERR_PADATA_TYPE_NOSUPP",
	17: "KDC_ERR_TRTYPE_NOSUPP", 18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED", 20: "KDC_ERR_TGT_REVOKED",
	21: "KDC_ERR_CLIENT_NOTYET", 22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED", 24: "KDC_ERR_PREAUTH_FAILED",
	25: "KDC_ERR_PREAUTH_REQUIRED", 26: "KDC_ERR_SERVER_NOMATCH", 27: "KDC_ERR_MUST_USE_USER2USER", 28: "KDC_ERR_PATH_NOT_ACCEPTED",
	29: "KDC_ERR_SVC_UNAVAILABLE", 31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV",
	34: "KRB_AP_ERR_REPEAT", 35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW", 38: "KRB_AP_ERR_BADADDR",
	39: "KRB_AP_ERR_BADVERSION", 40: "KRB_AP_ERR_MSG_TYPE", 41: "KRB_AP_ERR_MODIFIED", 42: "KRB_AP_ERR_BADORDER", 44: "KRB_AP_ERR_BADKEYVER",
	45: "KRB_AP_ERR_NOKEY", 46: "KRB_AP_ERR_MUT_FAIL", 48: "KRB_AP_ERR_METHOD", 52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC",
	68: "KDC_ERR_WRONG_REALM",
}

// Code names an error.
func Code(n int64) string {
	if s, ok := codes[n]; ok {
		return s
	}
	return strconv.FormatInt(n, 10)
}
