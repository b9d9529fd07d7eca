package disk

import (
	"context"
	"io"

	"saksi/forensics/filesystem"
	"saksi/internal/wire"
)

// CarveConfig says where and what Carve looks for.
type CarveConfig struct {
	Volume int      // only this volume, from 0; -1: all, and what lies between them
	All    bool     // used space as well
	Types  []string // names of kinds; none: all
	From   int64    // nothing before this offset of the media, for going on after a death
}

// Carved is a file found by its content.
type Carved struct {
	Type, Ext, MIME string
	Size            int64
	Runs            []filesystem.Run // where it lies; File is the place in it
	SHA256          string
	Confidence      string // high, medium, low
	Checked         []string
	Fragment        bool  // it ends before its structure does
	Expected        int64 // size its structure states, where Fragment; 0 unknown
}

// Kinds of messages of Carve.
const (
	carveFound = iota
	carveProgress
	carveProblem
)

// Carve looks for files in unallocated space, in the order of their places on
// the media. progress is told how many bytes of it are done and the offset of
// the media before which nothing is to come; problem is told what could not be looked at.
func (im *Image) Carve(ctx context.Context, cfg CarveConfig, found func(*Carved) error, progress func(done, all, offset int64), problem func(text string)) error {
	var w wire.Writer
	w.Int(int64(cfg.Volume))
	w.Bool(cfg.All)
	w.Int(cfg.From)
	appendStrings(&w, cfg.Types)
	return im.call(ctx, OpCarve, w.B, nil, func(_ byte, r *wire.Reader) error {
		switch r.Uint() {
		case carveFound:
			c := Carved{
				Type: r.String(), Ext: r.String(), MIME: r.String(), Size: r.Int(), SHA256: r.String(), Confidence: r.String(), Checked: readStrings(r),
				Fragment: r.Bool(), Expected: r.Int(), Runs: filesystem.ReadRuns(r, nil),
			}
			if r.Err() != nil {
				return r.Err()
			}
			return found(&c)
		case carveProgress:
			done, all, offset := r.Int(), r.Int(), r.Int()
			if r.Err() == nil {
				progress(done, all, offset)
			}
		case carveProblem:
			if text := r.String(); r.Err() == nil {
				problem(text)
			}
		}
		return r.Err()
	})
}

// ReadCarve reads a request of Carve, for the worker.
func ReadCarve(r *wire.Reader) CarveConfig {
	return CarveConfig{Volume: int(r.Int()), All: r.Bool(), From: r.Int(), Types: readStrings(r)}
}

// AppendCarved appends c for the parent.
func AppendCarved(w *wire.Writer, c *Carved) {
	w.Uint(carveFound)
	w.String(c.Type)
	w.String(c.Ext)
	w.String(c.MIME)
	w.Int(c.Size)
	w.String(c.SHA256)
	w.String(c.Confidence)
	appendStrings(w, c.Checked)
	w.Bool(c.Fragment)
	w.Int(c.Expected)
	filesystem.AppendRuns(w, c.Runs)
}

// AppendCarveProgress appends how far carving is.
func AppendCarveProgress(w *wire.Writer, done, all, offset int64) {
	w.Uint(carveProgress)
	w.Int(done)
	w.Int(all)
	w.Int(offset)
}

// AppendCarveProblem appends what could not be looked at.
func AppendCarveProblem(w *wire.Writer, text string) {
	w.Uint(carveProblem)
	w.String(text)
}

// CopyMedia writes the bytes of the media at the runs, one after the other, and
// returns how many there were.
func (im *Image) CopyMedia(ctx context.Context, runs []filesystem.Run, out io.Writer) (n int64, err error) {
	var w wire.Writer
	filesystem.AppendRuns(&w, runs)
	err = im.call(ctx, OpMedia, w.B, nil, func(tag byte, r *wire.Reader) error {
		if tag == TagEnd {
			return nil
		}
		m, err := out.Write(r.B)
		n += int64(m)
		return err
	})
	return n, err
}
