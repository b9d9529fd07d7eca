package filesystem_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/forensics/filesystem"
)

// TestJournalTruth proves that every file the kernel removed from the samples of
// ext3 and ext4 comes back with its path and its bytes, as sha256sum saw it
// before (truth/recover.tsv).
func TestJournalTruth(t *testing.T) {
	for name, files := range truth(t) {
		if !strings.HasPrefix(name, "journal-") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			im, err := open(t, filepath.Join(samples, "recover", name+".qcow2"))
			if err != nil {
				t.Fatal(err)
			}
			lines, problems, err := list(t, im, 0)
			if err != nil || len(problems) > 0 {
				t.Fatalf("%v %q", err, problems)
			}
			back, deleted := 0, 0
			for path, sum := range files {
				found := false
				for _, l := range lines {
					if l.path == path && l.sha256 == sum {
						found = true
						if l.deleted {
							deleted++
							if l.how != "journal" || l.blocks != "free" && l.size > 60 {
								t.Errorf("%s: found by %q, blocks %q", path, l.how, l.blocks)
							}
						}
					}
				}
				if found {
					back++
				} else {
					t.Errorf("%s is not there", path)
				}
			}
			if back != 8 || deleted != 6 {
				t.Errorf("%d of 8 files, %d of 6 deleted", back, deleted)
			}
		})
	}
}

// truth reads truth/recover.tsv: digests by path, by image.
func truth(t *testing.T) map[string]map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(samples, "..", "truth", "recover.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string]map[string]string{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		x := strings.Split(sc.Text(), "\t")
		if len(x) != 4 || x[0] == "image" {
			continue
		}
		if all[x[0]] == nil {
			all[x[0]] = map[string]string{}
		}
		all[x[0]][x[3]] = x[2]
	}
	if len(all) < 7 {
		t.Fatalf("truth of %d images", len(all))
	}
	return all
}

// TestOwnTruth proves that what the kernel saw on XFS and Btrfs by sha256sum is
// listed with the same content, and what was removed from XFS comes back.
func TestOwnTruth(t *testing.T) {
	all := truth(t)
	for _, name := range []string{"xfs5", "xfs4", "btrfs", "btrfs-sha256"} {
		t.Run(name, func(t *testing.T) {
			if len(all[name]) < 120 {
				t.Fatalf("truth of %d files", len(all[name]))
			}
			im, err := open(t, filepath.Join(samples, "recover", name+".qcow2"))
			if err != nil {
				t.Fatal(err)
			}
			lines, problems, err := list(t, im, 0)
			if err != nil || len(problems) > 0 {
				t.Fatalf("%v %q", err, problems)
			}
			seen := 0
			for _, l := range lines {
				want, ok := all[name][l.path]
				if !ok {
					continue
				}
				if l.sha256 != want || l.deleted != (l.path == "/many/padam.bin") {
					t.Errorf("%s: expected %s", l, want)
				}
				seen++
			}
			if seen != len(all[name]) {
				t.Errorf("%d of %d files", seen, len(all[name]))
			}
		})
	}
}

// counted bounds what a reader reads: work is counted by bytes, not by the clock.
type counted struct {
	r    io.ReaderAt
	read int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.read += int64(len(p))
	return c.r.ReadAt(p, off)
}

// TestOwnHostile changes bytes of file systems that readers of our own read:
// nothing panics, and a listing reads a bounded part of the media.
func TestOwnHostile(t *testing.T) {
	for _, f := range filesystem.Formats() {
		if f.Open == nil {
			continue
		}
		for _, name := range f.Samples {
			t.Run(name, func(t *testing.T) {
				raw, err := os.ReadFile(media(t, name))
				if err != nil {
					t.Fatal(err)
				}
				var used []int // sectors with something in them
				for at := 0; at+512 <= len(raw); at += 512 {
					if !bytes.Equal(raw[at:at+512], make([]byte, 512)) {
						used = append(used, at)
					}
				}
				rnd := rand.New(rand.NewPCG(5, uint64(len(used))))
				entries := 0
				for range 60 {
					type change struct {
						at  int
						old byte
					}
					var undo []change
					for range 1 + rnd.IntN(40) {
						at := used[rnd.IntN(len(used))] + rnd.IntN(512)
						if rnd.IntN(4) == 0 {
							at = used[rnd.IntN(min(40, len(used)))] + rnd.IntN(512) // the first sectors say where all else is
						}
						undo = append(undo, change{at, raw[at]})
						raw[at] = byte(rnd.Uint32())
					}
					length := int64(len(raw))
					if rnd.IntN(8) == 0 {
						length = rnd.Int64N(length)
					}
					c := &counted{r: bytes.NewReader(raw[:length])}
					entries += hostileWalk(t, f, c, length)
					if c.read > 16*int64(len(raw)) {
						t.Errorf("%d bytes were read of %d", c.read, len(raw))
					}
					for i := len(undo) - 1; i >= 0; i-- {
						raw[undo[i].at] = undo[i].old
					}
				}
				if entries < 1000 {
					t.Errorf("only %d entries in 60 damaged copies", entries)
				}
			})
		}
	}
}

