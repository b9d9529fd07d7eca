package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/findings/review"
	"saksi/framework"
	"saksi/framework/verify"
)

func findingsShow(a *app) *cobra.Command {
	o := &indexFlags{}
	un := &unmaskFlags{}
	var packets int
	c := &cobra.Command{
		Use:   "show ID|LINE",
		Short: "Show a document and walk from it to its evidence, its controls and the report",
		Long: "ID is an id or the beginning of one. With --case the chain is walked: the packets or the file, the digest of their\n" +
			"source, the custody entry, the signed statement, the controls, and the lines of the reports. LINE (such as L012) starts\n" +
			"from a line of the case's newest report. Under -o json the document itself is printed.\n" +
			"That the exhibit is opened for its packets is recorded in the custody log; --packets 0 leaves it closed.\n" +
			"--unmask prints the values that were masked in the document, read anew from its exhibit: for a reason (--why), on an authority that\n" +
			"names the act unmask (--authority), by the key of an examiner or a supervisor (--as). The custody log records all of that, and never a value.",
		Example: "  saksi findings show 68106c68 --case kes-17\n  saksi findings show 68106c68 --case kes-17 --unmask --why 'identify the victim' --authority warrant.yaml --as aminah.key",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := o.fromLine(args[0])
			if err != nil {
				return err
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			e, err := lookup(cmd.Context(), ix, id)
			if err != nil {
				return err
			}
			full, _ := e.GetStr(event.EventID)
			if err := o.look(cmd.Context(), a, ix, "show", full, 1); err != nil {
				return err
			}
			if un.on {
				return un.unmask(cmd, a, o.caseID, e)
			}
			if a.format != "table" {
				ev, err := a.events(append([]event.Field{event.EventID}, searchFields...)...)
				if err != nil {
					return err
				}
				return errors.Join(ev.Emit(e), ev.close())
			}
			w, done, err := a.open()
			if err != nil {
				return err
			}
			s := &shower{w: w, e: e, dir: o.caseID, where: o.words(), packets: packets}
			if s.said, err = saidOf(cmd.Context(), ix, e); err != nil {
				return err
			}
			s.openCase = func() (*casefile.Case, error) { return a.openCase(cmd, o.caseID, un.key) }
			return errors.Join(s.show(cmd.Context()), done())
		},
	}
	o.add(c)
	un.add(c)
	c.Flags().IntVar(&packets, "packets", 3, "most packets to print")
	return c
}

// words are the flags that name this index again in a command to type.
func (o *indexFlags) words() string {
	s := ""
	if o.caseID != "" {
		s += "--case " + shellWord(o.caseID) + " "
	}
	if o.index != "" {
		s += "--index " + shellWord(o.index) + " "
	}
	if o.ca != "" && isURL(o.index) {
		s += "--index-ca " + shellWord(o.ca) + " "
	}
	return s
}

var linePattern = regexp.MustCompile(`^L\d{3,}$`)

// fromLine turns a line of the newest report into the id of its finding.
func (o *indexFlags) fromLine(arg string) (string, error) {
	if !linePattern.MatchString(arg) {
		return arg, nil
	}
	if o.caseID == "" {
		return "", usage("%s is a line of a report: name its case by --case", arg)
	}
	list, err := assessments(o.caseID)
	if err != nil {
		return "", err
	}
	for i := len(list) - 1; i >= 0; i-- {
		for _, out := range list[i].as.Outcomes {
			if out.Line == arg {
				return "", failHint(exitFailed, fmt.Errorf("line %s is control %s (%s: %s)", arg, out.Control.ID, out.Control.Title.EN, out.State), "'saksi findings search --case %s Saksi.control:%s' lists its findings", shellWord(o.caseID), out.Control.ID)
			}
			for _, ob := range out.Observations {
				for _, r := range ob.Evidence {
					if r.Line == arg {
						return r.ID, nil
					}
				}
			}
		}
	}
	return "", failHint(exitFailed, fmt.Errorf("no report of %s has a line %s", o.caseID, arg), "lines are at the left of each row of a report")
}

type assessed struct {
	dir string
	as  *framework.Assessment
}

// assessments reads the assessments of a case, the oldest first.
func assessments(dir string) ([]assessed, error) {
	found, err := filepath.Glob(filepath.Join(dir, casefile.ReportsDir, "*", verify.AssessmentFile))
	if err != nil {
		return nil, err
	}
	var list []assessed
	for _, f := range found {
		as, err := readAssessment(filepath.Dir(f))
		if err != nil {
			return nil, err
		}
		list = append(list, assessed{filepath.Dir(f), as})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].as.AsOf.Before(list[j].as.AsOf) })
	return list, nil
}

