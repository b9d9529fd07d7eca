package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/sensor/capture"
	"saksi/sensor/decode"
)

const testKey = "0f0e0d0c-0b0a-4908-8706-050403020100"

// load reads captures of testdata as one: numbers go on, times are as told.
func load(t testing.TB, names ...string) (list []capture.Packet) {
	t.Helper()
	for _, name := range names {
		f, err := os.Open(filepath.Join("../../testdata/capture", name))
		if err != nil {
			t.Fatal(err)
		}
		r, err := capture.NewReader(name, f)
		if err != nil {
			t.Fatal(err)
		}
		for {
			var b capture.Batch
			if err := r.ReadBatch(&b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			for _, p := range b.Packets {
				p.Number, p.Iface = uint64(len(list)+1), 0
				list = append(list, p)
			}
		}
		f.Close()
	}
	return list
}

func ethernet(dir string) Config {
	return Config{Dir: dir, Size: 64 << 20, Key: testKey, App: "test", Names: []string{"uji0"}, Links: []capture.LinkType{1}}
}

// record puts packets into a ring, in batches.
func record(t testing.TB, r *Ring, list []capture.Packet) {
	t.Helper()
	d := decode.New(decode.FragLimits{})
	for batch := range slices.Chunk(list, 100) {
		var decoded []decode.Packet
		for i := range batch {
			decoded = d.Decode(decoded, batch[i].Number, batch[i].Time, uint16(batch[i].Link), batch[i].Data)
		}
		r.Record(batch, decoded)
	}
}

func extract(t testing.TB, dir string, s *Selection) (list []capture.Packet, rep Report) {
	t.Helper()
	rep, err := Extract(context.Background(), []string{dir}, s, func(p *capture.Packet) error {
		q := *p
		q.Data = bytes.Clone(p.Data)
		list = append(list, q)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, rep
}

func same(t testing.TB, what string, got, want []capture.Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d packets, expected %d", what, len(got), len(want))
	}
	for i := range got {
		if got[i].Number != want[i].Number || got[i].Time != want[i].Time || got[i].OrigLen != want[i].OrigLen || !bytes.Equal(got[i].Data, want[i].Data) {
			t.Fatalf("%s: packet %d: %+v, expected %+v", what, i, got[i], want[i])
		}
	}
}

// TestRing proves that a ring of several segments gives back every packet with
// its number, all of them, by time and by number; by Community ID the same
// from its indexes as by reading, fragments and tunnels included; and the same
// again after its indexes are lost.
func TestRing(t *testing.T) {
	dir := t.TempDir()
	list := load(t, "demo.pcap", "vxlan.pcap", "fragments.pcap", "vlan.pcap", "http.pcap")
	cfg := ethernet(dir)
	cfg.Segment = 64 << 10
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(cfg); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
	for part := range slices.Chunk(list, 200) { // several chunks
		record(t, r, part)
		if r.cur != nil {
			r.send()
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if c := r.Counts(); c.Packets != uint64(len(list)) || c.Dropped != 0 || c.Bytes != folderSize(t, dir) {
		t.Errorf("counted %+v; the folder has %d bytes", c, folderSize(t, dir))
	}
	segments, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil || len(segments) < 3 {
		t.Fatalf("segments: %v, %v", segments, err)
	}
	got, rep := extract(t, dir, &Selection{})
	same(t, "all", got, list)
	if len(rep.Problems) > 0 || !slices.Equal(rep.Sources, []string{testKey}) {
		t.Errorf("%+v", rep)
	}
	want := list[len(list)-150 : len(list)-50]
	got, _ = extract(t, dir, &Selection{Key: testKey, Numbers: numbersOf(want)})
	same(t, "by number", got, want)
	from, until := list[10].Time, list[10].Time+int64(2*time.Second)
	want = nil
	for _, p := range list {
		if p.Time >= from && p.Time <= until {
			want = append(want, p)
		}
	}
	got, _ = extract(t, dir, &Selection{From: from, Until: until})
	same(t, "by time", got, want)

	byIndex := map[string][]capture.Packet{}
	for c := range communities(list) {
		list, rep := extract(t, dir, &Selection{Community: c})
		if len(list) == 0 || rep.Indexed != rep.Files {
			t.Fatalf("%s: %d packets, %+v", c, len(list), rep)
		}
		byIndex[c] = list
	}
	// The segment that is written has no index yet; those before it are not read for that.
	last := segments[len(segments)-1]
	if err := os.Remove(indexPath(last)); err != nil {
		t.Fatal(err)
	}
	byIt := 0
	for c, want := range byIndex {
		got, rep := extract(t, dir, &Selection{Community: c})
		same(t, "without the last index "+c, got, want)
		byIt += rep.Indexed
		if whole := rep.Files - rep.Indexed; whole != 2 {
			t.Errorf("%s: %d of %d files are read as a whole, expected the last and the one before", c, whole, len(segments))
		}
	}
	if byIt == 0 {
		t.Error("nothing was read by index")
	}
	for _, s := range segments[:len(segments)-1] {
		if err := os.Remove(indexPath(s)); err != nil {
			t.Fatal(err)
		}
	}
	for c, want := range byIndex {
		got, _ := extract(t, dir, &Selection{Community: c})
		same(t, "without index "+c, got, want)
	}
}

func numbersOf(list []capture.Packet) (n []uint64) {
	for _, p := range list {
		n = append(n, p.Number)
	}
	return n
}

// communities are the Community IDs of packets.
func communities(list []capture.Packet) map[string]bool {
	m := newMatcher(&Selection{}, testKey)
	all := map[string]bool{}
	for i := range list {
		_ = m.packet(&list[i])
		for k := range m.buf {
			all[m.community(&m.buf[k])] = true
		}
	}
	return all
}

func folderSize(t testing.TB, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), st.Mode().Perm())
		}
		n += st.Size()
	}
	return n
}

