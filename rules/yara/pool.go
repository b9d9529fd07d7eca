package yara

import (
	"context"
	"errors"
	"sync/atomic"

	"saksi/internal/worker"
	"saksi/rules"
)

// Pool scans several contents at once, each in a worker of its own. The rules
// are compiled once. It is safe for concurrent use.
type Pool struct {
	set    *Compiled
	idle   chan *Client // those without a worker start one at their first scan
	failed atomic.Int64
}

// NewPool compiles the rules, or loads them from the cache, which may be nil, in
// the first of n workers.
func NewPool(ctx context.Context, c worker.Config, sources []Source, cache Cache, n int) (*Pool, error) {
	first, err := NewClient(ctx, c, sources, cache)
	if err != nil {
		return nil, err
	}
	p := &Pool{set: first.compiled, idle: make(chan *Client, max(n, 1))}
	p.idle <- first
	for i := 1; i < n; i++ {
		p.idle <- &Client{config: c, sources: sources, compiled: first.compiled}
	}
	return p, nil
}

// with lends f a client.
func (p *Pool) with(ctx context.Context, f func(c *Client) error) error {
	select {
	case c := <-p.idle:
		before := c.failed
		defer func() {
			p.failed.Add(int64(c.failed - before))
			p.idle <- c
		}()
		return f(c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Scan implements Scanner.
func (p *Pool) Scan(ctx context.Context, in *Content) (out []Match, err error) {
	err = p.with(ctx, func(c *Client) error {
		var err error
		out, err = c.Scan(ctx, in)
		return err
	})
	return out, err
}

// Explain is Client.Explain.
func (p *Pool) Explain(ctx context.Context, rule string, in *Content) (out []rules.Trial, err error) {
	err = p.with(ctx, func(c *Client) error {
		var err error
		out, err = c.Explain(ctx, rule, in)
		return err
	})
	return out, err
}

// Profile is Client.Profile.
func (p *Pool) Profile(ctx context.Context, in *Content, costs map[string]*rules.Cost) error {
	return p.with(ctx, func(c *Client) error { return c.Profile(ctx, in, costs) })
}

// Problems are the rules that do not run, and why.
func (p *Pool) Problems() []rules.Problem { return p.set.Problems }

// Rules is the number of rules that run.
func (p *Pool) Rules() int { return p.set.Rules }

// Failed is the number of contents whose scan crashed or hung a worker.
func (p *Pool) Failed() int { return int(p.failed.Load()) }

// Close ends all workers. It waits for scans that are under way.
func (p *Pool) Close() error {
	var errs []error
	for range cap(p.idle) {
		if c := <-p.idle; c.w != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
