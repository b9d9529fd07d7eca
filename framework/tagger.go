package framework

import (
	"slices"
	"strings"

	"saksi/event"
	"saksi/findings"
)

// Tagger puts the controls a finding bears on (Saksi.control) on every event
// of kind alert, from its ATT&CK techniques, or without one from the language
// that found it, and hands it on.
func Tagger(name string, next findings.Sink) (findings.Sink, error) {
	c, err := Load(name)
	if err != nil {
		return nil, err
	}
	m, err := loadMapping(name, c)
	if err != nil {
		return nil, err
	}
	return findings.SinkFunc(func(e *event.Event) error {
		if kind, _ := e.GetStr(event.EventKind); kind == "alert" {
			for _, id := range m.controls(e) {
				e.Str(event.SaksiControl, id)
			}
		}
		return next.Emit(e)
	}), nil
}

func (m *mapping) controls(e *event.Event) []string {
	var list []string
	e.Delete(event.SaksiControl)
	for v := range e.Values(event.ThreatTechniqueID) {
		line, ok := m.Techniques[v.Str()]
		if !ok {
			parent, _, _ := strings.Cut(v.Str(), ".")
			line = m.Techniques[parent]
		}
		list = append(list, line.Controls...)
	}
	if len(list) == 0 {
		language, _ := e.GetStr(event.SaksiRuleLanguage)
		list = append(list, m.Languages[language].Controls...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
