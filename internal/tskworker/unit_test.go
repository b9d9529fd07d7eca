package tskworker

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/archive"
	"saksi/internal/libyara"
	"saksi/internal/wire"
	"saksi/rules/yara"
)

// call runs one operation of a fresh or running session in this process.
func call(t *testing.T, s *session, op func(*wire.Reader, []*os.File) error, w *wire.Writer, files ...*os.File) (frames [][]byte) {
	t.Helper()
	s.reply = func(f []byte) error {
		frames = append(frames, append([]byte(nil), f...))
		return nil
	}
	if err := op(&wire.Reader{B: w.B}, files); err != nil {
		t.Fatal(err)
	}
	return frames
}

// TestScratch proves that content scanned from the scratch file gives the
// same matches and digests as content scanned in memory, and that the file is
// empty afterwards.
func TestScratch(t *testing.T) {
	f, err := os.Open("../../testdata/image/demo.E01")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("../../testdata/rules/demo.yar")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{}
	var w wire.Writer
	w.Bool(true)
	w.Uint(1)
	w.String("demo.E01")
	w.Int(st.Size())
	w.Uint(0)
	call(t, s, s.attach, &w, f)
	call(t, s, s.open, &wire.Writer{})
	defer s.reset()
	set, problems, err := libyara.Compile([]yara.Source{{Namespace: "demo.yar", Text: rules}})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	code, err := set.Save()
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := (&yara.Compiled{Code: code}).File()
	if err != nil {
		t.Fatal(err)
	}
	defer compiled.Close()
	call(t, s, s.rules, &wire.Writer{}, compiled)
	scratch, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	defer scratch.Close()
	unit := func() [][]byte {
		var w wire.Writer
		cfg := disk.UnitConfig{Scan: true, Runs: 4, Limit: 1 << 30, Exhibit: "E1", Every: true, Kinds: true, Enter: archive.Limits{Depth: 4, Members: 100, Bytes: 1 << 20, Member: 1 << 20, Ratio: 100}}
		var items []disk.Item
		for _, inode := range []uint64{78, 77, 4} {
			items = append(items, disk.Item{Ref: filesystem.Ref{Inode: inode}, Path: "/x"})
		}
		disk.AppendUnit(&w, &cfg, items)
		return call(t, s, s.unit, &w, scratch)
	}
	memory := unit()
	defer func(n int64) { inMemory = n }(inMemory)
	inMemory = 100
	spilled := unit()
	if !reflect.DeepEqual(memory, spilled) || len(memory) != 3 || len(memory[0]) < 200 {
		t.Errorf("memory %q\nscratch %q", memory, spilled)
	}
	if st, err := scratch.Stat(); err != nil || st.Size() != 0 {
		t.Errorf("the scratch file holds %d bytes: %v", st.Size(), err)
	}
}

// TestHandlersRefuse proves that requests out of order or cut short end in an
// error and not in a panic.
func TestHandlersRefuse(t *testing.T) {
	for op, h := range Handlers() {
		for _, req := range [][]byte{nil, {1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
			var last []byte
			err := h(context.Background(), req, nil, func(f []byte) error {
				last = append([]byte(nil), f...)
				return nil
			})
			if err != nil || len(last) == 0 || last[0] != disk.TagError {
				t.Errorf("%s %x: %v, %x", op, req, err, last)
			}
		}
	}
}
