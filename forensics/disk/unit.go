package disk

import (
	"context"
	"fmt"
	"os"

	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/search"
	"saksi/internal/wire"
	"saksi/rules/yara"
)

// UnitConfig says what is done with the streams of a unit.
type UnitConfig struct {
	MD5   bool
	SHA1  bool
	Scan  bool  // with the rules given before
	Runs  int   // most runs told of a stream
	Limit int64 // bytes of one stream that are read at most
	// Exhibit is the id of the image's exhibit, for rules that ask for it.
	Exhibit string
	// Enter are the limits within which archives and documents are entered; without
	// Depth none is.
	Enter archive.Limits
	// Closed enters none, and names those that would have been.
	Closed bool
	// Every tells of each member, also of those in which nothing was found.
	Every bool
	// Kinds tells what content begins as, and looks for what may be a container without
	// a header.
	Kinds bool
	// Fuzzy takes a fuzzy hash besides.
	Fuzzy bool
	// Same says that no rule asks for names: what was found to hold nothing is not
	// looked at again where it lies under another.
	Same bool
}

// Item is one stream of a unit.
type Item struct {
	Volume int
	Ref    filesystem.Ref
	Path   string // for rules that ask for the name
	Area   Area
	// Of an area that is no file's: the runs of the media to look at, and how many of
	// their bytes are this item's own. What begins beyond them is the next one's.
	Runs []filesystem.Run
	Core int64
	Next bool // bytes of the same area stand before it
}

// Result is what was found in one stream.
type Result struct {
	Item    int // number in the unit
	SHA256  string
	MD5     string
	SHA1    string
	Fuzzy   string // see internal/fuzzy; of whole content
	Program string // what a program it begins as: PE, ELF, Mach-O; empty for none
	// Kind is what content begins as (UnitConfig.Kinds): zip, jpeg, luks2 ...; random for
	// bytes spread as evenly as random ones under no header that is known; empty for all else.
	Kind string
	// Of random content, in thousandths: chi-square against evenly spread bytes, 255 of
	// random ones, and the entropy in bits a byte.
	Chi, Entropy int64
	Read         int64  // bytes
	Incomplete   string // why not all content was read: gap, limit, read_error; empty when all was
	Error        string // of the content, in words
	ScanError    string // why the rules did not run to their end
	Runs         []filesystem.Run
	MoreRuns     bool
	Record       int64
	Matches      []yara.Match
	Hits         []search.Hit
	MoreHits     int64 // that were counted only
	Known        bool  // a set of known files holds it: it was hashed and not looked at
	// Places are where in the media each string of Matches begins, then each of
	// Hits; -1 where it lies in none of its blocks.
	Places []int64
	// Members of the archive or document that it is, in the order in which they stand
	// there: those in which something was found, or all (UnitConfig.Every).
	Members []Member
	Entered archive.Stats
}

// Member is what was found in a member of an archive or a document.
type Member struct {
	Path string // in the stream, see archive.Member
	At   int64  // of its content in the stream; -1 where it lies there packed
	Result
}

// Rules gives the worker compiled YARA rules for the units that follow.
func (im *Image) Rules(ctx context.Context, set *yara.Compiled) error {
	f, err := set.File()
	if err != nil {
		return fmt.Errorf("handing the compiled rules to the worker: %w", err)
	}
	defer f.Close()
	n := 0
	err = im.call(ctx, OpRules, nil, []*os.File{f}, func(_ byte, r *wire.Reader) error {
		n = int(r.Uint())
		return r.Err()
	})
	if err == nil && n != set.Rules {
		err = fmt.Errorf("%d rules were loaded, expected %d", n, set.Rules)
	}
	return err
}

// Unit hashes and scans streams. scratch, when not nil, is an empty unlinked
// file the worker may write: content too large for its memory lies there
// while rules run over it. f is called for each item in their order.
func (im *Image) Unit(ctx context.Context, cfg UnitConfig, items []Item, scratch *os.File, f func(*Result) error) error {
	var w wire.Writer
	AppendUnit(&w, &cfg, items)
	var files []*os.File
	if scratch != nil {
		files = []*os.File{scratch}
	}
	im.members = nil
	return im.call(ctx, OpUnit, w.B, files, func(tag byte, r *wire.Reader) error {
		if tag == TagMember {
			m := readMember(r)
			if r.Err() == nil {
				im.members = append(im.members, m)
			}
			return r.Err()
		}
		res := readResult(r)
		if r.Err() != nil {
			return r.Err()
		}
		res.Members, im.members = im.members, nil
		return f(&res)
	})
}

