package filesystem

import "saksi/internal/wire"

// The records by which the worker sends entries. They are no storage format:
// both ends are of one build.

const (
	flagDeleted = 1 << iota
	flagReused
	flagResident
	flagCompressed
	flagEncrypted
	flagContent
	flagMoreRuns
	flagName
)

// AppendEntry appends e.
func AppendEntry(w *wire.Writer, e *Entry) {
	var f uint64
	for i, on := range [...]bool{e.Deleted, e.Reused, e.Resident, e.Compressed, e.Encrypted, e.HasContent, e.MoreRuns, e.Name != nil} {
		if on {
			f |= 1 << i
		}
	}
	w.Uint(f)
	w.Uint(uint64(e.Kind))
	w.String(e.Path)
	w.String(e.Stream)
	w.String(e.Link)
	w.Uint(e.Inode)
	w.Int(e.Size)
	w.Uint(uint64(e.Mode))
	w.Uint(uint64(e.UID))
	w.Uint(uint64(e.GID))
	for _, t := range [...]int64{e.Modified, e.Accessed, e.Changed, e.Created} {
		w.Int(t)
	}
	w.Uint(uint64(e.AttrType))
	w.Uint(uint64(e.AttrID))
	w.Int(e.Record)
	w.String(e.How)
	w.String(e.Blocks)
	AppendRuns(w, e.Runs)
	if e.Name != nil {
		for _, t := range e.Name {
			w.Int(t)
		}
		w.Uint(uint64(e.Sequence))
	}
}

// AppendRuns appends a list of runs.
func AppendRuns(w *wire.Writer, runs []Run) {
	w.Uint(uint64(len(runs)))
	for _, r := range runs {
		w.Int(r.File)
		w.Int(r.Image)
		w.Int(r.Length)
		w.Bool(r.Sparse)
	}
}

// ReadEntry reads into e, reusing its runs.
func ReadEntry(r *wire.Reader, e *Entry) {
	f := r.Uint()
	*e = Entry{
		Deleted: f&flagDeleted != 0, Reused: f&flagReused != 0, Resident: f&flagResident != 0, Compressed: f&flagCompressed != 0,
		Encrypted: f&flagEncrypted != 0, HasContent: f&flagContent != 0, MoreRuns: f&flagMoreRuns != 0,
		Kind: Kind(r.Uint()), Path: r.String(), Stream: r.String(), Link: r.String(), Inode: r.Uint(), Size: r.Int(),
		Mode: uint32(r.Uint()), UID: uint32(r.Uint()), GID: uint32(r.Uint()),
		Modified: r.Int(), Accessed: r.Int(), Changed: r.Int(), Created: r.Int(),
		AttrType: uint32(r.Uint()), AttrID: uint32(r.Uint()), Record: r.Int(), How: r.String(), Blocks: r.String(), Runs: ReadRuns(r, e.Runs[:0]),
	}
	if f&flagName != 0 {
		e.Name = &[4]int64{r.Int(), r.Int(), r.Int(), r.Int()}
		e.Sequence = uint32(r.Uint())
	}
}

// ReadRuns appends a list of runs to dst.
func ReadRuns(r *wire.Reader, dst []Run) []Run {
	n := r.Uint()
	if n > uint64(r.Len())/4 {
		n = uint64(r.Len()) / 4 // a run has four bytes or more; the reader fails at the end
	}
	for range n {
		dst = append(dst, Run{File: r.Int(), Image: r.Int(), Length: r.Int(), Sparse: r.Bool()})
	}
	return dst
}

// AppendRef appends the name of a stream.
func AppendRef(w *wire.Writer, f Ref) {
	w.Uint(f.Inode)
	w.Uint(uint64(f.AttrType))
	w.Uint(uint64(f.AttrID))
	w.Bool(f.HasID)
	w.String(f.Stream)
}

// ReadRef reads the name of a stream.
func ReadRef(r *wire.Reader) Ref {
	return Ref{Inode: r.Uint(), AttrType: uint32(r.Uint()), AttrID: uint32(r.Uint()), HasID: r.Bool(), Stream: r.String()}
}
