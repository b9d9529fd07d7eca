package sensor

import (
	"strings"
	"time"

	"saksi/event"
	"saksi/evidence"
	"saksi/sensor/proto"
	"saksi/sensor/scope"
)

// authorize sets up what the authority lets be done with a source.
func (s *source) authorize(cfg *Config) {
	a := cfg.Authority
	if a == nil {
		return
	}
	act := evidence.ActDecrypt
	if s.live {
		act = evidence.ActCapture
	}
	s.scope = scope.New(a, act, s.exhibit)
	s.noOpen = a.Check(evidence.ActDecrypt, time.Now()) != nil
}

// leaveOut reports whether the frame whose packets are those from an index on is
// left out, and counts it.
func (s *source) leaveOut(b *batch, from int, iface uint32, t int64) bool {
	name := ""
	if int(iface) < len(s.ifaces) {
		name = s.ifaces[iface]
	}
	switch s.scope.Frame(b.pkts[from:], s.dec.Held(), name, t) {
	case evidence.Privileged:
		s.sum.Privileged++
		return true
	case evidence.Outside:
		if s.live {
			s.sum.Outside++
			return true
		}
	}
	return false
}

// covered says whether the authority lets the flow in work be decrypted.
func (w *worker) covered(server []byte) proto.Decryption {
	a := w.cfg.Authority
	if a == nil {
		return proto.Decrypted
	}
	if w.src.noOpen {
		return proto.OutOfScope
	}
	t := evidence.Target{
		Src: w.pc.Client, Dst: w.pc.Server, SrcPort: w.pc.ClientPort, DstPort: w.pc.ServerPort, Exhibit: w.src.exhibit, Time: time.Unix(0, w.pc.Time),
	}
	if len(server) > 0 {
		t.Names = []string{strings.ToLower(strings.TrimSuffix(string(server), "."))}
	}
	switch a.Judge(evidence.ActDecrypt, &t) {
	case evidence.Privileged:
		return proto.PrivilegedFor
	case evidence.Outside:
		return proto.OutOfScope
	}
	return proto.Decrypted
}

// authority tells under which authority a source is read, and at its end what was
// left out.
func (o *order) authority(s *source, t int64, end bool) error {
	a := o.cfg.Authority
	if a == nil || end && s.sum.Outside+s.sum.Privileged == 0 {
		return nil
	}
	e := &o.finding
	e.Reset()
	e.Time(event.Timestamp, t)
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.authority")
	e.Str(event.EventCategory, "configuration")
	e.Str(event.EventType, "info")
	e.Str(event.SaksiEvidenceKey, s.key)
	e.Str(event.SaksiEvidenceName, s.name)
	e.Str(event.SaksiAuthorityKind, a.Kind)
	e.Str(event.SaksiAuthorityReference, a.Reference)
	e.Str(event.SaksiAuthorityBy, a.By)
	for _, act := range a.Acts {
		e.Str(event.SaksiAuthorityActs, string(act))
	}
	e.Str(event.SaksiAuthoritySHA256, a.SHA256)
	if end {
		e.Int(event.SaksiAuthorityOutside, int64(s.sum.Outside))
		e.Int(event.SaksiAuthorityPrivileged, int64(s.sum.Privileged))
	}
	o.sum.events["saksi.authority"]++
	return o.sink(e)
}
