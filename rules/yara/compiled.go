package yara

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules"
)

// Compiled is a set of rules as libyara has compiled it. Its code is executable
// bytecode: it comes from a worker that has seen nothing but rules, or from a
// Cache, and is loaded in workers only.
type Compiled struct {
	Rules    int // that run
	Problems []rules.Problem
	Code     []byte

	sources []Source // without files that end the compiler
	lethal  []rules.Problem
}

// Cache keeps compiled sets from one run to the next. What Get gives MUST be
// what Put was given, whoever else can write where it is kept.
type Cache interface {
	Get(key [sha256.Size]byte) (content []byte, ok bool)
	Put(key [sha256.Size]byte, content []byte)
}

// Compile compiles rules in a worker of its own, which sees nothing else, or
// takes them from the cache, which may be nil. Wrong rules are in Problems; the
// others run.
func Compile(ctx context.Context, c worker.Config, sources []Source, cache Cache) (*Compiled, error) {
	cl, err := NewClient(ctx, c, sources, cache)
	if err != nil {
		return nil, err
	}
	return cl.compiled, cl.Close()
}

// keyOf names a set in a cache: by the library that compiles, with what it
// tells of itself, and the names and texts of all files in their order.
func keyOf(library string, sources []Source) (key [sha256.Size]byte) {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	put([]byte("saksi yara 1"))
	put([]byte(library))
	for _, s := range sources {
		put([]byte(s.Namespace))
		put(s.Text)
	}
	copy(key[:], h.Sum(nil))
	return key
}

// encode is the set as a cache keeps it.
func (c *Compiled) encode() []byte {
	var w wire.Writer
	w.Uint(uint64(c.Rules))
	w.Uint(uint64(len(c.Problems)))
	for i := range c.Problems {
		WriteProblem(&w, &c.Problems[i])
	}
	w.Bytes(c.Code)
	return w.B
}

// decode reads what encode wrote.
func decode(b []byte) (*Compiled, error) {
	r := wire.Reader{B: b}
	c := &Compiled{Rules: int(min(r.Uint(), maxProblems))}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		c.Problems = append(c.Problems, ReadProblem(&r))
	}
	c.Code = r.Bytes()
	if r.Err() == nil && r.Len() > 0 {
		return nil, errors.New("more follows a compiled set")
	}
	return c, r.Err()
}

// File gives the code behind a read-only descriptor, for a worker.
func (c *Compiled) File() (*os.File, error) { return inMemory(c.Code) }

// library asks the worker under work which libyara it has.
func (c *Client) library(ctx context.Context) (string, error) {
	name := ""
	err := c.w.Call(ctx, OpVersion, nil, nil, func(frame []byte) error {
		r := wire.Reader{B: frame}
		name = r.String()
		return r.Err()
	})
	return name, err
}

// maxCode bounds the code of a compiled set, in bytes.
const maxCode = 1 << 30

// save takes the code of the set out of the worker that compiled it.
func (c *Client) save(ctx context.Context) ([]byte, error) {
	var code []byte
	err := c.w.Call(ctx, OpSave, nil, nil, func(frame []byte) error {
		if len(code)+len(frame) > maxCode {
			return fmt.Errorf("%w: compiled rules of more than %d bytes", worker.ErrProtocol, maxCode)
		}
		code = append(code, frame...)
		return nil
	})
	return code, err
}

// load gives the code to the worker under work.
func (c *Client) load(ctx context.Context, set *Compiled) error {
	f, err := set.File()
	if err != nil {
		return fmt.Errorf("handing the compiled rules to the worker: %w", err)
	}
	defer f.Close()
	n := 0
	err = c.w.Call(ctx, OpLoad, nil, []*os.File{f}, func(frame []byte) error {
		r := wire.Reader{B: frame}
		n = int(min(r.Uint(), maxProblems))
		return r.Err()
	})
	if err == nil && n != set.Rules {
		err = fmt.Errorf("%d rules were loaded, expected %d", n, set.Rules)
	}
	if err != nil {
		return fmt.Errorf("loading the compiled rules: %w", err)
	}
	return nil
}

// start starts a worker with the rules in it: compiled there, unless they were
// before or the cache has them.
func (c *Client) start(ctx context.Context) error {
	var err error
	if c.w, err = worker.Start(ctx, c.config); err != nil {
		return err
	}
	if c.compiled != nil {
		if err = c.load(ctx, c.compiled); err != nil {
			err = errors.Join(err, c.w.Close())
		}
		return err
	}
	library, err := c.library(ctx)
	if err != nil {
		return errors.Join(err, c.w.Close())
	}
	key := keyOf(library, c.sources)
	if c.cache != nil {
		if b, ok := c.cache.Get(key); ok {
			if set, err := decode(b); err == nil {
				set.sources = c.sources
				if c.load(ctx, set) == nil {
					c.compiled = set
					return nil
				}
			}
			_ = c.w.Close() // what can't be loaded is compiled anew
			if c.w, err = worker.Start(ctx, c.config); err != nil {
				return err
			}
		}
	}
	set, err := c.compileAll(ctx)
	if err != nil {
		return err
	}
	if set.Code, err = c.save(ctx); err != nil {
		return errors.Join(err, c.w.Close())
	}
	if c.compiled = set; c.cache != nil && len(set.lethal) == 0 {
		c.cache.Put(key, set.encode())
	}
	return nil
}

// compileAll compiles the rules in a new worker. A file that ends libyara's
// compiler (crash, hang, want of memory) is found by compiling each alone,
// named, and left out for good.
func (c *Client) compileAll(ctx context.Context) (*Compiled, error) {
	set := &Compiled{sources: c.sources}
	err := c.compile(ctx, set)
	if !died(err) && !refused(err) {
		return set, err
	}
	var good []Source
	var lethal []rules.Problem
	for _, s := range c.sources {
		_ = c.w.Close()
		if c.w, err = worker.Start(ctx, c.config); err != nil {
			return nil, err
		}
		err := c.compile(ctx, &Compiled{sources: []Source{s}})
		switch {
		case err == nil:
			good = append(good, s)
		case died(err), refused(err):
			lethal = append(lethal, rules.Problem{
				File: s.Namespace, Line: 1, Column: 1, Level: rules.Wrong, Reason: "yara: its file ends the compiler", Message: err.Error(),
				Hint: "none of the rules of this file runs; take the wrong one out",
			})
		default:
			return nil, err
		}
	}
	_ = c.w.Close()
	if c.w, err = worker.Start(ctx, c.config); err != nil {
		return nil, err
	}
	set = &Compiled{sources: good, lethal: lethal, Problems: slices.Clone(lethal)}
	return set, c.compile(ctx, set)
}
