// Package volume describes how an image is divided: its partition table and
// the volumes in it, numbered from 0 in the order of the table. An image
// without a table is one volume; each volume of an APFS container is one of
// its own.
package volume

import (
	"saksi/forensics/filesystem"
	"saksi/internal/wire"
)

// Table is what an image is divided by.
type Table struct {
	Scheme  string // a Scheme's name, or "none"
	Backup  bool   // the first copy of a GPT was damaged; the second was read
	Problem string // why a table that seems to be there could not be read
	Volumes []Volume
}

// Volume is one part of an image.
type Volume struct {
	Number      int
	Offset      int64 // bytes from the start of the media
	Length      int64
	Description string // as the table states it
	FileSystem  filesystem.Info
	Problem     string // why there is no file system
	Block       uint64 // APFS: block of the volume's superblock in its container
	Pool        bool   // it is a volume of an APFS container
	// Copy says that this is the volume numbered Of as a shadow copy keeps it, of
	// this time in nanoseconds since 1970; 0 for one that is none.
	Copy int64
	Of   int
}

// Which of the volumes are meant, where no number is given.
const (
	Present   = -1 // all, as they are
	AllOfThem = -2 // and as shadow copies keep them
)

// Chosen reports whether want, a number or one of the above, means v.
func (v *Volume) Chosen(want int) bool {
	switch want {
	case Present:
		return v.Copy == 0
	case AllOfThem:
		return true
	}
	return v.Number == want
}

// Scheme is a kind of partition table that is read.
type Scheme struct{ Name, Doc, Reference string }

// Schemes lists the partition tables that are read, by libtsk.
func Schemes() []Scheme {
	return []Scheme{
		{"bsd", "BSD disk label inside a DOS partition", "FreeBSD, sys/sys/disklabel.h"},
		{"dos", "DOS (MBR) table with extended partitions", "IBM and Microsoft, master boot record; Carrier, File System Forensic Analysis, chapter 5"},
		{"gpt", "GUID partition table, by its backup when the first is damaged", "UEFI Specification 2.10, chapter 5"},
		{"mac", "Apple partition map", "Apple, Inside Macintosh: Devices, chapter 3"},
		{"sun", "Sun VTOC of SPARC and x86", "Solaris, sys/vtoc.h"},
	}
}

// Snapshots lists the earlier states of volumes that are read.
func Snapshots() []Scheme {
	return []Scheme{{"vss", "volume shadow copies of NTFS, each as a volume behind the others: what its store and newer ones keep over the volume", "libvshadow documentation, Volume Shadow Snapshot (VSS) format"}}
}

// Append appends t to a record of the worker protocol.
func (t *Table) Append(w *wire.Writer) {
	w.String(t.Scheme)
	w.Bool(t.Backup)
	w.String(t.Problem)
	w.Uint(uint64(len(t.Volumes)))
	for _, v := range t.Volumes {
		w.Int(v.Offset)
		w.Int(v.Length)
		w.String(v.Description)
		w.String(v.FileSystem.Type)
		w.String(v.FileSystem.Format)
		w.String(v.FileSystem.Label)
		w.Int(v.FileSystem.BlockSize)
		w.Int(v.FileSystem.Size)
		w.Int(v.FileSystem.There)
		w.String(v.Problem)
		w.Uint(v.Block)
		w.Bool(v.Pool)
		w.Int(v.Copy)
		w.Int(int64(v.Of))
	}
}

// Read reads what Append wrote.
func (t *Table) Read(r *wire.Reader) {
	*t = Table{Scheme: r.String(), Backup: r.Bool(), Problem: r.String()}
	n := r.Uint()
	for i := 0; uint64(i) < n && r.Err() == nil; i++ {
		v := Volume{
			Number: i, Offset: r.Int(), Length: r.Int(), Description: r.String(),
			FileSystem: filesystem.Info{Type: r.String(), Format: r.String(), Label: r.String(), BlockSize: r.Int(), Size: r.Int(), There: r.Int()},
			Problem:    r.String(), Block: r.Uint(), Pool: r.Bool(), Copy: r.Int(), Of: int(r.Int()),
		}
		t.Volumes = append(t.Volumes, v)
	}
}
