package casefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// Acts of the entries by which a case is encrypted where it rests and opened again.
const (
	ActLock   = "lock case"
	ActUnlock = "unlock case"
)

// Names beside the folder of a case. The encrypted one is whole from its first
// moment; the others are what an interruption leaves, and are taken up again.
const (
	lockedSuffix   = ".age"
	partSuffix     = ".age.part"
	openingSuffix  = ".opening"
	removingSuffix = ".removing"
)

// ErrLockedCase is returned for a folder whose case rests encrypted beside it.
var ErrLockedCase = errors.New("the case is locked")

// Cipher encrypts and opens what a case becomes when it is locked.
type Cipher struct {
	Encrypt func(io.Writer) (io.WriteCloser, error)
	Decrypt func(io.Reader) (io.Reader, error)
	// For names who can open it, for the custody log.
	For string
}

// Locked is what Lock and Unlock did.
type Locked struct {
	Path   string // of the encrypted case
	SHA256 string
	// Outside are exhibits that stand outside the case, and stay as they are.
	Outside []string
	// Finished is true when all that was left to do was the end of one that was
	// interrupted.
	Finished bool
}

// besides are the absolute paths of a case's folder and of what stands beside it.
func besides(dir string) (folder string, beside func(suffix string) string, err error) {
	if dir == "" {
		return "", func(string) string { return "" }, fmt.Errorf("no folder was named: %w", ErrNoCase)
	}
	folder, err = filepath.Abs(dir)
	if err == nil {
		if st, lerr := os.Lstat(folder); lerr == nil && !st.IsDir() {
			err = fmt.Errorf("%w: %s is no folder (%s); name the folder itself", evidence.ErrFile, folder, st.Mode().Type())
		}
	}
	return folder, func(suffix string) string { return folder + suffix }, err
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// IsLocked reports whether the case of a folder that is not there rests encrypted
// beside it, and where.
func IsLocked(dir string) (string, bool) {
	folder, beside, err := besides(dir)
	st, lerr := os.Lstat(beside(lockedSuffix))
	return beside(lockedSuffix), err == nil && lerr == nil && st.Mode().IsRegular() && !there(filepath.Join(folder, infoFile))
}

// Lock turns the folder of the case into one encrypted file beside it, DIR.age:
// everything in it, the index and the spool too. The file is read back and
// compared before the folder is removed, so nothing is lost at whatever instant it
// is interrupted; FinishLock ends one that was. Afterwards the case takes nothing
// but Close. What is removed is not overwritten: a disk may keep its blocks.
func (c *Case) Lock(ctx context.Context, cipher Cipher, why string, progress func(int64)) (*Locked, error) {
	out, err := c.lock(ctx, cipher, why, progress)
	if err != nil {
		return nil, fmt.Errorf("locking the case: %w", err)
	}
	return out, nil
}

func (c *Case) lock(ctx context.Context, cipher Cipher, why string, progress func(int64)) (*Locked, error) {
	folder, beside, err := besides(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := c.MayAct(ActLock); err != nil {
		return nil, err
	}
	held, err := c.holdStores()
	for _, f := range held {
		defer f.Close()
	}
	if err != nil {
		return nil, err
	}
	to := beside(lockedSuffix)
	if err := errors.Join(c.stale(ctx, to), removeFile(beside(partSuffix)), absent(beside(removingSuffix))); err != nil {
		return nil, err
	}
	// From here to the new file there is none, so that an interruption between
	// leaves no older one behind an entry that does not speak of it.
	if err := removeFile(to); err != nil {
		return nil, err
	}
	out := &Locked{Path: to}
	for _, x := range c.Exhibits {
		if !x.Copied {
			out.Outside = append(out.Outside, x.Path)
		}
	}
	if err := c.Record(ctx, evidence.Entry{Act: ActLock, Where: to, Why: why, Detail: map[string]string{"recipients": cipher.For}}); err != nil {
		return nil, err
	}
	if out.SHA256, err = writeLocked(ctx, folder, beside(partSuffix), cipher, progress); err != nil {
		// The log must not say that it was locked.
		undone := c.Record(context.WithoutCancel(ctx), evidence.Entry{Act: ActUnlock, Why: "it was not locked: " + err.Error()})
		return nil, errors.Join(err, removeFile(beside(partSuffix)), undone)
	}
	if err := os.Rename(beside(partSuffix), to); err != nil {
		return nil, err
	}
	if err := evidence.SyncDir(filepath.Dir(folder)); err != nil {
		return nil, err
	}
	if err := os.Rename(folder, beside(removingSuffix)); err != nil {
		return nil, fmt.Errorf("the encrypted case is whole, but its folder can't be removed: %w", err)
	}
	return out, removeCase(beside(removingSuffix))
}

// FinishLock removes what an interrupted Lock left of a folder whose case rests
// encrypted, whole, beside it. It reports whether there was any.
func FinishLock(dir string) (bool, error) {
	_, beside, err := besides(dir)
	if err != nil || !there(beside(removingSuffix)) {
		return false, err
	}
	if _, locked := IsLocked(dir); !locked {
		return false, fmt.Errorf("%s is left of a case that was being locked, and %s is not there", beside(removingSuffix), beside(lockedSuffix))
	}
	return true, removeCase(beside(removingSuffix))
}

// holdStores keeps others from writing to the index and the spool. The folders may
// come from others: no link is followed.
func (c *Case) holdStores() (held []*os.File, err error) {
	for _, d := range []string{IndexDir, SpoolDir} {
		path := filepath.Join(c.Dir, d, "lock")
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return held, err
		}
		held = append(held, f)
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return held, fmt.Errorf("%w: %s", evidence.ErrLocked, path)
		}
	}
	return held, nil
}

