package fuzzy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strings"

	"saksi/internal/infile"
)

// Bounds of lists.
const (
	maxLine   = 64 << 10
	maxHashes = 2_000_000 // of all lists together
)

// Set is hashes that others are held against. It may be used by several goroutines.
type Set struct {
	list  []Known
	index map[piece][]int32
}

// Known is a hash of a list, with the name that the list gives it.
type Known struct {
	Hash
	Name string // of the file, or the hash where the list gives none
	List string // base name of the list
}

type piece struct {
	block int
	text  string
}

// Match is a hash of a set that is alike.
type Match struct {
	*Known
	Score int // see Compare
}

// Load reads lists: what ssdeep writes (a header, then BLOCKSIZE:HASH:HASH,"NAME"), or
// hashes alone, one a line; empty lines and those that begin with '#' are left out.
func Load(paths []string) (*Set, error) {
	s := &Set{index: map[piece][]int32{}}
	for _, p := range paths {
		if err := s.read(p); err != nil {
			return nil, fmt.Errorf("reading fuzzy hashes: %s: %w", p, err)
		}
	}
	return s, nil
}

func (s *Set) read(path string) error {
	f, err := infile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLine)
	found := 0
	for line := 1; ; line++ {
		b, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = fmt.Errorf("it has more than %d bytes; this is no list of ssdeep", maxLine)
			}
			return fmt.Errorf("line %d: %w", line, err)
		}
		t := strings.TrimSpace(string(b))
		if t != "" && t[0] != '#' && !strings.HasPrefix(t, "ssdeep,1.") {
			text, name, _ := strings.Cut(t, ",")
			h, perr := Parse(text)
			if perr != nil {
				return fmt.Errorf("line %d: %w", line, perr)
			}
			if len(s.list) >= maxHashes {
				return fmt.Errorf("line %d: there are more than %d hashes; give fewer", line, maxHashes)
			}
			s.add(h, strings.Trim(name, `"`), filepath.Base(path))
			found++
		}
		if err != nil {
			break
		}
	}
	if found == 0 {
		return errors.New("it holds no fuzzy hash")
	}
	return nil
}

func (s *Set) add(h Hash, name, list string) {
	if name == "" {
		name = h.String()
	}
	n := int32(len(s.list))
	s.list = append(s.list, Known{h, name, list})
	told := map[piece]bool{}
	put := func(p piece) {
		if !told[p] {
			told[p] = true
			s.index[p] = append(s.index[p], n)
		}
	}
	h.Pieces(func(block int, text string) { put(piece{block, text}) })
	if len(told) == 0 { // too short to share a piece: alike is what is the same
		put(piece{h.Block, h.String()})
	}
}

// Len is how many hashes the set holds.
func (s *Set) Len() int { return len(s.list) }

// Find gives the hashes of the set that score least or more, the most alike first.
func (s *Set) Find(h Hash, least int) (list []Match) {
	seen := map[int32]bool{}
	try := func(p piece) {
		for _, n := range s.index[p] {
			if seen[n] {
				continue
			}
			seen[n] = true
			if score := Compare(h, s.list[n].Hash); score >= least {
				list = append(list, Match{&s.list[n], score})
			}
		}
	}
	h.Pieces(func(block int, text string) { try(piece{block, text}) })
	try(piece{h.Block, h.String()})
	sort.SliceStable(list, func(i, k int) bool {
		a, b := list[i], list[k]
		switch {
		case a.Score != b.Score:
			return a.Score > b.Score
		case a.Name != b.Name:
			return a.Name < b.Name
		}
		return a.List < b.List
	})
	return list
}
