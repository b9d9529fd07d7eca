package filesystem

import (
	"fmt"
	"io"
	"slices"
	"sort"

	"saksi/internal/registry"
)

// Media is the volume a file system lies on.
type Media struct {
	io.ReaderAt        // the whole image
	Offset      int64  // of the volume in it
	Length      int64  // bytes to the end of the volume, or of the image
	Sector      int    // bytes
	Block       uint64 // of the superblock, for a volume of an APFS container
	Pool        bool   // it is such a volume
}

// Format is one file system. Its door file registers it; nothing else lists
// it.
type Format struct {
	Name      string
	Doc       string // what of it is read
	Reference string // its specification
	Types     []string
	// Detect decides by the first 128 KiB of the volume. It MUST NOT fail.
	Detect func(head []byte) bool
	// Engine names the library that reads it, installed by the worker; or
	// Open is a reader of our own.
	Engine string
	Open   func(m Media) (Reader, error)
	// Samples are files of testdata/image, with the number of the volume after
	// a "#" when it is not 0. Hostile are recipes, see image.Format.
	Samples []string
	Hostile []string
}

// headSize is what Detect is given.
const headSize = 128 << 10

var (
	formats []*Format
	engines = map[string]func(m Media, f *Format) (Reader, error){}
)

func register(f Format) {
	if err := f.check(); err != nil {
		panic(err)
	}
	formats = append(formats, &f)
	sort.Slice(formats, func(i, j int) bool { return formats[i].Name < formats[j].Name })
}

func (f *Format) check() error {
	taken := func(name string) bool {
		return slices.ContainsFunc(formats, func(g *Format) bool { return g.Name == name })
	}
	return registry.Check("file system", f.Name, taken,
		registry.Need{What: "documentation", Has: f.Doc != ""},
		registry.Need{What: "reference to its specification", Has: f.Reference != ""},
		registry.Need{What: "way to detect it", Has: f.Detect != nil},
		registry.Need{What: "reader", Has: f.Open != nil || f.Engine != ""},
		registry.Need{What: "sample", Has: len(f.Samples) > 0},
		registry.Need{What: "hostile sample", Has: len(f.Hostile) > 0},
	)
}

// Formats returns every registered file system in the order of their names.
func Formats() []Format {
	out := make([]Format, len(formats))
	for i, f := range formats {
		out[i] = *f
	}
	return out
}

// SetEngine installs the library that reads the formats which name it.
func SetEngine(name string, open func(m Media, f *Format) (Reader, error)) { engines[name] = open }

// named are volumes that are recognized and not read.
var named = []struct {
	at    int
	magic string
	what  string
	hint  string
}{
	{3, fveSignature, nameBitLocker, "give its password, its recovery password or the bytes of its startup key (.BEK) by --unlock, --unlock-fd or --unlock-key; what only a TPM opens, Windows unlocks"},
	{424, fveUsedSpace, nameBitLocker, "give its password, its recovery password or the bytes of its startup key (.BEK) by --unlock, --unlock-fd or --unlock-key; what only a TPM opens, Windows unlocks"},
	{424, fveToGo, nameBitLocker, "give its password, its recovery password or the bytes of its startup key (.BEK) by --unlock, --unlock-fd or --unlock-key; what only a TPM opens, Windows unlocks"},
	{0, "LUKS\xba\xbe", nameLUKS, "give its pass phrase by --unlock or --unlock-fd, or its key file by --unlock-key"},
	{88, "CS", nameCoreStorage, "unlock it with 'fvdemount' of libfvde and open the result"},
	{3, "ReFS\x00\x00\x00\x00", "ReFS", "open it in Windows, read-only"},
	{0x400, "\x10\x20\xf5\xf2", "F2FS", "mount it read-only"},
	{0, "hsqs", "SquashFS", "unpack it with 'unsquashfs'"},
	{4086, "SWAPSPACE2", "Linux swap", "search it with 'forensics scan' of the raw container"},
	{16374, "SWAPSPACE2", "Linux swap, of pages of 16 KiB", "search it with 'forensics scan' of the raw container"},
	{65526, "SWAPSPACE2", "Linux swap, of pages of 64 KiB", "search it with 'forensics scan' of the raw container"},
	{32768, "JFS1", "JFS", "mount it read-only"},
	{65588, "ReIsErFs", "ReiserFS 3.5", "mount it read-only"},
	{65588, "ReIsEr2Fs", "ReiserFS 3.6", "mount it read-only"},
	{65588, "ReIsEr3Fs", "ReiserFS with a journal elsewhere", "mount it read-only"},
	{2048, "OCFSV2", "OCFS2", "mount it read-only"},
	{1024, "\xe2\xe1\xf5\xe0", "EROFS", "unpack it with 'fsck.erofs --extract'"},
	{0, "\x45\x3d\xcd\x28", "cramfs", "unpack it with 'cramfsck -x'"},
	{0x2000, "\x0c\xb1\xba\x00", "ZFS", "import it with 'zpool import -o readonly=on'"},
}

// Named tells what a volume is that no reader takes: the name and what to do.
func Named(head []byte) (what, hint string) {
	for _, n := range named {
		if magicAt(head, n.at, n.magic) && (n.what != nameCoreStorage || magicAt(head, 8, "\x01\x00\x10\x00")) {
			return n.what, n.hint
		}
	}
	return "", ""
}

// Open opens the file system of a volume. The error matches ErrUnknown when
// nothing recognizes it and ErrUnsupported when it is known and not read.
func Open(m Media) (Reader, error) {
	head := make([]byte, min(m.Length, headSize))
	n, err := m.ReadAt(head, m.Offset)
	if n == 0 && err != nil && err != io.EOF {
		return nil, fmt.Errorf("opening the file system at offset %d: %w", m.Offset, err)
	}
	head = head[:n]
	if what, hint := Named(head); what != "" {
		if what == nameLUKS || what == nameBitLocker {
			return nil, fmt.Errorf("opening the volume at offset %d: it is %s, which is %w; %s", m.Offset, what+method(m, head, what), errLocked{}, hint)
		}
		return nil, fmt.Errorf("opening the volume at offset %d: it is %s, which is %w; %s", m.Offset, what+method(m, head, what), ErrUnsupported, hint)
	}
	var last error
	for _, f := range formats {
		if !f.Detect(head) {
			continue
		}
		open := f.Open
		if open == nil {
			engine := engines[f.Engine]
			if engine == nil {
				return nil, fmt.Errorf("opening the file system at offset %d: it is %s and this process has no %s to read it", m.Offset, f.Name, f.Engine)
			}
			open = func(m Media) (Reader, error) { return engine(m, f) }
		}
		r, err := open(m)
		if err == nil {
			return r, nil
		}
		last = err
	}
	if last != nil {
		return nil, last
	}
	return nil, fmt.Errorf("opening the volume at offset %d: %w", m.Offset, ErrUnknown)
}

// errLocked is ErrUnsupported of a volume that a pass phrase opens.
type errLocked struct{}

func (errLocked) Error() string        { return "locked" }
func (errLocked) Is(target error) bool { return target == ErrUnsupported }

// magicAt reports whether head holds magic at an offset.
func magicAt(head []byte, at int, magic string) bool {
	return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
}
