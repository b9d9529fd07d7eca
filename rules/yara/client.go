package yara

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules"
)

// Operations of the worker.
const (
	OpCompile = "yara.compile"
	OpScan    = "yara.scan"
)

// Client scans in a worker process. It is not safe for concurrent use.
type Client struct {
	config   worker.Config
	w        *worker.Worker
	sources  []Source
	problems []rules.Problem
	rules    int
	failed   int
}

// NewClient starts a worker and compiles the rules in it. Wrong rules are in
// Problems; the others run.
func NewClient(ctx context.Context, c worker.Config, sources []Source) (*Client, error) {
	cl := &Client{config: c, sources: sources}
	if err := cl.start(ctx); err != nil {
		return nil, err
	}
	return cl, nil
}

func (c *Client) start(ctx context.Context) error {
	w, err := worker.Start(ctx, c.config)
	if err != nil {
		return err
	}
	c.w, c.problems, c.rules = w, nil, 0
	for i, s := range c.sources {
		var out wire.Writer
		out.Bool(i == len(c.sources)-1)
		out.String(s.Namespace)
		out.Bytes(s.Text)
		err := w.Call(ctx, OpCompile, out.B, nil, func(frame []byte) error {
			r := wire.Reader{B: frame}
			c.rules = int(r.Uint())
			for r.Err() == nil && r.Len() > 0 {
				c.problems = append(c.problems, readProblem(&r))
			}
			return r.Err()
		})
		if err != nil {
			_ = w.Close()
			return fmt.Errorf("compiling the rules of %s: %w", s.Namespace, err)
		}
	}
	return nil
}

func readProblem(r *wire.Reader) rules.Problem {
	return rules.Problem{
		File: r.String(), Line: int(r.Uint()), Level: rules.Level(min(r.Uint(), uint64(rules.Advice))), Rule: r.String(),
		Reason: r.String(), Message: r.String(),
	}
}

// WriteProblem is the worker's side of a problem.
func WriteProblem(w *wire.Writer, p *rules.Problem) {
	w.String(p.File)
	w.Uint(uint64(max(p.Line, 0)))
	w.Uint(uint64(p.Level))
	w.String(p.Rule)
	w.String(p.Reason)
	w.String(p.Message)
}

// Problems are the rules that do not run, and why.
func (c *Client) Problems() []rules.Problem { return c.problems }

// Rules is the number of rules that run.
func (c *Client) Rules() int { return c.rules }

// Failed is the number of contents whose scan crashed or hung the worker.
func (c *Client) Failed() int { return c.failed }

// Scan scans data, which reaches the worker by a descriptor in memory. After a
// crash or a hang the error names it and the next scan runs in a new worker.
func (c *Client) Scan(ctx context.Context, path string, data []byte) ([]Match, error) {
	if !c.w.Alive() {
		if err := c.start(ctx); err != nil {
			return nil, err
		}
	}
	fd, err := unix.MemfdCreate("content", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("handing %d bytes to the worker: %w", len(data), err)
	}
	f := os.NewFile(uintptr(fd), "content")
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return nil, fmt.Errorf("handing %d bytes to the worker: %w", len(data), err)
	}
	ro, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return nil, fmt.Errorf("handing %d bytes to the worker: %w", len(data), err)
	}
	defer ro.Close()
	var out wire.Writer
	out.String(path)
	out.Uint(uint64(len(data)))
	var matches []Match
	err = c.w.Call(ctx, OpScan, out.B, []*os.File{ro}, func(frame []byte) error {
		r := wire.Reader{B: frame}
		m := ReadMatch(&r)
		if r.Err() != nil {
			return r.Err()
		}
		matches = append(matches, m)
		return nil
	})
	var crash *worker.CrashError
	var timeout *worker.TimeoutError
	if errors.As(err, &crash) || errors.As(err, &timeout) {
		c.failed++
	}
	if err != nil {
		return matches, fmt.Errorf("scanning %s (%d bytes): %w", filepath.Base(path), len(data), err)
	}
	return matches, nil
}

// Close ends the worker.
func (c *Client) Close() error { return c.w.Close() }

// WriteMatch encodes a match for the socket.
func WriteMatch(w *wire.Writer, m *Match) {
	w.String(m.Rule)
	w.String(m.Namespace)
	w.Uint(uint64(len(m.Tags)))
	for _, t := range m.Tags {
		w.String(t)
	}
	w.Uint(uint64(len(m.Metas)))
	for _, x := range m.Metas {
		w.String(x.Name)
		w.String(x.Value)
	}
	w.Uint(uint64(len(m.Strings)))
	for _, s := range m.Strings {
		w.String(s.Name)
		w.Int(s.Offset)
		w.Uint(uint64(s.Length))
		w.Bytes(s.Data)
	}
	w.Bool(m.More)
}

// ReadMatch decodes a match; the reader's error says whether it is whole.
func ReadMatch(r *wire.Reader) Match {
	m := Match{Rule: r.String(), Namespace: r.String()}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		m.Tags = append(m.Tags, r.String())
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		m.Metas = append(m.Metas, Meta{r.String(), r.String()})
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		m.Strings = append(m.Strings, String{Name: r.String(), Offset: r.Int(), Length: int(r.Uint()), Data: append([]byte(nil), r.Bytes()...)})
	}
	m.More = r.Bool()
	return m
}
