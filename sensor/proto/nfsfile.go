package proto

// What READ and WRITE of NFS carry is carved: RFC 1094 sections 2.2.7 and 2.2.9,
// RFC 1813 sections 3.3.6 and 3.3.7, RFC 7530 sections 16.23 and 16.36. NFS closes
// no file: one that is read ends with its size, one that is written with a commit.

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"saksi/event"
)

const (
	// maxNFSFiles bounds the files of a flow in work, maxNFSNames the names kept
	// for handles.
	maxNFSFiles, maxNFSNames = 64, 1024
	// maxNFSAhead bounds the bytes of a file that wait for what lies before them:
	// clients ask for several pieces at once.
	maxNFSAhead = 1 << 20
)

// nfsData is where in a record the bytes of a file lie.
type nfsData struct {
	at, n  int // n is 0 for none
	offset uint64
	size   uint64 // of the file, if the reply says it
	sized  bool
	stable bool // of a write: all of it is on disk, as of a file in one piece
}

// take notes that n bytes of a file come next.
func (d *nfsData) take(w *wire, n uint32) {
	if !w.short && n <= 16<<20 {
		d.at, d.n = w.at, int(n)
	}
}

// span reads where a read or write of version 2 or 3 takes place, and the bytes
// written.
//
//	2  read: offset, count, total; write: begin, offset, total, data
//	3  offset (8), count; write: how stable, data
func (k *rpcCall) span(w *wire) {
	switch {
	case k.version == 3:
		k.data.offset = w.u64()
	case k.action == "write":
		w.take(4)
		k.data.offset = uint64(w.u32())
		w.take(4)
	default:
		k.data.offset = uint64(w.u32())
	}
	n := w.u32()
	if k.bytes = int64(n); k.action == "write" {
		if k.version == 3 {
			k.data.stable = w.u32() == fileSync
			n = w.u32()
		}
		k.data.take(w, n)
	}
}

// results reads what a reply gives: the bytes of a read, the handle of a name.
func (k *rpcCall) results(w *wire) {
	switch {
	case k.version == 2 && k.action == "read": // attributes: 20 size; data
		a := w.take(68)
		if len(a) == 68 {
			k.data.size, k.data.sized = uint64(binary.BigEndian.Uint32(a[20:])), true
		}
		k.data.take(w, w.u32())
	case k.version == 2 && (k.action == "lookup" || k.action == "create"):
		k.given = hex.EncodeToString(w.take(32))
	case k.version == 3 && k.action == "read": // attributes, if any: 20 size; count, end of file, data
		if w.u32() == 1 {
			w.take(84)
		}
		w.u32()
		end := w.u32() == 1
		n := w.u32()
		k.data.sized, k.data.size = end, k.data.offset+uint64(n)
		k.data.take(w, n)
	case k.version == 3 && k.action == "lookup":
		k.given = hex.EncodeToString(w.opaque(64))
	case k.version == 3 && k.action == "create":
		if w.u32() == 1 {
			k.given = hex.EncodeToString(w.opaque(64))
		}
	case k.version == 4 && k.action == "read": // tag, count, operations of a number and a status
		w.opaque(1024)
		for n := min(int(w.u32()), maxNFSOps); n > 0 && !w.short; n-- {
			op, status := w.u32(), w.u32()
			switch {
			case status != 0:
				return
			case op == 25:
				end := w.u32() == 1
				n := w.u32()
				k.data.sized, k.data.size = end, k.data.offset+uint64(n)
				k.data.take(w, n)
				return
			case op == 53: // sequence
				w.take(36)
			case op != 22: // putfh
				return
			}
		}
	}
}

// nfsKey is a file and the way its bytes go.
type nfsKey struct {
	handle string
	dir    Dir
}

// nfsFile is a file in work.
type nfsFile struct {
	key   nfsKey
	name  string
	file  FileWriter
	next  uint64
	size  uint64
	sized bool
	gap   bool
	ahead []nfsPiece
	held  int
}

type nfsPiece struct {
	at   uint64
	data []byte
}

// nfsFiles carves the files of a flow.
type nfsFiles struct {
	files []*nfsFile // the oldest first
	names map[string]string
	sink  [2]struct { // where the rest of a record goes
		file *nfsFile
		pos  uint64
		left int
	}
}

// named notes the name of a handle.
func (s *nfsFiles) named(handle, name string) {
	if handle == "" || name == "" {
		return
	}
	if s.names == nil {
		s.names = map[string]string{}
	}
	if len(s.names) < maxNFSNames {
		s.names[handle] = name
	}
}

