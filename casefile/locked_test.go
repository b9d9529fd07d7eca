package casefile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"saksi/evidence"
)

// newCipher is one by an age identity of its own.
func newCipher() (Cipher, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return Cipher{}, err
	}
	return cipherOf(id), nil
}

func cipherOf(id *age.X25519Identity) Cipher {
	return Cipher{
		Encrypt: func(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, id.Recipient()) },
		Decrypt: func(r io.Reader) (io.Reader, error) { return age.Decrypt(r, id) },
		For:     id.Recipient().String(),
	}
}

// tree is what a folder holds, but for the custody log, with modes.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if rel == CustodyDir {
			return fs.SkipDir
		}
		st, err := e.Info()
		if err != nil || e.IsDir() {
			m[rel] = "folder"
			return err
		}
		b, err := os.ReadFile(p)
		m[rel] = st.Mode().String() + st.ModTime().UTC().Format("20060102T150405.000000000") + evidence.SHA256(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestLock proves that a case that was locked is gone from its folder, and comes
// back as it was, with both acts in its log; and that whatever an interruption
// leaves is taken up again, and nobody else's file is touched.
func TestLock(t *testing.T) {
	s, pub := key(t)
	cipher, err := newCipher()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Who: "ana", Tool: "saksi test", Signer: s}
	copyTo := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.CopyFS(dir+to, os.DirFS(dir+from)); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(suffix, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { put(t, dir+suffix, []byte(text)) }
	}
	// Locking it once more was killed while that was entered in its log.
	torn := func(t *testing.T, dir string) {
		copyTo(".kept", "")(t, dir)
		edit(t, filepath.Join(dir, CustodyDir, "entries.ndjson"), func(b []byte) []byte { return append(b, `{"seq":6,"act":"lock`...) })
	}
	// An interruption is simulated by what it leaves: before, beside the open case;
	// after, beside the locked one, whose folder is .kept and whose file .old, too.
	for _, c := range []struct {
		name          string
		before, after func(t *testing.T, dir string)
		again         bool // lock again first
		entries       int64
	}{
		{name: "uninterrupted", entries: 7},
		{name: "a part was written", before: file(partSuffix, "part"), entries: 7},
		{name: "encrypted, and the folder still whole, then locked", after: func(t *testing.T, dir string) { copyTo(".kept", "")(t, dir) }, again: true, entries: 8},
		{name: "encrypted, and the folder still whole, then unlocked", after: func(t *testing.T, dir string) { copyTo(".kept", "")(t, dir) }, entries: 7},
		{name: "encrypted, the folder whole, the log torn, then locked", after: torn, again: true, entries: 9},
		{name: "encrypted, the folder whole, the log torn, then unlocked", after: torn, entries: 8},
		{name: "half removed", after: func(t *testing.T, dir string) {
			copyTo(".kept", removingSuffix)(t, dir)
			removed(infoFile)(t, dir+removingSuffix)
		}, entries: 7},
		{name: "half unpacked", after: file(openingSuffix+"/data/x", "x"), entries: 7},
		{name: "unpacked, and the encrypted one still there, then locked", after: func(t *testing.T, dir string) {
			if _, err := Unlock(t.Context(), dir, cipher.Decrypt, o, "", nil); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(dir+".old", dir+lockedSuffix); err != nil {
				t.Fatal(err)
			}
		}, again: true, entries: 9},
		{name: "unpacked, and the encrypted one still there, then unlocked", after: func(t *testing.T, dir string) {
			if _, err := Unlock(t.Context(), dir, cipher.Decrypt, o, "", nil); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(dir+".old", dir+lockedSuffix); err != nil {
				t.Fatal(err)
			}
		}, entries: 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := makeCase(t, s)
			put(t, dir+"/"+IndexDir+"/lock", nil)
			put(t, dir+"/"+SpoolDir+"/0.seg", []byte("found and not signed yet"))
			was := tree(t, dir)
			lock := func() {
				t.Helper()
				k, err := Open(t.Context(), dir, o)
				if err != nil {
					t.Fatal(err)
				}
				defer k.Close()
				l, err := k.Lock(t.Context(), cipher, "to rest", nil)
				if err != nil || l.Path != dir+lockedSuffix || len(l.SHA256) != 64 {
					t.Fatal(l, err)
				}
			}
			if c.before != nil {
				c.before(t, dir)
			}
			if c.after == nil {
				lock()
				if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
					t.Fatal("the folder is there still: ", err)
				}
				if _, err := ReadInfo(dir); !errors.Is(err, ErrLockedCase) {
					t.Errorf("reading a locked case: %v", err)
				}
			} else {
				k, err := Open(t.Context(), dir, o)
				if err != nil {
					t.Fatal(err)
				}
				if err := k.Record(t.Context(), evidence.Entry{Act: ActLock, Where: dir + lockedSuffix}); err != nil {
					t.Fatal(err)
				}
				if _, err := writeLocked(t.Context(), dir, dir+lockedSuffix, cipher, nil); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(k.Close(), os.Link(dir+lockedSuffix, dir+".old"), os.Rename(dir, dir+".kept")); err != nil {
					t.Fatal(err)
				}
				c.after(t, dir)
			}
			if c.again {
				lock()
			}
			if _, err := Unlock(t.Context(), dir, cipher.Decrypt, o, "to work", nil); err != nil {
				t.Fatal(err)
			}
			for _, suffix := range []string{lockedSuffix, partSuffix, openingSuffix, removingSuffix} {
				if there(dir + suffix) {
					t.Errorf("%s is left", suffix)
				}
			}
			if c.after == nil && !maps.Equal(tree(t, dir), was) {
				t.Errorf("it came back as %v; expected %v", tree(t, dir), was)
			}
			v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
			if err != nil || len(v.Problems) != 0 || v.Entries != c.entries {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// TestLockRefused proves that a locked case that was changed, cut off or added to,
// or another's, does not open and stays as it is, and that nothing is locked while
// somebody works in it or over a file that is not its own.
func TestLockRefused(t *testing.T) {
	s, pub := key(t)
	cipher, err := newCipher()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newCipher()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Who: "ana", Tool: "saksi test", Signer: s}
	dir := makeCase(t, s)
	lock := func(want error) {
		t.Helper()
		k, err := Open(t.Context(), dir, o)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		if _, err := k.Lock(t.Context(), cipher, "", nil); !errors.Is(err, want) {
			t.Errorf("%v; expected %v", err, want)
		}
	}
	whole := func() {
		t.Helper()
		v, err := Verify(t.Context(), dir, VerifyOptions{Trust: evidence.TrustKey(pub)})
		if err != nil || len(v.Problems) != 0 {
			t.Errorf("%+v, %v", v, err)
		}
	}
	put(t, dir+lockedSuffix, []byte("a stranger's"))
	lock(fs.ErrExist)
	if b, err := os.ReadFile(dir + lockedSuffix); err != nil || string(b) != "a stranger's" {
		t.Error(string(b), err)
	}
	if err := os.Remove(dir + lockedSuffix); err != nil {
		t.Fatal(err)
	}
	put(t, dir+"/"+SpoolDir+"/lock", nil)
	held, err := os.OpenFile(dir+"/"+SpoolDir+"/lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	lock(evidence.ErrLocked)
	held.Close()
	whole()
	// What can't be read is not locked, and the log says so.
	if err := unix.Mkfifo(dir+"/data/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	lock(evidence.ErrFile)
	if err := os.Remove(dir + "/data/fifo"); err != nil {
		t.Fatal(err)
	}
	if list, err := ReadLog(dir); err != nil || list[len(list)-1].Act != ActUnlock {
		t.Errorf("%v, %v", list, err)
	}
	whole()
	lock(nil)
	b, err := os.ReadFile(dir + lockedSuffix)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := key(t)
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		o      Options
		cipher Cipher
		want   error
	}{
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, o, cipher, ErrArchive},
		{"cut off at a part's end", func(b []byte) []byte { return b[:len(b)-len(b)%(64<<10)] }, o, cipher, nil},
		{"a byte flipped", flip, o, cipher, ErrArchive},
		{"bytes added", func(b []byte) []byte { return append(bytes.Clone(b), "more"...) }, o, cipher, nil},
		{"another's identity", bytes.Clone, o, other, nil},
		{"another's key", bytes.Clone, Options{Who: "eve", Tool: "x", Signer: stranger}, cipher, evidence.ErrTrust},
	} {
		put(t, dir+lockedSuffix, c.change(bytes.Clone(b)))
		if _, err := Unlock(t.Context(), dir, c.cipher.Decrypt, c.o, "", nil); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		if there(dir) || there(dir+openingSuffix) || !there(dir+lockedSuffix) {
			t.Errorf("%s: the locked case is not as it was", c.name)
		}
	}
	put(t, dir+lockedSuffix, b)
	if _, err := Unlock(t.Context(), dir, cipher.Decrypt, o, "", nil); err != nil {
		t.Fatal(err)
	}
	whole()
	if _, err := Unlock(t.Context(), dir, cipher.Decrypt, o, "", nil); err == nil {
		t.Error("a case that is open was unlocked")
	}
}
