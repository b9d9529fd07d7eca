package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/query"
	"saksi/findings/review"
	"saksi/findings/spool"
)

func findingsCommand(a *app) *cobra.Command {
	return noun("findings", "Search what was found and follow it to its evidence", findingsSearch(a), findingsShow(a), findingsStats(a), findingsGroups(a), findingsPivot(a), findingsTravel(a), findingsDuplicates(a), findingsTriage(a), findingsTail(a), findingsNotify(a), findingsSave(a),
		findingsSet(a), findingsSuppress(a), findingsExport(a), findingsImport(a), findingsPush(a), findingsDead(a),
		findingsRetain(a), findingsHold(a), findingsAccess(a), findingsRoles(a), findingsKibana(a))
}

// searchFields are the columns of a search.
var searchFields = []event.Field{
	event.Timestamp, event.EventDataset, event.EventSeverity, event.RuleName, event.ThreatTechniqueID, event.SourceIP, event.DestinationIP,
	event.FilePath, event.SaksiControl,
}

// idShown is how much of an id a table shows; show takes it.
const idShown = 12

type searchOptions struct {
	indexFlags
	sort string
	size int
	tlp  tlpFlag
	hush suppressFlag
}

func findingsSearch(a *app) *cobra.Command {
	o := &searchOptions{}
	c := &cobra.Command{
		Use:   "search [QUERY]",
		Short: "Search events and findings",
		Long: "QUERY is in Lucene's syntax: field:value, AND, OR, NOT, (groups), [1 TO 5], wild*, \"a phrase\", field:* (has a value).\n" +
			"Words without a field are looked for in all text; @NAME is a saved search ('saksi findings save'). It means the same on the embedded index and on Elasticsearch.\n" +
			"What leaves the terminal (json, ndjson, csv, --to) holds no finding that rests on an indicator marked TLP:AMBER or stricter, unless --max-tlp\n" +
			"allows it; how many are withheld is said.",
		Example: "  saksi findings search 'event.kind:alert AND event.severity:>=3'\n  saksi findings search 'source.ip:192.0.2.0/24 AND NOT network.protocol:dns'",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), a, q)
		},
	}
	o.add(c)
	c.Flags().StringVar(&o.sort, "sort", "", "`field` to sort by, with - before it for the largest first (default: newest first)")
	c.Flags().IntVar(&o.size, "size", 100, "most documents to print; 0 for all")
	c.Flags().StringVar(&o.tlp.text, "max-tlp", "", tlpHelp)
	o.hush.add(c)
	return c
}

func (o *searchOptions) run(ctx context.Context, a *app, q string) error {
	if o.size < 0 {
		return usage("--size %d: expected 0 or more", o.size)
	}
	if err := o.tlp.parse(a); err != nil {
		return err
	}
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	if err := o.hush.load(ctx, ix); err != nil {
		return err
	}
	r := findings.Request{Query: q, Size: 1000}
	if o.sort != "" {
		r.Sort = []findings.Sort{{Field: strings.TrimPrefix(o.sort, "-"), Desc: strings.HasPrefix(o.sort, "-")}}
	}
	var sink findings.Sink
	var done func() error
	left := o.size
	var total int64
	var states map[string]*review.State
	for {
		if o.size > 0 {
			r.Size = min(left, 1000)
		}
		p, err := ix.Search(ctx, r)
		if err != nil {
			return queryError(err)
		}
		if sink == nil { // only now: a wrong query leaves no empty file
			given := p.Total
			if o.size > 0 {
				given = min(given, int64(o.size))
			}
			if err := o.look(ctx, a, ix, "search", q, given); err != nil {
				return err
			}
			if sink, done, err = a.found(func(id string) string { return statusOf(states[id]) }); err != nil {
				return err
			}
			sink = o.tlp.sink(sink)
		}
		total = p.Total
		if a.format == "table" {
			if states, err = statesOf(ctx, ix, p.Docs); err != nil {
				return err
			}
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			if o.hush.skip(e) {
				continue
			}
			if err := sink.Emit(e); err != nil {
				return err
			}
			left--
		}
		if p.Next == "" || o.size > 0 && left <= 0 {
			break
		}
		r.After = p.Next
	}
	if err := done(); err != nil {
		return err
	}
	o.tlp.tell(a)
	o.hush.tell(a)
	if o.size > 0 && total > int64(o.size) {
		a.warn(fmt.Sprintf("%d of %d shown; --size 0 shows all", o.size, total))
	}
	return nil
}

