package indextest_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/elastic"
	"saksi/findings/indextest"
	"saksi/findings/local"
	"saksi/findings/spool"
)

// pusher is the first argument of the process that is killed.
const pusher = "faults-pusher"

// TestMain makes this test binary the pusher too.
func TestMain(m *testing.M) {
	if len(os.Args) == 7 && os.Args[1] == pusher {
		if err := push(os.Args[2], os.Args[3], os.Args[4], os.Args[5], os.Args[6]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// refusedEvery is how many documents come to one that both indices must refuse.
const refusedEvery = 1000

// refused reports whether the indices must refuse the document of a number: its
// id is that of the one before, its body is not.
func refused(n int) bool { return n%refusedEvery == refusedEvery-1 }

// numbered is the document of a number.
func numbered(n int) findings.Doc {
	var e event.Event
	at := indextest.Base.Add(time.Duration(n) * time.Millisecond)
	dataset := []string{"flow", "dns", "http", "alert"}[n%4]
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventDataset, "saksi."+dataset)
	e.Str(event.EventKind, "event")
	e.Int(event.EventSequence, int64(n))
	e.Addr(event.SourceIP, netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}))
	e.Str(event.Message, "document "+strconv.Itoa(n)+" of the run of faults")
	d := findings.Doc{Dataset: dataset, Time: at, Body: e.AppendJSON(nil)}
	d.ID, _ = e.GetStr(event.EventID)
	if refused(n) {
		d.ID = numbered(n - 1).ID
	}
	return d
}

// ahead is how many documents the writer may be before the slower index, at most
// a tenth of all, so that faults meet delivery and not its end.
const ahead = 20_000

// push appends the documents from number from to total to the spool of dir and
// has both indices follow, until they have all. Nothing that fails ends it but
// being killed: it tries again, as a sensor does. It says on standard output "c
// N" for documents committed, and "l SENT STORED DUPLICATE DEAD" and "e ..." for
// what each batch became. at is the place in the spool behind the document before
// from, SEGMENT:OFFSET.
func push(dir, url, at, from, total string) error {
	var c spool.Cursor
	if _, err := fmt.Sscanf(at, "%d:%d", &c.Segment, &c.Offset); err != nil {
		return err
	}
	n, err1 := strconv.Atoi(from)
	all, err2 := strconv.Atoi(total)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	ignoreFileLimit()
	var out sync.Mutex
	w := bufio.NewWriter(os.Stdout)
	say := func(format string, args ...any) {
		out.Lock()
		defer out.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
		if err := w.Flush(); err != nil {
			os.Exit(1) // nobody listens
		}
	}
	var written atomic.Bool
	var got [2]atomic.Int64
	first := n
	var wg sync.WaitGroup
	for i, x := range []struct {
		word string
		open func() (findings.Index, error)
	}{
		{"l", func() (findings.Index, error) { return local.Open(context.Background(), filepath.Join(dir, "index")) }},
		{"e", func() (findings.Index, error) {
			return elastic.Open(context.Background(), elastic.Config{URL: url, Agency: "faults", Patience: 2 * time.Second})
		}},
	} {
		wg.Go(func() {
			for ; ; time.Sleep(50 * time.Millisecond) {
				last := written.Load() // before Follow: what was written then, it sends
				err := func() error {
					ix, err := x.open()
					if err != nil {
						return err
					}
					defer ix.Close()
					var had spool.Delivery
					_, err = spool.Follow(context.Background(), dir, x.word, ix, func(d spool.Delivery) {
						say("%s %d %d %d %d", x.word, d.Sent-had.Sent, d.Stored-had.Stored, d.Duplicate-had.Duplicate, d.Dead-had.Dead)
						got[i].Add(d.Sent - had.Sent)
						had = d
					})
					return err
				}()
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v\n", x.word, err)
				} else if last {
					return
				}
			}
		})
	}
	for n < all {
		next, place, err := write(dir, c, n, all, func(n int) {
			say("c %d", n)
			for int64(n-first) > min(got[0].Load(), got[1].Load())+int64(min(ahead, all/10)) {
				time.Sleep(5 * time.Millisecond)
			}
		})
		n, c = next, place
		if err != nil {
			fmt.Fprintf(os.Stderr, "spool: %v\n", err)
			time.Sleep(50 * time.Millisecond)
		}
	}
	written.Store(true)
	wg.Wait()
	return nil
}

// write opens the spool and appends documents until all are there or it fails.
// What was whole in the spool beyond the place c, where document n belongs, is
// not written again.
func write(dir string, c spool.Cursor, n, all int, committed func(n int)) (int, spool.Cursor, error) {
	w, err := spool.Create(dir)
	if err != nil {
		return n, c, err
	}
	defer w.Close()
	for {
		docs, next, err := spool.Read(dir, c, 8<<20)
		if err != nil {
			return n, c, err
		}
		if len(docs) == 0 {
			break
		}
		n, c = n+len(docs), next
	}
	for at := n; at < all; {
		for range min(250, all-at) {
			d := numbered(at)
			if raw, err := hex.DecodeString(d.ID); err != nil || len(raw) != 32 {
				return n, c, fmt.Errorf("document %d has the id %q", at, d.ID)
			}
			if err := w.Put(&d); err != nil {
				return n, c, err
			}
			at++
		}
		if err := w.Flush(); err != nil {
			return n, c, err
		}
		committed(at)
	}
	return all, c, nil
}
