package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

const demo = "../../testdata/capture/demo.pcap"

// all reads a capture to its end.
func all(name string, src io.Reader) (list []Packet, st Stats, err error) {
	r, err := NewReader(name, src)
	if err != nil {
		return nil, Stats{}, err
	}
	defer r.Close()
	for {
		b := &Batch{}
		if err = r.ReadBatch(b); err != nil {
			if err == io.EOF {
				err = nil
			}
			return list, r.Stats(), err
		}
		list = append(list, b.Packets...)
	}
}

func demoBytes(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, what string, got, want []Packet) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d packets, expected %d", what, len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Number != w.Number || g.Time != w.Time || g.OrigLen != w.OrigLen || g.Link != w.Link || !bytes.Equal(g.Data, w.Data) {
			t.Fatalf("%s: packet %d differs", what, i+1)
		}
	}
}

// TestForms proves that one capture gives the same packets plain, with gzip,
// with Zstandard, byte by byte, in the other byte order, and as pcapng.
func TestForms(t *testing.T) {
	data := demoBytes(t)
	want, st, err := all("demo", bytes.NewReader(data))
	if err != nil || len(want) < 100 || st.Packets != uint64(len(want)) || st.Bytes != int64(len(data)) {
		t.Fatalf("%d packets, %+v, %v", len(want), st, err)
	}
	for i, p := range want {
		if p.Number != uint64(i+1) || int(binary.LittleEndian.Uint32(data[p.Offset+8:])) != len(p.Data) {
			t.Fatalf("packet %d: number %d, offset %d", i+1, p.Number, p.Offset)
		}
	}
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write(data)
	g.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(data)
	z.Close()
	for name, src := range map[string]io.Reader{
		"gzip": &gz, "zstd": &zs, "one byte a read": iotest.OneByteReader(bytes.NewReader(data)),
		"data with the error": iotest.DataErrReader(bytes.NewReader(data)), "other byte order": bytes.NewReader(swapped(data)),
		"pcapng little": bytes.NewReader(asPcapng(want, binary.LittleEndian)), "pcapng big": bytes.NewReader(asPcapng(want, binary.BigEndian)),
	} {
		got, _, err := all(name, src)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		same(t, name, got, want)
	}
}

// swapped turns a little-endian pcap into a big-endian one.
func swapped(data []byte) []byte {
	out := bytes.Clone(data)
	flip := func(at, n int) {
		for i := range n / 2 {
			out[at+i], out[at+n-1-i] = out[at+n-1-i], out[at+i]
		}
	}
	flip(0, 4)
	flip(4, 2)
	flip(6, 2)
	for at := 8; at < 24; at += 4 {
		flip(at, 4)
	}
	for at := 24; at < len(data); {
		n := int(binary.LittleEndian.Uint32(data[at+8:]))
		for i := 0; i < 16; i += 4 {
			flip(at+i, 4)
		}
		at += 16 + n
	}
	return out
}

// block makes a pcapng block.
func block(o binary.AppendByteOrder, typ uint32, body []byte) []byte {
	n := uint32(12 + (len(body)+3)&^3)
	b := o.AppendUint32(nil, typ)
	b = o.AppendUint32(b, n)
	b = append(b, body...)
	b = append(b, make([]byte, (4-len(body)%4)%4)...)
	return o.AppendUint32(b, n)
}

func section(o binary.AppendByteOrder) []byte {
	b := o.AppendUint32(nil, 0x1a2b3c4d)
	b = o.AppendUint16(o.AppendUint16(b, 1), 0)
	return block(o, blockSHB, o.AppendUint64(b, ^uint64(0)))
}

func iface(o binary.AppendByteOrder, link uint16, options ...byte) []byte {
	b := o.AppendUint16(o.AppendUint16(nil, link), 0)
	return block(o, blockIDB, append(o.AppendUint32(b, 0), options...))
}

