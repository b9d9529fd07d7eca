// Package mask keeps personal data and credentials out of what is stored:
// Sink replaces them in each event's text before it reaches the spool, names
// the field in Saksi.masked, and adds a keyed digest of the value to
// Saksi.masked_digest so that equal values can still be found. What was masked
// can be read again only from the exhibit.
package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/feature"
	"saksi/internal/search"
)

// plain are the fields, and the beginnings of fields, whose text is Saksi's own,
// a rule's, an identifier, a digest or one of a few words. Every other text comes
// from the wire, a disk or a person, and may hold anything: it is looked through.
var plain = []string{
	"Saksi.access.by", "Saksi.access.form", "Saksi.agency_path", "Saksi.anomaly.", "Saksi.asset.id", "Saksi.authority.", "Saksi.case", "Saksi.control", "Saksi.evidence.", "Saksi.exhibit", "Saksi.flow.",
	"Saksi.hold.name", "Saksi.hold.scope", "Saksi.hold.state", "Saksi.hold.by", "Saksi.indicator.", "Saksi.link", "Saksi.masked", "Saksi.retention.by", "Saksi.retention.policy", "Saksi.retention.scope", "Saksi.review.by", "Saksi.review.of", "Saksi.review.owner", "Saksi.review.rule", "Saksi.review.host", "Saksi.review.status",
	"Saksi.rule.", "Saksi.truncated", "Saksi.tls.ja", "Saksi.ssh.hassh",
	"agent.", "ecs.", "event.action", "event.category", "event.code", "event.dataset", "event.hash", "event.id", "event.kind", "event.module", "event.outcome", "event.provider",
	"event.timezone", "event.type", "file.gid", "file.hash.", "file.inode", "file.mime_type", "file.mode", "file.type", "file.uid", "host.mac", "host.os.", "network.", "observer.",
	"organization.", "process.hash.", "related.hash", "rule.", "threat.feed.", "threat.framework", "threat.indicator.confidence", "threat.indicator.description",
	"threat.indicator.email.", "threat.indicator.file.hash.", "threat.indicator.id", "threat.indicator.ip", "threat.indicator.marking.", "threat.indicator.provider",
	"threat.indicator.reference", "threat.indicator.type", "threat.indicator.x509.", "threat.tactic.", "threat.technique.", "tls.cipher", "tls.client.ja3", "tls.client.hash.",
	"tls.server.hash.", "tls.server.ja3s", "tls.server.x509.serial_number", "tls.server.x509.public_key", "tls.server.x509.signature", "tls.version", "source.mac", "destination.mac",
}

// textual are all fields of text that are not plain.
var textual = func() map[event.Field]bool {
	m := map[event.Field]bool{}
	for _, f := range event.AllFields() {
		if t := f.Type(); t != event.Keyword && t != event.Text {
			continue
		}
		if !slices.ContainsFunc(plain, func(p string) bool {
			return f.Name() == p || strings.HasSuffix(p, ".") && strings.HasPrefix(f.Name(), p) || strings.HasPrefix(f.Name(), p) && !strings.HasPrefix(f.Name()[len(p):], ".")
		}) {
			m[f] = true
		}
	}
	return m
}()

// secret are the fields whose whole value is a credential.
var secret = map[event.Field]bool{event.URLPassword: true, event.SaksiSnmpCommunity: true}

type sink struct {
	next findings.Sink
	key  []byte
	buf  []byte
	ev   event.Event
}

// Sink masks each event and hands it to next. key (at least 16 bytes, the
// agency's own, kept secret) makes the digests; without one there are none.
func Sink(key []byte, next findings.Sink) findings.Sink {
	return &sink{next: next, key: key}
}

// Emit masks e into a copy, if there is anything to mask.
func (s *sink) Emit(e *event.Event) error {
	dirty := false
	kind, personal := featureOf(e)
	for v := range e.All() {
		if personal && featured(v.Field) || touches(v) {
			dirty = true
			break
		}
	}
	if !dirty {
		return s.next.Emit(e)
	}
	s.ev.Reset()
	for v := range e.All() {
		var text string
		switch {
		case personal && v.Field == event.SaksiFeatureValue:
			text = kind.Mask(v.Str())
			s.note(v.Str())
		case personal && v.Field == event.SaksiEvidenceMatch:
			text = v.Str()[:strings.LastIndexByte(v.Str(), ':')+1] + "[masked]"
		case touches(v):
			text = s.masked(v)
		default:
			s.ev.Append(v)
			continue
		}
		s.ev.Str(v.Field, text)
		s.ev.Str(event.SaksiMasked, v.Field.Name())
	}
	return s.next.Emit(&s.ev)
}

