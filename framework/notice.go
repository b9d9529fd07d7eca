package framework

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"saksi/event"
	"saksi/findings"
)

// Forms of notices.
const (
	Form6h  = "act854-6h"
	Form14d = "act854-14d"
)

// Forms lists them.
var Forms = []string{Form6h, Form14d}

// maxNoticed bounds the findings of an incident that a notice rests on.
const maxNoticed = 1000

// Sentence is one statement of a notice with what it rests on. A Missing one is
// a question that only a person can answer.
type Sentence struct {
	Text     Text     `json:"text"`
	Evidence []string `json:"evidence"` // "journal entry 3", or the id of a finding
	Missing  bool     `json:"missing,omitempty"`
}

// Notice is the draft of a notice of an incident.
type Notice struct {
	Form      string     `json:"form"`
	Title     Text       `json:"title"`
	Incident  string     `json:"incident"`
	AsOf      time.Time  `json:"as_of"`
	Due       string     `json:"due"`
	Draft     bool       `json:"draft"` // always true: a person signs and sends it
	Sentences []Sentence `json:"sentences"`
}

// Getter fetches a finding.
type Getter = findings.Getter

// told is what the findings of an incident tell together.
type told struct {
	events                            []*event.Event
	ids                               []string
	first, last                       time.Time
	hosts, others, techniques         []string
	rules, artifacts                  []string
	ruleIDs, hashIDs, hostIDs, ttpIDs []string // findings that each rests on
	otherIDs, lost                    []string
}

// DraftNotice drafts a notice from an incident's journal and its findings. What
// neither tells is asked for in words, never made up.
func DraftNotice(ctx context.Context, ix Getter, inc *Incident, j *Journal, form string, asOf time.Time) (*Notice, error) {
	if !slices.Contains(Forms, form) {
		return nil, fmt.Errorf("drafting a notice: form %q; expected one of %s", form, strings.Join(Forms, ", "))
	}
	if inc.Known.IsZero() {
		return nil, fmt.Errorf("drafting a notice of %s: nobody has recorded when it was known", inc.ID)
	}
	o, err := DefaultObligations()
	if err != nil {
		return nil, err
	}
	x := o.Find(form)
	n := &Notice{Form: form, Title: x.Title, Incident: inc.ID, AsOf: asOf, Draft: true, Due: inc.Known.Add(x.span).Format(time.RFC3339)}
	t, err := tell(ctx, ix, inc)
	if err != nil {
		return nil, fmt.Errorf("drafting a notice of %s: %w", inc.ID, err)
	}
	n.common(inc, j, t)
	if form == Form14d {
		n.more(inc, t)
	}
	return n, nil
}

func (n *Notice) say(evidence []string, en, ms string, args ...any) {
	n.Sentences = append(n.Sentences, Sentence{Text: Text{EN: fmt.Sprintf(en, args...), MS: fmt.Sprintf(ms, args...)}, Evidence: evidence})
}

func (n *Notice) ask(en, ms string) {
	n.Sentences = append(n.Sentences, Sentence{Text: Text{EN: en, MS: ms}, Evidence: []string{}, Missing: true})
}

func entry(seq int64) []string { return []string{fmt.Sprintf("journal entry %d", seq)} }

