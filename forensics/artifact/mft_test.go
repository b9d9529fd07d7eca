package artifact_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestStomped proves that a file whose times were set earlier than those of its
// name is told, with the reasons, and that no other file of the sample is. (The
// driver that made the sample sets both; Windows sets those of
// $STANDARD_INFORMATION alone.)
func TestStomped(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(samples, "sample.mft"))
	if err != nil {
		t.Fatal(err)
	}
	var set [8]byte // 2009-07-14 01:14:00
	binary.LittleEndian.PutUint64(set[:], 128920076400000000)
	rec := b[69*1024 : 70*1024]
	if bytes.Count(rec, set[:]) != 6 {
		t.Fatalf("the sample has the time %d times", bytes.Count(rec, set[:]))
	}
	name := bytes.Index(rec, append([]byte{66, 0, 0, 0, 0, 0, 1, 0}, set[:]...)) + 8 // behind the reference of its directory
	for i := range 2 {
		binary.LittleEndian.PutUint64(rec[name+8*i:], 134000000001234567)
	}
	path := filepath.Join(t.TempDir(), "mft")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	_, err = artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, _ *event.Event) error {
		for _, f := range r.Fields {
			if f.Name == "time_stomped" {
				got[r.Get("path")]++
			}
		}
		return nil
	})
	if err != nil || len(got) != 1 || got[`\Users\nurul\Desktop\palsu.exe`] != 2 {
		t.Errorf("%v: %v", got, err)
	}
}

// Floors of the corpus: entries of fls whose record says the same.
var mftFloors = map[string]int{"fslib_ntfs.dd.xz": 41, "gontfs_test.ntfs.dd.xz": 40}

// TestCorpusMFT proves that the $MFT of images of the corpus gives every path
// and all four times that The Sleuth Kit gives.
func TestCorpusMFT(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	for _, tool := range []string{"fls", "icat", "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	for name, floor := range mftFloors {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			image, table := filepath.Join(dir, "image"), filepath.Join(dir, "mft")
			run := func(out, tool string, args ...string) []byte {
				b, err := exec.Command(tool, args...).Output()
				if err != nil {
					t.Fatalf("%s: %v", tool, err)
				}
				if out != "" {
					if err := os.WriteFile(out, b, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				return b
			}
			run(image, "xz", "-dc", filepath.Join(corpus, "images", name))
			run(table, "icat", image, "0")
			type entry struct {
				paths []string
				times [4]int64
			}
			got := map[string]entry{}
			sum, err := artifact.Read(context.Background(), table, options(t), func(r *artifact.Record, _ *event.Event) error {
				var e entry
				for _, f := range r.Fields {
					if f.Name == "path" || f.Name == "other_path" {
						e.paths = append(e.paths, strings.ReplaceAll(f.Value, `\`, "/"))
					}
				}
				for i, n := range []string{"accessed", "modified", "changed", "created"} {
					if at, err := time.Parse(time.RFC3339Nano, r.Get(n)); err == nil {
						e.times[i] = at.Unix()
					}
				}
				if r.Get("record") == "file" {
					got[r.Get("number")] = e
				}
				return nil
			})
			if err != nil || sum.Broken > 0 {
				t.Fatalf("%v %v", sum.Problems, err)
			}
			same := 0
			for _, line := range strings.Split(strings.TrimSpace(string(run("", "fls", "-r", "-p", "-m", "/", image))), "\n") {
				cells := strings.Split(line, "|")
				number, _, _ := strings.Cut(cells[2], "-")
				p := cells[1]
				if strings.Contains(p, " ($FILE_NAME)") || strings.Contains(p, "$OrphanFiles") || len(cells) != 11 {
					continue
				}
				p = strings.TrimSuffix(strings.TrimSuffix(p, " (deleted)"), " (deleted-realloc)")
				if i := strings.LastIndex(p, ":"); i > 0 {
					p = p[:i] // a stream
				}
				e := got[number]
				if e.times == [4]int64{} && number == "0" {
					continue // empty times, which fls shows as some of the year 2076
				}
				var times [4]int64
				for i := range times {
					times[i], _ = strconv.ParseInt(cells[7+i], 10, 64)
				}
				if !slices.Contains(e.paths, p) || e.times != times {
					t.Errorf("record %s: %q %v, fls says %s", number, e.paths, e.times, line)
					continue
				}
				same++
			}
			t.Logf("%d entries of fls agree", same)
			if same < floor {
				t.Errorf("%d entries agree, at least %d did", same, floor)
			}
		})
	}
}
