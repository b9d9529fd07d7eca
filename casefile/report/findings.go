package report

import (
	"context"
	"fmt"
	"strings"
	"time"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/findings/review"
	"saksi/internal/document"
)

// maxFindings is how many findings are listed; all are counted.
const maxFindings = 2000

func (b *builder) findings(ctx context.Context) ([]document.Part, error) {
	parts := []document.Part{{Heading: b.say("findings")}}
	if b.Index == nil {
		return append(parts, document.Part{Text: b.say("no_index")}), nil
	}
	t := &document.Table{
		Columns: []string{b.say("severity"), b.say("rule"), b.say("where"), b.say("status"), b.say("command")},
		Widths:  []float64{0.06, 0.24, 0.22, 0.2, 0.28},
	}
	r := findings.Request{Query: "event.kind:alert", Size: 500, Sort: []findings.Sort{{Field: "event.severity", Desc: true}}}
	var total, withheld int64
	for len(t.Rows) < maxFindings {
		p, err := b.Index.Search(ctx, r)
		if err != nil {
			return nil, err
		}
		total = p.Total
		var ids []string
		for _, d := range p.Docs {
			ids = append(ids, d.ID)
		}
		states, err := review.States(ctx, b.Index, ids)
		if err != nil {
			return nil, err
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return nil, fmt.Errorf("finding %s: %w", d.ID, err)
			}
			if b.Withhold != nil && b.Withhold(e) {
				withheld++
				continue
			}
			t.Rows = append(t.Rows, b.finding(d.ID, e, states[d.ID]))
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
	}
	parts = append(parts, document.Part{Text: b.say("findings_count", total, len(t.Rows))})
	if withheld > 0 {
		parts = append(parts, document.Part{Text: b.say("withheld", withheld)})
	}
	if len(t.Rows) > 0 {
		parts = append(parts, document.Part{Table: t})
	}
	return parts, nil
}

// texts joins the values of fields that an event has.
func texts(e *event.Event, sep string, fields ...event.Field) string {
	var list []string
	for _, f := range fields {
		for v := range e.Values(f) {
			list = append(list, string(v.AppendText(nil)))
		}
	}
	return strings.Join(list, sep)
}

func (b *builder) finding(id string, e *event.Event, s *review.State) []string {
	where := texts(e, "\n", event.FilePath)
	if where == "" {
		where = texts(e, " → ", event.SourceIP, event.DestinationIP)
	}
	proof := []string{id[:min(len(id), 12)]}
	if v := texts(e, " ", event.SaksiEvidenceName); v != "" {
		proof = append(proof, v)
	}
	if v := texts(e, " ", event.SaksiEvidenceOffset); v != "" {
		proof = append(proof, b.say("offset")+" "+v)
	}
	if v := texts(e, " ", event.SaksiEvidencePacket); v != "" {
		proof = append(proof, b.say("packet")+" "+v)
	}
	if v := texts(e, "\n", event.SaksiEvidenceCommand); v != "" {
		proof = append(proof, v)
	} else {
		proof = append(proof, "saksi findings show "+id[:min(len(id), 12)])
	}
	return []string{
		texts(e, " ", event.EventSeverity), texts(e, "\n", event.RuleName, event.ThreatTechniqueID), where, b.status(s), strings.Join(proof, "\n"),
	}
}

// status is what people had said of a finding by the time of the report.
func (b *builder) status(s *review.State) string {
	status, owner := "open", ""
	var notes []string
	if s != nil {
		for _, h := range s.History {
			if h.At.After(b.AsOf.Add(time.Second)) {
				continue
			}
			if h.Status != "" {
				status = h.Status
			}
			if h.Owner != "" {
				owner = h.Owner
			}
			if h.Note != "" {
				notes = append(notes, h.By+": "+h.Note)
			}
		}
	}
	out := b.say(status)
	if out == "" {
		out = status
	}
	if owner != "" && owner != review.Nobody {
		out += " (" + owner + ")"
	}
	return strings.Join(append([]string{out}, notes...), "\n")
}