// statesOf gives what people said of the findings of a page.
func statesOf(ctx context.Context, ix findings.Searcher, docs []findings.Doc) (map[string]*review.State, error) {
	var ids []string
	for _, d := range docs {
		if d.Dataset == "alert" {
			ids = append(ids, d.ID)
		}
	}
	return review.States(ctx, ix, ids)
}

// statusOf is a state in a word or two.
func statusOf(s *review.State) string {
	if s == nil {
		return ""
	}
	if s.Owner != "" {
		return s.Status + " (" + s.Owner + ")"
	}
	return s.Status
}

// found prints documents; a table begins with the part of the id that show
// takes, and ends with what people decided.
func (a *app) found(status func(id string) string) (findings.Sink, func() error, error) {
	if a.format != "table" {
		ev, err := a.events(append([]event.Field{event.EventID}, searchFields...)...)
		if err != nil {
			return nil, nil, err
		}
		return ev, ev.close, nil
	}
	r, err := a.rows("id", "time", "dataset", "severity", "what", "technique", "where", "control", "status")
	if err != nil {
		return nil, nil, err
	}
	return findings.SinkFunc(func(e *event.Event) error {
		id, _ := e.GetStr(event.EventID)
		at, _ := e.GetTime(event.Timestamp)
		dataset, _ := e.GetStr(event.EventDataset)
		severity := ""
		if n, ok := e.GetInt(event.EventSeverity); ok {
			severity = fmt.Sprint(n)
		}
		return r.add(id[:min(len(id), idShown)], string(event.AppendTime(nil, at))[:19]+"Z", strings.TrimPrefix(dataset, "saksi."), severity, what(e), values(e, event.ThreatTechniqueID), place(e), values(e, event.SaksiControl), status(id))
	}), r.close, nil
}

// what says in a few words what a document is about.
func what(e *event.Event) string {
	for _, f := range []event.Field{event.RuleName, event.DNSQuestionName, event.URLOriginal, event.TLSClientServerName, event.FileName, event.FilePath, event.NetworkProtocol, event.NetworkTransport, event.HostName, event.SaksiAssetID} {
		if s, ok := e.GetStr(f); ok {
			return s
		}
	}
	return ""
}

// place says where it happened: a path on a disk, or from where to where.
func place(e *event.Event) string {
	if p, ok := e.GetStr(event.FilePath); ok && e.Has(event.FileInode) {
		return p
	}
	src, ok := e.GetAddr(event.SourceIP)
	if !ok {
		return values(e, event.HostIP)
	}
	dst, ok := e.GetAddr(event.DestinationIP)
	if !ok {
		return src.String()
	}
	return src.String() + " > " + dst.String()
}

func values(e *event.Event, f event.Field) string {
	var list []string
	for v := range e.Values(f) {
		list = append(list, string(v.AppendText(nil)))
	}
	return strings.Join(list, " ")
}

