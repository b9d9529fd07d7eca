package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"saksi/findings/elastic"
	"saksi/findings/spool"
)

// bulkMost is the size of a body of _bulk; a busy node refuses larger ones whole.
const bulkMost = 1 << 20

// bulk writes the documents of the spool into a new folder as bodies of
// Elasticsearch's _bulk, for a cluster that this machine does not reach.
func (o *indexFlags) bulk(ctx context.Context, a *app, to string) (err error) {
	_, dir, err := o.folder()
	if err != nil {
		return err
	}
	form := *a
	form.format, form.to = "bulk", to
	if err := o.look(ctx, &form, nil, "export", "", -1); err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return fail(exitUsage, fmt.Errorf("making the folder for the bodies: %w", err))
	}
	w := &bulkWriter{dir: to, size: bulkMost}
	defer func() { err = errors.Join(err, w.close()) }()
	bar := a.progress("writing", "documents")
	defer bar.finish()
	var n int64
	for c := (spool.Cursor{}); ; {
		docs, next, err := spool.Read(dir, c, 4*bulkMost)
		if err != nil {
			return err
		}
		if len(docs) == 0 || ctx.Err() != nil {
			fmt.Fprintf(a.stderr, "saksi: %d documents in %d bodies; send each: curl -H 'Content-Type: application/x-ndjson' --data-binary @FILE https://NODE:9200/_bulk\n", n, w.files)
			return ctx.Err()
		}
		c = next
		for _, d := range docs {
			b, err := elastic.Lines(o.agency, d)
			if err != nil {
				return err
			}
			if err := w.add(b); err != nil {
				return err
			}
			n++
		}
		bar.update(n, 0)
	}
}

// bulkWriter divides lines into files.
type bulkWriter struct {
	dir         string
	f           *os.File
	w           *bufio.Writer
	size, files int
}

func (w *bulkWriter) add(b []byte) (err error) {
	if w.size+len(b) > bulkMost {
		if err := w.close(); err != nil {
			return err
		}
		if w.f, err = os.OpenFile(filepath.Join(w.dir, fmt.Sprintf("%06d.ndjson", w.files)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
		w.w, w.size, w.files = bufio.NewWriter(w.f), 0, w.files+1
	}
	w.size += len(b)
	_, err = w.w.Write(b)
	return err
}

func (w *bulkWriter) close() error {
	if w.f == nil {
		return nil
	}
	err := errors.Join(w.w.Flush(), w.f.Close())
	w.f = nil
	return err
}
