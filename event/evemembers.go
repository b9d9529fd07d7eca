package event

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// Members builds members of an EVE JSON object, one behind the other. Unlike
// those of the documents, texts that are empty are written. The zero value is
// ready.
type Members struct{ w eve }

// maxMembers is how much is written of one transaction: lists end there.
const maxMembers = 64 << 10

// Full reports whether no more elements are to be added to lists.
func (m *Members) Full() bool { return len(m.w.b) > maxMembers }

// Empty reports whether nothing was added.
func (m *Members) Empty() bool { return len(m.w.b) == 0 }

// String gives the members as JSON without the braces around them.
func (m *Members) String() string { return string(m.w.b) }

// Open begins an object: a member k, or an element if k is empty.
func (m *Members) Open(k string) {
	m.w.key(k)
	m.w.b = append(m.w.b, '{')
}

// Close ends the object begun last.
func (m *Members) Close() { m.w.close() }

// Array begins an array.
func (m *Members) Array(k string) {
	m.w.key(k)
	m.w.b = append(m.w.b, '[')
}

// End ends the array begun last.
func (m *Members) End() { m.w.b = append(m.w.b, ']') }

// Str adds a text; in an array k is empty.
func (m *Members) Str(k, s string) {
	m.w.key(k)
	m.w.text(s)
}

// Bytes adds a text; what is no UTF-8 in it becomes U+FFFD.
func (m *Members) Bytes(k string, b []byte) { m.Str(k, string(b)) }

// Blob adds bytes that are meant to be text: if they are no UTF-8, those that
// are not printable ASCII become \xNN.
func (m *Members) Blob(k string, b []byte) {
	if utf8.Valid(b) {
		m.Str(k, string(b))
		return
	}
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		if c >= ' ' && c <= '~' {
			s.WriteByte(c)
			continue
		}
		s.WriteString(`\x`)
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	m.Str(k, s.String())
}

// Blobs adds an array of what Blob adds; none when there is nothing. It ends
// where the record is full.
func (m *Members) Blobs(k string, list [][]byte) {
	if len(list) == 0 {
		return
	}
	m.Array(k)
	for _, b := range list {
		if m.Full() {
			break
		}
		m.Blob("", b)
	}
	m.End()
}

// Hex adds bytes as hexadecimal digits.
func (m *Members) Hex(k string, b []byte) { m.Str(k, hex.EncodeToString(b)) }

// Int adds a whole number.
func (m *Members) Int(k string, n int64) { m.w.num(k, n) }

// Bool adds a truth value.
func (m *Members) Bool(k string, v bool) { m.w.boolean(k, v) }

// Add adds the members of another.
func (m *Members) Add(x *Members) {
	if len(x.w.b) > 0 {
		m.w.key("")
		m.w.b = append(m.w.b, x.w.b...)
	}
}

// AddMembers has AppendEVE write m, if there is anything in it, with an alert
// or, if kind is not empty, as a record of that event_type.
func (e *Event) AddMembers(kind string, m *Members) {
	if len(m.w.b) > 0 {
		e.add(SaksiEveApp, Value{str: string(m.w.b)}) // never cut, as Str would
	}
	e.Str(SaksiEveKind, kind)
}

// NoRecord has AppendEVE leave e out, because Suricata has no record for it.
func (e *Event) NoRecord() { e.Str(SaksiEveKind, noRecord) }

const noRecord = "none"

// Unrecorded reports whether NoRecord was called.
func (e *Event) Unrecorded() bool {
	kind, _ := e.GetStr(SaksiEveKind)
	return kind == noRecord
}

// ToldByRecords reports whether AppendEVE leaves out the events of a dataset,
// because the sensor's parser makes records of their messages for EVE.
func ToldByRecords(dataset string) bool { return toldByRecords[dataset] }

var toldByRecords = map[string]bool{
	"saksi.mqtt": true, "saksi.nfs": true, "saksi.ldap": true, "saksi.snmp": true, "saksi.sip": true, "saksi.vnc": true, "saksi.smb": true, "saksi.dcerpc": true, "saksi.rdp": true, "saksi.websocket": true, "saksi.ethernetip": true, "saksi.bittorrent": true, "saksi.postgresql": true,
}
