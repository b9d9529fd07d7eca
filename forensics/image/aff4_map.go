package image

import (
	"encoding/binary"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// aff4Map joins stretches of streams.
type aff4Map struct {
	size    int64
	entries []aff4Part
	streams []io.ReaderAt
}

type aff4Part struct {
	at, length, target int64
	stream             uint32
}

func (a *aff4) openMap(stream string, size int64, im *Image) (*aff4Map, error) {
	b, err := a.load(a.segment(stream, "map"))
	if err != nil {
		return nil, err
	}
	idx, err := a.load(a.segment(stream, "idx"))
	if err != nil {
		return nil, err
	}
	m := &aff4Map{size: size}
	unread, opened := map[int]bool{}, map[string]io.ReaderAt{}
	for i, target := range strings.Split(strings.TrimRight(string(idx), "\r\n"), "\n") {
		target = strings.TrimSpace(target)
		stream := a.facts.of[target].is("ImageStream")
		r, ok := symbolic(target)
		unread[i] = !stream && strings.HasSuffix(target, "UnreadableData")
		if stream || !ok {
			if !stream {
				return nil, fmt.Errorf("opening %s: its map reads from %s, which is no image stream of this file and %w: a striped image has several files", a.name, target, ErrUnsupported)
			}
			if r = opened[target]; r == nil {
				if r, _, err = a.open(target, im); err != nil {
					return nil, err
				}
				opened[target] = r
			}
		}
		m.streams = append(m.streams, r)
	}
	for ; len(b) >= aff4Entry; b = b[aff4Entry:] {
		p := aff4Part{int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:])), int64(binary.LittleEndian.Uint64(b[16:])), binary.LittleEndian.Uint32(b[24:])}
		if p.at < 0 || p.length < 0 || p.target < 0 || p.at > size || p.length > size-p.at || p.target > maxMedia || int(p.stream) >= len(m.streams) {
			return nil, fmt.Errorf("opening %s: %w: its map places %d bytes of media at %d of %d at %d in target %d of %d", a.name, ErrCorrupt, p.length, p.at, size, p.target, p.stream, len(m.streams))
		}
		if p.length > 0 {
			m.entries = append(m.entries, p)
			if unread[int(p.stream)] && len(im.Bad) < maxTable/16 {
				im.Bad = append(im.Bad, Range{p.at, p.length})
			}
		}
	}
	sort.SliceStable(m.entries, func(i, j int) bool { return m.entries[i].at < m.entries[j].at })
	for i := 1; i < len(m.entries); i++ {
		if p := m.entries[i-1]; p.at+p.length > m.entries[i].at {
			return nil, fmt.Errorf("opening %s: %w: its map places the media at offset %d twice", a.name, ErrCorrupt, m.entries[i].at)
		}
	}
	return m, nil
}

func (m *aff4Map) hole(off int64) int64 {
	i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].at+m.entries[i].length > off })
	switch {
	case i == len(m.entries):
		return m.size - off
	case m.entries[i].at > off:
		return m.entries[i].at - off
	case m.streams[m.entries[i].stream] == io.ReaderAt(repeated("\x00")):
		return m.entries[i].at + m.entries[i].length - off
	}
	return 0
}

// ReadAt reads the media; gaps of the map read as zeros.
func (m *aff4Map) ReadAt(b []byte, off int64) (int, error) {
	total := 0
	for len(b) > 0 {
		if off < 0 || off >= m.size {
			return total, io.EOF
		}
		i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].at+m.entries[i].length > off })
		want := min(int64(len(b)), m.size-off)
		if i == len(m.entries) || m.entries[i].at > off {
			if i < len(m.entries) {
				want = min(want, m.entries[i].at-off)
			}
			clear(b[:want])
		} else {
			p := m.entries[i]
			want = min(want, p.at+p.length-off)
			if n, err := m.streams[p.stream].ReadAt(b[:want], p.target+off-p.at); int64(n) < want {
				if err == io.EOF {
					err = fmt.Errorf("%w: its stream ends before, at %d", ErrCorrupt, p.target+off-p.at+int64(n))
				}
				return total + n, err
			}
		}
		b, off, total = b[want:], off+want, total+int(want)
	}
	return total, nil
}

// repeated is an endless stream of a text, begun anew each MiB.
type repeated string

func (r repeated) ReadAt(b []byte, off int64) (int, error) {
	if r == "\x00" {
		clear(b)
		return len(b), nil
	}
	for i := range b {
		b[i] = r[(off+int64(i))%(1<<20)%int64(len(r))]
	}
	return len(b), nil
}

// symbolic are the streams that the standard defines (4.4).
func symbolic(target string) (io.ReaderAt, bool) {
	name := target[strings.LastIndexAny(target, "#:/")+1:]
	switch name {
	case "Zero":
		return repeated("\x00"), true
	case "UnknownData":
		return repeated("UNKNOWN"), true
	case "UnreadableData":
		return repeated("UNREADABLEDATA"), true
	}
	if x, ok := strings.CutPrefix(name, "SymbolicStream"); ok && len(x) == 2 {
		if n, err := strconv.ParseUint(x, 16, 8); err == nil {
			return repeated([]byte{byte(n)}), true
		}
	}
	return nil, false
}
