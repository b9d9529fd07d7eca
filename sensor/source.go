package sensor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"saksi/evidence"
	"saksi/internal/infile"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/keylog"
	"saksi/sensor/scope"
)

// source is the capture being read.
type source struct {
	name   string
	key    string
	total  int64
	reader packetReader
	live   bool
	file   *os.File
	clock  int64
	last   uint64
	verify bool
	filter *capture.Filter
	// offload says, by interface, that its checksums mean nothing. It is
	// decided by the batch an interface first appears in.
	offload map[uint32]bool
	keys    *keylog.Log // nil for none
	exhibit string
	scope   *scope.Filter // of the authority; nil for none
	noOpen  bool          // the authority does not let anything be decrypted
	ifaces  []string      // of a live capture
	// headOnly says that the read was interrupted while the first bytes were
	// awaited: what came of them is all there is.
	headOnly bool
	dec      *decode.Decoder
	sum      *SourceSummary
}

// packetReader is a capture.Reader or a capture.Live.
type packetReader interface {
	ReadBatch(b *capture.Batch) error
	Stats() capture.Stats
	Close() error
}

// openFile opens a capture. Of a pipe it waits for the writer, and its reads
// end with os.ErrDeadlineExceeded, when ctx does.
func openFile(ctx context.Context, path string) (*os.File, error) {
	if evidence.IsHeld(ctx, path) {
		return evidence.OpenHeld(ctx, path)
	}
	f, err := infile.OpenStream(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("opening the capture: %w", err)
	}
	return f, nil
}

// openSource opens a capture and makes its key.
func openSource(ctx context.Context, cfg *Config, src Source, sum *Summary) (*source, error) {
	s := &source{name: src.Name, key: src.Key, exhibit: src.Exhibit, keys: cfg.Keys, offload: map[uint32]bool{}, dec: decode.New(decode.FragLimits{})}
	if src.Live != nil {
		if s.name == "" {
			s.name = src.Live.Name()
		}
		s.live, s.reader = true, src.Live
		s.ifaces, _ = src.Live.Links()
		s.summarizeIn(sum)
		return s, nil
	}
	in := src.Reader
	if in == nil && src.Path == "-" {
		in = os.Stdin
	}
	if s.name == "" {
		s.name = filepath.Base(src.Path)
	}
	if in == nil {
		f, err := openFile(ctx, src.Path)
		if err != nil {
			return nil, err
		}
		s.file = f
		if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
			s.total = st.Size()
			if s.key == "" {
				if s.key, err = evidence.SourceKey(f, st.Size()); err != nil {
					f.Close()
					return nil, err
				}
			}
		}
		in = f
	}
	if s.key == "" { // a stream can't be sampled: its key is made from its first bytes
		head := make([]byte, streamKeyBytes)
		n, err := io.ReadFull(in, head)
		if n > 0 && ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
			s.headOnly = true
			in = strings.NewReader("")
			err = nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.close()
			return nil, fmt.Errorf("reading the capture %s: %w", s.name, err)
		}
		s.key = streamKey(head[:n])
		in = io.MultiReader(newHead(head[:n]), in)
	}
	name := src.Path
	if name == "" {
		name = s.name
	}
	s.summarizeIn(sum)
	r, err := capture.NewReader(name, in)
	if err != nil {
		s.close()
		s.sum.Error = err.Error()
		return nil, err
	}
	if s.keys != nil || r.Stats().Format == "pcapng" {
		s.takeKeys(r)
	}
	s.reader = r
	return s, nil
}

// takeKeys has the secrets in a capture used for its packets that follow.
func (s *source) takeKeys(r *capture.Reader) {
	s.keys = keylog.New(s.keys)
	r.OnKeyLog(func(text []byte, from uint64) {
		if s.keys.Add(bytes.NewReader(text), from) != nil {
			return // memory does not fail
		}
	})
}

func (s *source) summarizeIn(sum *Summary) {
	sum.Sources = append(sum.Sources, SourceSummary{Name: s.name, Key: s.key})
	s.sum = &sum.Sources[len(sum.Sources)-1]
}

