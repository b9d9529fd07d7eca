package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
)

// put emits an event of about size bytes.
func put(t *testing.T, q *Queue, kind, dataset string, n, size int) {
	t.Helper()
	var e event.Event
	e.Time(event.Timestamp, int64(n))
	e.Str(event.EventKind, kind)
	e.Str(event.EventDataset, dataset)
	e.Str(event.Message, fmt.Sprintf("%d %s", n, strings.Repeat("x", size)))
	if err := q.Emit(&e); err != nil {
		t.Fatal(err)
	}
}

// TestQueueDiskFull proves that a full disk costs telemetry, protocol events
// before flows, and no alert: what no longer fits waits, and is written when
// there is room again. Emit never fails.
func TestQueueDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mounting a file system in memory needs root: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	var failed, again atomic.Int64
	q, err := OpenQueue(filepath.Join(dir, "spool"), QueueConfig{Reserve: 256 << 10, Failed: func(err error) {
		if err != nil {
			failed.Add(1)
		} else {
			again.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	settle := func() { time.Sleep(3 * SyncEvery) }
	for i := range 100 { // telemetry, until the disk has room for none
		for k := range 40 {
			put(t, q, "event", "saksi.dns", i*1000+k, 1000)
		}
		put(t, q, "event", "saksi.flow", i*1000+999, 1000)
		time.Sleep(10 * time.Millisecond)
		if q.Counts().Shed[Flow] > 5 {
			break
		}
	}
	settle()
	c := q.Counts()
	if c.Shed[Protocol] == 0 || !c.Low {
		t.Fatalf("the disk is full, and counted was %+v", c)
	}
	// A neighbor takes what is left.
	filler := filepath.Join(dir, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	f.Close()
	settle()
	const alerts = 50
	for i := range alerts {
		put(t, q, "alert", "saksi.alert", i, 4000)
		put(t, q, "event", "saksi.flow", 500_000+i, 1000)
	}
	settle()
	if c = q.Counts(); !c.Failing || c.Shed[Alert] != 0 || c.Shed[Flow] < alerts || c.Waiting < alerts/2 {
		t.Fatalf("with nothing left: %+v", c)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	time.Sleep(retryEvery)
	settle()
	if c = q.Counts(); c.Failing || c.Waiting != 0 {
		t.Fatalf("with room again: %+v", c)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if failed.Load() == 0 || failed.Load() != again.Load() {
		t.Errorf("told %d times that it fails and %d times that it does no more", failed.Load(), again.Load())
	}
	got := map[string]bool{}
	for _, d := range readAll(t, filepath.Join(dir, "spool")) {
		if d.Dataset == "alert" {
			got[d.ID] = true
		}
	}
	if len(got) != alerts {
		t.Fatalf("the spool holds %d of %d alerts", len(got), alerts)
	}
}

// TestQueueSlow proves that without room in memory telemetry is shed by class
// and alerts are not.
func TestQueueSlow(t *testing.T) {
	q, err := OpenQueue(t.TempDir(), QueueConfig{Memory: 100 << 10, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		put(t, q, "event", "saksi.dns", i, 2000)
	}
	for i := range 100 {
		put(t, q, "event", "saksi.flow", 1000+i, 2000)
		put(t, q, "alert", "saksi.alert", 2000+i, 2000)
	}
	c := q.Counts()
	if c.Shed[Protocol] < 50 || c.Shed[Flow] < 50 || c.Shed[Flow] > 95 || c.Shed[Alert] != 0 {
		t.Errorf("%+v", c)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if c := q.Counts(); c.Waiting != 0 || c.Bytes != 0 || c.Written+c.Shed[Protocol]+c.Shed[Flow] != 300 {
		t.Errorf("at the end: %+v", c)
	}
}
