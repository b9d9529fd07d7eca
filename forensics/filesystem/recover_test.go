package filesystem_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	if len(all) < 3 {
		t.Fatalf("truth of %d images", len(all))
	}
	return all
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
