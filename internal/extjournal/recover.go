package extjournal

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// File is a deleted file or symbolic link that an old copy of its inode gives
// back.
type File struct {
	Inode      uint64
	Copy       uint32 // block of the journal that holds the copy
	Mode       uint16 // type and permissions, as in the inode
	UID, GID   uint32
	Size       int64
	Modified   int64 // Unix nanoseconds
	Accessed   int64
	Changed    int64
	Created    int64  // 0 where inodes have no room for it
	Path       string // "" where no name is known; a directory without one is "?"
	Link       string // target of a short symbolic link
	Blocks     uint64 // of content
	InUse      uint64 // of them, how many another file has now
	Later      uint64 // of them, how many a later deleted file had
	Unknown    bool   // the bitmap of some can't be read
	Lost       int    // parts of its map that are gone
	Resident   bool   // all content lies in the inode's copy
	MovedInode bool   // another file has its inode now
}

// Symlink reports whether it is a symbolic link.
func (f *File) Symlink() bool { return f.Mode&typeMask == typeSymlink }

// identity tells files apart that had one inode number.
type identity struct {
	number     uint64
	generation uint32
	created    int64
}

// candidate is the newest copy with content of a file.
type candidate struct {
	inode *inode
	age   int32
	at    uint32
	esc   bool
}

// recovery is the work of Deleted.
type recovery struct {
	f       *FS
	best    map[identity]*candidate
	dirs    map[uint64]dirBlock // blocks of directories
	names   map[uint64][]name   // by inode
	wanted  map[uint64]bool
	count   int
	badSums int
	dirWork int // blocks of directories that were noted, again and again too
	notes   []string
}

type dirBlock struct {
	inode uint64
	age   int32
}

// name is a name some copy of a directory gives an inode.
type name struct {
	parent uint64
	name   string
	age    int32
	live   bool
}

// Deleted finds the deleted files that the journal gives back, by inode and
// age. where gives the path of a live directory by its inode; known gives a
// deleted name that the disk itself still holds for an inode. notes
// say what could not be looked at. It reads the journal as a whole.
func (f *FS) Deleted(ctx context.Context, where, known func(inode uint64) (path string, ok bool)) (files []File, notes []string, err error) {
	r := &recovery{f: f, best: map[identity]*candidate{}, dirs: map[uint64]dirBlock{}, names: map[uint64][]name{}, wanted: map[uint64]bool{}}
	f.mapLeft, f.checks = maxAllMaps, maxChecks
	if err := f.scan(ctx); err != nil {
		return nil, f.log.notes, err
	}
	if err := r.inodes(ctx); err != nil {
		return nil, f.log.notes, err
	}
	if err := r.directories(ctx); err != nil {
		return nil, f.log.notes, err
	}
	type found struct {
		file File
		c    *candidate
		runs []run
	}
	var list []found
	for _, c := range r.sorted() {
		if ctx.Err() != nil {
			return nil, f.log.notes, ctx.Err()
		}
		if k := c.inode.kind(); k != typeFile && k != typeSymlink {
			continue
		}
		now, err := f.current(c.inode.number)
		if err != nil {
			now = &inode{}
		}
		moved := !now.same(c.inode)
		if !moved && now.live() {
			continue
		}
		if _, named := known(c.inode.number); !moved && named && now.size == c.inode.size && now.block == c.inode.block {
			continue // its own inode gives it back
		}
		x := found{c: c, file: r.file(c, moved && now.live())}
		if !c.inode.resident() {
			var lost int
			x.runs, lost, err = f.runs(c.inode, f.asOf(c.age))
			x.file.Lost = lost
			if err != nil {
				r.notes = append(r.notes, fmt.Sprintf("inode %d: %v", c.inode.number, err))
			}
			if len(x.runs) == 0 {
				continue
			}
		}
		list = append(list, x)
	}
	sort.Slice(list, func(i, k int) bool {
		a, b := &list[i], &list[k]
		if a.file.Inode != b.file.Inode {
			return a.file.Inode < b.file.Inode
		}
		if a.c.age != b.c.age {
			return a.c.age > b.c.age
		}
		return a.file.Copy < b.file.Copy
	})
	spans := make([]span, 0, len(list))
	for i := range list {
		for _, s := range list[i].runs {
			if s.hole {
				continue
			}
			list[i].file.Blocks += s.count
			used, ok := f.allocated(s.disk, s.count)
			list[i].file.InUse += used
			list[i].file.Unknown = list[i].file.Unknown || !ok
			spans = append(spans, span{s.disk, s.disk + s.count, list[i].c.age, i})
		}
	}
	later, whole := overlaps(spans)
	if !whole {
		r.note("the files in the journal lie over each other more than %d times; which newer file had a block was not told for all", maxCompares)
	}
	for i := range list {
		list[i].file.Later = later[i]
		list[i].file.Path = r.path(list[i].c, where, known)
		files = append(files, list[i].file)
	}
	notes = append(f.log.notes, r.notes...)
	if r.badSums > 0 {
		notes = append(notes, fmt.Sprintf("%d copies of inodes in the journal have a wrong checksum and were left out", r.badSums))
	}
	return files, notes, nil
}

