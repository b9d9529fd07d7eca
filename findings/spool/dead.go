package spool

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"saksi/event"
	"saksi/findings"
)

// Letter is a document that an index refused for good.
type Letter struct {
	Index  string // name of the index's place in the spool
	Reason string
	Doc    findings.Doc
}

func deadPath(dir, name string) string { return filepath.Join(dir, "dead-"+name+".ndjson") }

// Letters gives what was refused, by all indices, in the order of refusal. A
// line that can't be read is an error with its file and number.
func Letters(dir string) (list []Letter, err error) {
	files, err := filepath.Glob(deadPath(dir, "*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	for _, path := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "dead-"), ".ndjson")
		more, err := letters(path, name)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

// letters gives a document that was refused twice once: when a crash comes between
// keeping it and keeping the index's place, it is put again.
func letters(path, name string) (list []Letter, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading refused documents: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	type key struct {
		id   string
		body [sha256.Size]byte
	}
	seen := map[key]bool{}
	for n := 1; ; n++ {
		b, rerr := r.ReadBytes('\n')
		if rerr != nil && rerr != io.EOF {
			return nil, fmt.Errorf("reading refused documents: %s: %w", path, rerr)
		}
		if rerr == io.EOF {
			return list, nil // what has no end a crash tore off: its document was put again, as the index's place was not kept
		}
		var line struct {
			Reason   string          `json:"reason"`
			ID       string          `json:"id"`
			Document json.RawMessage `json:"document"`
		}
		if err := json.Unmarshal(b, &line); err != nil {
			return nil, fmt.Errorf("reading refused documents: %s, line %d: %w", path, n, err)
		}
		d, err := docOf(line.ID, line.Document)
		if err != nil {
			return nil, fmt.Errorf("reading refused documents: %s, line %d: %w", path, n, err)
		}
		k := key{d.ID, sha256.Sum256(d.Body)}
		if !seen[k] {
			list = append(list, Letter{name, line.Reason, d})
		}
		seen[k] = true
	}
}

// whole cuts a line off that a crash tore, and goes to the end.
func whole(f *os.File) error {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for at := end; at > 0; {
		n := min(at, int64(len(block)))
		at -= n
		if _, err := f.ReadAt(block[:n], at); err != nil {
			return err
		}
		if i := bytes.LastIndexByte(block[:n], '\n'); i >= 0 {
			end = at + int64(i) + 1
			break
		}
		end = at
	}
	if err := f.Truncate(end); err != nil {
		return err
	}
	_, err = f.Seek(end, io.SeekStart)
	return err
}

// Replay puts what the index of a name refused into it again. What it takes now,
// or has, is no longer kept as refused; the rest stays, with the new reason.
func Replay(ctx context.Context, dir, name string, ix findings.Writer) (Delivery, error) {
	var d Delivery
	list, err := letters(deadPath(dir, name), name)
	if err != nil || len(list) == 0 {
		return d, err
	}
	var left []findings.Dead
	for chunk := range slices.Chunk(list, 1000) {
		docs := make([]findings.Doc, len(chunk))
		for i, l := range chunk {
			docs[i] = l.Doc
		}
		res, err := ix.Put(ctx, docs)
		if err != nil { // nothing is taken out: what was put is a duplicate the next time
			return d, fmt.Errorf("putting refused documents into the index again: %w", err)
		}
		left = append(left, res.Dead...)
		d.Sent += int64(len(docs))
		d.Stored += int64(res.Stored)
		d.Duplicate += int64(res.Duplicate)
		d.Dead += int64(len(res.Dead))
	}
	return d, replaceLetters(dir, name, left)
}

// replaceLetters makes what is kept as refused what left says, whole or not at
// all.
func replaceLetters(dir, name string, left []findings.Dead) error {
	next := name + ".next"
	if err := os.Remove(deadPath(dir, next)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keeping refused documents: %w", err)
	}
	if err := bury(dir, next, left); err != nil {
		return err
	}
	var err error
	if len(left) == 0 {
		err = os.Remove(deadPath(dir, name))
	} else {
		err = os.Rename(deadPath(dir, next), deadPath(dir, name))
	}
	if err != nil {
		return fmt.Errorf("keeping refused documents: %w", err)
	}
	return nil
}

// Pruned says what Prune took away, and what kept it from more.
type Pruned struct {
	Segments int
	Bytes    int64
	Behind   string // name of the index that is furthest behind; "" if none follows
}

// Prune removes the segments that every index has passed that ever followed the
// spool. From then on an index can no longer be rebuilt from it as a whole.
// Nothing is removed while no index follows, nor the segment that is written to.
func Prune(dir string) (p Pruned, err error) {
	least, name, err := slowest(dir)
	if err != nil {
		return p, err
	}
	p.Behind = name
	if p.Behind == "" {
		return p, nil
	}
	list, err := segments(dir)
	if err != nil {
		return p, fmt.Errorf("reading the spool: %w", err)
	}
	for i, n := range list {
		if n >= least.Segment || i == len(list)-1 {
			break
		}
		path := segmentPath(dir, n)
		st, err := os.Stat(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			return p, fmt.Errorf("pruning the spool: %w", err)
		}
		p.Segments, p.Bytes = p.Segments+1, p.Bytes+st.Size()
	}
	return p, nil
}

// docOf makes a document of its body again.
func docOf(id string, body []byte) (findings.Doc, error) {
	e, err := event.Parse(body)
	if err != nil {
		return findings.Doc{}, err
	}
	_, dataset, ns, err := place(e)
	return findings.Doc{ID: id, Dataset: dataset, Time: time.Unix(0, ns).UTC(), Body: body}, err
}
