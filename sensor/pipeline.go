package sensor

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/internal/pages"
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
	shed    bool       // half of the parsers are given up behind it
	closing int        // after the source's end: 1 + the shard whose flows end
	rules   *RuleSet   // that match it
	results []*result  // by worker
	pending atomic.Int32
	done    chan struct{}
}

func readSource(ctx context.Context, cfg *Config, in Source, sum *Summary) error {
	s, err := openSource(ctx, cfg, in, sum)
	if err != nil {
		var ce *capture.Error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &ce) && errors.Is(err, capture.ErrTruncated):
			return &incompleteError{err}
		}
		return &openError{err}
	}
	defer s.close()
	whole := ctx
	if s.headOnly { // at most a MiB: it is read to its end
		ctx = context.WithoutCancel(ctx)
	}
	s.verify, s.filter = !cfg.NoChecksum, cfg.Filter
	s.dec.WithEvents, s.dec.WithFrames = cfg.Anomalies || cfg.Rules.decodeEvents(), true
	s.authorize(cfg)
	var seed [8]byte
	rand.Read(seed[:])
	p := &pipeline{cfg: cfg, src: s, sum: sum, seed: binary.LittleEndian.Uint64(seed[:]), rules: &cfg.Rules, gauge: newGauge(cfg.Memory)}
	defer p.gauge.close()
	if s.live {
		stop := context.AfterFunc(ctx, in.Live.Stop)
		defer stop()
		ctx = context.WithoutCancel(ctx)
		whole = ctx // being stopped is its end
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends looks at files for which nobody waits any more
	p.order = newOrder(ctx, cfg, sum, s)
	defer p.pages.Release()
	n := cfg.Workers
	if n > 1 {
		n = min(n*groupsPerWorker, decode.NumShards)
	}
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
	if p.order.err == nil {
		p.order.err = p.order.hosts.close()
	}
	if whole.Err() == nil {
		p.order.err = p.order.close()
	}
	if p.order.err == nil {
		p.order.err = p.order.authority(s, s.sum.Last, true)
	}
	s.sum.finish(s)
	if p.order.err != nil {
		return p.order.err
	}
	if whole.Err() != nil {
		s.sum.Error = "interrupted"
		return whole.Err()
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
	rules   *RuleSet // for the next batch
	read    uint64   // bytes at the last progress
	pages   pages.Memory
	gauge   *gauge
}

func (p *pipeline) newBatch() *batch {
	n := len(p.workers)
	return &batch{mine: make([][]uint32, n), results: make([]*result, n), done: make(chan struct{}, 1)}
}

// next reads a batch; an interrupted context ends the source.
func (p *pipeline) next(ctx context.Context, b *batch) error {
	if ctx.Err() != nil {
		b.empty(p.src)
		b.rules = p.rules
		return ctx.Err()
	}
	err := p.src.read(ctx, b, len(p.workers))
	if p.cfg.Reload != nil { // now: on a quiet interface reading took long
		if r := p.cfg.Reload(); r != nil {
			p.rules = r
			p.src.dec.WithEvents = p.cfg.Anomalies || r.decodeEvents()
		}
	}
	b.rules = p.rules
	b.shed = p.gauge.over(p.pages.Size())
	if p.cfg.Recorder != nil {
		p.cfg.Recorder.Record(b.cap.Packets, b.pkts)
	}
	p.cfg.Health.reader(p.src)
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
				b.closing, b.rules = closing, p.rules
				run()
			})
			return err
		}
		if p.order.err != nil {
			return p.order.err
		}
	}
}

// groupsPerWorker is into how many groups the shards are split for each worker
// that may run at the same time: the load of one group swings from batch to
// batch, and whoever is free takes another.
const groupsPerWorker = 2

// inFlight is how many batches there are between reader and merging stage:
// enough to keep all busy, and few, as what lies in a cache is worked on faster.
func (c *Config) inFlight() int { return 2 * c.Workers }

// parallel runs the reader, each group of shards, and the merging stage (the
// caller) in their own goroutines, of the groups Config.Workers at the same time.
func (p *pipeline) parallel(ctx context.Context) error {
	inFlight := p.cfg.inFlight()
	free := make(chan *batch, inFlight)
	for range inFlight {
		free <- p.newBatch()
	}
	queue := make(chan *batch, inFlight)
	var end error
	var wg sync.WaitGroup
	var failed atomic.Bool
	in := make([]chan *batch, len(p.workers))
	slots := make(chan struct{}, p.cfg.Workers)
	for i, w := range p.workers {
		in[i] = make(chan *batch, inFlight)
		wg.Go(func() {
			for b := range in[i] {
				slots <- struct{}{}
				b.results[i] = w.process(b)
				<-slots
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
				b.closing, b.rules = closing, p.rules
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
