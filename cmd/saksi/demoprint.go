package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/scan"
	"saksi/framework"
	"saksi/rules"
)

// Widths of the table of findings, in characters: with the id and the other
// columns they fill a terminal of 160.
const (
	demoWhat  = 44
	demoWhere = 44
	demoNames = 26 // of controls
)

// print says what a person would want to read.
func (d *demo) print() error {
	p, err := d.st.ix.Search(d.ctx, findings.Request{Query: "event.kind:alert", Size: 1000, Sort: []findings.Sort{{Field: event.EventSeverity.Name(), Desc: true}, {Field: event.Timestamp.Name()}}})
	if err != nil {
		return err
	}
	list := make([]*event.Event, len(p.Docs))
	for i := range p.Docs {
		if list[i], err = event.Parse(p.Docs[i].Body); err != nil {
			return err
		}
	}
	w, done, err := d.a.open()
	if err != nil {
		return err
	}
	for _, part := range []func(io.Writer, []*event.Event) error{d.printFound, d.printCrossed, d.printEvidence, d.printControls, d.printNext} {
		if err := part(w, list); err != nil {
			return err
		}
	}
	if err := done(); err != nil {
		return err
	}
	if !d.a.quiet {
		fmt.Fprintf(d.a.stderr, "saksi: done in %s\n", time.Since(d.begun).Round(10*time.Millisecond))
	}
	return nil
}

func (d *demo) printFound(w io.Writer, list []*event.Event) error {
	fmt.Fprintf(w, "WHAT WAS FOUND (%d findings; case %s)\n\n", len(list), d.c.Info.ID)
	var table [][]string
	rows := map[string]int{} // of what one rule found on one way
	times := map[int]int{}
	for _, e := range list {
		key := values(e, event.RuleID) + " " + demoWay(e)
		if i, ok := rows[key]; ok {
			times[i]++
			continue
		}
		rows[key], times[len(table)] = len(table), 1
		id, _ := e.GetStr(event.EventID)
		severity, _ := e.GetInt(event.EventSeverity)
		table = append(table, []string{
			id[:idShown], "", rules.Severity(min(severity, 4)).String(), values(e, event.SaksiRuleLanguage),
			head(what(e), demoWhat), demoPlace(e), demoControls(e),
		})
	}
	for i, cells := range table {
		cells[1] = strconv.Itoa(times[i])
	}
	return printTable(w, []string{"id", "times", "severity", "by", "what", "first where", "controls"}, table, []bool{1: true, 6: false})
}

// demoControls names the first controls of a finding, and how many more.
func demoControls(e *event.Event) string {
	var list []string
	for v := range e.Values(event.SaksiControl) {
		list = append(list, v.Str())
	}
	s := ""
	for i, name := range list {
		if i > 0 && len(s)+len(name) > demoNames {
			return fmt.Sprintf("%s +%d", s, len(list)-i)
		}
		s = strings.TrimSpace(s + " " + name)
	}
	return s
}

// demoWay is the file on the disk, or who sent to whom.
func demoWay(e *event.Event) string {
	if e.Has(event.FileInode) {
		return framework.Where(e)
	}
	return demoWire(e)
}

// demoPlace says where a finding lies: from where to where in which packets,
// or the end of the path on the disk.
func demoPlace(e *event.Event) string {
	if e.Has(event.FileInode) {
		return tail(framework.Where(e), demoWhere)
	}
	return place(e) + ", " + wirePackets(e)
}

