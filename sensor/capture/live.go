package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Kernel buffer of one interface: blocks that the kernel fills and hands over
// full, or after blockTimeout.
const (
	blockSize    = 1 << 20 // bytes; holds the largest frame by far
	blockTimeout = 50 * time.Millisecond
	// DefaultBuffer is LiveConfig.Buffer where none is given, in bytes.
	DefaultBuffer = 128 << 20
	// pollTimeout is how long ReadBatch waits before it returns an empty batch,
	// so that timers go on where nothing is sent.
	pollTimeout = 100 * time.Millisecond
	// heldSleep is how long a frame waits before it is looked at again whether
	// another interface has brought an older one.
	heldSleep = 10 * time.Millisecond
)

// Errors of live capture that callers branch on with errors.Is.
var (
	// ErrInterface means the interface is not there, is gone, or is of a kind
	// whose frames are not decoded here.
	ErrInterface = errors.New("network interface")
	// ErrPermission means that packet sockets need CAP_NET_RAW.
	ErrPermission = errors.New("no permission to capture")
)

// LiveConfig says what to capture from.
type LiveConfig struct {
	Interfaces  []string // at least one
	Promiscuous bool     // also take frames that are sent to others
	Buffer      int      // bytes of kernel buffer an interface; 0 is DefaultBuffer
	// Fanout is a group of sockets, of this process or others, among which the
	// kernel shares an interface by flow (PACKET_FANOUT_HASH); 0 for none.
	Fanout uint16
	// Filter is run by the kernel; nil takes all packets.
	Filter *Filter
}

// Live captures from interfaces through AF_PACKET rings of version 3
// (Linux, Documentation/networking/packet_mmap.rst). One goroutine calls
// ReadBatch; Kernel and Stop may be called by any.
type Live struct {
	rings   []*ring
	polled  []unix.PollFd
	number  uint64
	stats   Stats
	stopped atomic.Int64 // Unix nanoseconds; 0 while capturing

	mu     sync.Mutex
	kernel KernelStats
}

// KernelStats are the kernel's own counts over all interfaces since the start.
type KernelStats struct {
	Packets uint64 // that passed the filter
	Dropped uint64 // of those, for want of room in the buffer
	Frozen  uint64 // times the buffer was full
}

// OpenLive opens the interfaces; capture begins at once. It needs CAP_NET_RAW,
// which may be dropped afterwards.
func OpenLive(ctx context.Context, cfg LiveConfig) (*Live, error) {
	if cfg.Buffer == 0 {
		cfg.Buffer = DefaultBuffer
	}
	l := &Live{}
	for i, name := range cfg.Interfaces {
		r, err := openRing(ctx, &cfg, name, uint32(i))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("capturing from %s: %w", name, err), l.Close())
		}
		l.rings = append(l.rings, r)
		l.polled = append(l.polled, unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN | unix.POLLERR})
	}
	if len(l.rings) == 0 {
		return nil, fmt.Errorf("capturing: %w: none was named", ErrInterface)
	}
	l.stats.Format, l.stats.Interfaces, l.stats.LinkTypeFirst = "live", uint64(len(l.rings)), l.rings[0].link
	return l, nil
}

// Name lists the interfaces.
func (l *Live) Name() string {
	var names []string
	for _, r := range l.rings {
		names = append(names, r.name)
	}
	return strings.Join(names, ",")
}

// Links are the names and link types of the interfaces; Packet.Iface is an
// index into them.
func (l *Live) Links() (names []string, links []LinkType) {
	for _, r := range l.rings {
		names, links = append(names, r.name), append(links, r.link)
	}
	return names, links
}

// Stop ends the capture: ReadBatch returns what came until now, then io.EOF.
func (l *Live) Stop() { l.stopped.CompareAndSwap(0, time.Now().UnixNano()) }

// Close gives the kernel's buffers back. ReadBatch MUST NOT be called after it.
func (l *Live) Close() error {
	var err error
	for _, r := range l.rings {
		err = errors.Join(err, r.close())
	}
	l.rings = nil
	return err
}

