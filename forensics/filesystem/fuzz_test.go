package filesystem_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"saksi/forensics/filesystem"
)

// FuzzFileSystem changes bytes of every sample of every file system and runs
// it through a worker as a command does: this process goes on, within
// seconds, whatever becomes of the worker.
func FuzzFileSystem(f *testing.F) {
	var raws []string
	for _, format := range filesystem.Formats() {
		for _, name := range format.Samples {
			raws = append(raws, media(f, name))
		}
	}
	for i := range raws {
		f.Add(uint8(i), uint32(1080), uint32(0xffffffff), uint32(0))
		f.Add(uint8(i), uint32(0), uint32(0), uint32(70000))
	}
	f.Fuzz(func(t *testing.T, which uint8, offset, value, cut uint32) {
		raw := raws[int(which)%len(raws)]
		path := filepath.Join(t.TempDir(), "fuzzed.raw")
		st, err := os.Stat(raw)
		if err != nil {
			t.Fatal(err)
		}
		// The first mebibytes hold all metadata of the samples.
		b := make([]byte, min(st.Size(), 4<<20))
		in, err := os.Open(raw)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := in.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			b[(int(offset)+i)%len(b)] = byte(value >> (8 * i))
		}
		size := st.Size()
		if cut > 0 {
			size = min(size, int64(cut))
			b = b[:min(int64(len(b)), size)]
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		im, err := open(t, path)
		if err == nil {
			for _, v := range im.Info.Table.Volumes {
				if v.Problem != "" {
					continue
				}
				// A death of the worker is one right answer among others.
				if _, _, err := list(t, im, v.Number); err != nil {
					t.Log(err)
					break
				}
			}
		}
		if d := time.Since(begun); d > 25*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
