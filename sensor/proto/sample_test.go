package proto

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"saksi/event"
	"saksi/rules/suricata"
)

var update = flag.Bool("update", false, "write the golden files anew")

// turn is one line of a sample: bytes of one direction, or a gap.
type turn struct {
	dir  Dir
	data []byte
	gap  uint32
}

// readSample reads a sample: "> " and "< " lines with a Go string each (client
// and server), "> gap N" for missing bytes, "# " comments.
func readSample(t testing.TB, name string) []turn {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "samples", name))
	if err != nil {
		t.Fatal(err)
	}
	var out []turn
	for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var x turn
		switch {
		case strings.HasPrefix(line, "> "):
		case strings.HasPrefix(line, "< "):
			x.dir = FromServer
		default:
			t.Fatalf("%s:%d: expected '> ', '< ' or '#'", name, i+1)
		}
		if n, ok := strings.CutPrefix(line[2:], "gap "); ok {
			v, err := strconv.ParseUint(n, 10, 32)
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			x.gap = uint32(v)
		} else {
			s, err := strconv.Unquote(line[2:])
			if err != nil {
				t.Fatalf("%s:%d: %v", name, i+1, err)
			}
			x.data = []byte(s)
		}
		out = append(out, x)
	}
	return out
}

// host is a Host that keeps what it is given as text.
type host struct {
	ev    event.Event
	lines [][]byte
	// records are those of EVE JSON.
	records [][]byte
	entry   *Entry
	time    int64
	// touch makes host look at every buffer offered.
	touch bool
	seen  int
	// Of what was decrypted.
	plain     [2][]byte
	plainGaps [2]uint32
	opened    [NumDecryptions]int
}

func (h *host) Begin(dataset string, packets []uint64) *event.Event {
	h.ev.Reset()
	h.ev.Time(event.Timestamp, h.time)
	h.ev.Str(event.EventKind, "event")
	h.ev.Str(event.EventDataset, dataset)
	h.ev.Str(event.NetworkProtocol, h.entry.Name)
	for _, n := range packets {
		h.ev.Int(event.SaksiEvidencePacket, int64(n))
	}
	return &h.ev
}

func (h *host) Emit(e *event.Event) {
	h.lines = append(h.lines, e.AppendJSON(nil))
	if line := e.AppendEVE(nil); e.Has(event.SaksiEveKind) && len(line) > 0 {
		h.records = append(h.records, line)
	}
}

func (h *host) Offer(tx suricata.Tx, _ Dir) {
	if x, ok := tx.(Teller); ok && x.EVE() != nil {
		var m event.Members
		x.EVE().AppendEVE(&m)
		h.seen += int(x.EVE().Number())
	}
	for b := suricata.Buffer(0); b < suricata.NumBuffers; b++ {
		for i := range tx.NBuf(b) {
			h.seen += len(tx.BufAt(b, i))
		}
	}
}

func (h *host) Matching() bool { return h.touch }

func (h *host) Wants(suricata.Buffer) bool { return h.touch }

func (h *host) Expect(Dir, uint16, string, Parser) {}

func (h *host) MayOpen([]byte) Decryption { return Decrypted }

func (h *host) Plain(dir Dir, b []byte) bool {
	h.plain[dir] = append(h.plain[dir], b...)
	return true
}

func (h *host) PlainAs(string, Parser) {}

func (h *host) InPlain(f func()) { f() }

func (h *host) PlainGap(dir Dir, n uint32) { h.plainGaps[dir] += n }

func (h *host) ClosePlain() {}

func (h *host) CountOpened(d Decryption, _ bool) { h.opened[d]++ }

func (h *host) AboutOpened(e *event.Event) { e.Bool(event.SaksiTLSDecrypted, true) }

func (h *host) Record(kind string, t EVE) {
	var e event.Event
	var m event.Members
	t.AppendEVE(&m)
	e.Time(event.Timestamp, h.time)
	e.Int(event.SaksiEveTxID, int64(t.Number()-1))
	e.AddMembers(kind, &m)
	h.records = append(h.records, e.AppendEVE(nil))
}

func (h *host) OpenFile(name string, _ Dir) FileWriter { return &hostFile{h: h, name: name} }

type hostFile struct {
	h    *host
	name string
	data []byte
	gap  uint32
}

func (f *hostFile) Write(b []byte) { f.data = append(f.data, b...) }
func (f *hostFile) Gap(n uint32)   { f.gap += n }
func (f *hostFile) Close(whole bool, why string, about func(*event.Event)) {
	e := f.h.Begin("saksi.file", nil)
	e.Str(event.FileName, f.name)
	e.Int(event.FileSize, int64(len(f.data)))
	if !whole || f.gap > 0 {
		e.Str(event.SaksiFileIncomplete, fmt.Sprint(why, f.gap))
	}
	if about != nil {
		about(e)
	}
	f.h.Emit(e)
}