// sorted are the candidates in one order, so that notes and what limits leave out
// are the same each time.
func (r *recovery) sorted() []*candidate {
	list := slices.Collect(maps.Values(r.best))
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.inode.number, b.inode.number), cmp.Compare(b.age, a.age), cmp.Compare(a.at, b.at))
	})
	return list
}

func (r *recovery) file(c *candidate, moved bool) File {
	n := c.inode
	x := File{
		Inode: n.number, Copy: c.at, Mode: n.mode, UID: n.uid, GID: n.gid, Size: n.size, Modified: n.modified, Accessed: n.accessed,
		Changed: n.changed, Created: n.created, Resident: n.resident(), MovedInode: moved,
	}
	if n.kind() == typeSymlink && n.resident() {
		x.Link = string(n.inlineContent())
	}
	return x
}

// span is a run of a found file.
type span struct {
	from, to uint64
	age      int32
	file     int
}

// maxCompares bounds the work of overlaps; a sound journal needs far less.
const maxCompares = 1 << 24

// overlaps counts, by file, the blocks that a newer one had too; whole is false
// where the work ended before all were compared.
func overlaps(spans []span) (later map[int]uint64, whole bool) {
	later = map[int]uint64{}
	sort.Slice(spans, func(i, j int) bool {
		if spans[i].from != spans[j].from {
			return spans[i].from < spans[j].from
		}
		return spans[i].file < spans[j].file
	})
	compares := 0
	for i := range spans {
		for j := i + 1; j < len(spans) && spans[j].from < spans[i].to; j++ {
			if compares++; compares > maxCompares {
				return later, false
			}
			a, b := spans[i], spans[j]
			if a.file == b.file {
				continue
			}
			n := min(a.to, b.to) - b.from
			switch {
			case a.age < b.age:
				later[a.file] += n
			case b.age < a.age:
				later[b.file] += n
			}
		}
	}
	return later, true
}

// inodes takes the newest copy with content of every file that is not there any
// more, and the blocks of every directory.
func (r *recovery) inodes(ctx context.Context) error {
	f := r.f
	b, now := make([]byte, f.BlockSize), make([]byte, f.BlockSize)
	block, known := ^uint64(0), false             // of now
	for i := len(f.log.copies) - 1; i >= 0; i-- { // the newest of a block first
		c := f.log.copies[i]
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		first, ok := f.inodesOf(c.block)
		if !ok || f.readCopy(b, c.at, c.esc) != nil {
			continue
		}
		if c.block != block {
			block, known = c.block, f.readBlock(now, c.block) == nil
		}
		for k := 0; k < len(b)/f.inodeSize; k++ {
			number, at := first+uint64(k), k*f.inodeSize
			raw := b[at:][:f.inodeSize]
			mode := le.Uint16(raw)
			if mode == 0 || number < 11 && number != 2 || number > f.inodes {
				continue
			}
			if known && mode&typeMask != typeDir && stillThere(raw, now[at:][:f.inodeSize]) {
				continue // most are: nothing more is read of them
			}
			if full := r.inode(f.parseInode(number, raw), c); full {
				return nil
			}
		}
	}
	return nil
}

// stillThere reports whether an inode is in use and of the same file as an old
// copy of it.
func stillThere(old, now []byte) bool {
	return le.Uint16(now) != 0 && le.Uint16(now[26:]) > 0 && le.Uint32(now[20:]) == 0 && le.Uint32(now[0x64:]) == le.Uint32(old[0x64:]) &&
		(len(old) < 152 || bytes.Equal(old[144:152], now[144:152]))
}

// inode takes a copy, unless a newer one of the same file was; full is true
// when no more can be kept.
func (r *recovery) inode(n *inode, c jcopy) (full bool) {
	if !n.hasContent() {
		return false
	}
	id := identity{n.number, n.generation, n.created}
	have := r.best[id]
	if have != nil && n.kind() != typeDir {
		return false
	}
	if n.wrong {
		r.badSums++
		return false
	}
	if n.kind() == typeDir {
		r.dirOf(n, c.age)
	}
	r.wanted[n.number] = true
	if have != nil {
		return false
	}
	if len(r.best) >= maxFiles {
		r.note("more than %d inodes have old copies in the journal; the rest was left out", maxFiles)
		return true
	}
	r.best[id] = &candidate{n, c.age, c.at, c.esc}
	return false
}

func (r *recovery) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range r.notes {
		if n == text {
			return
		}
	}
	r.notes = append(r.notes, text)
}