func queryError(err error) error {
	var q *query.Error
	if errors.As(err, &q) {
		return failHint(exitUsage, err, "'saksi findings search --help' shows the syntax")
	}
	if errors.Is(err, findings.ErrSort) {
		return fail(exitUsage, err)
	}
	return readError(err)
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

// lookup finds the one document whose id begins with prefix.
func lookup(ctx context.Context, ix findings.Index, prefix string) (*event.Event, error) {
	if !idPattern.MatchString(prefix) {
		return nil, usage("%q is no id: expected 4 to 64 hex digits, as 'saksi findings search' prints them", prefix)
	}
	if len(prefix) == 64 {
		d, err := ix.Get(ctx, prefix)
		if err != nil {
			return nil, err
		}
		return event.Parse(d.Body)
	}
	p, err := ix.Search(ctx, findings.Request{Query: "event.id:" + prefix + "*", Size: 2})
	if err != nil {
		return nil, err
	}
	switch len(p.Docs) {
	case 0:
		return nil, failHint(exitFailed, fmt.Errorf("%s: %w", prefix, findings.ErrNotFound), "'saksi findings search' lists ids")
	case 1:
		return event.Parse(p.Docs[0].Body)
	}
	return nil, failHint(exitFailed, fmt.Errorf("%d documents begin with %s", p.Total, prefix), "give more digits")
}

func findingsStats(a *app) *cobra.Command {
	o := &indexFlags{}
	var size int
	c := &cobra.Command{
		Use:   "stats [QUERY]",
		Short: "Count documents by data set, severity, rule, technique, control and host",
		Args:  cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			ix, err := o.read(cmd.Context())
			if err != nil {
				return err
			}
			defer ix.Close()
			var table [][3]any
			for _, f := range []event.Field{event.EventDataset, event.EventSeverity, event.RuleName, event.ThreatTechniqueID, event.SaksiControl, event.NetworkProtocol, event.SourceIP, event.DestinationIP} {
				b, err := ix.Terms(cmd.Context(), q, f.Name(), size)
				if err != nil {
					return queryError(err)
				}
				for _, x := range b {
					table = append(table, [3]any{f.Name(), x.Key, x.Count})
				}
			}
			if err := o.look(cmd.Context(), a, ix, "stats", q, 0); err != nil {
				return err
			}
			r, err := a.rows("field", "value", "documents")
			if err != nil {
				return err
			}
			for _, t := range table {
				if err := r.add(t[:]...); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	c.Flags().IntVar(&size, "size", 10, "values a field at most")
	return c
}

func findingsPush(a *app) *cobra.Command {
	o := &indexFlags{}
	var all bool
	var bulk string
	var prune bool
	c := &cobra.Command{
		Use:   "push",
		Short: "Bring an index up to its spool",
		Long: "Puts every document of the spool that the index has not got yet into it: after an interruption, into a new index, or into another one named by --index.\n" +
			"An index that is empty, because it was lost or is new, gets all; --all does that for one of which only a part is there. A document has the\n" +
			"same id each time, so nothing is stored twice. --bulk writes them for a cluster that this machine does not reach.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if bulk != "" {
				return o.bulk(cmd.Context(), a, bulk)
			}
			if prune && o.caseID != "" {
				return usage("--prune: the spool of a case stays whole; its index is rebuilt from it")
			}
			s, err := o.write(cmd.Context())
			if err != nil {
				return err
			}
			d, err := s.push(cmd.Context(), a, all)
			if err == nil && prune {
				err = o.prune(a, s)
			}
			pending, perr := spool.Pending(s.dir, s.name)
			err = errors.Join(indexError(err), perr, s.close())
			// Also when the node went away: what was sent is stored, there already or
			// refused, and what is pending waits.
			r, rerr := a.rows("sent", "stored", "duplicate", "dead", "pending")
			if rerr == nil {
				rerr = errors.Join(r.add(d.Sent, d.Stored, d.Duplicate, d.Dead, pending), r.close())
			}
			if err = errors.Join(err, rerr); err != nil {
				return err
			}
			if d.Dead > 0 {
				return fail(exitIncomplete, fmt.Errorf("%d documents were refused; they and the reasons are in %s", d.Dead, s.dir))
			}
			return nil
		},
	}
	o.add(c)
	c.Flags().BoolVar(&all, "all", false, "put every document of the spool again, from its beginning")
	c.Flags().BoolVar(&prune, "prune", false, "then remove from the spool what every index that follows it has; they can no longer be rebuilt from it")
	c.Flags().StringVar(&bulk, "bulk", "", "write all documents of the spool into this new `folder` instead, as bodies of Elasticsearch's _bulk")
	return c
}

// push brings the index up to the spool, from its beginning when all is set.
func (s *store) push(ctx context.Context, a *app, all bool) (spool.Delivery, error) {
	if all {
		if err := spool.Rewind(s.dir, s.name); err != nil {
			return spool.Delivery{}, err
		}
	}
	bar := a.progress("pushing", "documents")
	defer bar.finish()
	return spool.Follow(ctx, s.dir, s.name, s.ix, func(d spool.Delivery) { bar.update(d.Sent, 0) })
}
