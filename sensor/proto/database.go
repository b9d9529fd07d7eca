package proto

import (
	"bytes"
	"strings"

	"saksi/event"
)

// database is what the parsers of databases and brokers know of a session.
type database struct {
	user, name        []byte
	version           []byte // of the server
	application, host []byte
	mechanism         string
	packets           Packets // of the operation in work
}

// maxDBText bounds a name.
const maxDBText = 512

// dbText copies a name.
func dbText(b []byte) []byte { return bytes.Clone(b[:min(len(b), maxDBText)]) }

// begin starts an event of the session.
func (d *database) begin(c *Context, dataset, action string) *event.Event {
	e := c.Begin(dataset, d.packets.List())
	e.Str(event.EventCategory, "database")
	if action == "login" {
		e.Str(event.EventCategory, "authentication")
	}
	e.Str(event.EventAction, action)
	e.Bytes(event.UserName, d.user)
	e.Bytes(event.RelatedUser, d.user)
	e.Bytes(event.ServiceVersion, d.version)
	e.Bytes(event.SaksiDbName, d.name)
	e.Bytes(event.SaksiDbApplication, d.application)
	e.Bytes(event.SaksiDbHost, d.host)
	e.Str(event.SaksiDbMechanism, d.mechanism)
	return e
}

// statement adds a masked statement and its first word as the operation.
func statement(e *event.Event, masked []byte) {
	e.Bytes(event.SaksiDbStatement, masked)
	word, _, _ := bytes.Cut(masked, []byte(" "))
	if len(word) > 0 && len(word) <= 32 {
		e.Str(event.SaksiDbOperation, strings.ToLower(string(word)))
	}
}

// plainUser returns the user of SASL PLAIN (RFC 4616), "[id] NUL user NUL
// password".
func plainUser(b []byte) []byte {
	_, b, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return nil
	}
	user, _, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return nil
	}
	return dbText(user)
}

// scramUser returns the user of SCRAM's first message (RFC 5802 section 7),
// "n,,n=user,r=nonce".
func scramUser(b []byte) []byte {
	_, b, ok := bytes.Cut(b, []byte("n="))
	if !ok {
		return nil
	}
	user, _, ok := bytes.Cut(b, []byte(",r="))
	if !ok {
		return nil
	}
	return dbText(user)
}