// Members are those of the item over which the worker died, as far as it came.
func (im *Image) Members() []Member { return im.members }

// AppendUnit appends a unit's request.
func AppendUnit(w *wire.Writer, cfg *UnitConfig, items []Item) {
	w.Bool(cfg.MD5)
	w.Bool(cfg.SHA1)
	w.Bool(cfg.Scan)
	w.Uint(uint64(cfg.Runs))
	w.Int(cfg.Limit)
	w.String(cfg.Exhibit)
	w.Bool(cfg.Same)
	w.Bool(cfg.Kinds)
	w.Bool(cfg.Fuzzy)
	w.Bool(cfg.Every)
	w.Bool(cfg.Closed)
	appendLimits(w, &cfg.Enter)
	w.Uint(uint64(len(items)))
	for _, it := range items {
		w.Uint(uint64(it.Volume))
		filesystem.AppendRef(w, it.Ref)
		w.String(it.Path)
		w.Uint(uint64(it.Area))
		w.Int(it.Core)
		w.Bool(it.Next)
		filesystem.AppendRuns(w, it.Runs)
	}
}

// ReadUnit reads a unit's request, for the worker.
func ReadUnit(r *wire.Reader) (cfg UnitConfig, items []Item) {
	cfg = UnitConfig{MD5: r.Bool(), SHA1: r.Bool(), Scan: r.Bool(), Runs: int(r.Uint()), Limit: r.Int(), Exhibit: r.String(), Same: r.Bool(), Kinds: r.Bool(), Fuzzy: r.Bool(), Every: r.Bool(), Closed: r.Bool()}
	cfg.Enter = readLimits(r)
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		items = append(items, Item{Volume: int(r.Uint()), Ref: filesystem.ReadRef(r), Path: r.String(), Area: Area(r.Uint()), Core: r.Int(), Next: r.Bool(), Runs: filesystem.ReadRuns(r, nil)})
	}
	return cfg, items
}

// AppendResult appends res for the parent.
func AppendResult(w *wire.Writer, res *Result) {
	w.Uint(uint64(res.Item))
	w.String(res.SHA256)
	w.String(res.MD5)
	w.String(res.SHA1)
	w.String(res.Fuzzy)
	w.String(res.Program)
	w.String(res.Kind)
	w.Int(res.Chi)
	w.Int(res.Entropy)
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
	appendHits(w, res.Hits)
	w.Int(res.MoreHits)
	w.Bool(res.Known)
	w.Uint(uint64(len(res.Places)))
	for _, at := range res.Places {
		w.Int(at)
	}
	appendStats(w, &res.Entered)
}

func readResult(r *wire.Reader) Result {
	res := Result{
		Item: int(r.Uint()), SHA256: r.String(), MD5: r.String(), SHA1: r.String(), Fuzzy: r.String(), Program: r.String(), Kind: r.String(), Chi: r.Int(), Entropy: r.Int(), Read: r.Int(), Incomplete: r.String(), Error: r.String(), ScanError: r.String(),
		MoreRuns: r.Bool(), Record: r.Int(), Runs: filesystem.ReadRuns(r, nil),
	}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		res.Matches = append(res.Matches, yara.ReadMatch(r))
	}
	res.Hits, res.MoreHits, res.Known = readHits(r), r.Int(), r.Bool()
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		res.Places = append(res.Places, r.Int())
	}
	res.Entered = readStats(r)
	return res
}

// AppendWhole appends res with its members.
func AppendWhole(w *wire.Writer, res *Result) {
	AppendResult(w, res)
	w.Uint(uint64(len(res.Members)))
	for i := range res.Members {
		AppendMember(w, &res.Members[i])
	}
}

// ReadWhole reads what AppendWhole wrote.
func ReadWhole(r *wire.Reader) Result {
	res := readResult(r)
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		res.Members = append(res.Members, readMember(r))
	}
	return res
}

func readMember(r *wire.Reader) Member {
	return Member{Path: r.String(), At: r.Int(), Result: readResult(r)}
}
