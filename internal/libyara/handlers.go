package libyara

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules/yara"
)

// Bounds of the worker's own operations.
const (
	maxContent = 256 << 20
	maxText    = 256 << 20
	scanLimit  = 30 * time.Second
)

// Handlers are the operations of rules/yara's Client: the files of a set come
// one a call (what is longer than a frame in more calls), the last with a
// mark; then contents are scanned.
func Handlers() map[string]worker.Handler {
	h := &handlers{library: identity()}
	return map[string]worker.Handler{
		yara.OpCompile: h.compile, yara.OpScan: h.scan, yara.OpExplain: h.explain, yara.OpProfile: h.profile,
		yara.OpVersion: h.version, yara.OpSave: h.save, yara.OpLoad: h.load,
	}
}

type handlers struct {
	sources []yara.Source
	size    int
	library string // which libyara this is
	set     *Rules
	scanner *Scanner
	buf     []byte
}

func (h *handlers) compile(_ context.Context, req []byte, _ []*os.File, reply func([]byte) error) error {
	r := wire.Reader{B: req}
	last, more := r.Bool(), r.Bool()
	s := yara.Source{Namespace: r.String(), Text: append([]byte(nil), r.Bytes()...)}
	if r.Err() != nil {
		return r.Err()
	}
	if h.size += len(s.Text); h.size > maxText {
		return fmt.Errorf("rules of more than %d bytes", maxText)
	}
	if more {
		if len(h.sources) == 0 {
			return errors.New("more text of a file that did not begin")
		}
		h.sources[len(h.sources)-1].Text = append(h.sources[len(h.sources)-1].Text, s.Text...)
	} else {
		h.sources = append(h.sources, s)
	}
	if !last {
		return nil
	}
	set, problems, err := Compile(h.sources)
	h.sources, h.size = nil, 0
	if err != nil {
		return err
	}
	if err := h.use(set); err != nil {
		return err
	}
	var w wire.Writer
	w.Uint(uint64(set.Len()))
	for i := range problems {
		if len(w.B) > worker.MaxFrame/2 {
			if err := reply(w.B); err != nil {
				return err
			}
			w.B = w.B[:0]
			w.Uint(uint64(set.Len()))
		}
		yara.WriteProblem(&w, &problems[i])
	}
	return reply(w.B)
}

// content reads the name and the bytes of a content from a call.
func (h *handlers) content(r *wire.Reader, files []*os.File) (*yara.Content, error) {
	if h.scanner == nil {
		return nil, errors.New("no rules were compiled")
	}
	in := &yara.Content{Path: r.String(), Exhibit: r.String(), Size: r.Int()}
	size := r.Uint()
	if r.Err() != nil {
		return nil, r.Err()
	}
	if size > maxContent {
		return nil, fmt.Errorf("a content of %d bytes is over the limit of %d", size, maxContent)
	}
	var data []byte
	if len(files) == 1 {
		if uint64(cap(h.buf)) < size {
			h.buf = make([]byte, size)
		}
		data = h.buf[:size]
		if _, err := io.ReadFull(io.NewSectionReader(files[0], 0, int64(size)), data); err != nil {
			return nil, fmt.Errorf("reading the content: %w", err)
		}
	} else if data = r.Bytes(); r.Err() != nil || uint64(len(data)) != size {
		return nil, fmt.Errorf("%d descriptors and %d bytes in the call: expected a content of %d bytes", len(files), len(data), size)
	}
	in.Data = data
	return in, nil
}

// explain tells of every rule whether it matched, and of the rule of the call
// where its strings are.
func (h *handlers) explain(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
	r := wire.Reader{B: req}
	rule := r.String()
	in, err := h.content(&r, files)
	if err != nil {
		return err
	}
	list, err := h.scanner.Explain(in, scanLimit)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].Rule != rule {
			list[i].Strings = nil
		}
		var w wire.Writer
		yara.WriteVerdict(&w, &list[i])
		if err := reply(w.B); err != nil {
			return err
		}
	}
	return nil
}

func (h *handlers) scan(_ context.Context, req []byte, files []*os.File, reply func([]byte) error) error {
	in, err := h.content(&wire.Reader{B: req}, files)
	if err != nil {
		return err
	}
	matches, err := h.scanner.Scan(in, scanLimit)
	if err != nil {
		return err
	}
	for i := range matches {
		var w wire.Writer
		yara.WriteMatch(&w, &matches[i])
		if err := reply(w.B); err != nil {
			return err
		}
	}
	return nil
}
