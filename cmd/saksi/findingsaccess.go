package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/access"
	"saksi/findings/mask"
)

// look puts on record that somebody looks at what an index holds, before they
// see anything: in the log beside the spool, or the user's own where that can't
// be written; of a shared index in the index, too. What can't be put on record
// is not shown. n is how many documents are given out at most, -1 if nobody knows.
func (o *indexFlags) look(ctx context.Context, a *app, ix findings.Writer, act, q string, n int64) error {
	where, _, err := o.folder()
	if err != nil {
		return err
	}
	e := access.Entry{At: time.Now().UTC(), By: who(), Act: act, Index: where, Documents: n, Form: a.format}
	e.Query, _ = mask.Text(q)
	if e.Host, err = os.Hostname(); err != nil {
		return fmt.Errorf("asking for this machine's name: %w", err)
	}
	if a.to != "" {
		if e.To, err = filepath.Abs(a.to); err != nil {
			return err
		}
	}
	if isURL(where) {
		e.Agency = o.agency
	} else if e.Index, err = filepath.Abs(where); err != nil {
		return err
	}
	e.Trim()
	if err := o.enter(ctx, e, ix); err != nil {
		return failHint(exitFailed, err, "nothing was shown: who looks at what is on record ('saksi findings access')")
	}
	return nil
}

func (o *indexFlags) enter(ctx context.Context, e access.Entry, ix findings.Writer) error {
	if err := o.enterFile(e); err != nil {
		return err
	}
	shared, ok := ix.(interface {
		Record(ctx context.Context, docs []findings.Doc) (findings.Result, error)
	})
	if !ok {
		return nil
	}
	sink, err := stored(findings.SinkFunc(func(ev *event.Event) error {
		d := findings.Doc{Body: ev.AppendJSON(nil), Dataset: "access", Time: e.At}
		d.ID, _ = ev.GetStr(event.EventID)
		r, err := shared.Record(ctx, []findings.Doc{d})
		if err == nil && len(r.Dead) > 0 {
			err = fmt.Errorf("the index refuses the record of who looks: %s", r.Dead[0].Reason)
		}
		return err
	}), nil)
	if err != nil {
		return err
	}
	ev := e.Event()
	if err := o.stamp(ev); err != nil {
		return err
	}
	return sink.Emit(ev)
}

// enterFile adds an entry to a file: beside the spool of a local index, else to
// the user's own.
func (o *indexFlags) enterFile(e access.Entry) error {
	if !isURL(e.Index) {
		_, dir, err := o.folder()
		if err != nil {
			return err
		}
		err = access.Append(filepath.Join(dir, access.FileName), e)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
			return err
		}
	}
	path, err := ownAccess()
	if err != nil {
		return err
	}
	return access.Append(path, e)
}

// ownAccess is the user's own log.
func ownAccess() (string, error) {
	dir, err := dataDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the folder of the access log: %w", err)
	}
	return filepath.Join(dir, access.FileName), nil
}

func findingsAccess(a *app) *cobra.Command {
	o := &indexFlags{}
	c := &cobra.Command{
		Use:   "access",
		Short: "List who searched, viewed or exported what, and check that log",
		Long: "The commands of findings that show or send what an index holds, 'forensics timeline' of an index, 'sensor extract', 'framework assess', 'report', 'notice', 'drift', 'egress' and 'services', put on record\n" +
			"who ran them, when, with which query, how many documents they may give out and in which form, before they show anything, and never what was found. Reports, which\n" +
			"come from an assessment and no index, and packets of no index stand in the log of the user's index. The log stands beside the spool, or in the user's own folder where that can't be\n" +
			"written; on Elasticsearch each entry is a document of saksi.access, too, and this lists those. Each line of the file holds the SHA-256 of the\n" +
			"one before it: what was changed or taken out is named, with exit code 10. To look at this log is on record as well.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, wrong, err := o.accesses(cmd.Context(), a)
			if err != nil {
				return err
			}
			r, err := a.rows("time", "by", "host", "act", "query", "documents", "form", "to")
			if err != nil {
				return err
			}
			for _, e := range list {
				n := any(e.Documents)
				if e.Documents < 0 {
					n = ""
				}
				if err := r.add(e.At.Format(time.RFC3339), e.By, e.Host, e.Act, e.Query, n, e.Form, e.To); err != nil {
					return err
				}
			}
			if err := r.close(); err != nil {
				return err
			}
			for _, w := range wrong {
				a.warn(w)
			}
			if len(wrong) > 0 {
				return fail(exitDigest, fmt.Errorf("the access log is not as it was written: %d places", len(wrong)))
			}
			return nil
		},
	}
	o.add(c)
	return c
}

// accesses are the entries of an index, oldest first, and what is wrong with
// the files they stand in.
func (o *indexFlags) accesses(ctx context.Context, a *app) (list []access.Entry, wrong []string, err error) {
	where, dir, err := o.folder()
	if err != nil {
		return nil, nil, err
	}
	if isURL(where) {
		return o.sharedAccesses(ctx, a)
	}
	if where, err = filepath.Abs(where); err != nil {
		return nil, nil, err
	}
	own, err := ownAccess()
	if err != nil {
		return nil, nil, err
	}
	for _, path := range []string{filepath.Join(dir, access.FileName), own} {
		part, bad, err := access.Read(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, w := range bad {
			wrong = append(wrong, fmt.Sprintf("%s: line %d %s", path, w.Line, w.What))
		}
		list = append(list, slices.DeleteFunc(part, func(e access.Entry) bool { return path == own && e.Index != where })...)
	}
	slices.SortStableFunc(list, func(a, b access.Entry) int { return a.At.Compare(b.At) })
	return list, wrong, o.look(ctx, a, nil, "access", "", int64(len(list)))
}

// sharedAccesses are the entries in a shared index; the user's own file is
// checked, too.
func (o *indexFlags) sharedAccesses(ctx context.Context, a *app) (list []access.Entry, wrong []string, err error) {
	ix, err := o.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer ix.Close()
	r := findings.Request{Query: "event.dataset:" + access.Dataset, Size: 1000, Sort: []findings.Sort{{Field: "@timestamp"}}}
	for {
		p, err := ix.Search(ctx, r)
		if err != nil {
			return nil, nil, queryError(err)
		}
		if r.After == "" {
			if err := o.look(ctx, a, ix, "access", "", p.Total); err != nil {
				return nil, nil, err
			}
		}
		for _, d := range p.Docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, access.Of(e))
		}
		if p.Next == "" {
			break
		}
		r.After = p.Next
	}
	own, err := ownAccess()
	if err != nil {
		return nil, nil, err
	}
	_, bad, err := access.Read(own)
	for _, w := range bad {
		wrong = append(wrong, fmt.Sprintf("%s: line %d %s", own, w.Line, w.What))
	}
	return list, wrong, err
}