// inlineDirs takes the names of directories that lie in their inodes out of a
// block of an inode table.
func (r *recovery) inlineDirs(b []byte, first uint64, age int32) {
	f := r.f
	for k := 0; k < len(b)/f.inodeSize; k++ {
		raw := b[k*f.inodeSize:][:f.inodeSize]
		if le.Uint16(raw)&typeMask != typeDir || le.Uint32(raw[32:])&flagInline == 0 {
			continue
		}
		if n := f.parseInode(first+uint64(k), raw); !n.wrong {
			give := func(d dirent) { r.add(n.number, d, age) }
			f.dirents(n.block[:], 4, give)
			f.dirents(n.inline, 0, give)
		}
	}
}

// dirOf notes which blocks are of a directory.
func (r *recovery) dirOf(n *inode, age int32) {
	if n.flags&flagInline != 0 {
		return
	}
	list, _, err := r.f.runs(n, r.f.asOf(age))
	if err != nil {
		return
	}
	for _, s := range list {
		for k := uint64(0); k < s.count && !s.hole; k++ {
			have, ok := r.dirs[s.disk+k]
			if r.dirWork++; !ok && len(r.dirs) >= maxDirBlocks || r.dirWork > 16*maxDirBlocks {
				r.note("more than %d blocks of directories; names in the rest were left out", maxDirBlocks)
				return
			}
			if !ok || have.age <= age {
				r.dirs[s.disk+k] = dirBlock{n.number, age}
			}
		}
	}
}

func (r *recovery) add(parent uint64, d dirent, age int32) {
	if d.dot || d.name == ".." || !r.wanted[d.inode] {
		return
	}
	for i := range r.names[d.inode] {
		h := &r.names[d.inode][i]
		if h.parent == parent && h.name == d.name && h.live == d.live {
			h.age = max(h.age, age)
			return
		}
	}
	if r.count >= maxNames || len(r.names[d.inode]) >= 256 {
		r.note("more names than are kept; some were left out")
		return
	}
	r.count++
	r.names[d.inode] = append(r.names[d.inode], name{parent, d.name, age, d.live})
}

// directories takes the names out of every copy of a block of a directory.
func (r *recovery) directories(ctx context.Context) error {
	f := r.f
	b := make([]byte, f.BlockSize)
	for i, c := range f.log.copies {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if f.readCopy(b, c.at, c.esc) != nil {
			continue
		}
		if first, ok := f.inodesOf(c.block); ok {
			r.inlineDirs(b, first, c.age)
			continue
		}
		r.block(b, r.dirs[c.block].inode, c.age)
	}
	// A removed directory's own blocks are not in the journal as they were last:
	// the disk may still hold them.
	blocks := make([]uint64, 0, len(r.dirs))
	for n := range r.dirs {
		blocks = append(blocks, n)
	}
	slices.Sort(blocks)
	for i, n := range blocks {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if f.readBlock(b, n) == nil {
			r.block(b, r.dirs[n].inode, r.dirs[n].age)
		}
	}
	return nil
}

// block takes the names out of a block of a directory; parent is whose it is, 0
// where only the block itself can tell.
func (r *recovery) block(b []byte, parent uint64, age int32) {
	var list []dirent
	if !r.f.dirents(b, 0, func(d dirent) { list = append(list, d) }) {
		return
	}
	for _, d := range list {
		if d.dot && d.live {
			parent = d.inode
		}
	}
	for _, d := range list {
		r.add(parent, d, age)
	}
}

// maxDepth bounds how deep a path goes.
const maxDepth = 64

// path is where the file was: the name that its directory had for the inode
// when the copy was written or last before.
func (r *recovery) path(c *candidate, where, known func(uint64) (string, bool)) string {
	n, ok := r.nameOf(c.inode.number, c.age)
	if !ok {
		p, _ := known(c.inode.number)
		return p
	}
	return r.dirPath(n.parent, n.age, where, known, 0) + "/" + n.name
}

// nameOf prefers a name that was live at that age, then live earlier, then live
// later, then one left over.
func (r *recovery) nameOf(inode uint64, age int32) (name, bool) {
	list := r.names[inode]
	if len(list) == 0 {
		return name{}, false
	}
	rank := func(n name) (int, int64) {
		away := int64(n.age) - int64(age)
		switch {
		case n.live && away >= 0:
			return 0, away
		case n.live:
			return 1, -away
		case away >= 0:
			return 2, away
		}
		return 3, -away
	}
	best := list[0]
	for _, n := range list[1:] {
		a, x := rank(n)
		b, y := rank(best)
		if a < b || a == b && x < y {
			best = n
		}
	}
	return best, true
}

// dirPath is the path of a directory, without "/" at its end; a part that is
// not known is "?".
func (r *recovery) dirPath(inode uint64, age int32, where, known func(uint64) (string, bool), depth int) string {
	if inode == 2 {
		return ""
	}
	if p, ok := where(inode); ok {
		return strings.TrimSuffix(p, "/")
	}
	n, ok := r.nameOf(inode, age)
	if !ok || inode == 0 || depth == maxDepth {
		if p, ok := known(inode); ok {
			return p
		}
		return "/?"
	}
	return r.dirPath(n.parent, n.age, where, known, depth+1) + "/" + n.name
}
