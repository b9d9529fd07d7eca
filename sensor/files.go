package sensor

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"

	"saksi/event"
	"saksi/internal/magic"
	"saksi/sensor/proto"
)

// filesPerShard bounds the content of carved files a shard holds.
const filesPerShard = 32 << 20

// sniffBytes is what the type of a file is told by.
const sniffBytes = 512

// File is a file carried by a flow.
type File struct {
	// Event is the file's event, valid during ScanFile; what a scanner finds
	// takes its flow and evidence from it.
	Event   *event.Event
	Name    string // as the protocol names it, may be empty
	MIME    string // by its first bytes
	SHA256  string // over Size bytes, in hex
	Size    int64  // bytes seen
	Whole   bool   // the content is the file's, from first byte to last
	Why     string // if not: gap, limit, or what the protocol said
	Content []byte // the first bytes, up to Config.MaxFile
	Packets []uint64
	Key     string // of the source, see evidence.SourceKey
	// Stored says that a rule with filestore matched as the file was carried.
	Stored bool
	sh     *shard
	looks  []Look // of the scanners that began ahead
}

// Complete reports whether Content holds everything.
func (f *File) Complete() bool { return f.Whole && int64(len(f.Content)) == f.Size }

func (f *File) release() { f.Content = nil }

// carver gathers one file.
type carver struct {
	w       *worker
	conn    *conn
	dir     proto.Dir
	file    *File
	hash    hash.Hash
	digests digests
	packets proto.Packets
	keep    int // bytes of content wanted
	gap     bool
	closed  bool
}

// OpenFile implements proto.Host.
func (w *worker) OpenFile(name string, dir proto.Dir) proto.FileWriter {
	c := &carver{w: w, conn: w.conn, dir: dir, hash: sha256.New(), keep: sniffBytes, file: &File{Name: name, sh: w.sh}, digests: w.newDigests()}
	if w.fileMagic() != nil {
		c.keep = magic.MaxHead
	}
	if len(w.rules.Files) > 0 {
		c.keep = max(c.keep, w.cfg.MaxFile)
	}
	return c
}

// Write implements proto.FileWriter.
func (c *carver) Write(b []byte) {
	if c.closed || len(b) == 0 {
		return
	}
	c.packets.Add(c.w.pc.Number)
	c.hash.Write(b)
	c.digests.write(b)
	f := c.file
	f.Size += int64(len(b))
	if room := c.keep - len(f.Content); room > 0 {
		n := min(room, len(b), max(filesPerShard-f.sh.files, sniffBytes-len(f.Content)))
		if n > 0 {
			f.Content = append(f.Content, b[:n]...)
			f.sh.files += n
		}
		if n < min(room, len(b)) {
			c.keep = len(f.Content) // no room: what follows is only hashed
		}
	}
}

// Gap implements proto.FileWriter.
func (c *carver) Gap(n uint32) { c.gap = c.gap || n > 0 }

// Close implements proto.FileWriter.
func (c *carver) Close(whole bool, why string, about func(e *event.Event)) {
	if c.closed {
		return
	}
	c.closed = true
	f, w := c.file, c.w
	f.sh.files -= len(f.Content)
	if f.Size == 0 && !c.gap {
		return
	}
	f.Whole, f.Why = whole && !c.gap, why
	if c.gap {
		f.Why = "gap"
	}
	f.SHA256 = hex.EncodeToString(c.hash.Sum(nil))
	f.MIME = sniff(f.Content[:min(len(f.Content), sniffBytes)])
	f.Packets = c.packets.List()
	c.offerDigests()
	if c.conn != nil && c.conn.store[c.dir] {
		f.Stored, c.conn.store[c.dir] = true, false
	}
	e := w.Begin("saksi.file", f.Packets)
	e.Str(event.SaksiFlowDirection, wayOf(c.dir == proto.FromClient))
	e.Str(event.EventCategory, "file")
	e.Str(event.FileName, f.Name)
	e.Int(event.FileSize, f.Size)
	e.Str(event.FileMimeType, f.MIME)
	if name := w.fileMagic(); name != nil && !c.gap {
		e.Str(event.SaksiFileMagic, name(f.Content))
	}
	e.Str(event.FileHashSHA256, f.SHA256)
	if h := c.digests.md5; h != nil && (w.cfg.MD5 || w.wantMD5) {
		e.Str(event.FileHashMD5, hex.EncodeToString(h.Sum(nil)))
	}
	if h := c.digests.sha1; h != nil && w.wantSHA1 {
		e.Str(event.FileHashSHA1, hex.EncodeToString(h.Sum(nil)))
	}
	e.Str(event.RelatedHash, f.SHA256)
	if i := strings.LastIndexByte(f.Name, '.'); i > 0 && len(f.Name)-i <= 12 {
		e.Str(event.FileExtension, strings.ToLower(f.Name[i+1:]))
	}
	if !f.Whole {
		e.Str(event.SaksiFileIncomplete, f.Why)
	}
	if f.Stored {
		e.Bool(event.SaksiFileStored, true)
	}
	if about != nil {
		about(e)
	}
	w.res.files = append(w.res.files, f)
	w.push(e, itemFile, len(w.res.files)-1)
}

// signatures are types net/http does not know, by their first bytes.
var signatures = []struct{ magic, mime string }{
	{"MZ", "application/vnd.microsoft.portable-executable"},
	{"\x7fELF", "application/x-executable"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"},
	{"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{"\xfd7zXZ\x00", "application/x-xz"},
	{"BZh", "application/x-bzip2"},
	{"\x28\xb5\x2f\xfd", "application/zstd"},
	{"\xca\xfe\xba\xbe", "application/java-vm"},
	{"#!", "text/x-shellscript"},
	{"{\\rtf", "text/rtf"},
	{"!<arch>\n", "application/x-archive"},
	{"MSCF", "application/vnd.ms-cab-compressed"},
	{"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"},
}

// sniff tells a MIME type by first bytes.
func sniff(b []byte) string {
	for _, s := range signatures {
		if strings.HasPrefix(string(b[:min(len(b), 16)]), s.magic) {
			return s.mime
		}
	}
	t := http.DetectContentType(b)
	if i := strings.IndexByte(t, ';'); i > 0 {
		t = t[:i]
	}
	return t
}
