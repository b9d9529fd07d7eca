package spool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
)

// Class is how much a document is worth when not all can be kept.
type Class uint8

// Classes, the first to be shed first.
const (
	Protocol Class = iota // transactions and messages of protocols
	File                  // carved files
	Flow                  // flows
	Alert                 // findings: never shed
	NumClasses
)

var classNames = [NumClasses]string{"protocol", "file", "flow", "alert"}

func (c Class) String() string { return classNames[c] }

// full is how full the queue or the disk may be, in hundredths of what is
// meant for telemetry, before a class is shed.
var full = [NumClasses]int64{Protocol: 50, File: 70, Flow: 85}

// Defaults of QueueConfig.
const (
	DefaultMemory  = 64 << 20
	DefaultReserve = 64 << 20
	// alertMemory is how much of alerts waits for a disk that is full, in
	// bytes. Beyond it they are given to Lost.
	alertMemory = 256 << 20
	// retryEvery is how often a spool that failed is opened again.
	retryEvery = time.Second
	// queueBatch is how much is committed at a time, in bytes.
	queueBatch = 1 << 20
)

// QueueConfig says how a Queue keeps going.
type QueueConfig struct {
	// Memory is how many bytes of documents may wait; 0 is DefaultMemory.
	Memory int64
	// Reserve is how many bytes of the disk are kept for alerts; 0 is
	// DefaultReserve or a sixteenth of the disk, whichever is less.
	Reserve int64
	// Lost is called with an alert that no room is left for, on the disk or in
	// memory; nil for none. It MUST NOT keep it.
	Lost func(findings.Doc)
	// Failed is called when the spool can't be written to, and with nil when it
	// can again.
	Failed func(error)
}

// Queue is a findings.Sink before a spool, for a sensor that must not stop:
// Emit neither waits for the disk nor fails for it. When the disk is full or
// too slow, telemetry is shed by class: protocol events first, then files,
// then flows. Alerts wait in memory until the disk takes them.
type Queue struct {
	cfg   QueueConfig
	dir   string
	w     *Writer // nil while it failed; the goroutine that writes changes it under mu
	wake  chan struct{}
	done  chan struct{}
	buf   []byte
	batch []queued // taken from waiting and not committed yet

	mu      sync.Mutex
	waiting []queued
	size    [NumClasses]int64 // bytes waiting or in batch
	count   QueueCounts
	room    int64 // free bytes of the disk less Reserve and what waits
	closing bool
}

type queued struct {
	doc   findings.Doc
	class Class
	at    time.Time
	end   Cursor // behind it in the spool, once it was appended
}

// QueueCounts are a Queue's counts since it was opened.
type QueueCounts struct {
	Written uint64             // documents committed
	Shed    [NumClasses]uint64 // documents given up; of alerts: lost
	Waiting int                // documents
	Bytes   int64              // waiting
	Oldest  time.Duration      // how long the first of them has waited
	Failing bool               // the spool can't be written to at the moment
	Low     bool               // the disk has no room for all telemetry
}

// OpenQueue opens the spool in dir as Create does.
func OpenQueue(dir string, cfg QueueConfig) (*Queue, error) {
	if cfg.Memory == 0 {
		cfg.Memory = DefaultMemory
	}
	w, err := Create(dir)
	if err != nil {
		return nil, err
	}
	if cfg.Reserve == 0 {
		var st unix.Statfs_t
		if err := unix.Statfs(dir, &st); err != nil {
			return nil, errors.Join(fmt.Errorf("asking for the size of the disk of %s: %w", dir, err), w.Close())
		}
		cfg.Reserve = min(DefaultReserve, int64(st.Blocks)*st.Bsize/16)
	}
	q := &Queue{cfg: cfg, dir: dir, w: w, wake: make(chan struct{}, 1), done: make(chan struct{})}
	q.look()
	go q.run()
	return q, nil
}

func classOf(e *event.Event) Class {
	if kind, _ := e.GetStr(event.EventKind); kind == "alert" {
		return Alert
	}
	switch dataset, _ := e.GetStr(event.EventDataset); dataset {
	case "saksi.flow", "saksi.asset":
		return Flow
	case "saksi.file":
		return File
	}
	return Protocol
}

// Emit implements findings.Sink. It fails only for a document that is none.
func (q *Queue) Emit(e *event.Event) error {
	c := classOf(e)
	q.buf = e.AppendJSON(q.buf[:0])
	id, dataset, ns, err := place(e)
	if err != nil {
		return err
	}
	q.mu.Lock()
	n := int64(len(q.buf))
	if !q.takes(c, n) {
		q.count.Shed[c]++
		q.mu.Unlock()
		if c == Alert && q.cfg.Lost != nil {
			q.cfg.Lost(findings.Doc{ID: id, Dataset: dataset, Time: time.Unix(0, ns).UTC(), Body: q.buf})
		}
		return nil
	}
	q.size[c] += n
	q.room -= n
	q.waiting = append(q.waiting, queued{class: c, at: time.Now(), doc: findings.Doc{
		ID: strings.Clone(id), Dataset: strings.Clone(dataset), Time: time.Unix(0, ns).UTC(), Body: slices.Clone(q.buf),
	}})
	q.mu.Unlock()
	return nil
}

// takes decides whether a document is kept. The caller holds mu.
func (q *Queue) takes(c Class, n int64) bool {
	if c == Alert {
		return q.size[Alert]+n <= alertMemory
	}
	waiting := q.size[Protocol] + q.size[File] + q.size[Flow]
	return waiting+n <= q.cfg.Memory*full[c]/100 && q.diskTakes(c)
}