func enhanced(o binary.AppendByteOrder, id uint32, ticks uint64, orig uint32, data []byte) []byte {
	b := o.AppendUint32(nil, id)
	b = o.AppendUint32(o.AppendUint32(b, uint32(ticks>>32)), uint32(ticks))
	b = o.AppendUint32(o.AppendUint32(b, uint32(len(data))), orig)
	return block(o, blockEPB, append(b, data...))
}

// asPcapng writes packets in nanoseconds, with other blocks between them.
func asPcapng(list []Packet, o binary.AppendByteOrder) []byte {
	out := section(o)
	out = append(out, block(o, blockDSB, []byte("secret"))...)
	opt := o.AppendUint16(o.AppendUint16(nil, optTSResol), 1)
	opt = append(opt, 9, 0, 0, 0)
	out = append(out, iface(o, 1, append(opt, 0, 0, 0, 0)...)...)
	for _, p := range list {
		out = append(out, enhanced(o, 0, uint64(p.Time), p.OrigLen, p.Data)...)
	}
	return append(out, block(o, blockISB, make([]byte, 12))...)
}

// TestResolutions proves the time of a packet for each kind of resolution and
// with an offset.
func TestResolutions(t *testing.T) {
	o := binary.LittleEndian
	opt := func(resol byte, offset int64) []byte {
		b := append(o.AppendUint16(o.AppendUint16(nil, optTSResol), 1), resol, 0, 0, 0)
		b = o.AppendUint64(o.AppendUint16(o.AppendUint16(b, optTSOffset), 8), uint64(offset))
		return append(b, 0, 0, 0, 0)
	}
	for _, c := range []struct {
		resol  byte
		offset int64
		ticks  uint64
		want   int64
	}{
		{6, 0, 1_700_000_000_123_456, 1_700_000_000_123_456_000},
		{9, 0, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789},
		{0, 10, 1_700_000_000, 1_700_000_010_000_000_000},
		{12, 0, 5_000_000_000_123, 5_000_000_000},
		{0x80 | 20, 0, 3<<20 | 1<<19, 3_500_000_000},
		{3, -1, 2500, 1_500_000_000},
	} {
		data := append(section(o), iface(o, 1, opt(c.resol, c.offset)...)...)
		data = append(data, enhanced(o, 0, c.ticks, 4, []byte{1, 2, 3, 4})...)
		got, _, err := all("x", bytes.NewReader(data))
		if err != nil || len(got) != 1 || got[0].Time != c.want {
			t.Errorf("resolution %#x: %v, %v, expected %d", c.resol, got, err, c.want)
		}
	}
}

// TestBlocks proves the other block types: simple and obsolete packets, a new
// section with its own interfaces, and packets of an unknown interface, which
// are counted while reading goes on.
func TestBlocks(t *testing.T) {
	o := binary.BigEndian
	data := append(section(o), iface(o, 101)...)
	obsolete := o.AppendUint16(o.AppendUint16(nil, 0), 3)
	obsolete = append(obsolete, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 9, 0xaa, 0xbb)
	data = append(data, block(o, blockOPB, obsolete)...)
	data = append(data, block(o, blockSPB, []byte{0, 0, 0, 3, 1, 2, 3})...)
	data = append(data, enhanced(o, 5, 1, 1, []byte{1})...)
	data = append(data, block(o, blockNRB, []byte{0, 0, 0, 0})...)
	data = append(data, block(o, 0xbad, make([]byte, 100_000))...)
	data = append(data, block(o, 0x40000bad, []byte{0, 0, 0x7e, 0xd9, 1})...)
	data = append(data, block(o, 9, []byte("__REALTIME_TIMESTAMP=1\nMESSAGE=selamat\n"))...)
	data = append(data, block(o, 0x80000001, []byte{1, 2, 3, 4})...)
	l := binary.LittleEndian
	data = append(data, section(l)...)
	data = append(data, iface(l, 113)...)
	data = append(data, enhanced(l, 0, 9, 2, []byte{5, 6})...)
	got, st, err := all("x", bytes.NewReader(data))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d packets, %v", len(got), err)
	}
	if got[0].OrigLen != 9 || got[0].Time != 7000 || got[1].Time != 7000 || len(got[1].Data) != 3 || got[2].Link != 113 || got[2].Number != 3 {
		t.Errorf("got %+v", got)
	}
	if st.BadBlocks != 1 || st.FirstBad == nil || !strings.Contains(st.FirstBad.Error(), "0x00000006 (enhanced packet)") ||
		st.Dropped != 3 || st.NameBlocks != 1 || st.CustomBlocks != 2 || st.JournalBlocks != 1 || st.OtherBlocks != 1 || st.NoTimestamp != 1 || st.Sections != 2 {
		t.Errorf("counted %+v", st)
	}
}

