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
			e.Delete(event.SaksiControl)
			var techniques []string
			for v := range e.Values(event.ThreatTechniqueID) {
				techniques = append(techniques, v.Str())
			}
			language, _ := e.GetStr(event.SaksiRuleLanguage)
			for _, id := range m.controls(techniques, language) {
				e.Str(event.SaksiControl, id)
			}
		}
		return next.Emit(e)
	}), nil
}

// Controls returns what tells the controls of a framework that a rule's
// findings bear on, as Tagger does: from its ATT&CK techniques, or without one
// from its language.
func Controls(name string) (func(techniques []string, language string) []string, error) {
	c, err := Load(name)
	if err != nil {
		return nil, err
	}
	m, err := loadMapping(name, c)
	if err != nil {
		return nil, err
	}
	return m.controls, nil
}

func (m *mapping) controls(techniques []string, language string) []string {
	var list []string
	for _, t := range techniques {
		line, ok := m.Techniques[t]
		if !ok {
			parent, _, _ := strings.Cut(t, ".")
			line = m.Techniques[parent]
		}
		list = append(list, line.Controls...)
	}
	if len(list) == 0 {
		list = append(list, m.Languages[language].Controls...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
