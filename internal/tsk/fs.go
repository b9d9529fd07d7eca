package tsk

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"runtime/cgo"
	"unsafe"
)

// Info says what a file system claims to be.
type Info struct {
	Type        string // libtsk's name: ntfs, fat12, fat16, fat32, exfat, ext2, ext3, ext4, hfs, iso9660, ufs, apfs ...
	Offset      int64  // in the media
	BlockSize   int64
	Blocks      int64 // as the file system states
	BlocksThere int64 // of them, how many the media holds
	Root        uint64
}

// FS is an open file system.
type FS struct {
	Info
	c    *C.sk_fs
	im   *Image
	pool *C.TSK_POOL_INFO
}

// OpenFS opens the file system at an offset of the media. The error matches
// ErrNoFileSystem or ErrEncrypted where that is why.
func (im *Image) OpenFS(offset int64) (*FS, error) {
	mu.Lock()
	defer mu.Unlock()
	return im.openFS(offset, nil, 0)
}

// OpenPoolFS opens a volume of the APFS container at offset.
func (im *Image) OpenPoolFS(offset int64, block uint64) (*FS, error) {
	mu.Lock()
	defer mu.Unlock()
	pool, _, err := im.pool(offset)
	if err != nil {
		return nil, err
	}
	fs, err := im.openFS(offset, pool, block)
	if err != nil {
		C.sk_pool_close(pool)
		return nil, err
	}
	fs.pool = pool
	return fs, nil
}

func (im *Image) openFS(offset int64, pool *C.TSK_POOL_INFO, block uint64) (*FS, error) {
	var info C.sk_fs_info
	var e C.sk_err
	c := C.sk_fs_open(im.c, C.int64_t(offset), pool, C.uint64_t(block), &info, &e)
	if c == nil {
		return nil, fault(fmt.Sprintf("opening the file system at offset %d", offset), &e)
	}
	return &FS{c: c, im: im, Info: Info{
		Type: C.GoString(&info._type[0]), Offset: int64(info.offset), BlockSize: int64(info.block_size),
		Blocks: int64(info.block_count), BlocksThere: int64(info.blocks_there), Root: uint64(info.root),
	}}, nil
}

// Close releases the file system; its files MUST be closed before.
func (fs *FS) Close() {
	mu.Lock()
	defer mu.Unlock()
	C.sk_fs_close(fs.c)
	if fs.pool != nil {
		C.sk_pool_close(fs.pool)
	}
}

// Run is a stretch of a file. Sparse ones have no place in the image.
type Run struct {
	File, Image, Length int64 // bytes
	Sparse              bool  // zeros, or lost: no bytes of the image
}

// Entry is a name in a directory, or one stream of it. Strings are views of
// the batch: they stay valid only during the call that gives them.
type Entry struct {
	Path, Name, Stream, Link []byte // Path is the directory's, with "/" at its end, without one at its start
	Inode, Parent            uint64
	Size                     int64
	Times                    [4]Time // modified, accessed, changed, created
	NameTimes                [4]Time // the same of $FILE_NAME of NTFS, with HasNameTimes
	HasNameTimes             bool
	Mode, UID, GID, Links    uint32
	Seq                      uint32
	AttrType, AttrID         uint32
	NameType, MetaType       uint8 // TSK_FS_NAME_TYPE_*, TSK_FS_META_TYPE_*
	NameDeleted, MetaDeleted bool
	HasMeta, HasAttr         bool
	Resident, Compressed     bool
	Encrypted                bool
	Record                   int64 // image offset of the MFT record that holds a resident stream
	Runs                     []Run // as many as asked for
	MoreRuns                 bool
	Blocks, BlocksUsed       uint64   // of deleted content: looked at, and in use by others now
	Problem                  *Problem // set instead of all but Inode: see Walk
}

// Problem is part of a file system that could not be read.
type Problem struct {
	Inode uint64
	Path  string // where known
	Text  string
}

// Time is a time as libtsk gives it: seconds and nanoseconds since 1970.
type Time struct {
	Sec  int64
	Nano uint32
}

// WalkConfig says what Walk gives.
type WalkConfig struct {
	Deleted bool // names that are deleted
	Orphans bool // files without a name, as children of /$OrphanFiles
	Runs    int  // runs given with an entry, at most 512; 0 reads no block lists
}

// ErrStop stops a walk without an error.
var ErrStop = errors.New("stop")

type walker struct {
	f     func([]Entry) error
	err   error
	batch []Entry
	runs  []Run
}