// stale reports why the file that is in the way of the encrypted case may not be
// replaced: only what an interrupted Lock or Unlock of this case left may.
func (c *Case) stale(ctx context.Context, path string) error {
	if !there(path) {
		return nil
	}
	if c.lockedTo(path) {
		return nil // it holds what the folder holds
	}
	_, ours, err := c.unlockedFrom(ctx, path)
	if err == nil && !ours {
		err = fmt.Errorf("%w: %s is not what this case was unlocked from; move it away", fs.ErrExist, path)
	}
	return err
}

// unlockedFrom returns the digest of the file, and whether the custody log says
// that the case came out of it.
func (c *Case) unlockedFrom(ctx context.Context, path string) (sum string, ours bool, err error) {
	f, err := evidence.OpenRegular(path)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	if sum, _, err = evidence.SHA256Reader(ctx, f, nil); err != nil {
		return "", false, err
	}
	for _, e := range c.log.Entries().All(ActUnlock) {
		if e.SHA256 == sum {
			return sum, true, nil
		}
	}
	return sum, false, nil
}

// lockedTo reports whether the last act on the case was that it was locked to the
// file. That the log took up an interrupted entry is no act on the case.
func (c *Case) lockedTo(path string) bool {
	entries := c.log.Entries()
	for i := entries.Len() - 1; i >= 0; i-- {
		if e := entries.At(i); e.Act != evidence.ActRecover {
			return e.Act == ActLock && e.Where == path
		}
	}
	return false
}

