package scan

import (
	"regexp"
	"strings"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/rules"
)

// flag is what a name, or a name held against the content, shows without a rule.
type flag struct {
	id, name  string
	technique string // of MITRE ATT&CK; empty where none says it
	severity  rules.Severity
}

var (
	flagEncrypted = flag{"encrypted", "Encrypted, so that its content was not looked at", "", rules.Low}
	flagDouble    = flag{"double-extension", "Program under the name of a document", "T1036.007", rules.Medium}
	flagOverride  = flag{"right-to-left", "Name that turns its direction of writing", "T1036.002", rules.Medium}
	flagType      = flag{"file-type", "Program under the extension of what is none", "T1036.008", rules.Medium}
)

// Names of documents, pictures and the like, and of what Windows runs.
const (
	harmless = `pdf|docx?|xlsx?|pptx?|odt|ods|odp|rtf|txt|csv|jpe?g|png|gif|bmp|tiff?|mp3|mp4|avi|mov|wav|zip|rar|7z|html?`
	runnable = `exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|msi|jar|cpl`
)

var (
	doubleName   = regexp.MustCompile(`(?i)[^.]\.(?:` + harmless + `)[ _]*\.(?:` + runnable + `)$`)
	harmlessName = regexp.MustCompile(`(?i)[^.]\.(?:` + harmless + `|log|ini|xml|json|ico|svg|webp|eml)$`)
)

// flags are those of an entry or a member; res may be nil.
func (s *scanner) flags(st *step, res *disk.Result) (list []flag) {
	if !s.cfg.Flags || st.place != disk.Content || st.good || st.entry.Kind != filesystem.File {
		return nil
	}
	base := st.entry.Path[strings.LastIndexByte(st.entry.Path, '/')+1:]
	if st.member == nil && st.entry.Stream != "" {
		base = st.entry.Stream
	}
	if doubleName.MatchString(base) {
		list = append(list, flagDouble)
	}
	if strings.ContainsRune(base, '\u202e') {
		list = append(list, flagOverride)
	}
	if res != nil && res.Program != "" && harmlessName.MatchString(base) {
		list = append(list, flagType)
	}
	return list
}

// flagged gives put a finding for each flag of a step, and for what is encrypted
// in it.
func (m *emitter) flagged(u *unit, st *step, res *disk.Result, lost loss, put func(*event.Event) error) error {
	st.flags = 0
	for _, f := range m.s.flags(st, res) {
		if err := m.flag(u, st, res, lost, &f, put); err != nil {
			return err
		}
		st.flags++
	}
	if !m.s.cfg.Flags || res == nil || st.good {
		return nil
	}
	for i := range res.Entered.Problems {
		p := &res.Entered.Problems[i]
		if p.Kind != archive.Encrypted {
			continue
		}
		at, of := st, res
		if p.Path != "" { // its digest is nobody's to know
			of = &disk.Result{}
			x := memberStep(st, &disk.Member{Path: p.Path, At: -1})
			at = &x
		}
		if err := m.flag(u, at, of, lost, &flagEncrypted, put); err != nil {
			return err
		}
		st.flags++
	}
	return nil
}

func (m *emitter) flag(u *unit, st *step, res *disk.Result, lost loss, f *flag, put func(*event.Event) error) error {
	m.e.Reset()
	m.common(u, st, res, lost, "alert", "saksi.alert")
	e := &m.e
	e.Str(event.RuleID, "flag:"+f.id)
	e.Str(event.RuleName, f.name)
	e.Str(event.RuleRuleset, "flags")
	e.Str(event.SaksiRuleLanguage, "flag")
	e.Int(event.EventSeverity, int64(f.severity))
	if f.technique != "" {
		e.Str(event.ThreatTechniqueID, f.technique)
	}
	m.places(u, st, nil, 0)
	return put(e)
}
