package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/dedup"
)

// maxDuplicates bounds the flows that are compared; each takes 100 bytes.
const maxDuplicates = 16 << 20

func findingsDuplicates(a *app) *cobra.Command {
	o := &indexFlags{}
	var size int
	c := &cobra.Command{
		Use:   "duplicates [QUERY]",
		Short: "Flows that several sensors saw, which sums would count twice",
		Long: "Flow documents are of one flow when their Community ID is the same, different sensors told them, and their times overlap or are within " + fmt.Sprint(dedup.Slack) + ".\n" +
			"What the sensor told that saw most of a flow counts; flows and bytes are that sensor's, twice_flows and twice_bytes what the others told besides.\n" +
			"A sensor beyond a translation of addresses sees other addresses: such flows have other Community IDs and are not joined. The index keeps all\n" +
			"documents. 'framework assess' and 'framework egress' count each flow once.",
		Example: "  saksi findings duplicates --index watch\n  saksi findings duplicates --index watch 'destination.ip:10.1.0.20' -o csv",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			if size < 0 {
				return usage("--size %d: expected 0 or more", size)
			}
			return o.duplicates(cmd, a, q, size)
		},
	}
	o.add(c)
	c.Flags().IntVar(&size, "size", 100, "most flows to print, those with the most bytes first; 0 for all")
	return c
}

// duplicate is one flow that several sensors told of.
type duplicate struct {
	start, end int64
	community  string
	sensors    []string
	sum        dedup.Sum
}

func (o *indexFlags) duplicates(cmd *cobra.Command, a *app, q string, size int) error {
	ctx := cmd.Context()
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	full := "event.dataset:saksi.flow"
	if q != "" {
		full = "(" + q + ") AND " + full
	}
	if err := o.look(ctx, a, ix, "duplicates", q, 0); err != nil {
		return err
	}
	var set dedup.Set
	var communities []string
	r := findings.Request{Query: full, Size: 10000}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return queryError(err)
		}
		if p.Total > maxDuplicates {
			return fail(exitFailed, fmt.Errorf("%d flows: at most %d are compared; give a query or a shorter time", p.Total, maxDuplicates))
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			id, _ := e.GetStr(event.NetworkCommunityID)
			set.Add(e, int32(len(communities)))
			communities = append(communities, id)
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
	}
	var list []duplicate
	set.Join(func(group []dedup.Flow, told []dedup.Told) {
		d := duplicate{start: group[0].Start, end: group[0].End, community: communities[group[0].Tag]}
		for _, f := range group {
			d.end = max(d.end, f.End)
			d.sum.Add(f)
		}
		for _, t := range told {
			d.sensors = append(d.sensors, set.Sensors[t.Sensor])
		}
		list = append(list, d)
	})
	slices.SortStableFunc(list, func(x, y duplicate) int {
		return cmp.Or(cmp.Compare(y.sum.TwiceBytes, x.sum.TwiceBytes), cmp.Compare(x.start, y.start))
	})
	return a.printDuplicates(&set, list, size)
}

func (a *app) printDuplicates(set *dedup.Set, list []duplicate, size int) error {
	shown := list
	if size > 0 {
		shown = list[:min(len(list), size)]
	}
	t, err := a.rows("start", "end", "community_id", "sensors", "flows", "bytes", "twice_flows", "twice_bytes")
	if err != nil {
		return err
	}
	stamp := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
	for _, d := range shown {
		if err := t.add(stamp(d.start), stamp(d.end), d.community, d.sensors, d.sum.Flows, d.sum.Bytes, d.sum.TwiceFlows, d.sum.TwiceBytes); err != nil {
			return err
		}
	}
	if err := t.close(); err != nil {
		return err
	}
	var all dedup.Sum
	unknown := 0
	for _, f := range set.Flows {
		all.Add(f)
		if !f.Known {
			unknown++
		}
	}
	a.warn(fmt.Sprintf("%d flows of %d bytes, each once; %d documents of %d bytes are of the same flows by other sensors", all.Flows, all.Bytes, all.TwiceFlows, all.TwiceBytes))
	if unknown > 0 {
		a.warn(fmt.Sprintf("%d flows have no Community ID or no sensor and were not compared", unknown))
	}
	if len(shown) < len(list) {
		a.warn(fmt.Sprintf("%d of %d shown; --size 0 shows all", len(shown), len(list)))
	}
	return nil
}
