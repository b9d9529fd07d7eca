// Package filesystem is one view of all file systems: live and deleted
// entries, alternate streams, block runs, four times, and the content behind
// them. Start with Reader, which every file system gives, and Open, which
// finds the one for a volume. View makes an fs.FS of a listing.
//
// What parses a disk runs in saksi-worker: there internal/tskworker installs
// libtsk as the engine of the formats registered with Engine "libtsk", and a
// reader of our own registers its Open in its door file. The parent process
// uses this package for its types, its codec and its registry only.
package filesystem

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Errors that callers branch on.
var (
	// ErrUnknown is returned when no format recognizes a volume.
	ErrUnknown = errors.New("no file system recognized")
	// ErrUnsupported is returned for a volume that is recognized and not read,
	// such as an encrypted one; the message names what it is.
	ErrUnsupported = errors.New("not supported")
	// ErrNotFound is returned for a path or an inode that leads nowhere.
	ErrNotFound = errors.New("no such file in the image")
	// ErrNoContent is returned for an entry without content of its own, such
	// as a deleted name whose metadata another file uses now.
	ErrNoContent = errors.New("it has no content of its own")
)

// Info says what a file system claims to be.
type Info struct {
	Type      string // ntfs, fat12, fat16, fat32, exfat, ext2, ext3, ext4, hfs+, apfs, iso9660, ufs ...
	Format    string // name in the registry
	Label     string
	BlockSize int64
	Size      int64 // bytes it claims
	There     int64 // bytes of them that the media holds
}

// Kind is what an entry is. The values are part of the worker protocol.
type Kind uint8

// Kinds of entries.
const (
	Other Kind = iota
	File
	Dir
	Symlink
	Fifo
	CharDevice
	BlockDevice
	Socket
	Virtual // made by the reader for an area that is no file, such as a FAT
)

var kindNames = [...]string{"other", "file", "dir", "symlink", "fifo", "char_device", "block_device", "socket", "virtual"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "other"
}

// Letter is the kind as ls prints it.
func (k Kind) Letter() byte {
	const letters = "?-dlpcbsv"
	if int(k) < len(letters) {
		return letters[k]
	}
	return '?'
}

// Run is a stretch of content in the image. All are bytes; a sparse run has
// no place in the image.
type Run struct {
	File, Image, Length int64
	Sparse              bool
}

// NoTime stands for a time the file system does not hold.
const NoTime = -1 << 63

// Ref names one stream of one file for reading: what Entry.Ref gives, or what
// ParseInode makes of an address.
type Ref struct {
	Inode    uint64
	AttrType uint32 // the reader's own number for the stream; 0 is the default stream
	AttrID   uint32
	HasID    bool
	Stream   string // name of the stream where the numbers are not known
}

// Entry is a name in a directory, or one stream of what it names.
type Entry struct {
	Path    string // absolute, "/" between the parts; raw bytes of the file system
	Stream  string // name of an alternate stream or fork
	Link    string // target of a symbolic link
	Kind    Kind
	Inode   uint64
	Size    int64 // bytes, as claimed
	Deleted bool  // the name, or what it names, is not in use
	// Reused: the name is deleted and its metadata belongs to another file
	// now, so that size, times and content are not its own and not given.
	Reused     bool
	Resident   bool // content lies in the metadata
	Compressed bool
	Encrypted  bool
	HasContent bool
	Mode       uint32 // permission bits
	UID, GID   uint32
	Modified   int64 // Unix nanoseconds, or NoTime
	Accessed   int64
	Changed    int64
	Created    int64
	// Name are the four times of $FILE_NAME of NTFS, which programs can't set: modified,
	// accessed, changed, created, or NoTime; nil elsewhere.
	Name     *[4]int64
	Sequence uint32 // of the record of NTFS, with Name
	AttrType uint32
	AttrID   uint32
	Runs     []Run // as many as were asked for
	MoreRuns bool
	Record   int64 // image offset of the metadata that holds resident content
	// How content of a deleted entry is found: HowMetadata or HowJournal; "" for
	// what is live or has none.
	How string
	// Blocks says whether the blocks of deleted content are still its own: one
	// of the words below; "" where there are none, or nobody can tell.
	Blocks string
}

// How content of a deleted file is found.
const (
	HowMetadata = "metadata" // by what its directory, inode or record still says
	HowJournal  = "journal"  // by an old copy of its inode in the journal
)

// Whose the blocks of deleted content are.
const (
	BlocksFree        = "free"        // nobody's: the content is likely whole
	BlocksPartly      = "partly"      // another file has or had some of them
	BlocksReallocated = "reallocated" // others have all of them: it is their content
	BlocksIncomplete  = "incomplete"  // parts of its block list are gone and read as zeros
	BlocksUnknown     = "unknown"     // what says whose they are can't be read
)

// BlocksState is the word for used of all blocks.
func BlocksState(used, all uint64) string {
	switch {
	case all == 0:
		return ""
	case used == 0:
		return BlocksFree
	case used < all:
		return BlocksPartly
	}
	return BlocksReallocated
}

// Ref names the entry's content.
func (e *Entry) Ref() Ref {
	return Ref{Inode: e.Inode, AttrType: e.AttrType, AttrID: e.AttrID, HasID: e.AttrType != 0}
}

// Problem is part of a file system that could not be read.
type Problem struct {
	Inode uint64
	Path  string // where known
	Text  string
}

// WalkConfig says what Walk gives.
type WalkConfig struct {
	Deleted bool
	Orphans bool // files without a name, under /$OrphanFiles
	Runs    int  // most runs given with an entry; 0 gives none and is faster
}

// Reader is an open file system. It is used by one goroutine at a time.
type Reader interface {
	Info() Info
	// Walk calls f for entries and problems in one order that depends on the
	// image only. f MUST NOT keep what it is given.
	Walk(ctx context.Context, cfg WalkConfig, f func(*Entry, *Problem) error) error
	// Open opens a stream; the caller MUST close it.
	Open(ref Ref) (Content, error)
	// Lookup finds a live path.
	Lookup(path string) (Ref, error)
	Close()
}

// Freer is a Reader that tells which space is in no use.
type Freer interface {
	// Free lists the stretches of unallocated space in their order, as image
	// offsets; more says that there are others that are not listed.
	Free(ctx context.Context) (list []Run, more bool, err error)
}

// Content is the content of one stream.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes, as claimed
	// Runs returns at most limit runs, and the image offset of the metadata
	// that holds resident content, or 0.
	Runs(limit int) ([]Run, int64)
}

// Damager is Content that knows of itself, once it was read, that it is not what
// was stored.
type Damager interface {
	// Damage says what differs, "" for nothing.
	Damage() string
}

// ParseInode reads an inode address as libtsk's tools write it: N, N-TYPE or
// N-TYPE-ID.
func ParseInode(s string) (Ref, error) {
	var r Ref
	parts := strings.Split(s, "-")
	if len(parts) > 3 {
		return r, errors.New("an inode is N, N-TYPE or N-TYPE-ID")
	}
	var err error
	if r.Inode, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return r, errors.New("an inode is N, N-TYPE or N-TYPE-ID, all decimal")
	}
	for i, p := range parts[1:] {
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil {
			return r, errors.New("an inode is N, N-TYPE or N-TYPE-ID, all decimal")
		}
		if i == 0 {
			r.AttrType = uint32(n)
		} else {
			r.AttrID, r.HasID = uint32(n), true
		}
	}
	return r, nil
}