// fill puts n packets of 1,000 bytes into a ring, a second apart, and waits
// until they are written.
func fill(t testing.TB, r *Ring, first, n int, begin time.Time) {
	t.Helper()
	for i := range n {
		data := make([]byte, 1000)
		copy(data[12:], []byte{8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, byte((first + i) >> 8), byte(first + i), 192, 0, 2, 200, 0, 53, 0, 53, 0, 80})
		for r.cur == nil && len(r.free) == 0 {
			time.Sleep(time.Millisecond)
		}
		p := capture.Packet{Number: uint64(first + i), Time: begin.Add(time.Duration(i) * time.Second).UnixNano(), OrigLen: 1000, Link: 1, Data: data}
		record(t, r, []capture.Packet{p})
		if r.cur != nil && (i%20 == 19 || i == n-1) {
			r.send()
		}
	}
	for end := time.Now().Add(10 * time.Second); r.Counts().Packets+r.Counts().Dropped < uint64(first+n-1) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// TestRotation proves that the oldest packets go when the size is reached, that
// the size holds, and that what the hold file names stays.
func TestRotation(t *testing.T) {
	dir := t.TempDir()
	cfg := ethernet(dir)
	cfg.Segment, cfg.Size = 64<<10, 256<<10
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	// The packet from 192.0.0.5.
	list := []byte("# kes 17\n\ncommunity-id " + communityOf(t, 5) + "\n")
	if err := os.WriteFile(filepath.Join(dir, holdFile), list, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, r, 1, 1000, begin)
	if got := r.Counts().Bytes; got > cfg.Size {
		t.Errorf("the ring has %d bytes, more than %d", got, cfg.Size)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ := extract(t, dir, &Selection{})
	if got[0].Number != 1 || got[len(got)-1].Number != 1000 || len(got) > 260 || len(got) < 120 {
		t.Fatalf("%d packets, from %d to %d", len(got), got[0].Number, got[len(got)-1].Number)
	}
	for i := 1; i < len(got); i++ {
		if gap := got[i].Number - got[i-1].Number; gap != 1 && got[i-1].Number > 64 {
			t.Fatalf("a gap behind packet %d that is not held", got[i-1].Number)
		}
	}
	// A line that is no hold holds everything; none lets go by age.
	for _, x := range []struct {
		hold string
		kept bool
	}{{"community 1:x\n", true}, {"time " + begin.UTC().Format(time.RFC3339) + " " + begin.Add(24*time.Hour).UTC().Format(time.RFC3339) + "\n", true}, {"# none\n", false}} {
		if err := os.WriteFile(filepath.Join(dir, holdFile), []byte(x.hold), 0o600); err != nil {
			t.Fatal(err)
		}
		told := make(chan error, 10)
		cfg.Age, cfg.Failed = time.Minute, func(err error) { told <- err }
		if r, err = Open(cfg); err != nil {
			t.Fatal(err)
		}
		close(r.full) // its writer ends, and what it does is done here
		<-r.done
		r.age()
		if kept := len(r.list) > 1; kept != x.kept {
			t.Errorf("hold %q: %d segments are left", x.hold, len(r.list))
		}
		if r.hold.all != (len(told) == 1) {
			t.Errorf("hold %q: told %d times", x.hold, len(told))
		}
		r.lock.Close()
	}
}

func communityOf(t *testing.T, last byte) string {
	t.Helper()
	data := make([]byte, 1000)
	copy(data[12:], []byte{8, 0, 0x45, 0, 0, 100, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 0, last, 192, 0, 2, 200, 0, 53, 0, 53, 0, 80})
	for c := range communities([]capture.Packet{{Number: 1, Link: 1, Data: data}}) {
		return c
	}
	t.Fatal("the packet has no Community ID")
	return ""
}

// TestDiskFull proves that on a full disk the oldest segments make room, and
// that what a ring can't write is counted, told, and leaves whole segments.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("mounting a file system in memory needs root: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	cfg := ethernet(filepath.Join(dir, "ring"))
	cfg.Segment, cfg.Size = 128<<10, 64<<20
	failed := make(chan error, 100)
	cfg.Failed = func(err error) { failed <- err }
	r, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, r, 1, 3000, time.Now())
	if c := r.Counts(); c.Dropped != 0 || c.Packets != 3000 {
		t.Errorf("%+v", c)
	}
	// With everything held nothing makes room.
	if err := os.WriteFile(filepath.Join(cfg.Dir, holdFile), []byte("time 2000-01-01T00:00:00Z 2100-01-01T00:00:00Z\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fill(t, r, 3001, 2000, time.Now())
	c := r.Counts()
	if c.Dropped == 0 || c.Packets+c.Dropped != 5000 {
		t.Errorf("%+v", c)
	}
	select {
	case err := <-failed:
		if !errors.Is(err, unix.ENOSPC) {
			t.Error(err)
		}
	default:
		t.Error("nothing was told")
	}
	_ = r.Close()
	got, rep := extract(t, cfg.Dir, &Selection{})
	if len(rep.Problems) > 0 || len(got) == 0 {
		t.Errorf("%d packets, %v", len(got), rep.Problems)
	}
}

// TestSlow proves that a writer that does not keep up costs packets, counted,
// and that numbers stay right behind the gap.
func TestSlow(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(ethernet(dir))
	if err != nil {
		t.Fatal(err)
	}
	var taken []*chunk
	for len(r.free) > 1 {
		taken = append(taken, <-r.free)
	}
	var list []capture.Packet
	for i := range 40 {
		list = append(list, capture.Packet{Number: uint64(i + 1), Link: 1, OrigLen: 200_000, Data: bytes.Repeat([]byte{byte(i)}, 200_000)})
	}
	record(t, r, list[:10]) // fills the one chunk there is, and may get it again
	for _, c := range taken {
		r.free <- c
	}
	record(t, r, list[10:])
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	c := r.Counts()
	got, _ := extract(t, dir, &Selection{})
	if c.Packets+c.Dropped != 40 || uint64(len(got)) != c.Packets {
		t.Fatalf("%+v; %d are there", c, len(got))
	}
	for _, p := range got {
		if p.Data[0] != byte(p.Number-1) {
			t.Fatalf("packet %d is packet %d", p.Number, p.Data[0]+1)
		}
	}
}