// TestBroken proves that a broken capture gives all packets before the break,
// then an error with the kind, the block and the offset.
func TestBroken(t *testing.T) {
	o := binary.LittleEndian
	good := append(section(o), iface(o, 1)...)
	good = append(good, enhanced(o, 0, 1, 4, []byte{1, 2, 3, 4})...)
	tail := bytes.Clone(good)
	tail = append(tail, enhanced(o, 0, 2, 4, []byte{1, 2, 3, 4})...)
	tail[len(tail)-1] ^= 0x40
	pcap := demoBytes(t)
	huge := bytes.Clone(pcap[:24+16])
	o.PutUint32(huge[24+8:], 1<<30)
	for _, c := range []struct {
		name    string
		data    []byte
		packets int
		err     error
		text    string
	}{
		{"length at the end", tail, 1, ErrCorrupt, fmt.Sprintf("offset %d: pcapng block 0x00000006 (enhanced packet): total length is 36 at its start", len(good))},
		{"cut block", good[:len(good)-5], 0, ErrTruncated, "bytes left"},
		{"odd length", append(bytes.Clone(good), 6, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0), 1, ErrCorrupt, "total length is 13"},
		{"huge block", append(bytes.Clone(good), 6, 0, 0, 0, 0, 0, 0, 0x7c, 0, 0, 0, 0), 1, ErrCorrupt, "more than"},
		{"huge packet", huge, 0, ErrCorrupt, "packet 1 claims 1073741824 captured bytes"},
		{"cut header", pcap[:20], 0, ErrTruncated, "20 of 24"},
		{"not a capture", []byte("selamat pagi"), 0, ErrFormat, "starts with"},
		{"cut gzip", []byte{0x1f, 0x8b, 8, 0}, 0, ErrCorrupt, "gzip"},
	} {
		got, _, err := all(c.name, bytes.NewReader(c.data))
		var ce *Error
		if len(got) != c.packets || !errors.Is(err, c.err) || !errors.As(err, &ce) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %d packets, %v; expected %d, %v with %q", c.name, len(got), err, c.packets, c.err, c.text)
		}
	}
}

// TestReadError proves that an error of the source is told with the offset.
func TestReadError(t *testing.T) {
	data := demoBytes(t)
	bad := errors.New("bad sector")
	got, _, err := all("x", io.MultiReader(bytes.NewReader(data[:30000]), iotest.ErrReader(bad)))
	if !errors.Is(err, bad) || len(got) < 50 {
		t.Fatalf("%d packets, %v", len(got), err)
	}
}

// FuzzReader proves that no input makes the reader panic, run on without end
// or hold more than a block.
func FuzzReader(f *testing.F) {
	o := binary.LittleEndian
	f.Add(demoBytes(f)[:4000])
	f.Add(append(append(section(o), iface(o, 1)...), enhanced(o, 0, 1, 4, []byte{1, 2, 3, 4})...))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _, _ := all("fuzz", bytes.NewReader(data))
		if len(list) > len(data)/8+1 {
			t.Fatalf("%d packets from %d bytes", len(list), len(data))
		}
	})
}
