package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/findings/query"
	"saksi/findings/spool"
)

func findingsTail(a *app) *cobra.Command {
	o := &indexFlags{}
	var all bool
	c := &cobra.Command{
		Use:   "tail [QUERY]",
		Short: "Print documents as they are stored, until interrupted",
		Long: "Follows the spool, into which everything is written first: what 'saksi sensor run' or another command stores there shows up at once, whether the\n" +
			"index is up or not. Without QUERY the findings are printed (event.kind:alert).",
		Example: "  saksi findings tail\n  saksi findings tail 'network.protocol:dns AND dns.question.name:*.example' -o ndjson",
		Args:    cobra.MaximumNArgs(1), ValidArgsFunction: completeQuery,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := queryOf(args)
			if err != nil {
				return err
			}
			if q == "" {
				q = "event.kind:alert"
			}
			n, err := query.Parse(q)
			if err != nil {
				return queryError(err)
			}
			return o.tail(cmd.Context(), a, q, n, all)
		},
	}
	o.add(c)
	c.Flags().BoolVar(&all, "all", false, "begin with what the spool holds already")
	return c
}

// tailBytes is how much of the spool is read at once.
const tailBytes = 4 << 20

// tail prints what matches, line by line.
func (o *indexFlags) tail(ctx context.Context, a *app, q string, n *query.Node, all bool) error {
	_, dir, err := o.folder()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return failHint(exitFailed, fmt.Errorf("there is no spool in %s", dir), "name the index or the case by --index or --case; on a node of Elasticsearch 'saksi findings search' shows the newest first")
	}
	if err := o.look(ctx, a, nil, "tail", q, -1); err != nil {
		return err
	}
	at := spool.Cursor{}
	if !all {
		if at, err = spool.End(ctx, dir); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stderr, "saksi: following %s\n", oneLine(dir))
	for {
		docs, next, err := spool.Read(dir, at, tailBytes)
		if err != nil {
			return err
		}
		for _, d := range docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				return err
			}
			if !n.Match(e) {
				continue
			}
			if err := a.tailLine(e, d.Body); err != nil {
				return err
			}
		}
		at = next
		if len(docs) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil // to be interrupted is how it ends
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// tailLine prints one document at once, as it is or in a line.
func (a *app) tailLine(e *event.Event, body []byte) error {
	if a.format != "table" {
		_, err := fmt.Fprintf(onTerminal(a.stdout), "%s\n", body)
		return err
	}
	id, _ := e.GetStr(event.EventID)
	at, _ := e.GetTime(event.Timestamp)
	severity := ""
	if n, ok := e.GetInt(event.EventSeverity); ok {
		severity = severityNames[min(max(n, 0), 4)]
	}
	_, err := fmt.Fprintf(a.stdout, "%s  %s  %-8s  %s  %s\n", id[:min(len(id), idShown)], time.Unix(0, at).UTC().Format("2006-01-02T15:04:05Z"), severity, printable(what(e)), printable(place(e)))
	return err
}