// hostileWalk lists and reads what there is, and counts entries.
func hostileWalk(t *testing.T, f filesystem.Format, c *counted, length int64) (entries int) {
	t.Helper()
	ctx := context.Background()
	r, err := f.Open(filesystem.Media{ReaderAt: c, Length: length, Sector: 512})
	if err != nil {
		return 0
	}
	defer r.Close()
	var refs []filesystem.Ref
	err = r.Walk(ctx, filesystem.WalkConfig{Deleted: true, Orphans: true, Runs: 4}, func(e *filesystem.Entry, _ *filesystem.Problem) error {
		if e != nil {
			entries++
			if e.HasContent && len(refs) < 50 {
				refs = append(refs, e.Ref())
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("a listing of damaged media ended: %v", err)
	}
	buf := make([]byte, 64<<10)
	for _, ref := range refs {
		if x, err := r.Open(ref); err == nil {
			_, _ = x.ReadAt(buf, 0)
			_, _ = x.ReadAt(buf, max(0, x.Size()-1000))
			x.Close()
		}
	}
	if free, ok := r.(filesystem.Freer); ok {
		_, _, _ = free.Free(ctx)
	}
	return entries
}

// TestChecksums proves that content which is not what was stored is read as a
// whole and named.
func TestChecksums(t *testing.T) {
	raw, err := os.ReadFile(media(t, "recover/btrfs.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	var format filesystem.Format
	for _, f := range filesystem.Formats() {
		if f.Name == "btrfs" {
			format = f
		}
	}
	r, err := format.Open(filesystem.Media{ReaderAt: bytes.NewReader(raw), Length: int64(len(raw)), Sector: 512})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := r.Lookup("/folder/middle.bin")
	if err != nil {
		t.Fatal(err)
	}
	read := func() (filesystem.Content, int) {
		c, err := r.Open(ref)
		if err != nil {
			t.Fatal(err)
		}
		n, err := c.ReadAt(make([]byte, c.Size()), 0)
		if err != nil {
			t.Fatal(err)
		}
		return c, n
	}
	c, _ := read()
	runs, _ := c.Runs(4)
	if d := c.(filesystem.Damager).Damage(); d != "" || len(runs) == 0 {
		t.Fatalf("sound content: %q, %d runs", d, len(runs))
	}
	raw[runs[0].Image+5000] ^= 1
	c, n := read()
	if d := c.(filesystem.Damager).Damage(); n != 60000 || !strings.HasPrefix(d, "checksum: 1 blocks") {
		t.Errorf("%d bytes, %q", n, d)
	}
}

// TestInteropForensicsSamples proves on Debian's forensics-samples that the 18
// files deleted there come back whole from ext4, where only the journal has
// them, and from NTFS, FAT and exFAT.
func TestInteropForensicsSamples(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs Debian's forensics-samples: run by make interop")
	}
	const floor = 18
	dir := t.TempDir()
	seen := map[string]int{} // images that give a deleted file of this digest
	for _, name := range []string{"ext4", "ntfs", "vfat", "exfat"} {
		packed := "/usr/share/forensics-samples/fs." + name + ".xz"
		if _, err := os.Stat(packed); err != nil {
			t.Skip(err)
		}
		to := filepath.Join(dir, name)
		unpack(t, packed, to)
		im, err := open(t, to)
		if err != nil {
			t.Fatal(err)
		}
		lines, problems, err := list(t, im, 0)
		if err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v %q", name, err, problems)
		}
		mine := map[string]bool{}
		for _, l := range lines {
			if l.deleted && l.size > 0 && l.sha256 != "-" {
				mine[l.sha256] = true
			}
		}
		for sum := range mine {
			seen[sum]++
		}
	}
	everywhere := 0
	for _, n := range seen {
		if n == 4 {
			everywhere++
		}
	}
	if everywhere < floor {
		t.Errorf("%d files come back from all four file systems, expected %d", everywhere, floor)
	}
}
