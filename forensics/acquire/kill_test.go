package acquire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets this binary acquire slowly, for TestKilled.
func TestMain(m *testing.M) {
	if to := os.Getenv("SAKSI_TEST_ACQUIRE"); to != "" {
		os.Exit(slowly(os.Getenv("SAKSI_TEST_SOURCE"), to))
	}
	os.Exit(m.Run())
}

func slowly(source, to string) int {
	s, err := Open(source, nil)
	if err != nil {
		return 1
	}
	o := kinds()[filepath.Base(to)]
	o.To, o.every, o.blocks = to, 1, 3
	_, err = Begun(to)
	o.Resume = !errors.Is(err, ErrNone)
	o.Progress = func(string, int64, int64) { time.Sleep(5 * time.Millisecond) }
	rec, err := Run(context.Background(), s, o)
	if err != nil || !rec.Complete {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilled kills an acquisition (SIGKILL) again and again; in the end image
// and digests are those of one run.
func TestKilled(t *testing.T) {
	data := media(14<<20 + 512)
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"disk.raw", "disk.001", "many.e01"} {
		dir := t.TempDir()
		to := filepath.Join(dir, name)
		kills := 0
		for run := 0; ; run++ {
			if run > 200 {
				t.Fatalf("%s: no end after %d kills", name, kills)
			}
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), "SAKSI_TEST_ACQUIRE="+to, "SAKSI_TEST_SOURCE="+source)
			var out strings.Builder
			c.Stderr = &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			after := time.AfterFunc(time.Duration(20+run*15)*time.Millisecond, func() { _ = c.Process.Kill() })
			err := c.Wait()
			after.Stop()
			var exit *exec.ExitError
			if err == nil {
				break
			}
			if !errors.As(err, &exit) || exit.ExitCode() != -1 {
				t.Fatalf("%s, run %d: %v %s", name, run, err, out.String())
			}
			kills++
			if _, err := Begun(to); err != nil && !errors.Is(err, ErrNone) {
				break // it was done, and killed before it ended; what is there is held against the source
			}
		}
		if kills < 2 {
			t.Errorf("%s: it was killed %d times only", name, kills)
		}
		rec := &Record{Image: Image{Form: Raw, Folder: dir}, Digests: Digests{"sha256": digest(data)}}
		list, err := filepath.Glob(filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name))+".*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list {
			st, err := os.Stat(p)
			if err != nil {
				t.Fatal(err)
			}
			rec.Image.Files = append(rec.Image.Files, File{Name: filepath.Base(p), Bytes: st.Size()})
		}
		if got := readBack(t, rec); !bytes.Equal(got, data) {
			t.Errorf("%s: the image differs after %d kills", name, kills)
		}
	}
}

// TestKilledAtOnce proves that what was ended at each step before its first byte of
// the media was written is gone on with, and that a file of another's is not touched.
func TestKilledAtOnce(t *testing.T) {
	data := media(1 << 20)
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range kinds() {
		for step, image := range [][]byte{nil, {}, []byte("EVF\x09\x0d\x0a\xff\x00")} {
			if step == 2 && o.Form != E01 {
				continue
			}
			o := o
			o.To = filepath.Join(t.TempDir(), name)
			s, err := Open(source, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.check(s); err != nil {
				t.Fatal(err)
			}
			r := &acquisition{s: s, o: &o, st: newState(s, &o, "")}
			for _, n := range o.Hashes {
				r.hashes = append(r.hashes, newHash(n))
			}
			r.sink = r.newSink()
			if err := r.keep(r.here()).write(nil); err != nil {
				t.Fatal(err)
			}
			first, err := r.sink.nameOf(0)
			if err != nil {
				t.Fatal(err)
			}
			if image != nil {
				if err := os.WriteFile(filepath.Join(filepath.Dir(o.To), first), image, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			o.Resume = true
			rec, err := Run(context.Background(), s, o)
			if err != nil || !rec.Complete || rec.Digests["sha256"] != digest(data) {
				t.Errorf("%s, step %d: %+v %v", name, step, rec, err)
			}
			_ = s.Close()
		}
		s, err := Open(source, nil)
		if err != nil {
			t.Fatal(err)
		}
		o.To = filepath.Join(t.TempDir(), name)
		if err := o.check(s); err != nil {
			t.Fatal(err)
		}
		first, err := (&acquisition{s: s, o: &o, st: newState(s, &o, "")}).newSink().nameOf(0)
		if err != nil {
			t.Fatal(err)
		}
		first = filepath.Join(filepath.Dir(o.To), first)
		if err := os.WriteFile(first, make([]byte, 2<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(context.Background(), s, o); !errors.Is(err, ErrUsage) {
			t.Errorf("%s over a file that is there: %v", name, err)
		}
		if st, err := os.Stat(first); err != nil || st.Size() != 2<<20 {
			t.Errorf("%s: the file that was there: %v %v", name, st, err)
		}
		if _, err := os.Stat(statePath(o.To)); err == nil {
			t.Errorf("%s: a state was left", name)
		}
		_ = s.Close()
	}
}
