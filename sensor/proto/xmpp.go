package proto

// XMPP, RFC 6120 section 4: a stream of XML that begins with <stream:stream> in
// the namespace jabber:client or jabber:server; <starttls/> and <proceed/> lead
// to TLS, <auth mechanism="..."> to a login, <success/> and <failure/> end it.
// One event a stream and a login; messages and passwords are never taken.

import (
	"bytes"

	"saksi/event"
	"saksi/rules/suricata"
)

func init() {
	register(&Entry{
		Name: "xmpp", App: suricata.AppJabber, Doc: "Extensible Messaging and Presence Protocol", Reference: "RFC 6120",
		Transport: TCP, Application: "jabber", Ports: []uint16{5222, 5269}, First: []string{"<"},
		Detect: func(p *Probe) Verdict {
			b := p.Data[:min(len(p.Data), 1024)]
			switch {
			case !bytes.HasPrefix(b, []byte("<?xml")) && !bytes.HasPrefix(b, []byte("<stream:stream")) && len(b) >= 14:
				return No
			case bytes.Contains(b, []byte("<stream:stream")) && (bytes.Contains(b, []byte("jabber:client")) || bytes.Contains(b, []byte("jabber:server"))):
				return Yes
			case len(b) < 512:
				return More
			}
			return No
		},
		New:     func(Transport) Parser { return &xmpp{} },
		Samples: []string{"xmpp.txt"}, Hostile: []string{"xmpp_hostile.txt"},
	})
}

type xmpp struct {
	textSession
	domain []byte
	open   bool // a login has no answer yet
	tls    bool // asked for
}

// maxXMPPTag bounds a tag and the text behind it that are held.
const maxXMPPTag = 4096

// Data implements Parser: only the tags are looked at, one after the other.
func (p *xmpp) Data(c *Context, dir Dir, b []byte) Result {
	used := 0
	for used < len(b) {
		i := bytes.IndexByte(b[used:], '<')
		if i < 0 {
			return Result(len(b))
		}
		tag := b[used+i:]
		end := bytes.IndexByte(tag, '>')
		if end < 0 {
			if len(tag) > maxXMPPTag {
				return Broken
			}
			return Result(used + i)
		}
		text := tag[end+1:]
		if bytes.HasPrefix(tag, []byte("<auth")) && tag[end-1] != '/' { // the token behind it
			k := bytes.IndexByte(text, '<')
			if k < 0 {
				if len(text) > maxXMPPTag {
					return Broken
				}
				return Result(used + i)
			}
			text = text[:k]
		}
		used += i + end + 1
		if p.tag(c, dir, tag[:end+1], text) {
			c.Redetect, c.Used = true, used
			return Done
		}
	}
	return Result(used)
}

// attribute returns the value of an attribute of a tag.
func attribute(tag []byte, name string) []byte {
	for _, q := range [2]string{`"`, `'`} {
		if _, v, ok := bytes.Cut(tag, []byte(" "+name+"="+q)); ok {
			v, _, _ = bytes.Cut(v, []byte(q))
			return v[:min(len(v), maxDBText)]
		}
	}
	return nil
}

// tag takes one tag; it returns true if TLS begins.
func (p *xmpp) tag(c *Context, dir Dir, tag, text []byte) bool {
	word := tag[1:]
	if i := bytes.IndexAny(word, " />\t\r\n"); i >= 0 {
		word = word[:i]
	}
	switch string(word) {
	case "stream:stream":
		if dir == FromClient && p.domain == nil {
			p.packets.Add(c.Number)
			p.domain = dbText(attribute(tag, "to"))
		}
	case "starttls":
		p.tls = p.tls || dir == FromClient
	case "proceed":
		if dir == FromServer && p.tls {
			p.packets.Add(c.Number)
			e := p.begin(c, "saksi.xmpp", "starttls")
			e.Bytes(event.ServerAddress, p.domain)
			c.Emit(e)
			return true
		}
	case "auth":
		if dir == FromClient {
			p.packets.Reset()
			p.packets.Add(c.Number)
			p.mechanism = string(attribute(tag, "mechanism"))
			p.user = nil
			switch p.mechanism {
			case "PLAIN":
				p.user = base64User(text)
			case "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS":
				p.user = scramUser(base64Text(text))
			}
			p.open = true
		}
	case "success", "failure":
		if dir == FromServer && p.open {
			p.packets.Add(c.Number)
			p.login(c, true, word[0] == 's')
		}
	}
	return false
}

func (p *xmpp) login(c *Context, known, good bool) {
	p.open = false
	e := p.begin(c, "saksi.xmpp", "login")
	e.Bytes(event.ServerAddress, p.domain)
	if known {
		outcome(e, good)
	}
	c.Emit(e)
}

// Gap implements Parser: the next tag is found again.
func (p *xmpp) Gap(*Context, Dir, uint32) bool { return true }

// Close implements Parser.
func (p *xmpp) Close(c *Context) {
	if p.open {
		p.login(c, false, false)
	}
	if !p.told && p.domain != nil {
		e := p.begin(c, "saksi.xmpp", "connect")
		e.Bytes(event.ServerAddress, p.domain)
		c.Emit(e)
	}
}
