package disk

import (
	"context"
	"fmt"
	"io"

	"saksi/forensics/filesystem"
	"saksi/internal/carve"
	"saksi/internal/wire"
	"saksi/internal/worker"
)

// CarveConfig says where and what Carve looks for.
type CarveConfig struct {
	Volume int      // as volume.Volume.Chosen takes it; volume.Present: what lies between them too
	All    bool     // used space as well
	Types  []string // names of kinds; none: all
	Every  int64    // files begin at multiples of so many bytes; 0: sectors
	From   CarvePoint
}

// CarvePoint is how far carving has come: all before it is done.
type CarvePoint struct {
	Space  int   // 0: the media; n+1: volume n, which does not lie in it as it is
	Offset int64 // in that
	Done   int64 // bytes that were looked at, or left out
	State  carve.State
}

// Append appends p to a record.
func (p *CarvePoint) Append(w *wire.Writer) {
	w.Int(int64(p.Space))
	for _, n := range [...]int64{p.Offset, p.Done, p.State.Spent, p.State.Unread, p.State.First} {
		w.Int(n)
	}
	w.String(p.State.Why)
}

// Read reads what Append wrote.
func (p *CarvePoint) Read(r *wire.Reader) {
	*p = CarvePoint{Space: int(r.Int()), Offset: r.Int(), Done: r.Int(), State: carve.State{Spent: r.Int(), Unread: r.Int(), First: r.Int(), Why: r.String()}}
}

// Carved is a file found by its content.
type Carved struct {
	Type, Ext, MIME string
	Size            int64
	Volume          int              // whose bytes it was found in; -1: those of the media
	Runs            []filesystem.Run // where it lies in them; File is the place in it
	Places          []filesystem.Run // where that is in the image
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

// Carve looks for files in unallocated space, in the order of their places: on the
// media, then in each volume that does not lie there as it is. progress is told how
// far it is, and how many bytes there are; problem what could not be looked at.
func (im *Image) Carve(ctx context.Context, cfg CarveConfig, found func(*Carved) error, progress func(at *CarvePoint, all int64) error, problem func(text string)) error {
	var w wire.Writer
	w.Int(int64(cfg.Volume))
	w.Bool(cfg.All)
	w.Int(cfg.Every)
	cfg.From.Append(&w)
	appendStrings(&w, cfg.Types)
	return im.call(ctx, OpCarve, w.B, nil, func(_ byte, r *wire.Reader) error {
		switch r.Uint() {
		case carveFound:
			c := ReadCarved(r)
			if r.Err() != nil {
				return r.Err()
			}
			if len(c.Runs) == 0 {
				return fmt.Errorf("%w: a carved file that lies nowhere", worker.ErrProtocol)
			}
			return found(&c)
		case carveProgress:
			var at CarvePoint
			at.Read(r)
			all := r.Int()
			if r.Err() == nil {
				return progress(&at, all)
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
	cfg := CarveConfig{Volume: int(r.Int()), All: r.Bool(), Every: r.Int()}
	cfg.From.Read(r)
	cfg.Types = readStrings(r)
	return cfg
}

// AppendCarved appends c to a record.
func AppendCarved(w *wire.Writer, c *Carved) {
	w.String(c.Type)
	w.String(c.Ext)
	w.String(c.MIME)
	w.Int(c.Size)
	w.String(c.SHA256)
	w.String(c.Confidence)
	appendStrings(w, c.Checked)
	w.Bool(c.Fragment)
	w.Int(c.Expected)
	w.Int(int64(c.Volume))
	filesystem.AppendRuns(w, c.Runs)
	filesystem.AppendRuns(w, c.Places)
}

// ReadCarved reads what AppendCarved wrote.
func ReadCarved(r *wire.Reader) Carved {
	return Carved{
		Type: r.String(), Ext: r.String(), MIME: r.String(), Size: r.Int(), SHA256: r.String(), Confidence: r.String(), Checked: readStrings(r),
		Fragment: r.Bool(), Expected: r.Int(), Volume: int(r.Int()), Runs: filesystem.ReadRuns(r, nil), Places: filesystem.ReadRuns(r, nil),
	}
}

// AppendCarveFound appends a file for the parent.
func AppendCarveFound(w *wire.Writer, c *Carved) {
	w.Uint(carveFound)
	AppendCarved(w, c)
}

// AppendCarveProgress appends how far carving is.
func AppendCarveProgress(w *wire.Writer, at *CarvePoint, all int64) {
	w.Uint(carveProgress)
	at.Append(w)
	w.Int(all)
}

// AppendCarveProblem appends what could not be looked at.
func AppendCarveProblem(w *wire.Writer, text string) {
	w.Uint(carveProblem)
	w.String(text)
}

// CopyMedia writes the bytes at the runs, one after the other, and returns how many
// there were: of the media for volume -1, else of a volume that does not lie there as
// it is.
func (im *Image) CopyMedia(ctx context.Context, volume int, runs []filesystem.Run, out io.Writer) (n int64, err error) {
	var w wire.Writer
	w.Int(int64(volume))
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
