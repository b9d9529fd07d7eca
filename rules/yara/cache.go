package yara

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// FileCache keeps compiled sets as files of one folder, 0600 in a folder of
// 0700. Each begins with a keyed digest (HMAC-SHA256, RFC 2104) of its name and
// content: a file that another hand made or changed, that another user owns or
// can write, or that lies behind a link, is not used.
type FileCache struct {
	Dir    string
	Secret []byte            // 32 bytes that others don't know
	Warn   func(text string) // is told of a file that is not used; may be nil
}

// Bounds of the folder: beyond them the files written longest ago go.
const (
	maxCached      = 16
	maxCachedBytes = 512 << 20
)

const cacheMagic = "SAKSIYARA1\n"

func (c *FileCache) path(key [sha256.Size]byte) string {
	return filepath.Join(c.Dir, hex.EncodeToString(key[:])+".yarc")
}

func (c *FileCache) mac(key [sha256.Size]byte, content []byte) []byte {
	h := hmac.New(sha256.New, c.Secret)
	h.Write([]byte(cacheMagic))
	h.Write(key[:])
	h.Write(content)
	return h.Sum(nil)
}

// Get implements Cache.
func (c *FileCache) Get(key [sha256.Size]byte) ([]byte, bool) {
	b, err := c.read(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		if c.Warn != nil {
			c.Warn(fmt.Sprintf("compiled rules in the cache are not used: %s; they are compiled again", err))
		}
		return nil, false
	}
	return b, true
}

func (c *FileCache) read(key [sha256.Size]byte) ([]byte, error) {
	path := c.path(key)
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !st.Mode().IsRegular() || !ok || int(owner.Uid) != os.Geteuid() || st.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s is no file of yours alone", path)
	case st.Size() > maxCode:
		return nil, fmt.Errorf("%s has %d bytes", path, st.Size())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxCode+1))
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(b, []byte(cacheMagic))
	if !ok || len(rest) < sha256.Size || !hmac.Equal(rest[:sha256.Size], c.mac(key, rest[sha256.Size:])) {
		return nil, fmt.Errorf("%s is not what this station wrote", path)
	}
	return rest[sha256.Size:], nil
}

// Put implements Cache. A folder that can't be written costs time only.
func (c *FileCache) Put(key [sha256.Size]byte, content []byte) {
	if err := c.write(key, content); err != nil && c.Warn != nil {
		c.Warn(fmt.Sprintf("compiled rules are not kept: %s", err))
	}
}

func (c *FileCache) write(key [sha256.Size]byte, content []byte) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.Dir, "new-*") // 0600
	if err != nil {
		return err
	}
	for _, b := range [][]byte{[]byte(cacheMagic), c.mac(key, content), content} {
		if _, werr := f.Write(b); err == nil {
			err = werr
		}
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), c.path(key))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return c.trim()
}

// trim removes the files written longest ago, when there are too many.
func (c *FileCache) trim() error {
	names, err := filepath.Glob(filepath.Join(c.Dir, "*.yarc"))
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, n := range names {
		if st, err := os.Lstat(n); err == nil {
			files = append(files, st)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return cmp.Compare(b.ModTime().UnixNano(), a.ModTime().UnixNano()) })
	size := int64(0)
	for i, st := range files {
		if size += st.Size(); i > 0 && (i >= maxCached || size > maxCachedBytes) {
			if err := os.Remove(filepath.Join(c.Dir, st.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
