package sensor

import (
	"strings"

	"saksi/event"
)

// Protocols that others carry, as bits of conn.within. They are told with the
// flow, since each has a log of its own with Zeek.
const (
	withinGSSAPI = 1 << iota
	withinNTLM
	withinKerberos
	withinDCERPC
	withinGridFTP   // FTP whose client asked for GSSAPI
	withinMalformed // FTP with replies that are none
)

var withinNames = [...]string{"gssapi", "ntlm", "kerberos", "dcerpc", "gridftp", "malformed"}

// notice keeps what an event of the flow in work tells of protocols within.
func (w *worker) notice(e *event.Event) {
	c := w.conn
	if c == nil || c.entry == nil {
		return
	}
	for c.outer != nil {
		c = c.outer
	}
	switch c.entry.Name {
	case "ftp":
		if command, _ := e.GetStr(event.SaksiFtpCommand); command == "AUTH" {
			if how, _ := e.GetStr(event.SaksiFtpArgument); strings.EqualFold(how, "GSSAPI") && e.Has(event.SaksiFtpReplyCode) {
				c.within |= withinGridFTP
			}
		}
		if e.Has(event.SaksiFtpMalformed) {
			c.within |= withinMalformed
		}
		return
	case "smb":
		dataset, _ := e.GetStr(event.EventDataset)
		if dataset == "saksi.dcerpc" {
			c.within |= withinDCERPC
		}
		if v, _ := e.GetStr(event.SaksiSmbVersion); len(v) > 0 && (v[0] == '2' || v[0] == '3') {
			c.within |= withinGSSAPI // from version 2 on a negotiation carries its token
		}
	case "ldap":
		if m, _ := e.GetStr(event.SaksiLdapMechanism); m == "GSSAPI" || m == "GSS-SPNEGO" {
			c.within |= withinGSSAPI
		}
	case "dcerpc":
	default:
		return
	}
	if e.Has(event.SaksiNtlmVersion) || e.Has(event.SaksiNtlmHost) {
		c.within |= withinNTLM
		if c.entry.Name == "smb" {
			c.within |= withinGSSAPI
		}
	}
	if e.Has(event.SaksiKerberosService) {
		c.within |= withinKerberos | withinGSSAPI
	}
}

// withinOf gives what the flow in work carried, also when it is no longer parsed.
func (w *worker) withinOf() uint8 {
	switch ext := w.rec.Ext; {
	case w.conn != nil:
		return w.conn.within
	case ext&extLabel != 0 && ext&extWithin != 0:
		return uint8(ext >> labelBits)
	}
	return 0
}

// aboutWithin adds to a flow's event what was within.
func (w *worker) aboutWithin(e *event.Event) {
	within := w.withinOf()
	if within == 0 {
		return
	}
	for i, name := range withinNames {
		if within>>i&1 != 0 {
			e.Str(event.SaksiFlowWithin, name)
		}
	}
}
