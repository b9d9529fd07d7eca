package sensor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"saksi/evidence"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
)

// batch is a group of consecutive packets on its way through the pipeline. It
// is counted: its memory is used again once all workers are done with it and
// its events were merged.
type batch struct {
	cap     capture.Batch
	pkts    []decode.Packet
	mine    [][]uint32 // by worker: indexes into pkts
	clock   int64      // capture time at the end
	last    uint64     // number of the last packet
	closing int        // after the source's end: 1 + the shard whose flows end
	results []*result  // by worker
	pending atomic.Int32
	done    chan struct{}
}

// source is the capture being read.
type source struct {
	name   string
	key    string
	total  int64
	reader *capture.Reader
	file   *os.File
	clock  int64
	last   uint64
	verify bool
	filter *capture.Filter
	// offload says, by interface, that its checksums mean nothing. It is
	// decided by the batch an interface first appears in.
	offload map[uint32]bool
	dec     *decode.Decoder
	sum     *SourceSummary
}

// openSource opens a capture and makes its key.
func openSource(src Source, sum *Summary) (*source, error) {
	s := &source{name: src.Name, key: src.Key, offload: map[uint32]bool{}, dec: decode.New(decode.FragLimits{})}
	in := src.Reader
	if in == nil && src.Path == "-" {
		in = os.Stdin
	}
	if s.name == "" {
		s.name = filepath.Base(src.Path)
	}
	if in == nil {
		f, err := os.Open(src.Path)
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
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			s.close()
			return nil, err
		}
		s.key = streamKey(head[:n])
		in = io.MultiReader(newHead(head[:n]), in)
	}
	name := src.Path
	if name == "" {
		name = s.name
	}
	sum.Sources = append(sum.Sources, SourceSummary{Name: s.name, Key: s.key})
	s.sum = &sum.Sources[len(sum.Sources)-1]
	r, err := capture.NewReader(name, in)
	if err != nil {
		s.close()
		s.sum.Error = err.Error()
		return nil, err
	}
	s.reader = r
	return s, nil
}

