package disk

import (
	"context"
	"os"

	"saksi/forensics/filesystem"
	"saksi/internal/wire"
	"saksi/rules"
	"saksi/rules/yara"
)

// UnitConfig says what is done with the streams of a unit.
type UnitConfig struct {
	MD5   bool
	SHA1  bool
	Scan  bool  // with the rules given before
	Runs  int   // most runs told of a stream
	Limit int64 // bytes of one stream that are read at most
}

// Item is one stream of a unit.
type Item struct {
	Volume int
	Ref    filesystem.Ref
	Path   string // for rules that ask for the name
}

// Result is what was found in one stream.
type Result struct {
	Item       int // number in the unit
	SHA256     string
	MD5        string
	SHA1       string
	Read       int64  // bytes
	Incomplete string // why not all content was read: gap, limit, read_error; empty when all was
	Error      string // of the content, in words
	ScanError  string // why the rules did not run to their end
	Runs       []filesystem.Run
	MoreRuns   bool
	Record     int64
	Matches    []yara.Match
}

// Rules sends YARA rules and has them compiled for the units that follow: it
// returns how many run and what is wrong with the others.
func (im *Image) Rules(ctx context.Context, sources []yara.Source) (n int, problems []rules.Problem, err error) {
	for i, src := range sources {
		var w wire.Writer
		w.Bool(i == 0)
		w.Bool(i == len(sources)-1)
		w.String(src.Namespace)
		w.Bytes(src.Text)
		err := im.call(ctx, OpRules, w.B, nil, func(_ byte, r *wire.Reader) error {
			n = int(r.Uint())
			for r.Len() > 0 && r.Err() == nil {
				problems = append(problems, yara.ReadProblem(r))
			}
			return r.Err()
		})
		if err != nil {
			return 0, nil, err
		}
	}
	return n, problems, nil
}

// Unit hashes and scans streams. scratch, when not nil, is an empty unlinked
// file the worker may write: content too large for its memory lies there
// while rules run over it. f is called for each item in their order.
func (im *Image) Unit(ctx context.Context, cfg UnitConfig, items []Item, scratch *os.File, f func(*Result) error) error {
	var w wire.Writer
	w.Bool(cfg.MD5)
	w.Bool(cfg.SHA1)
	w.Bool(cfg.Scan)
	w.Uint(uint64(cfg.Runs))
	w.Int(cfg.Limit)
	w.Uint(uint64(len(items)))
	for _, it := range items {
		w.Uint(uint64(it.Volume))
		filesystem.AppendRef(&w, it.Ref)
		w.String(it.Path)
	}
	var files []*os.File
	if scratch != nil {
		files = []*os.File{scratch}
	}
	return im.call(ctx, OpUnit, w.B, files, func(_ byte, r *wire.Reader) error {
		res := readResult(r)
		if r.Err() != nil {
			return r.Err()
		}
		return f(&res)
	})
}

// ReadUnit reads a unit's request, for the worker.
func ReadUnit(r *wire.Reader) (cfg UnitConfig, items []Item) {
	cfg = UnitConfig{MD5: r.Bool(), SHA1: r.Bool(), Scan: r.Bool(), Runs: int(r.Uint()), Limit: r.Int()}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		items = append(items, Item{Volume: int(r.Uint()), Ref: filesystem.ReadRef(r), Path: r.String()})
	}
	return cfg, items
}

// AppendResult appends res for the parent.
func AppendResult(w *wire.Writer, res *Result) {
	w.Uint(uint64(res.Item))
	w.String(res.SHA256)
	w.String(res.MD5)
	w.String(res.SHA1)
	w.Int(res.Read)
	w.String(res.Incomplete)
	w.String(res.Error)
	w.String(res.ScanError)
	w.Bool(res.MoreRuns)
	w.Int(res.Record)
	filesystem.AppendRuns(w, res.Runs)
	w.Uint(uint64(len(res.Matches)))
	for i := range res.Matches {
		yara.WriteMatch(w, &res.Matches[i])
	}
}

func readResult(r *wire.Reader) Result {
	res := Result{
		Item: int(r.Uint()), SHA256: r.String(), MD5: r.String(), SHA1: r.String(), Read: r.Int(), Incomplete: r.String(), Error: r.String(), ScanError: r.String(),
		MoreRuns: r.Bool(), Record: r.Int(), Runs: filesystem.ReadRuns(r, nil),
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		res.Matches = append(res.Matches, yara.ReadMatch(r))
	}
	return res
}
