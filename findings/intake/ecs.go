package intake

import (
	"errors"
	"strings"

	"saksi/event"
)

// ecs reads documents of the Elastic Common Schema. One that Saksi wrote comes
// back as it was: its id is computed again, and must be the one it states.
type ecs struct {
	d   doc
	sum *Summary
}

// trusted are the data sets that something rests on: what people said and
// suppressed, and what sensors counted of themselves. An id shows that a document
// is whole, not who wrote it, so no file states these.
var trusted = map[string]bool{"saksi.review": true, "saksi.sensor": true, "saksi.authority": true, "saksi.hold": true, "saksi.access": true, "saksi.retention": true}

// errChanged is the problem of a document of ours whose content is not what its
// id says.
var errChanged = errors.New("its id is not that of its content: it was changed after Saksi wrote it")

func (r *ecs) line(b []byte, e *event.Event) (string, bool, error) {
	if err := r.d.parse(b); err != nil {
		return "", false, err
	}
	if strings.HasPrefix(r.d.get("event.dataset"), "saksi.") && r.d.get("event.id") != "" {
		own, err := event.Parse(b)
		if err != nil {
			return "", false, err
		}
		if own.ID() != r.d.get("event.id") {
			return "", false, errChanged
		}
		if set := r.d.get("event.dataset"); trusted[set] {
			return set, false, nil
		}
		own.CopyTo(e)
		return "", true, nil
	}
	if eveTime(r.d.get("@timestamp")) == "" {
		return "", false, errors.New("no @timestamp that is one")
	}
	provider := r.d.first("event.dataset", "event.provider")
	for i, name := range r.d.names {
		f, ok := event.Lookup(name)
		if !ok || strings.HasPrefix(name, "Saksi.") { // what is ours nobody else can state
			count(r.sum.Unmapped, name)
			continue
		}
		switch f {
		case event.EventDataset, event.EventProvider, event.EventID:
			continue
		}
		if _, ok := e.Last(f); ok && !f.IsArray() {
			continue
		}
		v := r.d.values[i]
		if f.Type() == event.Date {
			v = eveTime(v)
		}
		if err := e.SetText(f, v); err != nil {
			e.Str(event.SaksiIncomplete, err.Error())
		}
	}
	e.Str(event.EventDataset, "saksi.record")
	if provider != "" {
		e.Str(event.EventProvider, provider)
	}
	if k, _ := e.GetStr(event.EventKind); k != "alert" {
		e.Delete(event.EventKind)
		e.Str(event.EventKind, "event")
	}
	return "", true, nil
}
