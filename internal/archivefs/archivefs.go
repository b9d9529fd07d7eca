// Package archivefs reads archives as file systems: tar, zip and cpio, among them
// extractions of phones. What is damaged gives the entries that stand before the
// damage, and a note with its offset. Deleted entries there are none.
package archivefs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"saksi/internal/inode"
)

// Limits of what an archive may make us hold.
const (
	maxEntries = 2 << 20
	maxNames   = 512 << 20 // bytes of all names
	maxName    = 32 << 10  // bytes of one
	maxLevels  = 512       // of folders in folders
	maxNotes   = 1000      // of one archive; also how often the next header is looked for
	maxKept    = 64 << 20  // bytes of packed content that are kept, so that it can be read backwards
)

// ErrUnsupported is returned for content that is known and not read.
var ErrUnsupported = errors.New("not supported")

// node is an entry.
type node struct {
	meta     inode.Meta
	name     string
	children []uint64
	made     bool // a folder that no entry of the archive is of
	link     string
	open     func() (inode.Content, error) // nil: empty
}

// FS is an open archive.
type FS struct {
	kind    string
	size    int64
	nodes   []node            // number 1 is the root
	folders map[string]uint64 // by path without "/" at its end
	paths   map[string]uint64 // of files, the last of a path
	names   int64
	notes   []string
	more    int // notes that are counted only
}

var _ inode.FS = (*FS)(nil)

func newFS(kind string, size int64) *FS {
	fs := &FS{kind: kind, size: size, nodes: make([]node, 2), folders: map[string]uint64{"": 1}, paths: map[string]uint64{}}
	fs.nodes[1] = node{meta: folder(1), made: true}
	return fs
}

func folder(number uint64) inode.Meta {
	return inode.Meta{
		Ref: inode.Ref{Number: number}, Mode: inode.TypeDir | 0o755, Links: 1,
		Modified: inode.NoTime, Accessed: inode.NoTime, Changed: inode.NoTime, Created: inode.NoTime,
	}
}

func (fs *FS) note(format string, args ...any) {
	if len(fs.notes) >= maxNotes {
		fs.more++
		return
	}
	fs.notes = append(fs.notes, fmt.Sprintf(format, args...))
}

// behind tells of bytes that stand behind the end of the archive and are no archive.
func (fs *FS) behind(r io.ReaderAt, offset, end, length int64) {
	b := make([]byte, 64<<10)
	n, _ := r.ReadAt(b[:min(int64(len(b)), max(length-end, 0))], offset+end)
	if len(bytes.Trim(b[:n], "\x00")) > 0 {
		fs.note("it ends at offset %d; %d bytes behind that are no archive of its kind, and are not listed", offset+end, length-end)
	}
}

// errMany ends the reading of an archive with more entries than are held.
var errMany = fmt.Errorf("it has more than %d entries, or %d bytes of names, which are held", maxEntries, maxNames)

// add takes an entry in under its path. Parts that are empty or "." are left out;
// ".." is a name as any: nothing leads out of the archive.
func (fs *FS) add(path string, n node) error {
	if len(path) > maxName {
		fs.note("a name of %d bytes is cut to %d", len(path), maxName)
		path = path[:maxName]
	}
	var parts []string
	for _, p := range strings.Split(path, "/") {
		if p != "" && p != "." {
			parts = append(parts, p)
		}
	}
	if len(parts) > maxLevels {
		fs.note("a file in %d folders of folders is listed in the first %d: %.200q", len(parts)-1, maxLevels-1, path)
		parts = append(parts[:maxLevels-1], parts[len(parts)-1])
	}
	if len(parts) == 0 { // the root itself
		if n.meta.Type() == inode.TypeDir {
			number := fs.nodes[1].meta.Ref
			fs.nodes[1].meta = n.meta
			fs.nodes[1].meta.Ref, fs.nodes[1].made = number, false
		}
		return nil
	}
	parent, at := uint64(1), ""
	for _, p := range parts[:len(parts)-1] {
		if at != "" {
			at += "/"
		}
		at += p
		next, ok := fs.folders[at]
		if !ok {
			var err error
			if next, err = fs.put(parent, at, p, node{meta: folder(0), made: true}); err != nil {
				return err
			}
		}
		parent = next
	}
	name := parts[len(parts)-1]
	full := strings.Join(parts, "/")
	if n.meta.Type() == inode.TypeDir {
		if at, ok := fs.folders[full]; ok && fs.nodes[at].made {
			number := fs.nodes[at].meta.Ref
			fs.nodes[at].meta, fs.nodes[at].made = n.meta, false
			fs.nodes[at].meta.Ref = number
			return nil
		}
	}
	_, err := fs.put(parent, full, name, n)
	return err
}

func (fs *FS) put(parent uint64, full, name string, n node) (uint64, error) {
	fs.names += int64(len(full) + len(name))
	if len(fs.nodes) >= maxEntries || fs.names > maxNames {
		return 0, errMany
	}
	number := uint64(len(fs.nodes))
	n.name, n.meta.Ref = name, inode.Ref{Number: number}
	if n.meta.Links == 0 {
		n.meta.Links = 1
	}
	fs.nodes = append(fs.nodes, n)
	fs.nodes[parent].children = append(fs.nodes[parent].children, number)
	if n.meta.Type() == inode.TypeDir {
		fs.folders[full] = number
	} else {
		fs.paths[full] = number
	}
	return number, nil
}

func (fs *FS) node(r inode.Ref) (*node, error) {
	if r.Number == 0 || r.Number >= uint64(len(fs.nodes)) || r.Tree != 0 {
		return nil, fmt.Errorf("there is no entry %d: the archive has %d", r.Number, len(fs.nodes)-1)
	}
	return &fs.nodes[r.Number], nil
}

