// Package record keeps full packets on the disk and finds them again. Start
// with Open, whose Ring is a sensor.Recorder, and with Extract, which reads
// rings and plain captures.
//
// A ring is a folder of segments: NNNNNNNN.pcapng, any tool reads it, with
// NNNNNNNN.idx beside it once it is complete (see index.go), and a file hold
// that names what must be kept (see hold.go). The first comment of a segment
// says which source it belongs to and the number of its first packet; its
// packets are numbered without a gap.
package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/flow"
)

const (
	segmentExt = ".pcapng"
	indexExt   = ".idx"
	// chunkBytes is how much is written at a time; chunks is how many wait at
	// most, before packets are dropped.
	chunkBytes = 1 << 20
	chunks     = 48
	// flushEvery is how long a packet waits before it is written.
	flushEvery = time.Second
	// maxSegment is the largest segment, unless Config.Segment says else.
	maxSegment = 64 << 20
	// pruneEvery is how often segments are looked through for their age.
	pruneEvery = 10 * time.Second
)

// ErrLocked is returned when another process writes to the ring.
var ErrLocked = errors.New("locked by another process")

// Config describes a ring.
type Config struct {
	Dir     string
	Size    int64         // bytes kept at most; only what is held may exceed it
	Age     time.Duration // how long packets are kept at most; 0: as long as there is room
	Segment int64         // bytes of a segment; 0: an eighth of Size, at most 64 MiB
	Key     string        // source key of the capture
	App     string        // program that writes
	Names   []string      // of the interfaces
	Links   []capture.LinkType
	// Failed is called when the ring can't be written to, and with nil when it
	// can again; nil for none.
	Failed func(error)
}

// Counts are a ring's counts since it was opened, and its size.
type Counts struct {
	Packets, Dropped uint64
	Bytes            int64 // on the disk
}

// Ring keeps the packets of one capture. Record is called by one goroutine;
// files are written by another. When the disk is too slow or full, packets are
// dropped, and counted.
type Ring struct {
	cfg  Config
	lock *os.File
	free chan *chunk
	full chan *chunk
	done chan struct{}
	cur  *chunk // being filled by Record
	gap  bool   // packets were dropped before cur

	packets, dropped atomic.Uint64
	bytes            atomic.Int64

	// Of the goroutine that writes.
	seg      *segment // nil: none begun
	list     []stored // complete segments, the oldest first
	next     int      // number of the next
	hold     hold
	failed   bool
	closeErr error

	once sync.Once
}

// chunk is a run of packets without a gap, as they go into a segment.
type chunk struct {
	gap     bool // does not follow the chunk before
	since   time.Time
	first   uint64 // number of the first packet
	buf     []byte
	sizes   []uint32 // of the blocks
	minTime int64
	maxTime int64
	entries []entry
}

// entry says that a packet belongs to a flow.
type entry struct {
	key    flow.Key
	number uint64
}

// Open begins a ring, or goes on with the one in the folder.
func Open(cfg Config) (*Ring, error) {
	if cfg.Segment == 0 {
		cfg.Segment = min(maxSegment, cfg.Size/8)
	}
	if cfg.Segment < 64<<10 || cfg.Size < 2*cfg.Segment {
		return nil, fmt.Errorf("opening the ring %s: %d bytes have no room for two segments of 64 KiB or more", cfg.Dir, cfg.Size)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the ring: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the ring: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("ring %s: %w", cfg.Dir, ErrLocked), lock.Close())
	}
	r := &Ring{cfg: cfg, lock: lock, free: make(chan *chunk, chunks), full: make(chan *chunk, chunks), done: make(chan struct{})}
	for range chunks {
		r.free <- &chunk{}
	}
	if err := r.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the ring: %w", err), lock.Close())
	}
	go r.run()
	return r, nil
}

// Counts returns the present counts.
func (r *Ring) Counts() Counts {
	return Counts{Packets: r.packets.Load(), Dropped: r.dropped.Load(), Bytes: r.bytes.Load()}
}

// Record implements sensor.Recorder. It is also called without frames, so that
// what it holds is written in time.
func (r *Ring) Record(frames []capture.Packet, decoded []decode.Packet) {
	for i := range frames {
		if r.cur == nil && !r.begin(frames[i].Number) {
			r.dropped.Add(uint64(len(frames) - i))
			return
		}
		decoded = r.cur.add(&frames[i], decoded)
		if len(r.cur.buf) >= chunkBytes {
			r.send()
		}
	}
	if r.cur != nil && time.Since(r.cur.since) >= flushEvery {
		r.send()
	}
}

// begin takes a chunk, if one is free.
func (r *Ring) begin(number uint64) bool {
	select {
	case c := <-r.free:
		*c = chunk{gap: r.gap, since: time.Now(), first: number, buf: c.buf[:0], sizes: c.sizes[:0], entries: c.entries[:0]}
		r.cur, r.gap = c, false
		return true
	default:
		r.gap = true
		return false
	}
}

func (r *Ring) send() {
	r.full <- r.cur // has room for all chunks there are
	r.cur = nil
}