// play runs the turns through detection and the parser found, as the sensor
// does, and returns what was emitted. want is asked alone when it is not nil.
func play(t Transport, turns []turn, port uint16, touch bool) (*Entry, *host) {
	h := &host{touch: touch, time: 1_700_000_000_000_000_000}
	c := &Context{
		Host: h, Detail: true, Client: netip.MustParseAddr("192.0.2.1"), Server: netip.MustParseAddr("192.0.2.2"),
		ClientPort: 40000, ServerPort: port,
	}
	var p Parser
	var tail [2][]byte
	for i, x := range turns {
		c.Number, c.Time = uint64(i+1), h.time
		h.time += 1_000_000
		if x.gap > 0 {
			tail[x.dir] = nil
			if p != nil && !p.Gap(c, x.dir, x.gap) {
				p.Close(c)
				return h.entry, h
			}
			continue
		}
		tail[x.dir] = append(tail[x.dir], x.data...)
		if t == UDP {
			tail[x.dir] = x.data
		}
		if p == nil {
			src, dst := c.ClientPort, c.ServerPort
			if x.dir == FromServer {
				src, dst = dst, src
			}
			found, _ := Default().Detect(&Probe{
				Data: tail[x.dir], Other: tail[1-x.dir], Dir: x.dir, Transport: t,
				SrcPort: src, DstPort: dst, Length: len(tail[x.dir]),
			})
			if found == nil {
				continue
			}
			h.entry = found
			if h.entry.New == nil {
				return h.entry, h
			}
			p = h.entry.New(t)
			if other := 1 - x.dir; t == TCP && len(tail[other]) > 0 {
				if n := p.Data(c, other, tail[other]); n >= 0 {
					tail[other] = tail[other][min(int(n), len(tail[other])):]
				}
			}
		}
		c.Redetect, c.Next, c.Used = false, "", 0
		n := p.Data(c, x.dir, tail[x.dir])
		if n == Done && c.Redetect {
			p.Close(c)
			rest := tail[x.dir][min(c.Used, len(tail[x.dir])):]
			p, tail = nil, [2][]byte{}
			tail[x.dir] = rest
			next := Default().ByName(c.Next)
			if next == nil {
				continue
			}
			h.entry, p = next, next.New(t)
			n = p.Data(c, x.dir, tail[x.dir])
		}
		if n < 0 {
			break
		}
		tail[x.dir] = tail[x.dir][min(int(n), len(tail[x.dir])):]
	}
	if p != nil {
		p.Close(c)
	}
	return h.entry, h
}

// transport is the one a sample of e is played over: a name that ends in
// "_tcp" or "_udp" says, else the first that e has.
func (e *Entry) transport(sample string) Transport {
	switch base := strings.TrimSuffix(sample, ".txt"); {
	case strings.HasSuffix(base, "_udp"):
		return UDP
	case strings.HasSuffix(base, "_tcp"), e.Transport&TCP != 0:
		return TCP
	}
	return UDP
}

func (e *Entry) port() uint16 {
	if len(e.Ports) > 0 {
		return e.Ports[0]
	}
	return 7777
}

// TestGolden proves that each sample of each entry is recognized as its
// protocol and gives the events of its golden file.
func TestGolden(t *testing.T) {
	for _, e := range Default().Entries() {
		for _, s := range e.Samples {
			t.Run(e.Name+"/"+s, func(t *testing.T) {
				found, h := play(e.transport(s), readSample(t, s), e.port(), true)
				if found != e {
					t.Fatalf("recognized as %v, expected %s", found, e.Name)
				}
				if e.New == nil { // named only: it has no events of its own
					return
				}
				name := strings.TrimSuffix(s, ".txt") + ".ndjson"
				golden(t, filepath.Join("testdata", "golden", name), h.lines)
				if len(h.records) > 0 {
					golden(t, filepath.Join("testdata", "eve", name), h.records)
				}
				if len(h.lines) == 0 {
					t.Fatal("the parser emitted nothing")
				}
			})
		}
	}
}

func golden(t *testing.T, path string, lines [][]byte) {
	t.Helper()
	var got []byte
	for _, l := range lines {
		got = append(append(got, l...), '\n')
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs; got\n%s\nwant\n%s", path, got, want)
	}
}

// TestHostile proves that hostile samples end without a panic and within
// bounds, over each transport of their entry, whole and cut at every byte.
func TestHostile(t *testing.T) {
	for _, e := range Default().Entries() {
		for _, s := range e.Hostile {
			turns := readSample(t, s)
			for _, tr := range []Transport{TCP, UDP} {
				if e.Transport&tr == 0 {
					continue
				}
				play(tr, turns, e.port(), true)
				force(e, tr, turns)
				for k := range turns {
					for cut := range turns[k].data {
						short := append(append([]turn(nil), turns[:k]...), turn{dir: turns[k].dir, data: turns[k].data[:cut]})
						force(e, tr, short)
					}
				}
			}
		}
	}
}

