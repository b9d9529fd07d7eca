package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/findings"
	"saksi/forensics/artifact"
	"saksi/forensics/collect"
	"saksi/forensics/scan"
	"saksi/forensics/timeline"
	"saksi/sensor"
)

// gather puts all sources of the timeline into l. What ends one source early,
// an interruption too, takes no line of the others.
func (o *timelineOptions) gather(cmd *cobra.Command, a *app, flags *forensicsFlags, args []string, hash scan.Hash, l *liner) error {
	failed := o.images(cmd, a, flags, args, hash, l)
	l.zones = timeline.Zones{}
	goesOn := func() bool {
		return cmd.Context().Err() == nil && (codeOf(failed) == exitOK || codeOf(failed) == exitIncomplete)
	}
	for _, source := range []func() error{
		func() error { return o.records(cmd.Context(), a, flags, l) },
		func() error { return o.network(cmd, a, l) },
		func() error {
			if o.index.caseID == "" && o.index.index == "" {
				return nil
			}
			return o.events(cmd.Context(), a, l)
		},
	} {
		if !goesOn() {
			break
		}
		if err := source(); err != nil {
			failed = err
		}
	}
	return failed
}

// within reads the artifacts within an image.
func (o *timelineOptions) within(ctx context.Context, a *app, flags *forensicsFlags, path string, l *liner) error {
	untimed := 0
	bar := a.progress("reading artifacts", " files")
	sum, err := collect.Run(ctx, collect.Config{
		Image: path, Year: o.year, Bulk: true, Live: o.live, Volume: o.volume.want(), Worker: flags.worker(a), Warn: a.warn,
		Resume: o.resume.partOf("artifacts", path), Progress: func(files int64) { bar.update(files, 0) },
		Emit: func(r *artifact.Record, e *event.Event) error {
			if r.Time == 0 {
				untimed++
			}
			return l.Emit(e)
		},
	})
	bar.finish()
	a.taken(&sum)
	if untimed > 0 {
		a.warn(fmt.Sprintf("%s: %d records have no time and no line; logs whose times have no year need --year", path, untimed))
	}
	switch {
	case err != nil:
		return resumeError(err)
	case sum.Incomplete():
		return fail(exitIncomplete, fmt.Errorf("%s: not all artifacts could be read: %d problems, %d workers died, %d hung", path, sum.Problems, sum.Crashes, sum.Timeouts))
	}
	return nil
}

// network reads captures; with a case they are its exhibits.
func (o *timelineOptions) network(cmd *cobra.Command, a *app, l *liner) error {
	x := exhibitFlags{caseID: o.index.caseID, key: o.key}
	var sources []sensor.Source
	for _, arg := range o.captures {
		path, err := x.open(cmd, a, arg, casefile.ActExamine, "put its events into a timeline")
		if err != nil {
			return err
		}
		sources = append(sources, sensor.Source{Path: path})
	}
	if len(sources) == 0 {
		return nil
	}
	_, err := sensor.Read(cmd.Context(), sensor.Config{Workers: o.workers, Sources: sources, Sink: l})
	if errors.Is(err, sensor.ErrIncomplete) {
		return fail(exitIncomplete, err)
	}
	return err
}

// records reads the artifacts that were named on their own.
func (o *timelineOptions) records(ctx context.Context, a *app, flags *forensicsFlags, l *liner) error {
	broken := 0
	for _, path := range o.artifacts {
		sum, err := artifact.Read(ctx, path, artifact.Options{Worker: flags.worker(a), Year: o.year}, func(_ *artifact.Record, e *event.Event) error { return l.Emit(e) })
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && sum.Records == 0:
			return imageError(err)
		case err != nil:
			a.warn(err.Error())
			broken++
		}
		if broken += sum.Broken; sum.Broken > 0 {
			a.warn(fmt.Sprintf("%s: %d parts could not be read", path, sum.Broken))
		}
	}
	if broken > 0 {
		return fail(exitIncomplete, fmt.Errorf("not all of the input could be read: %d problems", broken))
	}
	return nil
}

// noTime is the query for documents that have no moment.
var noTime = fmt.Sprintf("%s:%q", event.SaksiAssumed.Name(), event.NoTime)

// events takes every event of an index but the entries of images, which would
// stand there twice.
func (o *timelineOptions) events(ctx context.Context, a *app, l *liner) (err error) {
	ix, err := o.index.read(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ix.Close()) }()
	query := "NOT event.dataset:saksi.entry"
	if o.inside { // they were read from the images just now
		query += " AND NOT _exists_:Saksi.artifact.inode"
	}
	asked := query
	if o.from != "" || o.until != "" {
		asked += fmt.Sprintf(" AND @timestamp:[%s TO %s}", cmp.Or(o.from, "*"), cmp.Or(o.until, "*"))
	}
	if err := o.index.look(ctx, a, ix, "timeline", asked, -1); err != nil {
		return err
	}
	untimed, err := ix.Search(ctx, findings.Request{Query: query + " AND " + noTime, Size: 1})
	if err != nil {
		return err
	}
	if untimed.Total > 0 {
		a.warn(fmt.Sprintf("%d records of the index have no time and no line", untimed.Total))
	}
	r := findings.Request{Query: query + " AND NOT " + noTime, Size: 1000, Sort: []findings.Sort{{Field: event.Timestamp.Name()}}}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return err
		}
		for _, doc := range p.Docs {
			e, err := event.Parse(doc.Body)
			if err != nil {
				return fmt.Errorf("reading document %s: %w", doc.ID, err)
			}
			if err := l.Emit(e); err != nil {
				return err
			}
		}
		if r.After = p.Next; p.Next == "" {
			return nil
		}
	}
}

// printHistogram writes how many lines lie in each stretch of time.
func (a *app) printHistogram(h *timeline.Histogram) error {
	unit, list := h.Buckets()
	most := int64(1)
	for _, b := range list {
		most = max(most, b.Files+b.Events)
	}
	r, err := a.rows("time", "unit", "files", "events")
	if a.format == "table" {
		r, err = a.rows("time", "files", "events", "")
	}
	if err != nil {
		return err
	}
	forms := map[string]string{"hour": "2006-01-02 15:00", "day": time.DateOnly, "month": "2006-01", "year": "2006"}
	for _, b := range list {
		n := b.Files + b.Events
		if a.format == "table" {
			width := (n*50 + most - 1) / most // what is not empty shows
			err = r.add(b.Start.Format(forms[unit]), b.Files, b.Events, strings.Repeat("#", int(width)))
		} else {
			err = r.add(b.Start.Format(time.RFC3339), unit, b.Files, b.Events)
		}
		if err != nil {
			return err
		}
	}
	return r.close()
}
