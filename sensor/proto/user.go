package proto

import (
	"saksi/event"
	"saksi/sensor/proto/internal/krb"
	"saksi/sensor/proto/internal/ntlm"
)

// userName is who authenticated, as far as it is said in clear.
type userName struct {
	name, domain, host   []byte
	server, serverDomain []byte
	service, realm       []byte // of the Kerberos ticket shown
	ticket               string // its encryption type
	version              int    // of NTLM
	build, serverBuild   string // versions of Windows, by NTLM
	system, serverSystem []byte // operating systems, by SMB1
}

// ntlm takes the names of an authentication and of the challenge before it.
func (u *userName) ntlm(m, server ntlm.Message) {
	u.name, u.domain, u.host, u.version = m.User, m.Domain, m.Host, m.Version
	if m.Anonymous {
		u.name = []byte("anonymous")
	}
	u.server, u.serverDomain = server.Server, server.ServerDomain
	u.build, u.serverBuild = m.System, server.System
}

// token reads a token of GSS-API; it returns true if it names anybody.
func (u *userName) token(b []byte, server *ntlm.Message) bool {
	if m, ok := ntlm.Find(b); ok {
		switch m.Type {
		case ntlm.Challenge:
			*server = m
		case ntlm.Authenticate:
			u.ntlm(m, *server)
			return true
		}
		return false
	}
	if m, ok := krb.Find(b); ok && m.Type == krb.APReq {
		u.service, u.realm, u.ticket = m.Service, m.Realm, krb.Etype(m.Ticket)
		return true
	}
	return false
}

func (u *userName) describe(e *event.Event) {
	e.Bytes(event.UserName, u.name)
	e.Bytes(event.UserDomain, u.domain)
	e.Bytes(event.RelatedUser, u.name)
	e.Bytes(event.SaksiNtlmHost, u.host)
	e.Bytes(event.SaksiNtlmServer, u.server)
	e.Bytes(event.SaksiNtlmServerDomain, u.serverDomain)
	if u.version != 0 {
		e.Int(event.SaksiNtlmVersion, int64(u.version))
	}
	e.Bytes(event.SaksiKerberosService, u.service)
	e.Bytes(event.SaksiKerberosRealm, u.realm)
	if u.ticket != "" {
		e.Str(event.SaksiKerberosTicketCipher, u.ticket)
	}
}

// login describes who authenticates, and what the two machines say of their
// systems.
func (u *userName) login(e *event.Event) {
	u.describe(e)
	e.Str(event.SaksiNtlmClientVersion, u.build)
	e.Str(event.SaksiNtlmServerVersion, u.serverBuild)
	e.Bytes(event.SaksiSmbClientSystem, u.system)
	e.Bytes(event.SaksiSmbServerSystem, u.serverSystem)
}

// outcome says how it ended.
func outcome(e *event.Event, ok bool) {
	if ok {
		e.Str(event.EventOutcome, "success")
	} else {
		e.Str(event.EventOutcome, "failure")
	}
}
