package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"saksi/framework"
	"saksi/internal/document"
)

// colors of states in bars, as style.css has them.
var colors = map[framework.State][3]uint8{
	framework.Pass: {0x14, 0x6c, 0x2e}, framework.AttestedPass: {0x5d, 0x9c, 0x73}, framework.PartlyPass: {0xd9, 0x9a, 0x1c}, framework.Fail: {0xa3, 0x16, 0x1f},
	framework.Stale: {0x7f, 0x8a, 0x99}, framework.NoData: {0xaa, 0xb3, 0xbf}, framework.Unattested: {0xdf, 0xe4, 0xea},
}

// PDF writes the report as PDF; the same assessment gives the same bytes.
func (r *Report) PDF(w io.Writer) error { return r.document().WritePDF(w) }

func fact(name, value string) document.Fact { return document.Fact{Name: name, Value: value} }

func (r *Report) document() *document.Document {
	t := r.words
	agency := cmp.Or(plain(r.Agency), t["none"])
	d := &document.Document{
		Lang: r.Lang, Title: r.title(r.Title) + ": " + t["title"], Mark: r.Classification, Page: t["page"], Time: r.AsOf.UTC(),
		Foot: fmt.Sprintf(t["foot"], agency, r.AsOf.UTC().Format("2006-01-02 15:04 UTC"), plain(r.Tool)),
	}
	facts := []document.Fact{fact(t["agency"], agency), fact(t["asof"], r.AsOf.UTC().Format("2006-01-02 15:04:05 UTC"))}
	if r.Public {
		d.Foot = fmt.Sprintf(t["foot_public"], agency, r.AsOf.UTC().Format("2006-01-02 15:04 UTC"))
		facts = append(facts, fact(t["kind"], t["public"]))
	} else {
		facts = append(facts, fact(t["case"], cmp.Or(plain(r.Case), t["none"])), fact(t["assessor"], plain(r.Assessor)))
	}
	facts = append(facts,
		fact(t["findings"], fmt.Sprintf("%d %s %d %s", r.Findings, t["of"], r.Documents, t["documents"])), fact(t["catalog"], plain(r.Framework)+" "+plain(r.Version)),
		fact(t["score"], fmt.Sprintf("%d %s %d (%s); %s %d, %s %d", r.Passing(), t["of"], len(r.Outcomes), percent(r.Score()), t["partly"], r.Partly(), t["fail"], r.Failing())),
		fact(t["coverage"], fmt.Sprintf("%d %s %d (%s; %s %s): %s", r.Coverage.Seen, t["of"], r.Coverage.InScope, percent(r.Coverage.Share), t["needed"], percent(r.Coverage.Needed), say(t, string(r.Coverage.State), string(r.Coverage.State)))),
		fact(t["risks"], fmt.Sprint(len(r.Risks))),
	)
	note := t["draft"]
	if r.Public {
		note = t["public_text"]
	}
	d.Parts = []document.Part{{Facts: facts}, {Text: note}, {Heading: t["components"]}, {Bars: r.bars()}}
	r.trend(d)
	r.todo(d)
	r.clocksAndKPIs(d)
	r.systems(d)
	if !r.Public {
		r.wordsGiven(d)
	}
	d.Parts = append(d.Parts, document.Part{Heading: t["controls"]})
	for _, o := range r.Decided() {
		r.control(d, &o)
	}
	rows := [][]string{}
	for _, o := range r.Undecided() {
		rows = append(rows, []string{o.Line, r.title(o.Control.Title), plain(o.Control.ID), say(t, string(o.State), string(o.State)), r.known(o.Control.Confidence)})
	}
	d.Parts = append(d.Parts, document.Part{Heading: t["undecided"]}, document.Part{Text: t["undecided_text"]})
	table(d, []string{t["line"], t["control"], "ID", t["state"], t["confidence"]}, []float64{0.08, 0.38, 0.16, 0.16, 0.22}, rows)
	if !r.Public {
		r.inputs(d)
	}
	return d
}