// force gives turns to the parser of e without asking for detection.
func force(e *Entry, t Transport, turns []turn) {
	if e.New == nil {
		return
	}
	h := &host{touch: true, entry: e}
	c := &Context{Host: h, Detail: true}
	p := e.New(t)
	defer func() { p.Close(c) }()
	var tail [2][]byte
	for i, x := range turns {
		c.Number = uint64(i + 1)
		if x.gap > 0 {
			tail[x.dir] = nil
			if !p.Gap(c, x.dir, x.gap) {
				return
			}
			continue
		}
		tail[x.dir] = append(tail[x.dir], x.data...)
		if t == UDP {
			tail[x.dir] = x.data
		}
		n := p.Data(c, x.dir, tail[x.dir])
		if n < 0 {
			return
		}
		if int(n) > len(tail[x.dir]) {
			panic(fmt.Sprintf("%s used %d of %d bytes", e.Name, n, len(tail[x.dir])))
		}
		tail[x.dir] = tail[x.dir][n:]
	}
}

// TestEveryPort proves that entries found by content are found on any port.
func TestEveryPort(t *testing.T) {
	for _, e := range Default().Entries() {
		if e.Bound || portBound[e.Name] {
			continue
		}
		for _, s := range e.Samples {
			if found, _ := play(e.transport(s), readSample(t, s), 61234, false); found != e {
				t.Errorf("%s on port 61234: recognized as %v, expected %s", s, found, e.Name)
			}
		}
	}
}

// portBound are the protocols whose format is shared or too loose, so that only the
// port or a multicast group tells them apart.
var portBound = map[string]bool{
	"cod_mobile": true, "mumble": true,
	"afp": true, "skinny": true,
	"mdns": true, "llmnr": true, "dhcpv6": true, "gtp": true, "ftp-data": true,
}

// TestBound proves that entries bound to their ports take their samples nowhere
// else.
func TestBound(t *testing.T) {
	for _, e := range Default().Entries() {
		if !e.Bound {
			continue
		}
		for _, s := range e.Samples {
			if found, _ := play(e.transport(s), readSample(t, s), 61234, false); found == e {
				t.Errorf("%s on port 61234: recognized as %s", s, e.Name)
			}
		}
	}
}

// TestCheck proves that the registry refuses incomplete entries.
func TestCheck(t *testing.T) {
	good := Entry{Name: "x", Doc: "x", Reference: "x", Transport: TCP, Detect: func(*Probe) Verdict { return No }, Samples: []string{"a"}, Hostile: []string{"b"}}
	if err := good.check(); err != nil {
		t.Fatalf("a complete entry was refused: %v", err)
	}
	for name, spoil := range map[string]func(*Entry){
		"name": func(e *Entry) { e.Name = "" }, "doc": func(e *Entry) { e.Doc = "" }, "reference": func(e *Entry) { e.Reference = "" },
		"transport": func(e *Entry) { e.Transport = 0 }, "bound": func(e *Entry) { e.Bound = true }, "detect": func(e *Entry) { e.Detect = nil },
		"sample": func(e *Entry) { e.Samples = nil }, "hostile": func(e *Entry) { e.Hostile = nil }, "twice": func(e *Entry) { e.Name = "dns" },
	} {
		e := good
		spoil(&e)
		if e.check() == nil {
			t.Errorf("an entry without its %s was accepted", name)
		}
	}
	before := registered
	defer func() { registered = before }()
	for len(registered) < maxEntries {
		registered = append(registered, &Entry{Name: fmt.Sprint(len(registered))})
	}
	if good.check() == nil {
		t.Error("an entry whose number a flow cannot keep was accepted")
	}
}

// FuzzEntries feeds mutated samples to every detector and every parser.
func FuzzEntries(f *testing.F) {
	for _, e := range Default().Entries() {
		for _, s := range append(append([]string(nil), e.Samples...), e.Hostile...) {
			var blob []byte
			for _, x := range readSample(f, s) {
				blob = append(blob, byte(x.dir))
				blob = append(blob, byte(len(x.data)>>8), byte(len(x.data)))
				blob = append(blob, x.data...)
			}
			f.Add(e.Index(), blob)
		}
	}
	f.Fuzz(func(t *testing.T, index uint16, blob []byte) {
		var turns []turn
		for len(blob) >= 3 && len(turns) < 64 {
			n := min(int(blob[1])<<8|int(blob[2]), len(blob)-3)
			turns = append(turns, turn{dir: Dir(blob[0] & 1), data: blob[3 : 3+n]})
			if blob[0]&0x80 != 0 {
				turns[len(turns)-1] = turn{dir: Dir(blob[0] & 1), gap: uint32(n) + 1}
			}
			blob = blob[3+n:]
		}
		entries := Default().Entries()
		e := entries[int(index)%len(entries)]
		for _, tr := range []Transport{TCP, UDP} {
			play(tr, turns, e.port(), true)
			if e.Transport&tr != 0 {
				force(e, tr, turns)
			}
		}
	})
}
