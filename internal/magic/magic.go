// Package magic asks saksi-worker what a file is in libmagic's words (file(1)),
// by its first bytes.
package magic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"saksi/internal/wire"
	"saksi/internal/worker"
)

// OpName names a file. Request: its first bytes, and the database as a
// descriptor. Reply: the name.
const OpName = "magic.name"

// MaxHead is how many bytes of a file its name is told by: at least what
// Suricata has of it when it asks.
const MaxHead = 4096

// Databases are where Debian's libmagic-mgc has the compiled database.
var Databases = []string{"/usr/lib/file/magic.mgc", "/usr/share/misc/magic.mgc"}

// limit bounds one answer; libmagic takes microseconds.
const limit = 5 * time.Second

// maxKept bounds the names kept of files seen before, with their first bytes.
const maxKept = 256

// maxFailed is how many files may end the worker before it is asked no more: a
// capture must not wait for files made to hang it.
const maxFailed = 8

// Client names files. It is safe for concurrent use.
type Client struct {
	db   *os.File
	pool *worker.Pool

	mu     sync.Mutex
	kept   map[string]string
	failed int
}

// Open starts a worker and makes it load the database, so that what is missing
// shows at once. The caller MUST call Close.
func Open(ctx context.Context, cfg worker.Config) (*Client, error) {
	db, err := database()
	if err != nil {
		return nil, err
	}
	cfg.Limits.Unit = limit
	pool, err := worker.NewPool(ctx, cfg, 1)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the worker that names files: %w", err), db.Close())
	}
	c := &Client{db: db, pool: pool, kept: map[string]string{}}
	if _, err := c.ask(ctx, []byte("%PDF-1.4\n")); err != nil {
		return nil, errors.Join(fmt.Errorf("loading %s: %w", db.Name(), err), c.Close())
	}
	return c, nil
}

func database() (*os.File, error) {
	var first error
	for _, path := range Databases {
		f, err := os.Open(path)
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, fmt.Errorf("opening libmagic's database: %w; the package libmagic-mgc brings it", first)
}

func (c *Client) ask(ctx context.Context, head []byte) (string, error) {
	var name string
	err := c.pool.Call(ctx, OpName, head, []*os.File{c.db}, func(frame []byte) error {
		r := wire.Reader{B: frame}
		name = r.String()
		return r.Err()
	})
	return name, err
}

// Name tells what a file is by its first bytes, of which it looks at MaxHead; of
// a file that ends the worker, or of an empty one, it tells nothing; nor of any once
// maxFailed of them did.
func (c *Client) Name(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	head = head[:min(len(head), MaxHead)]
	c.mu.Lock()
	defer c.mu.Unlock()
	if name, ok := c.kept[string(head)]; ok {
		return name
	}
	if c.failed >= maxFailed {
		c.failed++
		return ""
	}
	name, err := c.ask(context.Background(), head)
	if err != nil {
		name = ""
		c.failed++
	}
	if len(c.kept) >= maxKept {
		clear(c.kept)
	}
	c.kept[string(head)] = name
	return name
}

// Failed is how many files the worker could not name.
func (c *Client) Failed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Close ends the worker.
func (c *Client) Close() error { return errors.Join(c.pool.Close(), c.db.Close()) }