// add takes a frame and those of the decoded packets that it holds, and returns
// the rest of them.
func (c *chunk) add(f *capture.Packet, decoded []decode.Packet) []decode.Packet {
	n := len(c.buf)
	c.buf = capture.AppendPacket(c.buf, f.Iface, f.Time, f.OrigLen, f.Data)
	c.sizes = append(c.sizes, uint32(len(c.buf)-n))
	if len(c.sizes) == 1 {
		c.minTime, c.maxTime = f.Time, f.Time
	}
	c.minTime, c.maxTime = min(c.minTime, f.Time), max(c.maxTime, f.Time)
	k := 0
	for ; k < len(decoded) && decoded[k].Number == f.Number; k++ {
		if decoded[k].Ether != 0 { // no packet, and so of no flow
			continue
		}
		key := keyOf(&decoded[k])
		for _, frag := range decoded[k].Frags {
			c.entries = append(c.entries, entry{key, frag})
		}
		c.entries = append(c.entries, entry{key, f.Number})
	}
	return decoded[k:]
}

// keyOf is the flow of a packet, the same for both directions where the
// Community ID is.
func keyOf(p *decode.Packet) flow.Key {
	k := flow.Key{Src: p.Src, Dst: p.Dst, SrcPort: p.SrcPort, DstPort: p.DstPort, Proto: p.Proto, V6: p.Flags&decode.FlagV6 != 0, OneWay: p.OneWay}
	if c := slices.Compare(k.Src[:], k.Dst[:]); !k.OneWay && (c > 0 || c == 0 && k.SrcPort > k.DstPort) {
		k.Src, k.Dst, k.SrcPort, k.DstPort = k.Dst, k.Src, k.DstPort, k.SrcPort
	}
	return k
}

// Close writes what is left and completes the last segment.
func (r *Ring) Close() error {
	r.once.Do(func() {
		if r.cur != nil {
			r.send()
		}
		close(r.full)
		<-r.done
		r.closeErr = errors.Join(r.closeErr, r.lock.Close())
	})
	return r.closeErr
}

// run writes chunks.
func (r *Ring) run() {
	defer close(r.done)
	t := time.NewTicker(pruneEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			r.age()
			continue
		case c, ok := <-r.full:
			if !ok {
				r.closeErr = r.finish()
				return
			}
			err := r.write(c)
			if err != nil {
				r.dropped.Add(uint64(len(c.sizes)))
			}
			r.tell(err)
			r.free <- c
		}
	}
}

// tell says once that the ring fails, and once that it does no more.
func (r *Ring) tell(err error) {
	was := r.failed
	r.failed = err != nil
	if r.cfg.Failed != nil && r.failed != was {
		r.cfg.Failed(err)
	}
}

// write appends a chunk to the segment, or to a new one. On a full disk the
// oldest segments make room.
func (r *Ring) write(c *chunk) error {
	if s := r.seg; s != nil && (c.gap || c.first != s.ix.first+uint64(len(s.ix.sizes)) || s.size+int64(len(c.buf)) > r.cfg.Segment) {
		if err := r.finish(); err != nil {
			r.tell(err) // without its index the segment is read as a whole
		}
	}
	for {
		err := r.try(c)
		if err == nil {
			r.packets.Add(uint64(len(c.sizes)))
			r.bytes.Add(int64(len(c.buf)))
			return nil
		}
		if !errors.Is(err, unix.ENOSPC) || !r.dropOldest() {
			return errors.Join(fmt.Errorf("writing to the ring %s: %w", r.cfg.Dir, err), r.finish())
		}
	}
}

func (r *Ring) try(c *chunk) error {
	if r.seg == nil {
		for r.bytes.Load()+r.cfg.Segment > r.cfg.Size && r.dropOldest() {
			continue // what is held may exceed the size
		}
		s, err := r.newSegment(c.first)
		if err != nil {
			return err
		}
		r.seg = s
	}
	return r.seg.append(c)
}

// finish completes the segment.
func (r *Ring) finish() error {
	s := r.seg
	if s == nil {
		return nil
	}
	r.seg = nil
	done, err := s.finish()
	for errors.Is(err, unix.ENOSPC) && r.dropOldest() {
		done, err = s.finish()
	}
	err = errors.Join(err, s.f.Close())
	r.bytes.Add(done.bytes - s.size)
	r.list = append(r.list, done)
	return err
}

// age removes segments that are too old, and completes one that is open for
// long.
func (r *Ring) age() {
	if r.cfg.Age <= 0 {
		return
	}
	if r.seg != nil && time.Since(r.seg.begun) > r.cfg.Age/4 {
		r.tell(r.finish())
	}
	r.readHold()
	before := time.Now().Add(-r.cfg.Age).UnixNano()
	for i := 0; i < len(r.list); {
		if s := &r.list[i]; s.maxTime >= before || r.held(s) || !r.remove(i) {
			i++
		}
	}
}

// dropOldest removes the oldest segment that is not held.
func (r *Ring) dropOldest() bool {
	r.readHold()
	for i := range r.list {
		if !r.held(&r.list[i]) && r.remove(i) {
			return true
		}
	}
	return false
}

// remove removes a segment, its index last: what is left after an interruption
// is removed by the next Open.
func (r *Ring) remove(i int) bool {
	s := r.list[i]
	if os.Remove(s.path) != nil {
		return false
	}
	_ = os.Remove(indexPath(s.path)) // may not be there
	r.bytes.Add(-s.bytes)
	r.list = slices.Delete(r.list, i, i+1)
	return true
}

func indexPath(segment string) string { return strings.TrimSuffix(segment, segmentExt) + indexExt }
