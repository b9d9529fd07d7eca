package evidence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"saksi/internal/soak"
)

// victim is the argument by which this test runs itself as the writer that is
// killed.
const victim = "saksi-custody-victim"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == victim {
		if err := write(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// write opens the log of dir and records in it again and again, now and then
// opening it anew so that others get in between. Each entry that Append says
// is there is acknowledged by its number.
func write(dir string) error {
	s, err := LoadSigner(filepath.Join(dir, "k.key"), nil)
	if err != nil {
		return err
	}
	for {
		l, err := OpenLog(context.Background(), filepath.Join(dir, "log"), logCase, s)
		if errors.Is(err, ErrLocked) {
			continue
		}
		if err != nil {
			return err
		}
		for range 4 {
			if err := l.Append(context.Background(), Entry{Act: "examine", Who: "a", Exhibit: "E1", Why: strings.Repeat("w", int(l.Len()%9)*500)}); err != nil {
				return err
			}
			fmt.Println(l.Len() - 1)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
}

// killsPerSeed is how often the writers of one log are killed; 100 seeds make 500.
const killsPerSeed = 5

// TestSoakKill proves that writers of a custody log, one or two at a time, may be
// killed at any moment: the log verifies as it is and after the next opening, no
// entry that was acknowledged is lost or changed, and what was interrupted is
// recorded.
func TestSoakKill(t *testing.T) {
	var kills, torn, entries, recovered atomic.Int64
	soak.Run(t, soak.Config{Full: 100, Parallel: 1, Limit: 2 * time.Minute}, func(r *rand.Rand) error {
		dir, err := os.MkdirTemp("", "saksi-soak-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if _, err := GenerateKey(filepath.Join(dir, "k.key"), KeyECDSA, nil); err != nil {
			return err
		}
		s, err := LoadSigner(filepath.Join(dir, "k.key"), nil)
		if err != nil {
			return err
		}
		var before []byte
		for range killsPerSeed {
			var wg sync.WaitGroup
			writers := 1 + r.IntN(2)
			acked, failed := make([]int64, writers), make([]error, writers)
			for i := range writers {
				after := 10*time.Millisecond + time.Duration(r.IntN(1+r.IntN(250)))*time.Millisecond
				wg.Go(func() { acked[i], failed[i] = soak.Killed(after, victim, dir) })
			}
			wg.Wait()
			if err := errors.Join(failed...); err != nil {
				return err
			}
			kills.Add(int64(writers))
			st, problems, err := VerifyLog(filepath.Join(dir, "log"), Origin(logCase), s.Public())
			if err != nil || len(problems) > 0 {
				return fmt.Errorf("killed: %q, %w", problems, err)
			}
			if len(st.Unfinished) > 0 {
				torn.Add(1)
			}
			for _, n := range acked {
				if st.Size <= n {
					return fmt.Errorf("entry %d was acknowledged; the log has %d entries", n, st.Size)
				}
			}
			l, err := OpenLog(context.Background(), filepath.Join(dir, "log"), logCase, s)
			if err != nil {
				return err
			}
			if err := errors.Join(l.Append(context.Background(), Entry{Act: "note", Who: "b"}), l.Close()); err != nil {
				return err
			}
			st, problems, err = VerifyLog(filepath.Join(dir, "log"), Origin(logCase), s.Public())
			if err != nil || len(problems) > 0 || len(st.Unfinished) > 0 {
				return fmt.Errorf("opened again: %q, %d bytes unfinished, %w", problems, len(st.Unfinished), err)
			}
			now, err := os.ReadFile(filepath.Join(dir, "log", entriesFile))
			if err != nil {
				return err
			}
			if !strings.HasPrefix(string(now), string(before)) {
				return errors.New("the log does not begin as it was before")
			}
			before = now
			if last := st.Entries.At(st.Size - 1); last.Act != "note" {
				return fmt.Errorf("the last entry is %+v", last)
			}
		}
		st, _, err := VerifyLog(filepath.Join(dir, "log"), Origin(logCase), s.Public())
		if err != nil {
			return err
		}
		for _, e := range st.Entries.All() {
			if e.Act == ActRecover {
				recovered.Add(1)
			}
		}
		entries.Add(st.Size)
		return nil
	})
	t.Logf("%d writers killed, %d logs left with an unfinished entry, %d recorded as such; %d entries verified", kills.Load(), torn.Load(), recovered.Load(), entries.Load())
}