// featureOf is the kind of feature that an event tells of, and whether it is
// personal data or gives access.
func featureOf(e *event.Event) (feature.Kind, bool) {
	name, _ := e.GetStr(event.SaksiFeatureKind)
	kind, ok := feature.ByName(name)
	return kind, ok && kind.Personal()
}

func featured(f event.Field) bool {
	return f == event.SaksiFeatureValue || f == event.SaksiEvidenceMatch
}

// hidden are the pieces of matched bytes that must not be stored, as they are and
// as UTF-16.
func hidden(b []byte) (list []string) {
	for _, f := range Find(string(b)) {
		list = append(list, string(b[f.Start:f.End]))
	}
	search.Narrow(b, func(text []byte, _ int, _ string) {
		for _, f := range Find(string(text)) {
			list = append(list, string(text[f.Start:f.End]))
		}
	})
	return list
}

func touches(v event.Value) bool {
	switch {
	case secret[v.Field]:
		return true
	case textual[v.Field]:
		return len(Find(v.Str())) > 0
	case v.Field == event.SaksiEvidenceMatch:
		b, _ := matchBytes(v.Str())
		return len(hidden(b)) > 0
	}
	return false
}

func (s *sink) masked(v event.Value) string {
	if secret[v.Field] {
		s.note(v.Str())
		return "[password]"
	}
	if v.Field == event.SaksiEvidenceMatch {
		b, head := matchBytes(v.Str())
		for _, text := range hidden(b) {
			s.note(text)
		}
		return head + "[masked]"
	}
	text := v.Str()
	s.buf = s.buf[:0]
	at := 0
	for _, f := range Find(text) {
		s.note(text[f.Start:f.End])
		s.buf = append(s.buf, text[at:f.Start]...)
		s.buf = append(s.buf, '[')
		s.buf = append(s.buf, f.Kind...)
		s.buf = append(s.buf, ']')
		at = f.End
	}
	return string(append(s.buf, text[at:]...))
}

// note adds the keyed digest of a masked value; separators do not count, so
// that 4111-1111... and 41111111... are equal.
func (s *sink) note(value string) {
	if s.key == nil {
		return
	}
	s.ev.Str(event.SaksiMaskedDigest, digest(s.key, value))
}

func digest(key []byte, value string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(value))))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// Value is one value that Sink would mask.
type Value struct {
	Field  event.Field
	Text   string // personal data or a credential: MUST NOT be stored or logged
	Digest string // as Sink adds it to Saksi.masked_digest
}

// Values gives what Sink with this key would mask in e, with the digests by
// which a value read anew is known to be the one that was masked.
func Values(key []byte, e *event.Event) []Value {
	var list []Value
	add := func(f event.Field, text string) { list = append(list, Value{f, text, digest(key, text)}) }
	_, personal := featureOf(e)
	for v := range e.All() {
		switch {
		case personal && v.Field == event.SaksiFeatureValue:
			add(v.Field, v.Str())
		case personal && v.Field == event.SaksiEvidenceMatch:
		case secret[v.Field]:
			add(v.Field, v.Str())
		case textual[v.Field]:
			text := v.Str()
			for _, f := range Find(text) {
				add(v.Field, text[f.Start:f.End])
			}
		case v.Field == event.SaksiEvidenceMatch:
			b, _ := matchBytes(v.Str())
			for _, text := range hidden(b) {
				add(v.Field, text)
			}
		}
	}
	return list
}

// matchBytes splits "name@offset+length:hex" into its bytes and what stands
// before them.
func matchBytes(s string) (b []byte, head string) {
	i := strings.LastIndexByte(s, ':')
	b, err := hex.DecodeString(s[i+1:])
	if err != nil {
		return nil, s
	}
	return b, s[:i+1]
}