func (s *source) close() {
	if s.reader != nil && !s.live { // a live capture is its opener's
		s.reader.Close()
	}
	if s.file != nil {
		s.file.Close()
	}
}

// read fills b; at the end of the source b is empty. The
// error that ended the source is returned with an empty batch.
func (s *source) read(ctx context.Context, b *batch, workers int) error {
	b.empty(s)
	if err := s.reader.ReadBatch(&b.cap); err != nil {
		return err
	}
	if n := len(b.cap.Packets); n > 0 {
		s.last = b.cap.Packets[n-1].Number
	}
	if s.filter != nil {
		if err := s.keep(ctx, b); err != nil {
			return err
		}
	}
	if s.verify && !s.live { // live, each packet says it
		s.checkInterfaces(b)
	}
	if n := len(b.cap.Packets); n > cap(b.pkts) { // tunnels bring a few more
		b.pkts = make([]decode.Packet, 0, n+n/8)
	}
	off, iface := s.offload[0], uint32(0)
	kept := b.cap.Packets[:0]
	for i := range b.cap.Packets {
		p := &b.cap.Packets[i]
		from := len(b.pkts)
		b.pkts = s.dec.Decode(b.pkts, p.Number, p.Time, uint16(p.Link), p.Data)
		if p.Time > s.clock || p.Time < s.clock-600e9 {
			s.clock = p.Time
		}
		if s.scope != nil {
			if s.leaveOut(b, from, p.Iface, p.Time) {
				b.pkts = b.pkts[:from]
				continue
			}
			kept = append(kept, *p)
		}
		if s.verify {
			if p.Iface != iface {
				off, iface = s.offload[p.Iface], p.Iface
			}
			if off || p.NoSum {
				for k := from; k < len(b.pkts); k++ {
					b.pkts[k].Flags |= decode.FlagUnverified
				}
			}
		}
		s.sum.WireBytes += uint64(p.OrigLen)
		s.sum.see(p.Time)
	}
	if s.scope != nil {
		b.cap.Packets = kept
	}
	s.clock = max(s.clock, b.cap.Clock)
	b.clock, b.last = s.clock, s.last
	if workers > 1 {
		for i := range b.pkts {
			w := int(b.pkts[i].Shard) % workers
			b.mine[w] = append(b.mine[w], uint32(i))
		}
	}
	return nil
}

// keep leaves the packets in b that the filter matches.
func (s *source) keep(ctx context.Context, b *batch) error {
	kept := b.cap.Packets[:0]
	for i := range b.cap.Packets {
		ok, err := s.filter.Match(ctx, &b.cap.Packets[i])
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, b.cap.Packets[i])
		} else {
			s.sum.Filtered++
		}
	}
	b.cap.Packets = kept
	return nil
}

// empty makes b a batch without packets at the source's present end.
func (b *batch) empty(s *source) {
	b.cap.Packets, b.pkts, b.closing, b.shed = b.cap.Packets[:0], b.pkts[:0], 0, false
	for i := range b.mine {
		b.mine[i] = b.mine[i][:0]
	}
	b.clock, b.last = s.clock, s.last
}

// checkInterfaces decides for each interface that b is the first batch of
// whether its checksums mean anything: not if more than a tenth are wrong.
func (s *source) checkInterfaces(b *batch) {
	type count struct{ bad, all int }
	var seen map[uint32]*count
	var buf []decode.Packet
	var dec *decode.Decoder
	for i := range b.cap.Packets {
		p := &b.cap.Packets[i]
		if _, known := s.offload[p.Iface]; known {
			continue
		}
		if seen == nil { // a decoder of its own, so that nothing is counted twice
			seen, dec = map[uint32]*count{}, decode.New(decode.FragLimits{})
		}
		c := seen[p.Iface]
		if c == nil {
			c = &count{}
			seen[p.Iface] = c
		}
		buf = dec.Decode(buf[:0], p.Number, p.Time, uint16(p.Link), p.Data)
		for k := range buf {
			c.all++
			if !buf[k].ChecksumOK() {
				c.bad++
			}
		}
	}
	for iface, c := range seen {
		s.offload[iface] = c.bad*10 > c.all
		s.sum.Offload = s.sum.Offload || s.offload[iface]
	}
}