// Kernel returns the kernel's counts.
func (l *Live) Kernel() KernelStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.rings {
		s, err := unix.GetsockoptTpacketStatsV3(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			continue
		}
		l.kernel.Packets += uint64(s.Packets) // the kernel sets its counters to 0
		l.kernel.Dropped += uint64(s.Drops)
		l.kernel.Frozen += uint64(s.Freeze_q_cnt)
	}
	return l.kernel
}

// Stats returns what was counted so far.
func (l *Live) Stats() Stats {
	s := l.stats
	s.Packets, s.Dropped = l.number, l.Kernel().Dropped
	return s
}

// ReadBatch replaces b's packets by those that have come; those of several
// interfaces are put into the order of their times, for which one waits for
// what another may still bring. It waits for the first packet for a tenth of a
// second and then returns without packets, with Clock set. It returns io.EOF after Stop, and an *Error when no interface is left.
func (l *Live) ReadBatch(b *Batch) error {
	b.Packets = b.Packets[:0]
	if cap(b.buf) < BatchBytes+maxPacket {
		b.buf = make([]byte, BatchBytes+maxPacket)
	}
	b.buf = b.buf[:cap(b.buf)]
	stop := l.stopped.Load()
	used, held := l.fill(b, stop)
	if used == 0 {
		if held || stop != 0 { // a frame may be ready, for which poll returns at once
			time.Sleep(heldSleep)
		} else if err := l.wait(pollTimeout); err != nil {
			return err
		}
		// What the kernel still holds comes when its block has been open for long.
		over := stop != 0 && time.Since(time.Unix(0, stop)) > 3*blockTimeout
		if used, held = l.fill(b, stop); used == 0 && over && !held {
			return io.EOF
		}
	}
	// A frame that comes later may be as old as its block has been open.
	b.Clock = time.Now().Add(-2 * blockTimeout).UnixNano()
	l.stats.Bytes += int64(used)
	return nil
}

// fill copies frames that are ready into b until it holds BatchBytes, and
// returns how many bytes they have. Frames after stop are left, if it is set.
// held says that a frame is ready but another interface may bring an older one.
func (l *Live) fill(b *Batch, stop int64) (used int, held bool) {
	horizon := int64(0) // all frames up to it are ready; 0: not asked for yet
	for used < BatchBytes {
		var best *ring
		var when int64
		waiting := false
		for _, r := range l.rings {
			t, ok := r.peek()
			waiting = waiting || !ok && !r.gone
			if ok && (best == nil || t < when) {
				best, when = r, t
			}
		}
		if best == nil || stop != 0 && when > stop {
			return used, false
		}
		if waiting && len(l.rings) > 1 && when > horizon {
			if horizon == 0 {
				// A frame waits at most as long as its block is open. Looked at
				// before the rings are looked at again.
				horizon = time.Now().Add(-2 * blockTimeout).UnixNano()
				continue
			}
			return used, true
		}
		p, n := best.take(b.buf[used:])
		if n < 0 { // not ours
			continue
		}
		used += n
		l.number++
		p.Number = l.number
		if int(p.OrigLen) > len(p.Data) {
			l.stats.Truncated++
		}
		b.Packets = append(b.Packets, p)
	}
	return used, false
}

// wait sleeps until a block is ready. It returns an error when every interface
// is gone; one that is down may come up again.
func (l *Live) wait(d time.Duration) error {
	n, err := unix.Poll(l.polled, int(d/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return &Error{Name: l.Name(), What: "waiting for packets", Err: err}
	}
	if n <= 0 {
		return nil
	}
	gone := 0
	for i := range l.polled {
		r := l.rings[i]
		if l.polled[i].Revents&unix.POLLERR != 0 {
			// Reading the error clears it; it is ENETDOWN for both.
			if _, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil {
				return &Error{Name: r.name, What: "waiting for packets", Err: err}
			}
			if _, err := net.InterfaceByIndex(r.index); err != nil {
				r.gone = true
				l.polled[i].Fd = -1 // passed over by poll
			}
		}
		if r.gone {
			gone++
		}
	}
	if gone == len(l.rings) {
		return &Error{Name: l.Name(), What: "capturing", Err: fmt.Errorf("%w is gone", ErrInterface)}
	}
	return nil
}