// find returns the file in work of a key, made when needed.
func (s *nfsFiles) find(c *Context, key nfsKey) *nfsFile {
	for _, f := range s.files {
		if f.key == key {
			return f
		}
	}
	if len(s.files) == maxNFSFiles {
		s.end(s.files[0], false)
	}
	f := &nfsFile{key: key, name: s.names[key.handle]}
	f.file = c.OpenFile(f.name, key.dir)
	s.files = append(s.files, f)
	return f
}

// begin takes the data that a record begins with: b is what is held of the
// record, whose rest is given to more.
func (s *nfsFiles) begin(c *Context, key nfsKey, d nfsData, b []byte) {
	if d.n <= 0 || d.at > len(b) || key.handle == "" {
		return
	}
	f := s.find(c, key)
	if d.offset == 0 && f.next > 0 { // from the beginning again
		s.end(f, false)
		f = s.find(c, key)
	}
	if d.sized {
		f.size, f.sized = d.size, true
	}
	now := b[d.at:min(len(b), d.at+d.n)]
	f.write(d.offset, now)
	k := &s.sink[key.dir]
	if k.left = d.n - len(now); k.left > 0 {
		k.file, k.pos = f, d.offset+uint64(len(now))
		return
	}
	s.check(f)
}

// more takes what follows of a record.
func (s *nfsFiles) more(dir Dir, b []byte) {
	k := &s.sink[dir]
	if k.file == nil {
		return
	}
	n := min(k.left, len(b))
	k.file.write(k.pos, b[:n])
	k.pos += uint64(n)
	if k.left -= n; k.left == 0 {
		s.check(k.file)
		k.file = nil
	}
}

// lost passes over missing bytes of a record.
func (s *nfsFiles) lost(dir Dir, n int) {
	if k := &s.sink[dir]; k.file != nil {
		n = min(n, k.left)
		k.pos += uint64(n)
		if k.left -= n; k.left == 0 {
			k.file = nil
		}
	}
}

// check ends a file that was read to its end.
func (s *nfsFiles) check(f *nfsFile) {
	if f.sized && f.key.dir == FromServer && f.next >= f.size && !f.gap {
		s.end(f, true)
	}
}

// end closes a file.
func (s *nfsFiles) end(f *nfsFile, whole bool) {
	slices.SortFunc(f.ahead, func(a, b nfsPiece) int { return cmp.Compare(a.at, b.at) })
	for _, p := range f.ahead {
		f.put(p.at, p.data)
	}
	if f.file != nil {
		f.file.Close(whole && !f.gap, "connection_end", func(e *event.Event) { e.Str(event.SaksiNfsHandle, f.key.handle) })
	}
	s.files = slices.DeleteFunc(s.files, func(x *nfsFile) bool { return x == f })
	for d := range s.sink {
		if s.sink[d].file == f {
			s.sink[d].file = nil
		}
	}
}

// commit ends a file that was written.
func (s *nfsFiles) commit(handle string) {
	for _, f := range s.files {
		if f.key == (nfsKey{handle, FromClient}) {
			s.end(f, true)
			return
		}
	}
}

func (s *nfsFiles) close() {
	for len(s.files) > 0 {
		s.end(s.files[0], false)
	}
}

// write takes bytes at a place of the file; those that come early wait.
func (f *nfsFile) write(at uint64, b []byte) {
	if len(b) == 0 {
		return
	}
	if at > f.next && f.held+len(b) <= maxNFSAhead {
		f.ahead = append(f.ahead, nfsPiece{at, slices.Clone(b)})
		f.held += len(b)
		return
	}
	f.put(at, b)
	for i := 0; i < len(f.ahead); i++ {
		if p := f.ahead[i]; p.at <= f.next {
			f.ahead = slices.Delete(f.ahead, i, i+1)
			f.held -= len(p.data)
			f.put(p.at, p.data)
			i = -1
		}
	}
}

// put adds what is new of b to the file.
func (f *nfsFile) put(at uint64, b []byte) {
	switch {
	case at+uint64(len(b)) <= f.next:
		return
	case at < f.next:
		b = b[f.next-at:]
	case at > f.next:
		f.gap = true
		if f.file != nil {
			f.file.Gap(uint32(min(at-f.next, 1<<31)))
		}
		f.next = at
	}
	if f.file != nil {
		f.file.Write(b)
	}
	f.next += uint64(len(b))
}