// common are the particulars of the first six hours.
func (n *Notice) common(inc *Incident, j *Journal, t *told) {
	n.ask("Authorised person: name, post, telephone.", "Pegawai diberi kuasa: nama, jawatan, telefon.")
	n.say(entry(inc.New.Seq), "Entity: %s.", "Entiti: %s.", inert(inc.Agency))
	n.ask("Sector and sector lead.", "Sektor dan ketua sektor.")
	if inc.Kind != "" {
		n.say(entry(inc.New.Seq), "Type of incident: %s.", "Jenis insiden: %s.", inert(inc.Kind))
	} else {
		n.ask("Type of incident.", "Jenis insiden.")
	}
	n.say(entry(inc.New.Seq), "Description: %s.", "Keterangan: %s.", inert(inc.Title))
	n.say(entry(inc.New.Seq), "Severity: %d of 4.", "Keparahan: %d daripada 4.", inc.Severity)
	n.say(entry(inc.KnownSeq), "It became known on %s, to %s.", "Ia diketahui pada %s, oleh %s.", stamp(inc.Known), inert(inc.KnownBy))
	if inc.How != "" {
		n.say(entry(inc.KnownSeq), "It was discovered by: %s.", "Ia ditemui melalui: %s.", inert(inc.How))
	} else {
		n.ask("Method of discovery.", "Kaedah penemuan.")
	}
	if len(t.events) > 0 {
		n.say(t.ids, "%d findings support it, from %s to %s.", "%d penemuan menyokongnya, dari %s hingga %s.", len(t.events), stamp(t.first), stamp(t.last))
		n.say(t.ruleIDs, "They were made by the rules: %s.", "Penemuan dibuat oleh peraturan: %s.", list(t.rules))
	}
	if len(t.lost) > 0 {
		n.ask(fmt.Sprintf("%d findings of the incident are not in this index: %s.", len(t.lost), list(t.lost)), fmt.Sprintf("%d penemuan insiden tiada dalam indeks ini: %s.", len(t.lost), list(t.lost)))
	}
	if late := j.lateBy(inc); late > time.Minute {
		n.say(entry(inc.KnownSeq), "That it was known was recorded %s later.", "Ia direkodkan %s kemudian.", late.Round(time.Second))
	}
}