// Walk calls f with batches of entries in the order of the directories. What
// can't be read comes as an entry with a Problem in its place; it returns how
// many there were (only the first 1,000 are given). f MUST NOT keep a batch
// and MUST NOT call into this package.
func (fs *FS) Walk(cfg WalkConfig, f func([]Entry) error) (problems int, err error) {
	mu.Lock()
	defer mu.Unlock()
	w := &walker{f: f}
	h := cgo.NewHandle(w)
	defer h.Delete()
	var flags C.uint32_t
	if cfg.Deleted {
		flags |= C.SK_WALK_DELETED
	}
	if cfg.Orphans {
		flags |= C.SK_WALK_ORPHANS
	}
	var e C.sk_err
	n := C.sk_walk(fs.c, C.uintptr_t(h), flags, C.int(cfg.Runs), &e)
	switch {
	case w.err != nil && !errors.Is(w.err, ErrStop):
		return int(max(n, 0)), w.err
	case n < 0:
		return 0, fault(fmt.Sprintf("reading the directories of the file system at offset %d", fs.Offset), &e)
	}
	return int(n), nil
}

//export saksiTskBatch
func saksiTskBatch(h C.uintptr_t, buf *C.char, n C.size_t) C.int {
	w := cgo.Handle(h).Value().(*walker)
	b := unsafe.Slice((*byte)(unsafe.Pointer(buf)), int(n))
	w.decode(b)
	if w.err = w.f(w.batch); w.err != nil {
		return 1
	}
	return 0
}

// decode turns the flat records of shim.c into entries.
func (w *walker) decode(b []byte) {
	w.batch, w.runs = w.batch[:0], w.runs[:0]
	const head = int(unsafe.Sizeof(C.sk_rec{}))
	const runSize = int(unsafe.Sizeof(C.sk_run{}))
	for len(b) >= head {
		r := (*C.sk_rec)(unsafe.Pointer(&b[0]))
		rest := b[head:r.length]
		take := func(n C.uint32_t) []byte {
			s := rest[:n:n]
			rest = rest[n:]
			return s
		}
		b = b[r.length:]
		if r.kind == C.SK_PROBLEM {
			path := string(take(r.path_len))
			w.batch = append(w.batch, Entry{Inode: uint64(r.inode), Problem: &Problem{uint64(r.inode), path, string(take(r.name_len))}})
			continue
		}
		first := len(w.runs)
		for range int(r.runs) {
			c := (*C.sk_run)(unsafe.Pointer(&rest[0]))
			w.runs = append(w.runs, goRun(c))
			rest = rest[runSize:]
		}
		e := Entry{
			Inode: uint64(r.inode), Parent: uint64(r.parent), Size: max(int64(r.size), 0), Mode: uint32(r.mode), UID: uint32(r.uid), GID: uint32(r.gid),
			Links: uint32(r.links), Seq: uint32(r.seq), AttrType: uint32(r.attr_type), AttrID: uint32(r.attr_id),
			NameType: uint8(r.name_type), MetaType: uint8(r.meta_type), Record: int64(r.record),
			NameDeleted: r.flags&C.SK_NAME_DELETED != 0, MetaDeleted: r.flags&C.SK_META_DELETED != 0,
			HasMeta: r.flags&C.SK_HAS_META != 0, HasAttr: r.flags&C.SK_HAS_ATTR != 0,
			Resident: r.flags&C.SK_RESIDENT != 0, Compressed: r.flags&C.SK_COMPRESSED != 0, Encrypted: r.flags&C.SK_ENCRYPTED != 0,
			MoreRuns: r.flags&C.SK_MORE_RUNS != 0, Blocks: uint64(r.blocks), BlocksUsed: uint64(r.blocks_used), Runs: w.runs[first:len(w.runs):len(w.runs)],
		}
		for i := range e.Times {
			e.Times[i] = Time{int64(r.time[i]), uint32(r.nano[i])}
		}
		if e.HasNameTimes = r.flags&C.SK_NAME_TIMES != 0; e.HasNameTimes {
			for i := range e.NameTimes {
				e.NameTimes[i] = Time{int64(r.name_time[i]), uint32(r.name_nano[i])}
			}
		}
		e.Path, e.Name, e.Stream, e.Link = take(r.path_len), take(r.name_len), take(r.stream_len), take(r.link_len)
		w.batch = append(w.batch, e)
	}
}

func goRun(c *C.sk_run) Run {
	r := Run{File: int64(c.file), Image: int64(c.image), Length: int64(c.length)}
	if c.flags&(C.TSK_FS_ATTR_RUN_FLAG_SPARSE|C.TSK_FS_ATTR_RUN_FLAG_FILLER) != 0 {
		r.Sparse, r.Image = true, 0
	}
	return r
}

// Lookup finds the inode of a path of live names.
func (fs *FS) Lookup(path string) (uint64, error) {
	mu.Lock()
	defer mu.Unlock()
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	var inode C.uint64_t
	var e C.sk_err
	switch n := C.sk_lookup(fs.c, s, &inode, &e); {
	case n < 0:
		return 0, fault("looking up "+path, &e)
	case n > 0:
		return 0, fmt.Errorf("looking up %s: %w", path, ErrNotFound)
	}
	return uint64(inode), nil
}