// table adds one, if it has rows.
func table(d *document.Document, columns []string, widths []float64, rows [][]string) {
	if len(rows) > 0 {
		for i, c := range columns {
			r, n := utf8.DecodeRuneInString(c)
			columns[i] = string(unicode.ToUpper(r)) + c[n:]
		}
		d.Parts = append(d.Parts, document.Part{Table: &document.Table{Columns: columns, Widths: widths, Rows: rows}})
	}
}

func heading(d *document.Document, text string, n int) bool {
	if n > 0 {
		d.Parts = append(d.Parts, document.Part{Heading: text})
	}
	return n > 0
}

// title is a title in both languages.
func (r *Report) title(t framework.Text) string {
	if o := other(t, r.Lang); o != "" {
		return plain(t.In(r.Lang)) + " / " + o
	}
	return plain(t.In(r.Lang))
}

func (r *Report) known(c framework.Confidence) string {
	how := func(s string) string {
		if w := r.words["known-"+strings.ReplaceAll(s, " ", "-")]; w != "" {
			return w
		}
		return plain(s)
	}
	return how(c.Title) + " / " + how(c.Requirement)
}

func (r *Report) bars() []document.Bar {
	var list []document.Bar
	for _, c := range r.Components {
		b := document.Bar{Name: r.title(c.Title)}
		note := []string{}
		for _, s := range bar(c.Counts) {
			b.Segments = append(b.Segments, document.Segment{Share: s.W / 200, Color: colors[s.State]})
			note = append(note, fmt.Sprintf("%s %d", say(r.words, string(s.State), string(s.State)), s.N))
		}
		b.Note = say(r.words, string(c.State), string(c.State)) + ": " + strings.Join(note, ", ")
		list = append(list, b)
	}
	return list
}

func (r *Report) trend(d *document.Document) {
	t := r.words
	if !heading(d, t["trend"], len(r.Trend)) {
		return
	}
	var rows [][]string
	var bars []document.Bar
	for _, p := range r.TrendRows() {
		b := document.Bar{Name: p.AsOf.UTC().Format("2006-01-02 15:04 UTC")}
		for _, s := range bar(p.Counts) {
			b.Segments = append(b.Segments, document.Segment{Share: s.W / 200, Color: colors[s.State]})
			b.Note += fmt.Sprintf("%s %d  ", say(t, string(s.State), string(s.State)), s.N)
		}
		bars = append(bars, b)
		rows = append(rows, []string{b.Name, percent(p.Share), fmt.Sprint(p.Findings), fmt.Sprint(p.Risks), fmt.Sprint(p.Overdue)})
	}
	d.Parts = append(d.Parts, document.Part{Bars: bars})
	table(d, []string{t["asof"], t["coverage"], t["findings"], t["risks"], t["overdue"]}, []float64{0.32, 0.17, 0.17, 0.17, 0.17}, rows)
}

func (r *Report) todo(d *document.Document) {
	t := r.words
	var rows [][]string
	for _, p := range r.POAM {
		k := r.RiskOf(p.Risk)
		what := r.title(p.Title)
		if !r.Public {
			what += "\n" + plain(k.Statement.In(r.Lang))
		}
		due := day(p.Due)
		if p.Overdue {
			due += "\n" + t["overdue"]
		}
		rows = append(rows, []string{r.LineOfControl(p.Control), what, t[fmt.Sprintf("severity-%d", min(max(k.Severity, 1), 4))], day(p.Opened), due, say(t, "treat-"+k.Treatment, k.Treatment)})
	}
	heading(d, t["poam"], len(rows))
	table(d, []string{t["line"], t["control"], t["severity"], t["opened"], t["due"], t["treatment"]}, []float64{0.08, 0.42, 0.12, 0.13, 0.13, 0.12}, rows)
}