func absent(path string) error {
	if there(path) {
		return fmt.Errorf("%w: %s; it is left of a case that was being locked: look into it and move it away", fs.ErrExist, path)
	}
	return nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeCase removes a folder, and syncs the one it is in.
func removeCase(dir string) error {
	return errors.Join(os.RemoveAll(dir), evidence.SyncDir(filepath.Dir(dir)))
}

// writeLocked writes the encrypted case and reads it back. It returns the digest
// of the file.
func writeLocked(ctx context.Context, dir, to string, cipher Cipher, progress func(int64)) (sum string, err error) {
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	plain, sealed := sha256.New(), sha256.New()
	w, err := cipher.Encrypt(io.MultiWriter(f, sealed))
	if err != nil {
		return "", err
	}
	if err := errors.Join(writeArchive(ctx, dir, io.MultiWriter(w, plain), true, progress), w.Close(), f.Sync()); err != nil {
		return "", err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	r, err := cipher.Decrypt(f)
	if err != nil {
		return "", fmt.Errorf("reading it back: %w", err)
	}
	back := sha256.New()
	if _, err := io.Copy(back, &reader{ctx, r, func(int64) {}, 0}); err != nil {
		return "", fmt.Errorf("reading it back: %w", err)
	}
	if string(back.Sum(nil)) != string(plain.Sum(nil)) {
		return "", fmt.Errorf("%w: what %s holds is not what was written", evidence.ErrDigest, to)
	}
	return hex.EncodeToString(sealed.Sum(nil)), nil
}

// Unlock makes the folder of a case again out of DIR.age, records that, and
// removes the file. It is whole in its place, with the entry, or not there at all.
// Errors of Open keep it locked.
func Unlock(ctx context.Context, dir string, decrypt func(io.Reader) (io.Reader, error), o Options, why string, progress func(int64)) (*Locked, error) {
	out, err := unlock(ctx, dir, decrypt, o, why, progress)
	if err != nil {
		return nil, fmt.Errorf("unlocking the case: %w", err)
	}
	return out, nil
}

func unlock(ctx context.Context, dir string, decrypt func(io.Reader) (io.Reader, error), o Options, why string, progress func(int64)) (*Locked, error) {
	folder, beside, err := besides(dir)
	if err != nil {
		return nil, err
	}
	from, opening := beside(lockedSuffix), beside(openingSuffix)
	if there(folder) {
		return finishUnlock(ctx, folder, from, o)
	}
	if _, err := FinishLock(dir); err != nil {
		return nil, err
	}
	f, err := evidence.OpenRegular(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w, and no %s beside it", dir, ErrNoCase, filepath.Base(from))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := os.RemoveAll(opening); err != nil {
		return nil, err
	}
	h := sha256.New()
	r, err := decrypt(io.TeeReader(f, h))
	if err == nil {
		err = ReadArchive(ctx, r, opening, progress)
	}
	if err == nil {
		// What follows the last part of an encrypted file is none of it.
		var n int64
		if n, err = io.Copy(h, f); err == nil && n > 0 {
			err = fmt.Errorf("%w: %d bytes follow its end", ErrArchive, n)
		}
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if err == nil {
		err = recordUnlock(ctx, opening, from, sum, why, o)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(opening))
	}
	if err := os.Rename(opening, folder); err != nil {
		return nil, err
	}
	if err := evidence.SyncDir(filepath.Dir(folder)); err != nil {
		return nil, err
	}
	return &Locked{Path: from, SHA256: sum}, errors.Join(os.Remove(from), evidence.SyncDir(filepath.Dir(folder)))
}

func recordUnlock(ctx context.Context, opening, from, sum, why string, o Options) error {
	if err := filepath.WalkDir(opening, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = evidence.SyncDir(p)
		}
		return err
	}); err != nil {
		return err
	}
	c, err := Open(ctx, opening, o)
	if err != nil {
		return err
	}
	return errors.Join(c.Record(ctx, evidence.Entry{Act: ActUnlock, Where: from, SHA256: sum, Why: why}), c.Close())
}

// finishUnlock removes the encrypted case that the folder came out of, which an
// interrupted Unlock left.
func finishUnlock(ctx context.Context, folder, from string, o Options) (*Locked, error) {
	c, err := Open(ctx, folder, o)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if !there(from) {
		return nil, fmt.Errorf("%s is not locked", folder)
	}
	sum, ours, err := c.unlockedFrom(ctx, from)
	switch {
	case err != nil:
		return nil, err
	case !ours:
		if !c.lockedTo(from) {
			return nil, fmt.Errorf("%w: the case in %s is open, and %s is not what it was unlocked from", fs.ErrExist, folder, from)
		}
		// Locking was interrupted before its end: the folder is whole.
		if err := c.Record(ctx, evidence.Entry{Act: ActUnlock, Where: from, SHA256: sum, Why: "locking was interrupted at its end"}); err != nil {
			return nil, err
		}
	}
	return &Locked{Path: from, Finished: true}, errors.Join(os.Remove(from), evidence.SyncDir(filepath.Dir(from)))
}

// lockedError is ErrLockedCase for a folder that is not there and whose case rests
// encrypted, else nil.
func lockedError(dir string) error {
	path, locked := IsLocked(dir)
	if !locked {
		return nil
	}
	return fmt.Errorf("%s: %w: it rests encrypted in %s", dir, ErrLockedCase, path)
}
