package yara

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules"
)

// Operations of the worker.
const (
	OpCompile = "yara.compile"
	OpScan    = "yara.scan"
	OpExplain = "yara.explain"
	OpProfile = "yara.profile"
	OpVersion = "yara.version"
	OpSave    = "yara.save"
	OpLoad    = "yara.load"
)

// Client scans in a worker process. It is not safe for concurrent use.
type Client struct {
	config   worker.Config
	w        *worker.Worker
	sources  []Source
	cache    Cache // nil for none
	compiled *Compiled
	failed   int
}

// NewClient starts a worker and compiles the rules in it, or loads them from the
// cache, which may be nil. Wrong rules are in Problems; the others run.
func NewClient(ctx context.Context, c worker.Config, sources []Source, cache Cache) (*Client, error) {
	cl := &Client{config: c, sources: sources, cache: cache}
	if err := cl.start(ctx); err != nil {
		return nil, err
	}
	return cl, nil
}

// died reports whether err is a worker's crash or hang.
func died(err error) bool {
	var crash *worker.CrashError
	var timeout *worker.TimeoutError
	return errors.As(err, &crash) || errors.As(err, &timeout)
}

// refused reports whether err is the worker's own, such as want of memory.
func refused(err error) bool {
	var remote *worker.RemoteError
	return errors.As(err, &remote)
}

// maxPart is the most text one call carries, with room for its name.
const maxPart = worker.MaxFrame / 2

// maxProblems bounds what a worker may say of rules.
const maxProblems = 1 << 20

// compile compiles the sources of a set in the worker under work.
func (c *Client) compile(ctx context.Context, set *Compiled) error {
	set.Problems = slices.Clone(set.lethal)
	sources := set.sources
	if len(sources) == 0 {
		sources = []Source{{}}
	}
	for i, s := range sources {
		text, more := s.Text, false
		for {
			part := text[:min(len(text), maxPart)]
			text = text[len(part):]
			var out wire.Writer
			out.Bool(i == len(sources)-1 && len(text) == 0)
			out.Bool(more)
			out.String(s.Namespace)
			out.Bytes(part)
			if err := c.w.Call(ctx, OpCompile, out.B, nil, set.told); err != nil {
				_ = c.w.Close()
				return fmt.Errorf("compiling the rules of %s: %w", s.Namespace, err)
			}
			if len(text) == 0 {
				break
			}
			more = true
		}
	}
	return nil
}

// told takes a frame in answer to OpCompile.
func (c *Compiled) told(frame []byte) error {
	r := wire.Reader{B: frame}
	c.Rules = int(min(r.Uint(), maxProblems))
	for r.Err() == nil && r.Len() > 0 {
		if len(c.Problems) >= maxProblems {
			return fmt.Errorf("%w: more than %d problems of rules", worker.ErrProtocol, maxProblems)
		}
		c.Problems = append(c.Problems, ReadProblem(&r))
	}
	return r.Err()
}

// ReadProblem decodes a problem; the reader's error says whether it is whole.
func ReadProblem(r *wire.Reader) rules.Problem {
	return rules.Problem{
		File: r.String(), Line: int(r.Uint()), Column: int(r.Uint()), Level: rules.Level(min(r.Uint(), uint64(rules.Advice))), Rule: r.String(),
		Reason: r.String(), Message: r.String(), Hint: r.String(),
	}
}

// WriteProblem is the worker's side of a problem.
func WriteProblem(w *wire.Writer, p *rules.Problem) {
	w.String(p.File)
	w.Uint(uint64(max(p.Line, 0)))
	w.Uint(uint64(max(p.Column, 0)))
	w.Uint(uint64(p.Level))
	w.String(p.Rule)
	w.String(p.Reason)
	w.String(p.Message)
	w.String(p.Hint)
}

// Problems are the rules that do not run, and why.
func (c *Client) Problems() []rules.Problem { return c.compiled.Problems }

// Rules is the number of rules that run.
func (c *Client) Rules() int { return c.compiled.Rules }

// Failed is the number of contents whose scan crashed or hung the worker.
func (c *Client) Failed() int { return c.failed }

// Scan scans a content, which reaches the worker in the call or, when it is large, by
// a descriptor in memory. After a
// crash or a hang the error names it and the next scan runs in a new worker.
func (c *Client) Scan(ctx context.Context, in *Content) ([]Match, error) {
	if c.w == nil || !c.w.Alive() {
		if err := c.start(ctx); err != nil {
			return nil, err
		}
	}
	var matches []Match
	err := c.content(ctx, OpScan, nil, in, func(frame []byte) error {
		r := wire.Reader{B: frame}
		m := ReadMatch(&r)
		if r.Err() != nil {
			return r.Err()
		}
		if len(matches) >= c.compiled.Rules {
			return fmt.Errorf("%w: more matches than the %d rules", worker.ErrProtocol, c.compiled.Rules)
		}
		matches = append(matches, m)
		return nil
	})
	if err != nil {
		return matches, fmt.Errorf("scanning %s (%d bytes): %w", filepath.Base(in.Path), len(in.Data), err)
	}
	return matches, nil
}

// content calls an operation on a content; head stands before its name.
func (c *Client) content(ctx context.Context, op string, head []byte, in *Content, onReply func([]byte) error) error {
	out := wire.Writer{B: head}
	out.String(in.Path)
	out.String(in.Exhibit)
	out.Int(in.Size)
	data := in.Data
	out.Uint(uint64(len(data)))
	var files []*os.File
	if len(data) <= maxInline {
		out.Bytes(data)
	} else {
		f, err := inMemory(data)
		if err != nil {
			return fmt.Errorf("handing %d bytes to the worker: %w", len(data), err)
		}
		defer f.Close()
		files = []*os.File{f}
	}
	err := c.w.Call(ctx, op, out.B, files, onReply)
	if died(err) {
		c.failed++
	}
	return err
}

// maxInline is the most content that travels in the call itself, which is
// cheaper than a descriptor.
const maxInline = 1 << 20

// inMemory puts data behind a read-only descriptor.
func inMemory(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("content", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "content")
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return nil, err
	}
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", fd))
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