func (r *Report) clocksAndKPIs(d *document.Document) {
	t := r.words
	var rows [][]string
	for _, c := range r.Clocks {
		rows = append(rows, []string{plain(c.Title.In(r.Lang)) + "\n" + plain(c.Source), plain(c.Incident), when(c.Started), when(c.Due), left(c.LeftS, t), say(t, "clock-"+c.State, c.State)})
	}
	heading(d, t["clocks"], len(rows))
	table(d, []string{t["obligation"], t["incident"], t["started"], t["due"], t["left"], t["state"]}, []float64{0.31, 0.13, 0.16, 0.16, 0.12, 0.12}, rows)
	rows = nil
	for _, k := range r.KPIs {
		rows = append(rows, []string{plain(k.Title.In(r.Lang)), say(t, "scope-"+k.Scope, k.Scope) + " " + plain(k.Name), measure(k.Value, k.Unit, t), measure(k.Target, k.Unit, t), fmt.Sprint(k.N), say(t, string(k.State), string(k.State))})
	}
	heading(d, t["kpis"], len(rows))
	table(d, []string{t["kpi"], t["scope"], t["value"], t["target"], "n", t["state"]}, []float64{0.32, 0.22, 0.14, 0.12, 0.08, 0.12}, rows)
}

func (r *Report) systems(d *document.Document) {
	t := r.words
	if !heading(d, t["systems"], len(r.Systems)) {
		return
	}
	var rows [][]string
	for _, g := range r.LifeEvents() {
		name := plain(g.Name)
		if name == "" {
			name = t["none"]
		}
		rows = append(rows, []string{t["life_event"] + ": " + name, "", fmt.Sprintf("%d %s %d", g.Seen(), t["of"], len(g.Systems)), fmt.Sprint(g.Findings()), fmt.Sprint(g.Severe())})
		if r.Public {
			continue
		}
		for _, s := range g.Systems {
			seen := t["no"]
			if s.Seen {
				seen = t["yes"]
			}
			rows = append(rows, []string{plain(s.Title) + "\n" + plain(s.ID), plain(s.Agency), seen, fmt.Sprint(s.Findings), fmt.Sprint(s.Severe)})
		}
	}
	table(d, []string{t["system"], t["agency"], t["seen_of"], t["findings"], t["severe"]}, []float64{0.4, 0.24, 0.14, 0.12, 0.1}, rows)
}

func (r *Report) wordsGiven(d *document.Document) {
	t := r.words
	var rows [][]string
	for _, a := range r.Attestations {
		rows = append(rows, []string{plain(a.Control), t["attestation"], plain(a.Text), plain(a.Author) + "\n" + plain(a.Approver), day(a.Expires), say(t, "word-"+a.State, a.State)})
	}
	for _, a := range r.Waivers {
		rows = append(rows, []string{plain(a.Control), t["waiver"], plain(a.Text), plain(a.Author) + "\n" + plain(a.Approver), day(a.Expires), say(t, "word-"+a.State, a.State)})
	}
	heading(d, t["words"], len(rows))
	table(d, []string{t["control"], t["kind"], t["says"], t["author"] + ", " + t["approver"], t["until"], t["state"]}, []float64{0.13, 0.14, 0.31, 0.18, 0.12, 0.12}, rows)
	rows = nil
	for _, x := range r.Coverage.Items {
		yes := map[bool]string{true: t["yes"], false: t["no"]}
		rows = append(rows, []string{say(t, "kind-"+x.Kind, x.Kind) + " " + plain(x.ID), yes[x.InScope], yes[x.Seen], fmt.Sprint(x.Documents), when(x.Newest), fmt.Sprint(x.Drops)})
	}
	heading(d, t["seen"], len(rows))
	table(d, []string{t["source"], t["in_scope"], t["seen_of"], t["documents"], t["newest"], t["drops"]}, []float64{0.3, 0.12, 0.12, 0.14, 0.2, 0.12}, rows)
	r.twice(d)
}