// more are the particulars of fourteen days.
func (n *Notice) more(inc *Incident, t *told) {
	n.ask("National critical information infrastructure affected.", "Infrastruktur maklumat kritikal negara yang terjejas.")
	if len(t.hosts) > 0 {
		n.say(t.hostIDs, "Hosts affected, by the findings: %d (%s).", "Hos terjejas, mengikut penemuan: %d (%s).", len(t.hosts), list(t.hosts))
	} else {
		n.ask("Estimated number of hosts affected.", "Anggaran bilangan hos terjejas.")
	}
	if len(t.others) > 0 {
		n.say(t.otherIDs, "Other ends, by the findings: %s. They need not be those who did it.", "Pihak lain, mengikut penemuan: %s. Mereka tidak semestinya pelaku.", list(t.others))
	}
	n.ask("Particulars of the threat actor, if known.", "Butiran pelaku ancaman, jika diketahui.")
	if len(t.artifacts) > 0 {
		n.say(t.hashIDs, "Artifacts: %s.", "Artifak: %s.", list(t.artifacts))
	} else {
		n.ask("Artifacts.", "Artifak.")
	}
	if len(t.techniques) > 0 {
		n.say(t.ttpIDs, "Techniques (ATT&CK): %s.", "Teknik (ATT&CK): %s.", list(t.techniques))
	} else {
		n.ask("Tactics, techniques and procedures.", "Taktik, teknik dan prosedur.")
	}
	n.ask("Related incidents.", "Insiden berkaitan.")
	n.ask("Impact.", "Impak.")
	if !inc.Contained.At.IsZero() {
		n.say(entry(inc.Contained.Seq), "It was contained on %s.", "Ia dibendung pada %s.", stamp(inc.Contained.At))
	}
	if !inc.Closed.At.IsZero() {
		n.say(entry(inc.Closed.Seq), "It was closed on %s.", "Ia ditutup pada %s.", stamp(inc.Closed.At))
	}
	n.ask("Action taken.", "Tindakan yang diambil.")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// list writes values, at most 20 of them.
func list(values []string) string {
	const most = 20
	var out []string
	for i, v := range values {
		if i == most {
			return strings.Join(out, ", ") + fmt.Sprintf(" (+%d)", len(values)-most)
		}
		out = append(out, inert(v))
	}
	return strings.Join(out, ", ")
}

func once(list []string, v string) []string {
	if v == "" || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// tell reads the findings of an incident.
func tell(ctx context.Context, ix Getter, inc *Incident) (*told, error) {
	t := &told{}
	for _, id := range inc.Findings[:min(len(inc.Findings), maxNoticed)] {
		d, err := ix.Get(ctx, id)
		if err != nil {
			t.lost = append(t.lost, id)
			continue
		}
		e, err := event.Parse(d.Body)
		if err != nil {
			return nil, err
		}
		t.events, t.ids = append(t.events, e), append(t.ids, id)
		if t.first.IsZero() || d.Time.Before(t.first) {
			t.first = d.Time
		}
		if d.Time.After(t.last) {
			t.last = d.Time
		}
		if r := ruleOf(e); r != "" {
			t.rules, t.ruleIDs = once(t.rules, r), append(t.ruleIDs, id)
		}
		for v := range e.Values(event.ThreatTechniqueID) {
			t.techniques, t.ttpIDs = once(t.techniques, v.Str()), once(t.ttpIDs, id)
		}
		if v, ok := e.GetStr(event.FileHashSHA256); ok {
			t.artifacts, t.hashIDs = once(t.artifacts, "sha256 "+v), once(t.hashIDs, id)
		}
		if a, ok := e.GetAddr(event.DestinationIP); ok {
			t.hosts, t.hostIDs = once(t.hosts, a.String()), once(t.hostIDs, id)
		}
		if a, ok := e.GetAddr(event.SourceIP); ok {
			t.others, t.otherIDs = once(t.others, a.String()), once(t.otherIDs, id)
		}
	}
	t.lost = append(t.lost, inc.Findings[min(len(inc.Findings), maxNoticed):]...)
	return t, nil
}

// lateBy is how much later than it was known that was recorded.
func (j *Journal) lateBy(inc *Incident) time.Duration {
	for i := range j.Entries {
		if e := &j.Entries[i]; e.Seq == inc.KnownSeq {
			if t, err := time.Parse(time.RFC3339Nano, e.Time); err == nil {
				return t.Sub(inc.Known)
			}
		}
	}
	return 0
}

// Write writes the draft as text in a language: each sentence with what it
// rests on.
func (n *Notice) Write(w io.Writer, lang string) error {
	words := map[string]Text{
		"draft":   {EN: "DRAFT - not sent. A person checks, completes and signs it.", MS: "DRAF - belum dihantar. Seseorang perlu menyemak, melengkapkan dan menandatanganinya."},
		"due":     {EN: "Due", MS: "Tarikh akhir"},
		"rests":   {EN: "rests on", MS: "berasaskan"},
		"missing": {EN: "TO BE COMPLETED", MS: "PERLU DILENGKAPKAN"},
		"inc":     {EN: "Incident", MS: "Insiden"},
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n%s %s; %s %s\n", words["draft"].In(lang), n.Title.In(lang), words["inc"].In(lang), inert(n.Incident), words["due"].In(lang), n.Due)
	for i, s := range n.Sentences {
		fmt.Fprintf(&b, "\n%d. ", i+1)
		if s.Missing {
			fmt.Fprintf(&b, "[%s] ", words["missing"].In(lang))
		}
		b.WriteString(s.Text.In(lang) + "\n")
		for _, e := range s.Evidence {
			fmt.Fprintf(&b, "   [%s: %s]\n", words["rests"].In(lang), e)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", words["draft"].In(lang))
	_, err := io.WriteString(w, b.String())
	return err
}

// maxText bounds a text of a notice that others wrote, in characters.
const maxText = 300

// inert shows control and bidirectional characters as what they are, and cuts
// what is too long to read, with the number that was cut.
func inert(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		switch {
		case n >= maxText:
		case unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
		n++
	}
	if n > maxText {
		fmt.Fprintf(&b, "… (+%d)", n-maxText)
	}
	return b.String()
}