// Type implements inode.FS.
func (fs *FS) Type() string { return fs.kind }

// Label implements inode.FS: what an archive is known to be by its files.
func (fs *FS) Label() string {
	_, report := fs.paths["report.xml"]
	if _, files := fs.folders["files"]; report && files && fs.kind == "zip" {
		return "UFDR, an extraction of a phone by UFED"
	}
	if _, apps := fs.folders["apps"]; apps && len(fs.nodes[1].children) <= 2 {
		return "backup of an Android phone"
	}
	// A backup stands in a folder of the device's name, or by itself.
	if l := fs.backup(""); l != "" {
		return l
	}
	for i, c := range fs.nodes[1].children {
		if l := fs.backup(fs.nodes[c].name + "/"); l != "" || i == 100 {
			return l
		}
	}
	return ""
}

// backup names a backup by iTunes or Finder that lies below a path.
func (fs *FS) backup(path string) string {
	_, plist := fs.paths[path+"Manifest.plist"]
	_, db := fs.paths[path+"Manifest.db"]
	_, mbdb := fs.paths[path+"Manifest.mbdb"]
	if plist && (db || mbdb) {
		return "backup of an iPhone or iPad by iTunes or Finder"
	}
	return ""
}

// BlockSize implements inode.FS.
func (fs *FS) BlockSize() int64 { return 512 }

// Size implements inode.FS.
func (fs *FS) Size() int64 { return fs.size }

// Root implements inode.FS.
func (fs *FS) Root() inode.Ref { return inode.Ref{Number: 1} }

// Notes implements inode.FS.
func (fs *FS) Notes() []string {
	if fs.more > 0 {
		return append(fs.notes[:len(fs.notes):len(fs.notes)], fmt.Sprintf("%d more notes of this kind are not listed", fs.more))
	}
	return fs.notes
}

// Meta implements inode.FS.
func (fs *FS) Meta(r inode.Ref) (inode.Meta, error) {
	n, err := fs.node(r)
	if err != nil {
		return inode.Meta{}, err
	}
	return n.meta, nil
}

// List implements inode.FS.
func (fs *FS) List(r inode.Ref, f func(inode.Dirent) error) error {
	n, err := fs.node(r)
	if err != nil {
		return err
	}
	for _, c := range n.children {
		if err := f(inode.Dirent{Name: fs.nodes[c].name, Ref: inode.Ref{Number: c}}); err != nil {
			return err
		}
	}
	return nil
}

// Open implements inode.FS.
func (fs *FS) Open(r inode.Ref) (inode.Content, error) {
	n, err := fs.node(r)
	if err != nil {
		return nil, err
	}
	switch {
	case n.link != "":
		return &inode.Bytes{B: []byte(n.link)}, nil
	case n.open == nil:
		return &inode.Bytes{}, nil
	}
	return n.open()
}

// Deleted implements inode.FS: archives keep nothing of what is no longer theirs.
func (fs *FS) Deleted(context.Context, func(*inode.Deleted) error) error { return nil }

// Free implements inode.FS.
func (fs *FS) Free(context.Context) ([]inode.Run, error) { return nil, nil }

// plainContent lies as it is in the media.
func plainContent(r io.ReaderAt, at, size int64) func() (inode.Content, error) {
	return func() (inode.Content, error) {
		return &inode.Mapped{R: r, Bytes: size, List: []inode.Run{{Image: at, Length: size}}}, nil
	}
}

// streamed is content that can only be read from its beginning on.
type streamed struct {
	start func() (io.Reader, error)
	size  int64
	r     io.Reader
	at    int64
	all   []byte // of what was read backwards
}

func (c *streamed) Size() int64 { return c.size }

// Runs implements inode.Content: packed bytes lie nowhere as they are.
func (c *streamed) Runs(int) ([]inode.Run, int64) { return nil, 0 }

func (c *streamed) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= c.size {
		return 0, io.EOF
	}
	if c.all == nil && off < c.at && c.size <= maxKept { // a database is read all over
		if err := c.keep(); err != nil {
			return 0, err
		}
	}
	if c.all != nil {
		n := copy(p, c.all[off:])
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
	if c.r == nil || off < c.at {
		r, err := c.start()
		if err != nil {
			return 0, err
		}
		c.r, c.at = r, 0
	}
	if off > c.at {
		n, err := io.CopyN(io.Discard, c.r, off-c.at)
		if c.at += n; err != nil {
			return 0, c.lost(err)
		}
	}
	short := int64(len(p)) > c.size-off
	if short {
		p = p[:c.size-off]
	}
	n, err := io.ReadFull(c.r, p)
	c.at += int64(n)
	switch {
	case err != nil:
		return n, c.lost(err)
	case off+int64(n) == c.size: // its checksum stands behind its end
		if _, err := c.r.Read(make([]byte, 1)); err != nil && err != io.EOF {
			return n, c.lost(err)
		}
		c.r = nil
		if short {
			return n, io.EOF
		}
	}
	return n, nil
}

// keep unpacks all of it. What is damaged is read as far as it goes, piece by piece.
func (c *streamed) keep() error {
	r, err := c.start()
	if err != nil {
		return err
	}
	all := make([]byte, c.size)
	if _, err := io.ReadFull(r, all); err != nil {
		return nil
	}
	if _, err := r.Read(make([]byte, 1)); err != nil && err != io.EOF { // its checksum
		return nil
	}
	c.all, c.r = all, nil
	return nil
}

func (c *streamed) lost(err error) error {
	c.r = nil
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("its packed content ends at %d of %d bytes", c.at, c.size)
	}
	return fmt.Errorf("its packed content at %d of %d bytes: %w", c.at, c.size, err)
}