// saidOf gives what people said of one document.
func saidOf(ctx context.Context, ix findings.Searcher, e *event.Event) (*review.State, error) {
	id, _ := e.GetStr(event.EventID)
	states, err := review.States(ctx, ix, []string{id})
	return states[id], err
}

// people prints what was said, oldest first.
func (s *shower) people() {
	if s.said == nil {
		return
	}
	s.head("What people said")
	s.line("status", s.said.Status)
	s.line("owner", s.said.Owner)
	for _, h := range s.said.History {
		var parts []string
		for _, p := range [][2]string{{"status ", h.Status}, {"owner ", h.Owner}, {"", h.Note}} {
			if p[1] != "" {
				parts = append(parts, p[0]+p[1])
			}
		}
		s.line(h.At.Format("01-02 15:04Z"), h.By+": "+strings.Join(parts, "; "))
	}
}

type shower struct {
	w       io.Writer
	e       *event.Event
	dir     string
	where   string // flags that name the index, ending in a space
	packets int
	said    *review.State // what people said of it; nil for nothing
	// openCase opens the case for writing its custody log.
	openCase func() (*casefile.Case, error)
	err      error
}

func (s *shower) head(title string) { s.printf("\n%s\n", title) }

func (s *shower) printf(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

// line prints a label and a value from the document, made printable.
func (s *shower) line(label, value string) {
	if value != "" {
		s.printf("  %-12s %s\n", label, printable(strings.ReplaceAll(value, "\n", " ")))
	}
}

func (s *shower) field(label string, f event.Field) { s.line(label, values(s.e, f)) }

func (s *shower) show(ctx context.Context) error {
	id, _ := s.e.GetStr(event.EventID)
	s.printf("%s\n", printable(what(s.e)))
	s.line("id", id)
	s.field("time", event.Timestamp)
	s.field("kind", event.EventKind)
	s.field("data set", event.EventDataset)
	s.field("severity", event.EventSeverity)
	s.field("rule", event.RuleID)
	s.field("rules", event.RuleRuleset)
	s.field("language", event.SaksiRuleLanguage)
	s.field("techniques", event.ThreatTechniqueID)
	s.line("from, to", ends(s.e))
	s.field("community id", event.NetworkCommunityID)
	s.field("url", event.URLOriginal)
	s.field("dns", event.DNSQuestionName)
	s.field("sni", event.TLSClientServerName)
	s.field("file", event.FilePath)
	s.field("inode", event.FileInode)
	s.field("file sha256", event.FileHashSHA256)
	s.field("deleted", event.SaksiFileDeleted)
	s.field("rule text", event.SaksiRuleText)
	s.field("rule sha256", event.SaksiRuleDigest)
	s.indicator()
	s.field("masked", event.SaksiMasked)
	for v := range s.e.Values(event.SaksiLink) {
		s.line("joins", "saksi findings show "+s.where+v.Str())
	}

	s.people()
	s.head("Evidence")
	s.field("source", event.SaksiEvidenceName)
	s.field("source key", event.SaksiEvidenceKey)
	s.field("packets", event.SaksiEvidencePacket)
	s.field("offset", event.SaksiEvidenceOffset)
	s.field("runs", event.SaksiEvidenceRuns)
	for v := range s.e.Values(event.SaksiEvidenceMatch) {
		s.line("match", matchText(v.Str()))
	}
	if s.dir == "" {
		s.field("show it", event.SaksiEvidenceCommand)
		s.printf("\nName the case by --case to walk on to custody, statement, controls and report.\n")
		return s.err
	}
	if err := s.custody(ctx); err != nil {
		return err
	}
	s.controls()
	if err := s.report(id); err != nil {
		return err
	}
	return s.err
}

// matchText adds the bytes of a match as text.
func matchText(m string) string {
	i := strings.LastIndexByte(m, ':')
	b, err := hex.DecodeString(m[i+1:])
	if err != nil || len(b) == 0 {
		return m
	}
	return fmt.Sprintf("%s %q", m, b)
}

func ends(e *event.Event) string {
	src, ok := e.GetAddr(event.SourceIP)
	if !ok {
		return ""
	}
	dst, _ := e.GetAddr(event.DestinationIP)
	return fmt.Sprintf("%s %s > %s %s (%s %s)", src, values(e, event.SourcePort), dst, values(e, event.DestinationPort), values(e, event.NetworkTransport), values(e, event.NetworkProtocol))
}

// custody walks from the source's key to its exhibit, custody entries and
// statements, and shows the packets or how to show the file.
func (s *shower) custody(ctx context.Context) error {
	key, _ := s.e.GetStr(event.SaksiEvidenceKey)
	exhibits, err := casefile.Exhibits(s.dir)
	if err != nil {
		return caseError(err)
	}
	i := slices.IndexFunc(exhibits, func(x casefile.Exhibit) bool { return x.SourceKey == key && key != "" })
	if i < 0 {
		s.printf("  no exhibit of this case has the source key\n")
		return s.err
	}
	x := exhibits[i]
	path := x.Path
	if x.Copied {
		path = filepath.Join(s.dir, filepath.FromSlash(x.Path))
	}
	s.line("exhibit", x.ID+" "+path)
	s.line("sha256", x.SHA256)
	if s.e.Has(event.SaksiEvidencePacket) && !s.e.Has(event.FileInode) {
		s.showPackets(ctx, &x, path)
	} else if cmd, ok := s.e.GetStr(event.SaksiEvidenceCommand); ok {
		// The document names the exhibit; here its path is known.
		name, _ := s.e.GetStr(event.SaksiEvidenceName)
		for _, word := range []string{name, shellWord(name)} {
			cmd = strings.Replace(cmd, " "+word+" --", " "+shellWord(path)+" --", 1)
		}
		s.line("show it", cmd)
	}
	s.head("Custody")
	entries, err := casefile.ReadLog(s.dir)
	if err != nil {
		return caseError(err)
	}
	for _, e := range entries {
		if e.SourceKey == key || e.Exhibit == x.ID {
			s.line(fmt.Sprintf("entry %d", e.Seq), fmt.Sprintf("%s  %s by %s %s", e.Time, e.Act, e.Who, e.Why))
		}
	}
	statements, err := filepath.Glob(filepath.Join(s.dir, casefile.StatementsDir, "*.sigstore.json"))
	if err != nil {
		return err
	}
	for _, p := range statements {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b, err := evidence.ReadRegular(p, maxBundle)
		if err != nil {
			return evidenceError(err)
		}
		st, err := evidence.Open(b, nil)
		if err != nil {
			s.line("statement", p+": "+err.Error())
			continue
		}
		for _, sub := range st.Subject {
			if sub.Digest["sha256"] == x.SHA256 {
				s.line("statement", p+" names this digest (its signature is checked by the command below)")
			}
		}
	}
	s.line("verify", fmt.Sprintf("saksi evidence verify %s --key %s", shellWord(s.dir), publicKeyOf(s.dir)))
	return s.err
}

// publicKeyOf is the path of this station's public key if the case is signed
// by it, else a placeholder: a stranger has the key from somewhere else.
func publicKeyOf(dir string) string {
	info, err := casefile.ReadInfo(dir)
	if err != nil {
		return "KEY.pub"
	}
	station, err := stationKey()
	if err != nil {
		return "KEY.pub"
	}
	path := strings.TrimSuffix(station, ".key") + ".pub"
	if pub, err := evidence.LoadPublic(path); err != nil || pub.Hint() != info.Key {
		return "KEY.pub"
	}
	return shellWord(path)
}

func (s *shower) controls() {
	if !s.e.Has(event.SaksiControl) {
		return
	}
	s.head("Controls")
	for _, name := range framework.Names() {
		c, err := framework.Load(name)
		if err != nil {
			s.err = errors.Join(s.err, err)
			return
		}
		for v := range s.e.Values(event.SaksiControl) {
			if k, err := c.Control(v.Str()); err == nil {
				s.line(k.ID, fmt.Sprintf("%s / %s", k.Title.MS, k.Title.EN))
			}
		}
	}
}

func (s *shower) report(id string) error {
	list, err := assessments(s.dir)
	if err != nil || len(list) == 0 {
		return err
	}
	s.head("Report")
	for _, a := range list {
		lines := a.as.LineOf(id)
		names := make([]string, 0, len(lines))
		for l := range lines {
			names = append(names, l)
		}
		sort.Strings(names)
		for _, l := range names {
			s.line(l, fmt.Sprintf("under control %s in %s", lines[l], a.dir))
		}
		if len(names) == 0 {
			s.line("no line", "of "+a.dir)
		}
	}
	return nil
}
