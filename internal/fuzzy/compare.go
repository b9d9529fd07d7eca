package fuzzy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Hash is a fuzzy hash: of a block size, and of twice that.
type Hash struct {
	Block    int
	One, Two string
}

func (h Hash) String() string { return fmt.Sprintf("%d:%s:%s", h.Block, h.One, h.Two) }

// ErrForm is wrapped by errors about what is no fuzzy hash.
var ErrForm = errors.New("no fuzzy hash (BLOCKSIZE:HASH:HASH)")

// Parse reads a hash as ssdeep writes it.
func Parse(s string) (Hash, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return Hash{}, fmt.Errorf("%w: %.80q", ErrForm, s)
	}
	n, err := strconv.Atoi(parts[0])
	sized := false
	for i := range blocks {
		sized = sized || n == least<<i
	}
	if err != nil || !sized || len(parts[1]) > length || len(parts[2]) > length {
		return Hash{}, fmt.Errorf("%w: %.80q", ErrForm, s)
	}
	for _, c := range parts[1] + parts[2] {
		if c > 127 || strings.IndexByte(alphabet, byte(c)) < 0 {
			return Hash{}, fmt.Errorf("%w: %.80q", ErrForm, s)
		}
	}
	return Hash{n, parts[1], parts[2]}, nil
}

// Compare says how alike two contents are, from 0 to 100: 0 is no likeness that can be
// told, 100 the same hash. It is no percentage of bytes.
func Compare(a, b Hash) int {
	switch {
	case a.Block == b.Block:
		one, two, other, third := squeeze(a.One), squeeze(a.Two), squeeze(b.One), squeeze(b.Two)
		if one == other && two == third {
			return 100
		}
		return max(score(one, other, a.Block), score(two, third, a.Block*2))
	case a.Block == b.Block*2:
		return score(squeeze(a.One), squeeze(b.Two), a.Block)
	case b.Block == a.Block*2:
		return score(squeeze(a.Two), squeeze(b.One), b.Block)
	}
	return 0
}

// squeeze cuts runs of a character to three: they say little.
func squeeze(s string) string {
	out := make([]byte, 0, length)
	for i := range len(s) {
		if i < 3 || s[i] != s[i-1] || s[i] != s[i-2] || s[i] != s[i-3] {
			out = append(out, s[i])
		}
	}
	return string(out)
}

// Pieces gives the substrings one of which hashes that are alike at all have in common,
// each with the block size it is of.
func (h Hash) Pieces(f func(block int, piece string)) {
	for i, s := range [...]string{squeeze(h.One), squeeze(h.Two)} {
		for k := 0; k+window <= len(s); k++ {
			f(h.Block<<i, s[k:k+window])
		}
	}
}

func score(a, b string, block int) int {
	if !common(a, b) {
		return 0
	}
	n := distance(a, b) * length / (len(a) + len(b))
	n = 100 * n / length
	if n >= 100 {
		return 0
	}
	n = 100 - n
	// Of small blocks a match says no more than their bytes.
	if block < (99+window)/window*least {
		n = min(n, block/least*min(len(a), len(b)))
	}
	return n
}

func common(a, b string) bool {
	for i := 0; i+window <= len(a); i++ {
		if strings.Contains(b, a[i:i+window]) {
			return true
		}
	}
	return false
}

// distance is how many characters have to be put in or taken out to make b of a.
func distance(a, b string) int {
	var row [length + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			up := row[j+1]
			n := min(up, row[j]) + 1
			if a[i] == b[j] {
				n = min(n, left)
			}
			left, row[j+1] = up, n
		}
	}
	return row[len(b)]
}
