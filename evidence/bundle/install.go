package bundle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"saksi/evidence"
	"saksi/internal/infile"
)

// Names in the folder of bundles that are no bundle; a bundle's name has no dot.
const (
	lockName    = ".lock"
	stagingName = ".incoming"
)

// What Install did.
const (
	Installed = "installed"
	Already   = "already installed"
	Restored  = "restored" // the same bundle was installed, but its files had changed
)

// Result says what Install did.
type Result struct {
	*Manifest
	SHA256   string // of manifest.json, in hex
	Status   string // Installed, Already or Restored
	Folder   string // where the bundle's folders are
	Previous int64  // serial of the bundle that was in force until now; 0 for none
}

// Install verifies the bundle in file with a public key and installs it as
// dir/NAME, in place of an older one of its name. dir is made if it is missing.
// Files get mode 0600, folders 0700. progress, when not nil, gets the unpacked
// bytes read so far.
//
// The bundle is unpacked beside its place, verified to its last byte and
// synced; its serial is remembered; then both folders change places in one
// step. An error, also one that says so of the disk, leaves the old one in
// force. What others put into dir/NAME goes with the old one.
//
// Errors: evidence.ErrTrust (another key signed, or key is nil),
// evidence.ErrSignature, ErrDamaged, ErrDowngrade, ErrLocked.
func Install(ctx context.Context, file, dir string, key *evidence.Public, progress func(int64)) (*Result, error) {
	return InstallChecked(ctx, file, dir, key, nil, progress)
}

// InstallChecked is Install that has a bundle looked at before it takes the place of the one
// in force: check gets the folder with its verified files, and an error of it leaves all as it
// was. What is in force already is not checked again.
func InstallChecked(ctx context.Context, file, dir string, key *evidence.Public, check func(m *Manifest, folder string) error, progress func(int64)) (*Result, error) {
	if key == nil {
		return nil, fmt.Errorf("importing %s: %w: no public key was given", file, evidence.ErrTrust)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("importing: %w", err)
	}
	defer f.Close()
	var read int64
	count := func(n int64) {
		if read += n; progress != nil {
			progress(read)
		}
	}
	b, err := open(f, verifyWith(key))
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	defer unlock()
	r, err := b.install(ctx, dir, check, count)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", file, err)
	}
	return r, nil
}

// lock makes dir and keeps other processes from installing there.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

// install does the work of Install under its lock.
func (b *reader) install(ctx context.Context, dir string, check func(*Manifest, string) error, count func(int64)) (*Result, error) {
	book, err := readSerials(dir)
	if err != nil {
		return nil, err
	}
	r := &Result{Manifest: b.Manifest, SHA256: b.digest, Status: Installed, Folder: filepath.Join(dir, b.Name)}
	found, err := installed(r.Folder)
	if err != nil {
		return nil, err
	}
	self := record{b.Serial, b.Made, b.digest}
	for _, before := range []struct {
		*record
		what string
	}{{found, "the installed bundle"}, {book.Bundles[b.Name], "the last one installed (" + serialsName + ")"}} {
		if before.record != nil {
			if err := self.follows(b.Name, *before.record, before.what); err != nil {
				return nil, err
			}
		}
	}
	if found != nil {
		r.Previous = found.Serial
		if found.SHA256 == b.digest {
			same, err := intact(ctx, r.Folder, b.Manifest)
			if err != nil {
				return nil, err
			}
			if same {
				r.Status = Already
				if err := b.unpack(ctx, func(File) (io.WriteCloser, error) { return discard{}, nil }, count); err != nil {
					return nil, err
				}
				return r, book.remember(dir, b.Name, self)
			}
			r.Status = Restored
		}
	}
	staging := filepath.Join(dir, stagingName)
	if err := os.RemoveAll(staging); err != nil { // what a crash left
		return nil, err
	}
	defer os.RemoveAll(staging) // then what was not installed, or the old one
	if err := b.stage(ctx, staging, count); err != nil {
		return nil, err
	}
	if check != nil {
		if err := check(b.Manifest, staging); err != nil {
			return nil, err
		}
	}
	// The serial comes first: whatever happens from here on, nothing older
	// follows, and this bundle may be installed again.
	if err := book.remember(dir, b.Name, self); err != nil {
		return nil, err
	}
	if err := replace(staging, r.Folder, found != nil); err != nil {
		return nil, err
	}
	return r, syncFolder(dir)
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) Close() error                { return nil }

// stage unpacks the bundle into a new folder and syncs all of it.
func (b *reader) stage(ctx context.Context, staging string, count func(int64)) error {
	if err := os.Mkdir(staging, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(staging) // a second wall behind checkPath
	if err != nil {
		return err
	}
	defer root.Close()
	folders := map[string]bool{".": true}
	create := func(f File) (io.WriteCloser, error) {
		for d := path.Dir(f.Path); !folders[d]; d = path.Dir(d) {
			folders[d] = true
		}
		if err := root.MkdirAll(path.Dir(f.Path), 0o700); err != nil {
			return nil, err
		}
		w, err := root.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return syncing{w}, err
	}
	if err := b.unpack(ctx, create, count); err != nil {
		return err
	}
	for name, content := range map[string][]byte{manifestName: b.manifest, signatureName: b.signature} {
		w, err := create(File{Path: name})
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		if cerr := w.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	for d := range folders {
		if err := syncFolder(filepath.Join(staging, filepath.FromSlash(d))); err != nil {
			return err
		}
	}
	return nil
}

// syncing is a file that is synced before it is closed.
type syncing struct{ *os.File }

func (f syncing) Close() error {
	err := f.Sync()
	if cerr := f.File.Close(); err == nil {
		err = cerr
	}
	return err
}

// syncFolder makes the names in a folder last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return syncing{d}.Close()
}

// replace puts the new folder in place in one step; the old one, if there is
// one, is then where the new one was.
func replace(staging, folder string, exists bool) error {
	if !exists {
		return os.Rename(staging, folder)
	}
	err := unix.Renameat2(unix.AT_FDCWD, staging, unix.AT_FDCWD, folder, unix.RENAME_EXCHANGE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("the file system of %s can't exchange two folders in one step, so the old bundle stays in force; use a local one (ext4, XFS, Btrfs)", folder)
	}
	if err != nil {
		return fmt.Errorf("exchanging %s for the new bundle: %w", folder, err)
	}
	return nil
}

// installed reads what bundle a folder holds; nil when there is no folder.
func installed(folder string) (*record, error) {
	if _, err := os.Lstat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	b, err := infile.Read(filepath.Join(folder, manifestName), MaxManifest)
	if err != nil {
		return nil, fmt.Errorf("%s is in the way: it holds no bundle (%w); move it elsewhere", folder, err)
	}
	m, err := decode(b)
	if err != nil {
		// Not ErrDamaged: this is not about the bundle that is imported.
		return nil, fmt.Errorf("%s is in the way: its manifest can't be read (%v); move it elsewhere", folder, err)
	}
	return &record{m.Serial, m.Made, evidence.SHA256(b)}, nil
}

// intact reports whether a folder holds what the manifest says and no more.
func intact(ctx context.Context, folder string, m *Manifest) (bool, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return false, err
	}
	defer root.Close()
	files, err := scan(ctx, root, func(int64) {}, manifestName, signatureName)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && slices.Equal(files, m.Files), nil
}

// madeTime is the time of a record or manifest, which was validated.
func madeTime(made string) time.Time {
	t, _ := time.Parse(time.RFC3339, made)
	return t
}
