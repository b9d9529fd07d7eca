package disk

import (
	"context"
	"os"

	"saksi/forensics/filesystem"
	"saksi/internal/wire"
)

// UnitConfig says what is done with the streams of a unit.
type UnitConfig struct {
	MD5   bool
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
	Read       int64  // bytes
	Incomplete string // why not all content was read: gap, limit, read_error; empty when all was
	Error      string // of the content, in words
	ScanError  string // why the rules did not run to their end
	Runs       []filesystem.Run
	MoreRuns   bool
	Record     int64
	Matches    []Match
}

// Match is one YARA rule that matched.
type Match struct {
	Namespace, Rule string
	Tags            []string
	Metas           []MatchMeta
	Strings         []MatchString
	More            int // strings left out
}

// MatchMeta is one meta line of a rule; numbers and booleans are in words.
type MatchMeta struct{ Name, Value string }

// MatchString is one place where a string of a rule matched.
type MatchString struct {
	Name   string
	Offset int64 // in the stream
	Length int64
	Data   []byte // its first bytes
}

// Rules sends the text of YARA rules and has them compiled. skipped are the
// files that did not compile, with the compiler's words.
func (im *Image) Rules(ctx context.Context, files []RuleFile) (rules int, err error) {
	for i, f := range files {
		var w wire.Writer
		w.Bool(i == 0)
		w.Bool(i == len(files)-1)
		w.String(f.Namespace)
		w.Bytes(f.Text)
		err := im.call(ctx, OpRules, w.B, nil, func(_ byte, r *wire.Reader) error {
			rules = int(r.Uint())
			return r.Err()
		})
		if err != nil {
			return 0, err
		}
	}
	return rules, nil
}

// RuleFile is the text of one file of rules.
type RuleFile struct {
	Namespace string // the file's name, which a match tells
	Text      []byte
}

// Unit hashes and scans streams. scratch, when not nil, is an empty unlinked
// file the worker may write: content too large for its memory lies there
// while rules run over it. f is called for each item in their order.
func (im *Image) Unit(ctx context.Context, cfg UnitConfig, items []Item, scratch *os.File, f func(*Result) error) error {
	var w wire.Writer
	w.Bool(cfg.MD5)
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
	cfg = UnitConfig{MD5: r.Bool(), Scan: r.Bool(), Runs: int(r.Uint()), Limit: r.Int()}
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
	w.Int(res.Read)
	w.String(res.Incomplete)
	w.String(res.Error)
	w.String(res.ScanError)
	w.Bool(res.MoreRuns)
	w.Int(res.Record)
	filesystem.AppendRuns(w, res.Runs)
	w.Uint(uint64(len(res.Matches)))
	for _, m := range res.Matches {
		w.String(m.Namespace)
		w.String(m.Rule)
		appendStrings(w, m.Tags)
		w.Uint(uint64(len(m.Metas)))
		for _, x := range m.Metas {
			w.String(x.Name)
			w.String(x.Value)
		}
		w.Uint(uint64(len(m.Strings)))
		for _, s := range m.Strings {
			w.String(s.Name)
			w.Int(s.Offset)
			w.Int(s.Length)
			w.Bytes(s.Data)
		}
		w.Uint(uint64(m.More))
	}
}

func readResult(r *wire.Reader) Result {
	res := Result{
		Item: int(r.Uint()), SHA256: r.String(), MD5: r.String(), Read: r.Int(), Incomplete: r.String(), Error: r.String(), ScanError: r.String(),
		MoreRuns: r.Bool(), Record: r.Int(), Runs: filesystem.ReadRuns(r, nil),
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		m := Match{Namespace: r.String(), Rule: r.String(), Tags: readStrings(r)}
		for k := r.Uint(); k > 0 && r.Err() == nil; k-- {
			m.Metas = append(m.Metas, MatchMeta{r.String(), r.String()})
		}
		for k := r.Uint(); k > 0 && r.Err() == nil; k-- {
			m.Strings = append(m.Strings, MatchString{Name: r.String(), Offset: r.Int(), Length: r.Int(), Data: append([]byte(nil), r.Bytes()...)})
		}
		m.More = int(r.Uint())
		res.Matches = append(res.Matches, m)
	}
	return res
}
