package record

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// TestIndexLies proves that an index with a valid checksum that does not
// describe its segment is a problem, and no more.
func TestIndexLies(t *testing.T) {
	for _, first := range []uint64{0, 1 << 63, 1<<64 - 2} {
		b := newBuilding(testKey, first, 100)
		b.add(&chunk{sizes: []uint32{32, 64}})
		if _, err := parseIndex(b.encode()); !errors.Is(err, errIndex) {
			t.Errorf("an index from packet %d on: %v", first, err)
		}
	}
	dir := t.TempDir()
	r, err := Open(ethernet(dir))
	if err != nil {
		t.Fatal(err)
	}
	record(t, r, load(t, "demo.pcap"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	good, err := openIndex(indexPath(paths[0]))
	if err != nil {
		t.Fatal(err)
	}
	whole := good.offsets[len(good.offsets)-1] - good.header
	for name, sizes := range map[string][]uint32{"two packets as one": {uint32(good.offsets[2] - good.header)}, "none": {0, 0}, "beyond the end": {uint32(whole), 64, 64}} {
		b := newBuilding(testKey, 1, int(good.header))
		b.add(&chunk{sizes: sizes})
		if err := os.WriteFile(indexPath(paths[0]), b.encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		last := uint64(len(sizes))
		got, rep := extract(t, dir, &Selection{Numbers: []uint64{last}})
		if len(rep.Problems) != 1 || !errors.Is(rep.Problems[0], errIndex) {
			t.Errorf("%s: %d packets, %v", name, len(got), rep.Problems)
		}
	}
}

// TestCaptures proves that a folder gives every capture in it, links and what
// tcpdump -C numbers too, and counts the rest.
func TestCaptures(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"a.pcap", "a.pcap1", "b.CAP.gz", "c.pcapng.zst", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink("a.pcap", filepath.Join(dir, "d.pcap")), os.Symlink("nowhere", filepath.Join(dir, "e.pcap")), os.Mkdir(filepath.Join(dir, "f.pcap"), 0o700)); err != nil {
		t.Fatal(err)
	}
	list, others, err := Captures(dir)
	for i := range list {
		list[i] = filepath.Base(list[i])
	}
	if want := []string{"a.pcap", "a.pcap1", "b.CAP.gz", "c.pcapng.zst", "d.pcap"}; err != nil || !slices.Equal(list, want) || others != 3 {
		t.Errorf("%q, %d others, %v; expected %q and 3", list, others, err, want)
	}
}

// FuzzIndex proves that a damaged index is refused or read, and costs no more
// memory than it has bytes.
func FuzzIndex(f *testing.F) {
	b := newBuilding(testKey, 5, 100)
	b.add(&chunk{sizes: []uint32{32, 64}, entries: []entry{{number: 5}, {number: 6}, {number: 3}}})
	f.Add(b.encode())
	f.Add([]byte(indexMagic + "\x00\x00\x00\x01" + strconv.Itoa(1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		ix, err := parseIndex(b)
		if err != nil {
			return
		}
		if len(ix.offsets) > len(b) {
			t.Fatalf("%d offsets of %d bytes", len(ix.offsets), len(b))
		}
		list, _ := ix.packets(nil, "")
		if len(list) > len(b) {
			t.Fatalf("%d packets of %d bytes", len(list), len(b))
		}
	})
}