// diskTakes reports whether the disk has room for a class of telemetry: all of
// Reserve beyond Reserve itself for the first that is shed, less for the last.
func (q *Queue) diskTakes(c Class) bool { return q.room >= q.cfg.Reserve*(100-full[c])/100 }

// look asks for the free space of the disk.
func (q *Queue) look() {
	var st unix.Statfs_t
	if unix.Statfs(q.dir, &st) != nil {
		return // the write will tell
	}
	q.mu.Lock()
	q.room = int64(st.Bavail)*st.Bsize - q.cfg.Reserve - q.bytes()
	q.mu.Unlock()
}

// bytes is how much waits. The caller holds mu.
func (q *Queue) bytes() (n int64) {
	for _, x := range q.size {
		n += x
	}
	return n
}

// Counts returns the present counts.
func (q *Queue) Counts() QueueCounts {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.count
	c.Waiting = len(q.waiting) + len(q.batch)
	c.Bytes = q.bytes()
	c.Low = !q.diskTakes(Protocol)
	switch {
	case len(q.batch) > 0:
		c.Oldest = time.Since(q.batch[0].at)
	case len(q.waiting) > 0:
		c.Oldest = time.Since(q.waiting[0].at)
	}
	return c
}

// Writer is what the queue writes with at present, for what must be written at once and not
// shed, and for Expire; nil while the spool can't be written to.
func (q *Queue) Writer() *Writer {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.w
}

// set changes the writer, in the goroutine that writes.
func (q *Queue) set(w *Writer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.w = w
}

// Close commits what waits and closes the spool. What the disk does not take
// now is lost; the error says how much.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closing = true
	q.mu.Unlock()
	q.wake <- struct{}{}
	<-q.done
	var err error
	if q.w != nil {
		err = q.w.Close()
	}
	if n := len(q.batch) + len(q.waiting); n > 0 {
		err = errors.Join(err, fmt.Errorf("writing to the spool %s: %d documents are lost: the disk does not take them", q.dir, n))
	}
	return err
}

// run commits what waits, in groups.
func (q *Queue) run() {
	defer close(q.done)
	t := time.NewTicker(SyncEvery)
	defer t.Stop()
	var failed time.Time
	for {
		select {
		case <-t.C:
		case <-q.wake:
		}
		q.look()
		q.mu.Lock()
		closing := q.closing
		q.mu.Unlock()
		if !failed.IsZero() && time.Since(failed) < retryEvery && !closing {
			continue
		}
		failed = time.Time{}
		for q.next() {
			if err := q.commit(); err != nil {
				q.fail(err)
				failed = time.Now()
				break
			}
		}
		if closing {
			return
		}
	}
}

// next takes a group of what waits, unless there is one already, and reports
// whether there is one.
func (q *Queue) next() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.batch) > 0 {
		return true
	}
	n, size := 0, 0
	for n < len(q.waiting) && size < queueBatch {
		size += len(q.waiting[n].doc.Body)
		n++
	}
	q.batch = append(q.batch[:0], q.waiting[:n]...)
	q.waiting = slices.Delete(q.waiting, 0, n)
	return n > 0
}

// commit writes the group. Of a group that failed, what the spool has whole all
// the same is not written again.
func (q *Queue) commit() error {
	if q.w == nil {
		w, err := Create(q.dir)
		if err != nil {
			return err
		}
		q.set(w)
		q.shed(w.end())
	}
	for i := range q.batch {
		x := &q.batch[i]
		if x.end != (Cursor{}) {
			continue
		}
		if err := q.w.Put(&x.doc); err != nil {
			return err
		}
		x.end = q.w.end()
	}
	if err := q.w.Flush(); err != nil {
		return err
	}
	q.mu.Lock()
	for i := range q.batch {
		q.size[q.batch[i].class] -= int64(len(q.batch[i].doc.Body))
	}
	q.count.Written += uint64(len(q.batch))
	clear(q.batch)
	q.batch = q.batch[:0]
	again := q.count.Failing
	q.count.Failing = false
	q.mu.Unlock()
	if again && q.cfg.Failed != nil {
		q.cfg.Failed(nil)
	}
	return nil
}

// end is the place behind what was appended last.
func (w *Writer) end() Cursor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Cursor{w.seg, w.size}
}

func (c Cursor) before(d Cursor) bool {
	return c.Segment < d.Segment || c.Segment == d.Segment && c.Offset < d.Offset
}

// fail closes the spool, which takes nothing after an error.
func (q *Queue) fail(err error) {
	if q.w != nil {
		_ = q.w.Close() // its error is the one at hand
		q.set(nil)
	}
	q.mu.Lock()
	first := !q.count.Failing
	q.count.Failing = true
	q.mu.Unlock()
	q.look()
	if first && q.cfg.Failed != nil {
		q.cfg.Failed(err)
	}
}

// shed goes through the group of a spool that was opened again and ends at has:
// what is in it stays there, and telemetry that the disk has no room for is
// given up.
func (q *Queue) shed(has Cursor) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.batch = slices.DeleteFunc(q.batch, func(x queued) bool {
		if x.class == Alert || x.end != (Cursor{}) && !has.before(x.end) || q.diskTakes(x.class) {
			return false
		}
		q.size[x.class] -= int64(len(x.doc.Body))
		q.count.Shed[x.class]++
		return true
	})
	for i := range q.batch {
		if has.before(q.batch[i].end) {
			q.batch[i].end = Cursor{}
		}
	}
}
