package record

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// holdFile is the legal hold of a ring: segments with what it names are kept
// whatever their age and the size of the ring. A line is one of
//
//	community-id 1:xUqZ0tSF2mIVFOjv6bFvAB3dHkE=
//	time 2026-11-28T00:00:00Z 2026-11-29T00:00:00Z
//
// or empty, or a comment behind #. It is read again when it changes. A line
// that can't be understood holds everything, and is told.
const holdFile = "hold"

// maxHold bounds the hold file, in bytes.
const maxHold = 1 << 20

// hold is the hold file as last read.
type hold struct {
	at          time.Time // its modification time
	size        int64
	version     int
	communities []string
	times       [][2]int64 // Unix nanoseconds
	all         bool       // a line was not understood
}

// parseHold reads lines of a hold file.
func parseHold(b []byte) (h hold, err error) {
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	for n := 1; sc.Scan(); n++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		f := strings.Fields(text)
		bad := true
		switch {
		case len(f) == 0:
			bad = false
		case len(f) == 2 && f[0] == "community-id":
			h.communities, bad = append(h.communities, f[1]), false
		case len(f) == 3 && f[0] == "time":
			from, ferr := time.Parse(time.RFC3339, f[1])
			to, terr := time.Parse(time.RFC3339, f[2])
			if bad = ferr != nil || terr != nil || to.Before(from); !bad {
				h.times = append(h.times, [2]int64{from.UnixNano(), to.UnixNano()})
			}
		}
		if bad {
			h.all = true
			err = errors.Join(err, fmt.Errorf("line %d of the hold file is %q; expected 'community-id ID' or 'time FROM TO' with times as 2026-11-28T00:00:00Z; everything is kept until it is right", n, strings.TrimSpace(text)))
		}
	}
	if serr := sc.Err(); serr != nil {
		h.all, err = true, errors.Join(err, fmt.Errorf("reading the hold file: %w", serr))
	}
	return h, err
}

// readHold reads the hold file again if it has changed.
func (r *Ring) readHold() {
	path := filepath.Join(r.cfg.Dir, holdFile)
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		if !r.hold.at.IsZero() {
			r.hold = hold{version: r.hold.version + 1}
		}
		return
	}
	if err == nil && st.ModTime().Equal(r.hold.at) && st.Size() == r.hold.size {
		return
	}
	var h hold
	var b []byte
	switch {
	case err == nil && st.Size() > maxHold:
		err = fmt.Errorf("the hold file has %d bytes, more than %d; everything is kept", st.Size(), maxHold)
	case err == nil:
		b, err = os.ReadFile(path)
	}
	if err == nil {
		h, err = parseHold(b)
	} else {
		h.all = true
	}
	if st != nil {
		h.at, h.size = st.ModTime(), st.Size()
	}
	h.version = r.hold.version + 1
	r.hold = h
	if err != nil && r.cfg.Failed != nil {
		r.cfg.Failed(fmt.Errorf("ring %s: %w", r.cfg.Dir, err))
	}
}

// held reports whether a segment must be kept by the hold file as last read.
func (r *Ring) held(s *stored) bool {
	if s.heldBy != r.hold.version+1 {
		s.heldBy, s.kept = r.hold.version+1, r.hold.holds(s)
	}
	return s.kept
}

// holds looks whether a segment has something that is held; one whose flows
// are not known is held when any flow is.
func (h *hold) holds(s *stored) bool {
	if h.all {
		return true
	}
	for _, t := range h.times {
		if s.minTime <= t[1] && s.maxTime >= t[0] {
			return true
		}
	}
	if len(h.communities) == 0 {
		return false
	}
	ix, err := openIndex(indexPath(s.path))
	if err != nil {
		return true
	}
	for _, c := range h.communities {
		if list, err := ix.packets(nil, c); err != nil || len(list) > 0 {
			return true
		}
	}
	return false
}