// twice tells which flows several sensors saw.
func (r *Report) twice(d *document.Document) {
	t, x := r.words, r.FlowsTwice
	if x == nil {
		return
	}
	d.Parts = append(d.Parts, document.Part{Text: fmt.Sprintf("%s: %d %s, %d %s. %s: %d (%d %s). %s: %d.", t["twice"], x.Flows, t["twice_flows"], x.Bytes, t["bytes"], t["twice_more"], x.TwiceFlows, x.TwiceBytes, t["bytes"], t["twice_not"], x.NotCompared)})
	var rows [][]string
	for _, a := range x.Agencies {
		name := plain(a.Agency)
		if name == "" {
			name = t["none"]
		}
		rows = append(rows, []string{name, fmt.Sprint(a.Flows), fmt.Sprint(a.Bytes), fmt.Sprint(a.TwiceFlows), fmt.Sprint(a.TwiceBytes)})
	}
	table(d, []string{t["agency"], t["twice_once"], t["bytes"], t["twice_besides"], t["bytes"]}, []float64{0.28, 0.18, 0.18, 0.18, 0.18}, rows)
}

// control adds one that was decided.
func (r *Report) control(d *document.Document, o *framework.Outcome) {
	t := r.words
	k := &o.Control
	d.Parts = append(d.Parts, document.Part{Heading: fmt.Sprintf("%s  %s: %s", o.Line, r.title(k.Title), say(t, string(o.State), string(o.State)))})
	facts := []document.Fact{fact(t["control"], plain(k.ID)+", "+plain(k.Number)), fact(t["requirement"], plain(k.Requirement)), fact(t["confidence"], r.known(k.Confidence))}
	if o.Qualified != "" {
		facts = append(facts, fact(t["state"], say(t, o.Qualified, o.Qualified)))
	}
	for _, ob := range o.Observations {
		text := fmt.Sprintf("%s. %d %s %d %s; %s %s. %s", plain(ob.Check.What.In(r.Lang)), ob.Value, t["of"], ob.N, t["against"], t["allowed"], percent(ob.Threshold), say(t, string(ob.State), string(ob.State)))
		if ob.Why != "" {
			text += ": " + plain(reason(t, ob.Why))
		}
		for _, p := range ob.Problems {
			text += "\n" + plain(p)
		}
		facts = append(facts, fact(t["checked"], text))
		if !r.Public {
			facts = append(facts, fact(t["recompute"], r.Checked(&ob.Check)))
		}
	}
	d.Parts = append(d.Parts, document.Part{Facts: facts})
	for _, ob := range o.Observations {
		var rows [][]string
		for _, e := range ob.Evidence {
			rows = append(rows, []string{e.Line, t[fmt.Sprintf("severity-%d", min(max(e.Severity, 1), 4))], plain(e.Rule), plain(strings.Join(e.Techniques, " ")), plain(e.Where) + "\n" + plain(e.Source) + ", " + when(e.Time), fmt.Sprintf("%.12s", e.ID)})
		}
		if ob.More > 0 {
			rows = append(rows, []string{"", "", fmt.Sprintf("+ %d %s", ob.More, t["more"]), "", "", ""})
		}
		table(d, []string{t["line"], t["severity"], t["rule"], t["technique"], t["where"], "id"}, []float64{0.08, 0.12, 0.26, 0.12, 0.27, 0.15}, rows)
	}
}

func (r *Report) inputs(d *document.Document) {
	t := r.words
	heading(d, t["inputs"], 1)
	var rows [][]string
	for _, s := range r.Sources {
		rows = append(rows, []string{plain(s.Exhibit), plain(s.Case), plain(s.Name), plain(s.SHA256), fmt.Sprint(s.CustodyEntry)})
	}
	table(d, []string{t["exhibit"], t["case"], t["file"], "SHA-256", t["custody"]}, []float64{0.1, 0.14, 0.22, 0.42, 0.12}, rows)
	facts := []document.Fact{fact(t["digest"], plain(r.Inputs.SHA256)), fact(t["catalog"], plain(r.Inputs.Catalog.Name)+" "+plain(r.Inputs.Catalog.SHA256))}
	if x := r.Inputs.Register; x != nil {
		facts = append(facts, fact(t["register"], plain(x.Name)+" "+plain(x.SHA256)))
	}
	d.Parts = append(d.Parts, document.Part{Facts: append(facts, fact(t["verify_with"], "saksi framework verify DIR "+plain(r.Where)))})
}
