// Package bundle packs detection content (rules, hash sets, an ASN table) into
// one signed file that is carried to a site without a network, and installs it
// there. Use Pack on one side and Install on the other.
//
// A bundle is a gzip'd tar. Its first member is manifest.json, which names
// every file with its size and SHA-256; its second is manifest.sigstore.json, a
// statement (package evidence) over the manifest; then come the files in the
// manifest's order. Everything is held to the manifest, and nothing of it is
// believed, or written, before the signature is verified. docs/bundle.md
// describes the format.
//
// Install promises: what does not verify changes nothing, a crash leaves the
// old bundle or the new one in force and never a mix, and a bundle of a name is
// never followed by an older one of that name.
package bundle

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Format is the version of the format that is written, and the newest that is
// read.
const Format = 1

// Predicate is the predicate type of the statement over a manifest, so that no
// other statement made with the same key passes for it.
const Predicate = "https://saksi.example/predicate/bundle/v1"

// Names of the first two members.
const (
	manifestName  = "manifest.json"
	signatureName = "manifest.sigstore.json"
)

// Limits on what is packed and read. They bound what a hostile file can cost
// before its signature is verified (the first two), and what a signed one can.
const (
	MaxManifest  = 16 << 20 // bytes of manifest.json
	MaxSignature = 1 << 20  // bytes of manifest.sigstore.json
	MaxFiles     = 65536
	MaxSize      = 16 << 30 // bytes of all files together, unpacked
	MaxPath      = 512      // bytes of a file's path
	MaxSerial    = 1<<53 - 1
)

// Folders are the folders that a bundle may hold.
var Folders = []string{"asn", "hashes", "rules", "settings"}

// Errors that callers branch on.
var (
	// ErrDamaged is returned when a bundle is cut off, contradicts its
	// manifest, or holds what no bundle may hold. The caller gets another copy.
	ErrDamaged = errors.New("bundle does not verify")
	// ErrDowngrade is returned when a newer bundle of the name, or another of
	// the same serial, is or was installed.
	ErrDowngrade = errors.New("bundle would go back")
	// ErrContent is returned by Pack for a folder that makes no bundle.
	ErrContent = errors.New("not the content of a bundle")
	// ErrLocked is returned when another process installs; the caller tries
	// again later.
	ErrLocked = errors.New("another process installs a bundle")
)

// File is one file of a bundle.
type File struct {
	Path   string `json:"path"` // slash-separated, below one of Folders
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Manifest says what a bundle holds. Its identity is the SHA-256 of its bytes.
type Manifest struct {
	Format int    `json:"format"`
	Name   string `json:"name"`
	Serial int64  `json:"serial"` // 1 to MaxSerial; grows from bundle to bundle of a name
	Made   string `json:"made"`   // RFC 3339 in UTC, whole seconds
	Files  []File `json:"files"`  // by path, ascending bytes
}

// Size is the number of bytes of all files, unpacked.
func (m *Manifest) Size() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// FileName is the name under which a bundle is handed on.
func (m *Manifest) FileName() string {
	return fmt.Sprintf("saksi-bundle-%s-%d.tar.gz", m.Name, m.Serial)
}

// encode gives the one form that a manifest has.
func (m *Manifest) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(m)
	return b.Bytes(), err
}

// decode reads a manifest whose signature was verified. Only the form that
// encode writes is read, so no two readers can take it for different things.
func decode(b []byte) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrDamaged, manifestName, err)
	}
	if version.Format != Format {
		return nil, fmt.Errorf("reading %s: format %d; this saksi reads format %d, so update saksi first", manifestName, version.Format, Format)
	}
	m := &Manifest{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrDamaged, manifestName, err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("%w: reading %s: %w", ErrDamaged, manifestName, err)
	}
	same, err := m.encode()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", manifestName, err)
	}
	if !bytes.Equal(b, same) {
		return nil, fmt.Errorf("%w: reading %s: not in the form that saksi writes", ErrDamaged, manifestName)
	}
	return m, nil
}

var (
	nameForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// validate says what is wrong with a manifest, without the name of the bundle.
func (m *Manifest) validate() error {
	if !nameForm.MatchString(m.Name) {
		return fmt.Errorf("the name is %.80q; expected at most 64 of a-z, 0-9 and -, not - first", m.Name)
	}
	if m.Serial < 1 || m.Serial > MaxSerial {
		return fmt.Errorf("the serial is %d; expected 1 to %d", m.Serial, int64(MaxSerial))
	}
	made, err := time.Parse(time.RFC3339, m.Made)
	if err != nil || made.UTC().Format(time.RFC3339) != m.Made || made.Year() < 1970 || made.Year() > 2199 {
		return fmt.Errorf("the time is %.80q; expected RFC 3339 in UTC, as 2026-01-31T08:00:00Z, in 1970 to 2199", m.Made)
	}
	if len(m.Files) == 0 || len(m.Files) > MaxFiles {
		return fmt.Errorf("%d files; expected 1 to %d", len(m.Files), MaxFiles)
	}
	var total int64
	seen := make(map[string]bool, len(m.Files))
	for i, f := range m.Files {
		if err := checkPath(f.Path, false); err != nil {
			return err
		}
		if i > 0 && m.Files[i-1].Path >= f.Path {
			return fmt.Errorf("file %q does not sort after %q; each stands once, by ascending path", f.Path, m.Files[i-1].Path)
		}
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if seen[dir] {
				return fmt.Errorf("%q is both a file and a folder of %q", dir, f.Path)
			}
		}
		seen[f.Path] = true
		if f.Size < 0 || f.Size > MaxSize-total {
			return fmt.Errorf("with file %q of %d bytes the bundle has more than %d bytes, or fewer than none", f.Path, f.Size, int64(MaxSize))
		}
		total += f.Size
		if !digestForm.MatchString(f.SHA256) {
			return fmt.Errorf("the SHA-256 of %q is %.80q; expected 64 lower case hex digits", f.Path, f.SHA256)
		}
	}
	return nil
}

// checkPath refuses a path, of a file or of a folder of files, that could leave
// the bundle, hide, or deceive on a screen.
func checkPath(p string, folder bool) error {
	bad := func(why string) error { return fmt.Errorf("the path %.200q %s", p, why) }
	parts := strings.Split(p, "/")
	hidden := slices.ContainsFunc(parts, func(e string) bool { return strings.HasPrefix(e, ".") })
	long := slices.ContainsFunc(parts, func(e string) bool { return len(e) > 255 })
	switch {
	case path.IsAbs(p):
		return bad("is absolute; paths are relative")
	case len(p) > MaxPath || long:
		return bad(fmt.Sprintf("is too long; at most %d bytes, 255 between slashes", MaxPath))
	case !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return r == '\\' || !unicode.IsPrint(r) }):
		return bad("holds a backslash or what can't be printed")
	case !fs.ValidPath(p):
		return bad("leaves the bundle or is not in its shortest form")
	case hidden:
		return bad("is hidden: a name begins with a dot")
	case !folder && len(parts) == 1 || !slices.Contains(Folders, parts[0]):
		return bad("is not below " + strings.Join(Folders, "/, ") + "/")
	}
	return nil
}

// find gives the place of a path in the manifest.
func (m *Manifest) find(p string) (int, bool) {
	return slices.BinarySearchFunc(m.Files, p, func(f File, p string) int { return cmp.Compare(f.Path, p) })
}

// sha256Hex is a digest as manifests write it.
func sha256Hex(sum []byte) string { return hex.EncodeToString(sum) }