func (b *builder) notes(context.Context) ([]document.Part, error) {
	list, err := casefile.Notes(b.Dir)
	if err != nil {
		return nil, err
	}
	parts := []document.Part{{Heading: b.say("notes")}}
	t := &document.Table{
		Columns: []string{b.say("entry"), b.say("time"), b.say("kind"), b.say("who"), b.say("about"), b.say("text")},
		Widths:  []float64{0.07, 0.13, 0.1, 0.14, 0.2, 0.36},
	}
	for _, n := range list {
		if n.Seq > b.entries[len(b.entries)-1].Seq {
			break
		}
		var about []string
		for _, v := range []string{n.Exhibit, n.Path} {
			if v != "" {
				about = append(about, v)
			}
		}
		if n.Offset != nil {
			about = append(about, fmt.Sprintf("%s %d", b.say("offset"), *n.Offset))
		}
		if n.Finding != "" {
			about = append(about, b.say("finding")+" "+n.Finding[:min(len(n.Finding), 12)])
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(n.Seq), short(n.Time), b.say(n.Kind), n.Who, strings.Join(about, "\n"), strings.TrimRight(n.Text, "\n")})
	}
	if len(t.Rows) == 0 {
		return append(parts, document.Part{Text: b.say("none")}), nil
	}
	return append(parts, document.Part{Table: t}), nil
}

// maxPeriods is how many periods the timeline draws.
const maxPeriods = 60

func (b *builder) timeline(ctx context.Context) ([]document.Part, error) {
	if b.Index == nil {
		return nil, nil
	}
	days, err := b.Index.Histogram(ctx, fmt.Sprintf("NOT event.dataset:%s AND NOT %s:%q", review.Dataset, event.SaksiAssumed.Name(), event.NoTime), 24*time.Hour)
	if err != nil || len(days) == 0 {
		return nil, err
	}
	periods := days
	for _, digits := range []int{len("2006-01-02"), len("2006-01"), len("2006")} {
		periods = nil
		for _, d := range days {
			key := d.Key[:min(digits, len(d.Key))]
			if n := len(periods); n > 0 && periods[n-1].Key == key {
				periods[n-1].Count += d.Count
				continue
			}
			periods = append(periods, findings.Bucket{Key: key, Count: d.Count})
		}
		if len(periods) <= maxPeriods {
			break
		}
	}
	left := max(0, len(periods)-maxPeriods)
	periods = periods[left:]
	var most int64
	for _, p := range periods {
		most = max(most, p.Count)
	}
	var bars []document.Bar
	for _, p := range periods {
		bars = append(bars, document.Bar{Name: p.Key, Note: fmt.Sprint(p.Count), Segments: []document.Segment{{Share: float64(p.Count) / float64(most), Color: [3]uint8{18, 63, 115}}}})
	}
	return []document.Part{{Heading: b.say("timeline")}, {Text: b.say("timeline_text", left)}, {Bars: bars}}, nil
}

func (b *builder) limits(ctx context.Context) ([]document.Part, error) {
	t := &document.Table{Columns: []string{b.say("limit_what"), b.say("limit_count")}, Widths: []float64{0.85, 0.15}}
	add := func(n int64, key string, args ...any) {
		t.Rows = append(t.Rows, []string{b.say(key, args...), fmt.Sprint(n)})
	}
	for _, e := range b.entries {
		if e.Act == casefile.ActStop {
			add(1, "limit_stopped", e.Seq, e.Why)
		}
	}
	list, err := b.taken()
	if err != nil {
		return nil, err
	}
	for _, x := range list {
		a := b.acquired[x.Path]
		if n := len(a.Unreadable); n > 0 {
			add(int64(n), "limit_unreadable", x.ID)
		}
		for _, p := range a.Problems {
			add(1, "limit_problem", x.ID, p)
		}
	}
	if b.Index != nil {
		for _, f := range []struct{ field, key string }{{"Saksi.incomplete", "limit_incomplete"}, {"Saksi.file.incomplete", "limit_file"}} {
			counts, err := b.Index.Terms(ctx, "", f.field, 1000)
			if err != nil {
				return nil, err
			}
			for _, c := range counts {
				add(c.Count, f.key, c.Key)
			}
		}
	}
	parts := []document.Part{{Heading: b.say("limits")}, {Text: b.say("limit_text")}}
	if b.Index == nil {
		parts = append(parts, document.Part{Text: b.say("no_index")})
	}
	if len(t.Rows) == 0 {
		return append(parts, document.Part{Text: b.say("none")}), nil
	}
	return append(parts, document.Part{Table: t}), nil
}

func (b *builder) reviews(context.Context) ([]document.Part, error) {
	list, err := casefile.Reviews(b.Dir)
	if err != nil {
		return nil, err
	}
	var facts []document.Fact
	for _, r := range list {
		if r.Seq <= b.entries[len(b.entries)-1].Seq {
			facts = append(facts, document.Fact{Name: short(r.Time), Value: b.say("review_value", r.Reviewer, r.Key, r.Note)})
		}
	}
	parts := []document.Part{{Heading: b.say("review")}}
	if len(facts) == 0 {
		return append(parts, document.Part{Text: b.say("review_none")}), nil
	}
	return append(parts, document.Part{Facts: facts}), nil
}
