package scan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/image"
	"saksi/forensics/scan"
	"saksi/internal/soak"
	"saksi/internal/worker"
)

const block = 4096

// original is an image to damage: the bytes of its container, and where its
// media holds something.
type original struct {
	name   string
	packed []byte
	media  []byte
	used   []int64 // blocks that are not zero
}

func originals(t *testing.T) (list []*original) {
	t.Helper()
	for _, pattern := range []string{"filesystem/*.qcow2", "container/*.E01", "container/media.*", "container/*.vmdk", "container/fixed.vhd", "ext4.raw"} {
		paths, err := filepath.Glob(filepath.Join("../../testdata/image", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			o := &original{name: filepath.Base(p), packed: b}
			list = append(list, o)
			im, err := image.Open([]image.Segment{{Name: o.name, Size: int64(len(b)), ReaderAt: bytes.NewReader(b)}})
			if err != nil || im.Size > 32<<20 { // one of several files: only its own bytes change
				continue
			}
			o.media = make([]byte, im.Size)
			if _, err := im.ReadAt(o.media, 0); err != nil && err != io.EOF {
				t.Fatalf("%s: %v", p, err)
			}
			for at := int64(0); at < im.Size; at += block {
				if b := o.media[at:min(at+block, im.Size)]; !bytes.Equal(b, make([]byte, len(b))) {
					o.used = append(o.used, at)
				}
			}
		}
	}
	return list
}

// damaged writes a changed copy beside nothing else: of the container's bytes,
// or of the media, raw, in the blocks that hold something.
func (o *original) damaged(r *rand.Rand, dir string) (string, error) {
	if o.media == nil || r.IntN(3) == 0 {
		path := filepath.Join(dir, o.name)
		b, _ := soak.Mutate(r, o.packed)
		return path, os.WriteFile(path, b, 0o600)
	}
	path := filepath.Join(dir, "media.raw")
	f, err := os.Create(path)
	if err != nil {
		return path, err
	}
	defer f.Close()
	changed := map[int64]bool{}
	for range 1 + r.IntN(8) {
		// The metadata mostly stands first.
		changed[o.used[r.IntN(1+r.IntN(len(o.used)))]] = true
	}
	for _, at := range o.used {
		b := o.media[at:min(at+block, int64(len(o.media)))]
		if changed[at] {
			m, _ := soak.Mutate(r, b)
			b = append(m, make([]byte, len(b))...)[:len(b)] // what follows stays where it is
		}
		if _, err := f.WriteAt(b, at); err != nil {
			return path, err
		}
	}
	size := int64(len(o.media))
	if r.IntN(10) == 0 {
		size = r.Int64N(size)
	}
	return path, f.Truncate(size)
}

// TestSoakImages proves that listing and scanning images of which bytes were
// changed, cut and moved ends within 30 seconds, that this process goes on, and
// that a worker's death is counted and named.
func TestSoakImages(t *testing.T) {
	list := originals(t)
	cfg := workerNamed(t, "sound")
	var deaths, entries, refused atomic.Int64
	soak.Run(t, soak.Config{Full: 5000, Parallel: 2, Limit: 30 * time.Second}, func(r *rand.Rand) error {
		o := list[r.IntN(len(list))]
		dir, err := os.MkdirTemp("", "saksi-soak-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		path, err := o.damaged(r, dir)
		if err != nil {
			return err
		}
		sum, err := scan.Run(context.Background(), scan.Config{
			Images: []string{path}, Rules: []string{rules}, Entries: true, Volume: -1, Workers: 1, Worker: cfg,
			Sink: findings.SinkFunc(func(*event.Event) error {
				entries.Add(1)
				return nil
			}),
		})
		if len(sum.Images) != 1 {
			return fmt.Errorf("%s: no summary: %w", o.name, err)
		}
		s := &sum.Images[0]
		died := s.Crashes + s.Timeouts
		deaths.Add(int64(died))
		var crash *worker.CrashError
		var timeout *worker.TimeoutError
		switch {
		case (errors.As(err, &crash) || errors.As(err, &timeout)) && died == 0:
			return fmt.Errorf("%s: a death is not counted: %w", o.name, err)
		case died > 0 && (!sum.Incomplete() || err == nil && len(s.Lost) == 0):
			return fmt.Errorf("%s: %d deaths are not named: %+v", o.name, died, s)
		case err != nil:
			refused.Add(1)
		}
		if died > 0 {
			t.Logf("%s: %d crashes, %d timeouts: %q %v", o.name, s.Crashes, s.Timeouts, s.Lost, err)
		}
		return nil
	})
	t.Logf("%d events; %d images could not be opened; %d workers died", entries.Load(), refused.Load(), deaths.Load())
}
