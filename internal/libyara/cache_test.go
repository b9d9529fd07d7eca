package libyara

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/yara"
	"saksi/rules/yara/yaratest"
)

// cached makes a client with a cache in a folder.
func cached(t *testing.T, c yara.Cache, sources []yara.Source) *yara.Client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := yara.NewClient(t.Context(), worker.Config{Path: self, Version: testVersion, Limits: worker.Limits{Unit: unit}}, sources, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cl.Close() })
	return cl
}

// TestCached holds rules that were loaded from a cache against the contract of
// scanners: they are what was compiled.
func TestCached(t *testing.T) {
	cache := &yara.FileCache{Dir: t.TempDir(), Secret: make([]byte, 32), Warn: func(text string) { t.Error(text) }}
	yaratest.Run(t, func(t *testing.T, sources []yara.Source) (yara.Scanner, []rules.Problem) {
		first := cached(t, cache, sources)
		second := cached(t, cache, sources)
		if first.Rules() != second.Rules() || len(first.Problems()) != len(second.Problems()) {
			t.Errorf("%d rules and %d problems, from the cache %d and %d", first.Rules(), len(first.Problems()), second.Rules(), len(second.Problems()))
		}
		return second, second.Problems()
	})
}

// TestCacheTampered proves that a file of the cache that another hand changed,
// moved, opened to others or wrote with another secret is not loaded, that it is
// told, and that the rules run all the same.
func TestCacheTampered(t *testing.T) {
	dir := t.TempDir()
	var warned []string
	cache := &yara.FileCache{Dir: dir, Secret: []byte("00000000000000000000000000000001"), Warn: func(text string) { warned = append(warned, text) }}
	sources := []yara.Source{{Namespace: "a.yar", Text: []byte("rule a { condition: true }")}}
	cached(t, cache, sources)
	files, err := filepath.Glob(filepath.Join(dir, "*.yarc"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	st, err := os.Stat(files[0])
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(files[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(files[0], mode); err != nil {
			t.Fatal(err)
		}
	}
	changed := append([]byte(nil), good...)
	changed[len(changed)-1] ^= 1
	var key [sha256.Size]byte
	if n, err := hex.Decode(key[:], []byte(strings.TrimSuffix(filepath.Base(files[0]), ".yarc"))); err != nil || n != len(key) {
		t.Fatal(files[0], err)
	}
	for name, prepare := range map[string]func(){
		"changed":       func() { put(changed, 0o600) },
		"cut short":     func() { put(good[:40], 0o600) },
		"empty":         func() { put(nil, 0o600) },
		"open to group": func() { put(good, 0o660) },
		"another secret": func() {
			other := *cache
			other.Secret = []byte("00000000000000000000000000000002")
			other.Put(key, good[43:])
		},
		"link": func() {
			put(good, 0o600)
			if err := os.Rename(files[0], files[0]+".real"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(files[0]+".real", files[0]); err != nil {
				t.Fatal(err)
			}
		},
		"folder": func() {
			if err := os.Mkdir(files[0], 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.RemoveAll(files[0]); err != nil {
				t.Fatal(err)
			}
			prepare()
			warned = nil
			c := cached(t, cache, sources)
			if len(warned) == 0 || !strings.Contains(warned[0], "compiled rules in the cache are not used: ") {
				t.Errorf("warned: %q", warned)
			}
			if m, err := c.Scan(t.Context(), &yara.Content{}); err != nil || len(m) != 1 {
				t.Errorf("%v, %v", m, err)
			}
		})
	}
}

// TestCacheBounded proves that the folder keeps a bounded number of sets.
func TestCacheBounded(t *testing.T) {
	cache := &yara.FileCache{Dir: filepath.Join(t.TempDir(), "new"), Secret: make([]byte, 32), Warn: func(text string) { t.Error(text) }}
	for i := range 40 {
		cache.Put([sha256.Size]byte{byte(i)}, []byte("content"))
	}
	files, err := filepath.Glob(filepath.Join(cache.Dir, "*"))
	if err != nil || len(files) != 16 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if b, ok := cache.Get([sha256.Size]byte{39}); !ok || string(b) != "content" {
		t.Errorf("the newest is gone: %q", b)
	}
}
