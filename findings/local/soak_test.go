package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/spool"
	"saksi/internal/soak"
)

// victim is the first argument of the process that is killed.
const victim = "soak-victim"

// TestMain makes this test binary the victim too.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == victim {
		if err := write(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// document is the event with this number. A thousand of each eight are so large
// that a segment of the spool ends.
func document(n int) *event.Event {
	r := rand.New(rand.NewPCG(uint64(n), 0))
	e := &event.Event{}
	e.Time(event.Timestamp, int64(n))
	e.Str(event.EventDataset, "saksi.dns")
	if n/1000%8 == 1 {
		for range 80<<10/event.MaxValue + 1 {
			e.Str(event.SaksiEvidenceMatch, strings.Repeat("s", event.MaxValue))
		}
		return e
	}
	size := 1 << r.IntN(10)
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%x ", r.Uint32())
	}
	e.Str(event.Message, b.String())
	return e
}

// write goes on where the spool of dir ends and never stops: it appends, commits
// and follows, and acknowledges each commit by the number of documents on
// standard output.
func write(dir string) error {
	docs, err := all(dir)
	if err != nil {
		return err
	}
	w, err := spool.Create(dir)
	if err != nil {
		return err
	}
	ix, err := Open(context.Background(), filepath.Join(dir, "index"))
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(uint64(len(docs)), 1))
	for n := len(docs); ; {
		for range 1 + r.IntN(1<<r.IntN(12)) {
			if err := w.Emit(document(n)); err != nil {
				return err
			}
			n++
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Println(n)
		if r.IntN(3) > 0 {
			continue
		}
		if _, err := spool.Follow(context.Background(), dir, "local", ix, nil); err != nil {
			return err
		}
		if r.IntN(8) == 0 {
			if err := ix.Compact(context.Background()); err != nil {
				return err
			}
		}
	}
}

// all reads a whole spool; none yet is none.
func all(dir string) (docs []findings.Doc, err error) {
	for c := (spool.Cursor{}); ; {
		list, next, err := spool.Read(dir, c, 8<<20)
		if err != nil || len(list) == 0 {
			return docs, err
		}
		docs, c = append(docs, list...), next
	}
}

// perSeed is how often the writer of one spool is killed; 100 seeds make 500.
const perSeed = 5

// TestSoakKill proves that a writer of the spool and the index may be killed at
// any moment: the spool opens, no document that was acknowledged is lost, none is
// there twice, and the index catches up and answers every id.
func TestSoakKill(t *testing.T) {
	var kills, documents, cut, segments atomic.Int64
	soak.Run(t, soak.Config{Full: 100, Parallel: 1, Limit: 2 * time.Minute}, func(r *rand.Rand) error {
		dir, err := os.MkdirTemp("", "saksi-soak-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		for range perSeed {
			// Most kills hit the writing, a few the start.
			acked, err := soak.Killed(time.Duration(r.IntN(1+r.IntN(700)))*time.Millisecond, victim, dir)
			if err != nil {
				return err
			}
			kills.Add(1)
			torn, n, err := recovered(dir, acked)
			if err != nil {
				return fmt.Errorf("after %d acknowledged: %w", acked, err)
			}
			if torn {
				cut.Add(1)
			}
			documents.Add(int64(n))
		}
		list, err := filepath.Glob(filepath.Join(dir, "*.seg"))
		segments.Add(int64(len(list)))
		return err
	})
	t.Logf("%d kills, %d in the middle of a record; %d segments; %d documents read again", kills.Load(), cut.Load(), segments.Load(), documents.Load())
}

// recovered opens what a killed writer left and holds it against what it
// acknowledged.
func recovered(dir string, acked int64) (torn bool, n int, err error) {
	ctx := context.Background()
	w, err := spool.Create(dir)
	if err != nil {
		return false, 0, err
	}
	defer w.Close()
	docs, err := all(dir)
	if err != nil {
		return false, 0, err
	}
	if int64(len(docs)) < acked {
		return false, 0, fmt.Errorf("%d documents are in the spool", len(docs))
	}
	ids := map[string]bool{}
	for i, d := range docs {
		if d.Time.UnixNano() != int64(i) || ids[d.ID] {
			return false, 0, fmt.Errorf("document %d of the spool has the number %d, its id twice: %v", i, d.Time.UnixNano(), ids[d.ID])
		}
		ids[d.ID] = true
	}
	if err := asLeft(ctx, dir, len(docs)); err != nil {
		return false, 0, err
	}
	ix, err := Open(ctx, filepath.Join(dir, "index"))
	if err != nil {
		return false, 0, err
	}
	defer ix.Close()
	if _, err := spool.Follow(ctx, dir, "local", ix, nil); err != nil {
		return false, 0, err
	}
	p, err := ix.Search(ctx, findings.Request{Size: 1})
	if err != nil || p.Total != int64(len(docs)) {
		return false, 0, fmt.Errorf("%d documents in the index, %d in the spool: %w", p.Total, len(docs), err)
	}
	for _, d := range docs {
		got, err := ix.Get(ctx, d.ID)
		if err != nil || string(got.Body) != string(d.Body) {
			return false, 0, fmt.Errorf("document %s of the index: %w", d.ID, err)
		}
	}
	return w.Cut() > 0, len(docs), nil
}

// asLeft reads the index as the killed writer left it: it opens and has all
// that the spool's cursor says was put into it.
func asLeft(ctx context.Context, dir string, docs int) error {
	pending, err := spool.Pending(dir, "local")
	if err != nil {
		return err
	}
	ix, err := OpenReadOnly(ctx, filepath.Join(dir, "index"))
	if errors.Is(err, fs.ErrNotExist) && pending == int64(docs) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening for reading, with %d of %d documents pending: %w", pending, docs, err)
	}
	defer ix.Close()
	p, err := ix.Search(ctx, findings.Request{Size: 1})
	if err != nil || p.Total < int64(docs)-pending || p.Total > int64(docs) {
		return fmt.Errorf("for reading there are %d documents in the index, %d of %d are pending: %w", p.Total, pending, docs, err)
	}
	return nil
}
