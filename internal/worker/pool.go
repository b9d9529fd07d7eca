package worker

import (
	"context"
	"errors"
	"os"
	"sync"
)

// Pool is a set of workers that share calls. A worker that died is replaced at
// the next call; deaths are counted by cause. It is safe for concurrent use.
type Pool struct {
	config Config
	idle   chan *Worker // nil entries are slots without a process yet

	mu       sync.Mutex
	crashes  int
	timeouts int
}

// NewPool makes a pool of n workers and starts the first, so that a missing or
// broken worker shows at once.
func NewPool(ctx context.Context, c Config, n int) (*Pool, error) {
	w, err := Start(ctx, c)
	if err != nil {
		return nil, err
	}
	p := &Pool{config: c, idle: make(chan *Worker, max(n, 1))}
	p.idle <- w
	for i := 1; i < n; i++ {
		p.idle <- nil
	}
	return p, nil
}

// Call runs op on a free worker; see Worker.Call. A call that crashes or hangs
// costs itself only.
func (p *Pool) Call(ctx context.Context, op string, req []byte, files []*os.File, onReply func(frame []byte) error) error {
	var w *Worker
	select {
	case w = <-p.idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.idle <- w }()
	if w == nil || !w.Alive() {
		var err error
		if w, err = Start(ctx, p.config); err != nil {
			return err
		}
	}
	err := w.Call(ctx, op, req, files, onReply)
	var crash *CrashError
	var timeout *TimeoutError
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case errors.As(err, &crash):
		p.crashes++
	case errors.As(err, &timeout):
		p.timeouts++
	}
	return err
}

// Deaths returns how many workers died by a crash and by the time limit.
func (p *Pool) Deaths() (crashes, timeouts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.crashes, p.timeouts
}

// Close ends all workers. No call may be under way.
func (p *Pool) Close() error {
	for range cap(p.idle) {
		if w := <-p.idle; w != nil {
			_ = w.Close()
		}
	}
	return nil
}