// head keeps the first n characters of s.
func head(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// tail keeps the last n characters of a path, from the beginning of a name.
func tail(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	end := string(r[len(r)-n+1:])
	if i := strings.IndexByte(end, '/'); i > 0 {
		end = end[i:]
	}
	return "…" + end
}

func (d *demo) printCrossed(w io.Writer, list []*event.Event) error {
	title := "\nSEEN ON THE WIRE AND AGAIN ON THE DISK (same SHA-256)\n\n"
	for _, e := range list {
		if id, _ := e.GetStr(event.RuleID); id != findings.CrossRule {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n    in %s of %s, %s; sha256 %s\n", title, printable(framework.Where(e)), wirePackets(e), demoCapture, demoWire(e), values(e, event.FileHashSHA256)); err != nil {
			return err
		}
		title = ""
	}
	return nil
}

// demoWire says between whom a joined file was sent.
func demoWire(e *event.Event) string {
	src, _ := e.GetAddr(event.SourceIP)
	dst, _ := e.GetAddr(event.DestinationIP)
	return src.String() + " > " + dst.String()
}

func (d *demo) printEvidence(w io.Writer, _ []*event.Event) error {
	fmt.Fprint(w, "\nON WHAT EVIDENCE\n\n")
	for _, x := range d.c.Exhibits {
		fmt.Fprintf(w, "  %s  %-9s  sha256 %s  custody entry %d\n", x.ID, printable(x.Name), x.SHA256, x.Seq)
	}
	var img scan.ImageSummary
	if len(d.disk.Images) > 0 {
		img = d.disk.Images[0]
	}
	_, err := fmt.Fprintf(w, "  %d flows and %d carved files from the capture; %d entries (%d deleted) from the disk, %s read\n",
		d.net.Flows, len(d.net.Files), img.Entries, img.Deleted, size(img.Bytes, "B"))
	return err
}

// printControls lists the controls that findings touch, then the components.
func (d *demo) printControls(w io.Writer, _ []*event.Event) error {
	fmt.Fprintf(w, "\nWHICH CONTROLS IT TOUCHES (%s)\n\n", d.as.Title.MS)
	var table [][]string
	for _, o := range d.as.Outcomes {
		if o.Findings > 0 {
			table = append(table, []string{o.Control.ID, o.Control.Title.MS + " / " + o.Control.Title.EN, string(o.State), fmt.Sprint(o.Findings), o.Line})
		}
	}
	if err := printTable(w, []string{"control", "title", "state", "findings", "line"}, table, []bool{false, false, false, true, false}); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = nil
	for _, c := range d.as.Components {
		n := c.Counts
		cells := []string{c.Title.MS + " / " + c.Title.EN, string(c.State)}
		for _, s := range framework.States {
			cells = append(cells, fmt.Sprint(n[s]))
		}
		table = append(table, cells)
	}
	return printTable(w, []string{"component", "state", "fail", "stale", "no data", "to attest", "partly", "attested", "pass"}, table, []bool{false, false, true, true, true, true, true, true, true})
}

func (d *demo) printNext(w io.Writer, list []*event.Event) error {
	dir := shellWord(d.dir)
	where := "--case " + dir
	if isURL(d.index) {
		where += " --index " + shellWord(d.index) + " --agency " + shellWord(d.agency)
	}
	fmt.Fprintf(w, "\nCase    %s\nReport  %s\n\nTRY NEXT\n\n", printable(d.dir), printable(d.report))
	fmt.Fprintf(w, "  saksi findings search %s 'event.severity:>=3 AND threat.technique.id:T1105'\n", where)
	if len(list) > 0 {
		id, _ := list[0].GetStr(event.EventID)
		fmt.Fprintf(w, "  saksi findings show %s %s\n", where, id[:idShown])
	}
	fmt.Fprintf(w, "  saksi evidence verify %s --key %s\n", dir, shellWord(d.pub))
	_, err := fmt.Fprintf(w, "  xdg-open %s\n", shellWord(d.report))
	return err
}

// wirePackets says which packets a finding's traffic was in.
func wirePackets(e *event.Event) string {
	var list []string
	for v := range e.Values(event.SaksiEvidencePacket) {
		list = append(list, fmt.Sprint(v.Int()))
	}
	switch len(list) {
	case 0:
		return "packets not known"
	case 1:
		return "packet " + list[0]
	}
	return "packets " + list[0] + "-" + list[len(list)-1]
}
