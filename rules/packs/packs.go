// Package packs holds the rule packs that come with Saksi, one folder each, with
// their samples: docs/packs.md. Put writes them where files of rules are read from.
package packs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

//go:embed feedback identity payments portal sharing
var files embed.FS

// Names are the names of the packs, in order.
func Names() []string {
	list, err := files.ReadDir(".")
	if err != nil {
		panic("rules/packs: " + err.Error()) // it was there when this was built
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names
}

// ErrUnknown is returned for a name that no pack has.
var ErrUnknown = errors.New("there is no such pack")

// digest is the SHA-256 of all names and contents.
var digest = sync.OnceValue(func() string {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return err
	})
	if err != nil {
		panic("rules/packs: " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil))
})

// Put writes a pack below dir, in a folder that is named by the content of all
// packs, and returns its folder. What is there already is compared byte by byte
// and put right, so that nobody changes what the pack finds.
func Put(dir, name string) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	base := filepath.Join(dir, digest()[:16])
	err := fs.WalkDir(files, name, func(path string, d fs.DirEntry, err error) error {
		to := filepath.Join(base, filepath.FromSlash(path))
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		if have, err := os.ReadFile(to); err == nil && bytes.Equal(have, b) {
			return nil
		}
		return replace(to, b)
	})
	if err != nil {
		return "", fmt.Errorf("writing the pack %s: %w", name, err)
	}
	return filepath.Join(base, name), nil
}

// replace writes a file whole or not at all.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".pack-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