func (s *source) close() {
	if s.reader != nil {
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
	s.last = b.cap.Packets[len(b.cap.Packets)-1].Number
	if s.filter != nil {
		if err := s.keep(ctx, b); err != nil {
			return err
		}
	}
	if s.verify {
		s.checkInterfaces(b)
	}
	off, iface := s.offload[0], uint32(0)
	for i := range b.cap.Packets {
		p := &b.cap.Packets[i]
		from := len(b.pkts)
		b.pkts = s.dec.Decode(b.pkts, p.Number, p.Time, uint16(p.Link), p.Data)
		if s.verify {
			if p.Iface != iface {
				off, iface = s.offload[p.Iface], p.Iface
			}
			if off {
				for k := from; k < len(b.pkts); k++ {
					b.pkts[k].Flags |= decode.FlagUnverified
				}
			}
		}
		s.sum.WireBytes += uint64(p.OrigLen)
		if p.Time > s.clock || p.Time < s.clock-600e9 {
			s.clock = p.Time
		}
		s.sum.see(p.Time)
	}
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
	b.pkts, b.closing = b.pkts[:0], 0
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

func readSource(ctx context.Context, cfg *Config, in Source, sum *Summary) error {
	s, err := openSource(in, sum)
	if err != nil {
		var ce *capture.Error
		if errors.As(err, &ce) && errors.Is(err, capture.ErrTruncated) {
			return &incompleteError{err}
		}
		return err
	}
	defer s.close()
	s.verify, s.filter = !cfg.NoChecksum, cfg.Filter
	var seed [8]byte
	rand.Read(seed[:])
	p := &pipeline{cfg: cfg, src: s, sum: sum, seed: binary.LittleEndian.Uint64(seed[:])}
	p.order = newOrder(ctx, cfg, sum)
	n := cfg.Workers
	for i := range n {
		p.workers = append(p.workers, newWorker(p, i, n))
	}
	var end error
	if n == 1 {
		end = p.inline(ctx)
	} else {
		end = p.parallel(ctx)
	}
	for _, w := range p.workers {
		w.summarize(sum, s.sum)
	}
	s.sum.finish(s)
	if p.order.err != nil {
		return p.order.err
	}
	if ctx.Err() != nil {
		s.sum.Error = "interrupted"
		return ctx.Err()
	}
	if !errors.Is(end, io.EOF) {
		s.sum.Error = end.Error()
		return &incompleteError{end}
	}
	return s.sum.problem()
}

type pipeline struct {
	cfg     *Config
	src     *source
	sum     *Summary
	seed    uint64
	workers []*worker
	order   *order
	read    uint64 // bytes at the last progress
}

func (p *pipeline) newBatch() *batch {
	n := len(p.workers)
	return &batch{mine: make([][]uint32, n), results: make([]*result, n), done: make(chan struct{}, 1)}
}

// next reads a batch; an interrupted context ends the source.
func (p *pipeline) next(ctx context.Context, b *batch) error {
	if ctx.Err() != nil {
		b.empty(p.src)
		return ctx.Err()
	}
	err := p.src.read(ctx, b, len(p.workers))
	p.progress()
	return err
}

const progressEvery = 1 << 20

func (p *pipeline) progress() {
	if p.cfg.Progress == nil {
		return
	}
	st := p.src.reader.Stats()
	if uint64(st.Bytes) < p.read+progressEvery {
		return
	}
	p.read = uint64(st.Bytes)
	total := p.src.total
	if st.Compression != "" {
		total = 0
	}
	p.cfg.Progress(Progress{Source: p.src.name, Bytes: st.Bytes, Total: total, Packets: st.Packets})
}

// closings calls f with the shard of each batch that ends flows: a few flows a
// batch, so that what is emitted at the end stays small too. All workers MUST
// have finished what came before.
func (p *pipeline) closings(f func(closing int)) {
	for i := range decode.NumShards {
		w := p.workers[i%len(p.workers)]
		for range w.shards[i].table.CloseCalls() {
			f(i + 1)
		}
	}
}

// inline runs everything in one goroutine.
func (p *pipeline) inline(ctx context.Context) error {
	b := p.newBatch()
	run := func() {
		b.results[0] = p.workers[0].process(b)
		p.order.merge(b)
	}
	for {
		err := p.next(ctx, b)
		run()
		if err != nil {
			p.closings(func(closing int) {
				b.empty(p.src)
				b.closing = closing
				run()
			})
			return err
		}
		if p.order.err != nil {
			return p.order.err
		}
	}
}

// inFlight bounds the batches between reader and merging stage.
const inFlight = 12

// parallel runs the reader, each worker, and the merging stage (the caller) in
// their own goroutines.
func (p *pipeline) parallel(ctx context.Context) error {
	free := make(chan *batch, inFlight)
	for range inFlight {
		free <- p.newBatch()
	}
	queue := make(chan *batch, inFlight)
	var end error
	var wg sync.WaitGroup
	var failed atomic.Bool
	in := make([]chan *batch, len(p.workers))
	for i, w := range p.workers {
		in[i] = make(chan *batch, inFlight)
		wg.Go(func() {
			for b := range in[i] {
				b.results[i] = w.process(b)
				if b.pending.Add(-1) == 0 {
					b.done <- struct{}{}
				}
			}
		})
	}
	send := func(b *batch) {
		b.pending.Store(int32(len(p.workers)))
		for i := range in {
			in[i] <- b
		}
		queue <- b
	}
	wg.Go(func() {
		for end == nil {
			b := <-free
			end = p.next(ctx, b)
			if failed.Load() {
				end = context.Canceled
			}
			send(b)
		}
		idle := make([]*batch, inFlight) // having them all, every worker is done
		for i := range idle {
			idle[i] = <-free
		}
		for _, b := range idle {
			free <- b
		}
		if !failed.Load() {
			p.closings(func(closing int) {
				b := <-free
				b.empty(p.src)
				b.closing = closing
				send(b)
			})
		}
		for i := range in {
			close(in[i])
		}
		close(queue)
	})
	for b := range queue {
		<-b.done
		p.order.merge(b)
		if p.order.err != nil {
			failed.Store(true)
		}
		free <- b
	}
	wg.Wait()
	return end
}
