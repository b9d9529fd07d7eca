package scan

import (
	"fmt"
	"regexp"
	"strings"

	"saksi/event"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/rules"
)

// flag is what an entry shows without a rule: its name, its place, its times, or its
// first bytes held against its name.
type flag struct {
	id, name  string
	technique string // of MITRE ATT&CK; empty where none says it
	severity  rules.Severity
	innocent  string   // what gives the same without ill intent
	basis     []string // the values it rests on
}

// with is the flag for one entry.
func (f flag) with(basis ...string) flag {
	f.basis = basis
	return f
}

var (
	flagEncrypted = flag{id: "encrypted", name: "Encrypted, so that its content was not looked at", severity: rules.Low, innocent: "archives and documents that people protect by a password"}
	flagDouble    = flag{
		id: "double-extension", name: "Program under the name of a document", technique: "T1036.007", severity: rules.Medium,
		innocent: "programs that are named after the file they were made from",
	}
	flagOverride = flag{
		id: "right-to-left", name: "Name that turns its direction of writing", technique: "T1036.002", severity: rules.Medium,
		innocent: "names in Arabic, Jawi or Hebrew that were written with marks of direction",
	}
	flagType = flag{
		id: "file-type", name: "Program under the extension of what is none", technique: "T1036.008", severity: rules.Medium,
		innocent: "extensions that other systems use for programs, and collections of samples",
	}
	flagArchive = flag{
		id: "archive-type", name: "Archive under the extension of a picture, a sound or a text", technique: "T1036.008", severity: rules.Low,
		innocent: "programs that keep their own packed files under such names",
	}
	flagContainer = flag{
		id: "container", name: "Encrypted container (LUKS) as a file", severity: rules.Medium,
		innocent: "backups and images of encrypted disks",
	}
	flagRandom = flag{
		id: "possible-container", name: "Possible encrypted container: random bytes without a header", severity: rules.Low,
		innocent: "files that were wiped with random bytes, keys, test data, parts of split archives, bare streams of LZMA, databases and backups that are encrypted without a header: nothing but the right password tells",
	}
)

// Names of documents, pictures and the like, and of what Windows runs.
const (
	harmless = `pdf|docx?|xlsx?|pptx?|odt|ods|odp|rtf|txt|csv|jpe?g|png|gif|bmp|tiff?|mp3|mp4|avi|mov|wav|zip|rar|7z|html?`
	runnable = `exe|scr|com|pif|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|msi|jar|cpl`
)

var (
	doubleName   = regexp.MustCompile(`(?i)[^.]\.(?:` + harmless + `)[ _]*\.(?:` + runnable + `)$`)
	harmlessName = regexp.MustCompile(`(?i)[^.]\.(?:` + harmless + `|log|ini|xml|json|ico|svg|webp|eml)$`)
	plainName    = regexp.MustCompile(`(?i)[^.]\.(?:txt|csv|log|ini|jpe?g|png|gif|bmp|tiff?|webp|mp3|mp4|avi|mov|wav)$`)
)

// packed are the kinds of content that nobody expects under a plain name.
var packed = map[string]bool{"zip": true, "7z": true, "rar": true, "gzip": true, "bzip2": true, "xz": true, "zstd": true, "cab": true, "tar": true, "lzma": true, "lz4": true}

// flags are those of an entry or a member; res may be nil.
func (s *scanner) flags(st *step, res *disk.Result, volume int) (list []flag) {
	if !s.cfg.Flags || st.place != disk.Content || st.good || st.entry.Kind != filesystem.File {
		return nil
	}
	base := st.entry.Path[strings.LastIndexByte(st.entry.Path, '/')+1:]
	if st.member == nil && st.entry.Stream != "" {
		base = st.entry.Stream
	}
	if doubleName.MatchString(base) {
		list = append(list, flagDouble.with("name "+base))
	}
	if strings.ContainsRune(base, '\u202e') {
		list = append(list, flagOverride.with(fmt.Sprintf("U+202E at byte %d of the name", strings.IndexRune(base, '\u202e'))))
	}
	if st.member == nil {
		if f, ok := s.stomped(st, volume); ok {
			list = append(list, f)
		}
	}
	if res == nil {
		return list
	}
	switch {
	case res.Program != "" && harmlessName.MatchString(base):
		list = append(list, flagType.with("name "+base, "content "+res.Program))
	case packed[res.Kind] && plainName.MatchString(base):
		list = append(list, flagArchive.with("name "+base, "content "+res.Kind))
	}
	switch {
	case strings.HasPrefix(res.Kind, "luks"):
		list = append(list, flagContainer.with("header LUKS version "+res.Kind[4:]+" at offset 0"))
	case res.Kind == "random":
		list = append(list, flagRandom.with(fmt.Sprintf("size %d, %d times 512", res.Read, res.Read/512),
			fmt.Sprintf("chi-square %.1f (random bytes: 255, standard deviation 22.6)", float64(res.Chi)/1000), fmt.Sprintf("entropy %.3f bits a byte", float64(res.Entropy)/1000), "no header that is known"))
	}
	if st.member == nil {
		list = append(list, placeFlags(&st.entry, base, res)...)
	}
	return list
}

// flagged gives put a finding for each flag of a step, and for what is encrypted
// in it.
func (m *emitter) flagged(u *unit, st *step, res *disk.Result, lost loss, put func(*event.Event) error) error {
	st.flags = 0
	for _, f := range m.s.flags(st, res, u.volume) {
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
	for _, b := range f.basis {
		e.Str(event.SaksiRuleBasis, b)
	}
	e.Str(event.SaksiRuleFalsePositives, f.innocent)
	if f.technique != "" {
		e.Str(event.ThreatTechniqueID, f.technique)
	}
	m.places(u, st, nil, 0)
	return put(e)
}