// File is the content of one stream of a file.
type File struct {
	Size       int64 // bytes, as claimed
	Deleted    bool  // its metadata is not in use
	Compressed bool
	Encrypted  bool
	Resident   bool
	Named      bool // it is not the file's unnamed stream

	fs *FS
	c  C.sk_file
}

// Attr names a stream: libtsk's attribute type and id. Type 0 is the default
// stream; without HasID the first of the type is meant.
type Attr struct {
	Type, ID uint32
	HasID    bool
}

// OpenFile opens a stream of the file with the inode.
func (fs *FS) OpenFile(inode uint64, a Attr) (*File, error) {
	mu.Lock()
	defer mu.Unlock()
	f := &File{fs: fs}
	var e C.sk_err
	has := C.int(0)
	if a.HasID {
		has = 1
	}
	if C.sk_file_open(fs.c, C.uint64_t(inode), C.uint32_t(a.Type), C.uint32_t(a.ID), has, &f.c, &e) != 0 {
		return nil, fault(fmt.Sprintf("opening inode %d", inode), &e)
	}
	f.Size = max(int64(f.c.size), 0)
	f.Deleted, f.Named = f.c.flags&C.SK_META_DELETED != 0, f.c.named != 0
	f.Compressed, f.Encrypted, f.Resident = f.c.flags&C.SK_COMPRESSED != 0, f.c.flags&C.SK_ENCRYPTED != 0, f.c.flags&C.SK_RESIDENT != 0
	return f, nil
}

// ReadAt reads content.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.Size {
		return 0, io.EOF
	}
	return f.read(p, off, false)
}

// ReadSlackAt reads what lies between the end of the content and the end of
// its last block; off counts from the start of the content.
func (f *File) ReadSlackAt(p []byte, off int64) (int, error) { return f.read(p, off, true) }

func (f *File) read(p []byte, off int64, slack bool) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	mu.Lock()
	defer mu.Unlock()
	s := C.int(0)
	if slack {
		s = 1
	}
	var e C.sk_err
	n := int(C.sk_file_read(&f.c, C.int64_t(off), (*C.char)(unsafe.Pointer(&p[0])), C.size_t(len(p)), s, &e))
	switch {
	case n < 0:
		return 0, fault(fmt.Sprintf("reading at offset %d of the file", off), &e)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

// Runs returns where the content lies in the image, at most limit runs, and
// the image offset of the MFT record that holds it when it is resident.
func (f *File) Runs(limit int) (runs []Run, record int64) {
	mu.Lock()
	defer mu.Unlock()
	if limit <= 0 {
		return nil, 0
	}
	out := make([]C.sk_run, limit)
	var rec C.uint64_t
	n := C.sk_file_runs(f.fs.c, &f.c, &out[0], C.int(limit), &rec)
	for i := range out[:n] {
		runs = append(runs, goRun(&out[i]))
	}
	return runs, int64(rec)
}

// Close releases the file.
func (f *File) Close() {
	mu.Lock()
	defer mu.Unlock()
	C.sk_file_close(&f.c)
}

// Stream finds the stream of a file by its name, as the file system writes it.
func (fs *FS) Stream(inode uint64, name string) (Attr, error) {
	mu.Lock()
	defer mu.Unlock()
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	var kind, id C.uint32_t
	var e C.sk_err
	switch n := C.sk_stream(fs.c, C.uint64_t(inode), s, &kind, &id, &e); {
	case n < 0:
		return Attr{}, fault(fmt.Sprintf("opening inode %d", inode), &e)
	case n == 0:
		return Attr{}, fmt.Errorf("stream %s of inode %d: %w", name, inode, ErrNotFound)
	}
	return Attr{Type: uint32(kind), ID: uint32(id), HasID: true}, nil
}

// Stretch is a part of the media in bytes.
type Stretch struct{ Offset, Length int64 }

// maxFree bounds the stretches that Free gives.
const maxFree = 1 << 21

// Free lists the stretches of blocks in no use, in their order; more says that
// there are others than the first 2,097,152.
func (fs *FS) Free() (list []Stretch, more bool, err error) {
	mu.Lock()
	defer mu.Unlock()
	var pairs *C.uint64_t
	var m C.int
	var e C.sk_err
	n := C.sk_free(fs.c, &pairs, maxFree, &m, &e)
	if n < 0 {
		return nil, false, fault(fmt.Sprintf("listing the free blocks of the file system at offset %d", fs.Offset), &e)
	}
	defer C.free(unsafe.Pointer(pairs))
	for i := range int(n) {
		p := unsafe.Slice(pairs, 2*int(n))[2*i:]
		list = append(list, Stretch{int64(p[0]), int64(p[1])})
	}
	return list, m != 0, nil
}
