package fuzzy

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func hash(b []byte) Hash {
	d := New(int64(len(b)))
	_, _ = d.Write(b)
	return d.Sum()
}

// contents are of many sizes and kinds: random, of few values, repeated, empty, and
// changed copies of others.
func contents(r *rand.Rand, n int) (list [][]byte) {
	for i := range n {
		size := r.IntN(1 << (1 + r.IntN(19)))
		b := make([]byte, size)
		values := 1 + r.IntN(256)
		for k := range b {
			b[k] = byte(r.IntN(values))
		}
		switch {
		case i%5 == 0 && size > 100: // a repeated piece
			for k := 50; k < size; k++ {
				b[k] = b[k-50]
			}
		case i%5 == 1 && len(list) > 0: // a changed copy
			b = bytes.Clone(list[len(list)-1])
			for range 1 + len(b)/20000 {
				if len(b) > 0 {
					at := r.IntN(len(b))
					b = append(b[:at:at], append([]byte("changed"), b[at+r.IntN(len(b)-at+1)/8:]...)...)
				}
			}
		}
		list = append(list, b)
	}
	return list
}

// TestKnownHashes proves hashes and scores that ssdeep 2.14.1 gives.
func TestKnownHashes(t *testing.T) {
	if got := hash(nil).String(); got != "3::" {
		t.Errorf("of nothing: %s", got)
	}
	a := []byte(strings.Repeat("Saksi melihat rangkaian dan cakera. ", 40))
	for i := range a {
		a[i] += byte(i * i % 7)
	}
	b := append([]byte("lain "), a...)
	if got, want := hash(a).String(), knownHash; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := Compare(hash(a), hash(b)); got != knownScore {
		t.Errorf("score %d, want %d", got, knownScore)
	}
	for _, s := range []string{"", "3", "3:a", "4:a:b", "3:a:b:c", "-3:a:b", "3:a!:b", "3:" + strings.Repeat("a", 65) + ":b", "x:a:b", "3:\xff:b"} {
		if _, err := Parse(s); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestPieces proves that hashes which are alike at all share a piece, so that an index
// by pieces misses none; and that Parse gives what String wrote.
func TestPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	list := contents(r, 120)
	alike := 0
	var hashes []Hash
	for i := range list {
		a := hash(list[i])
		hashes = append(hashes, a)
		if p, err := Parse(a.String()); err != nil || p != a {
			t.Fatalf("%s is parsed as %s, %v", a, p, err)
		}
		pieces := map[string]bool{}
		a.Pieces(func(n int, s string) { pieces[fmt.Sprint(n, s)] = true })
		for k := range i {
			b := hashes[k]
			if Compare(a, b) != Compare(b, a) {
				t.Errorf("%s and %s: %d, %d", a, b, Compare(a, b), Compare(b, a))
			}
			if Compare(a, b) == 0 || squeeze(a.One) == squeeze(b.One) && squeeze(a.Two) == squeeze(b.Two) {
				continue
			}
			alike++
			shared := false
			b.Pieces(func(n int, s string) { shared = shared || pieces[fmt.Sprint(n, s)] })
			if !shared {
				t.Errorf("%s and %s score %d and share no piece", a, b, Compare(a, b))
			}
		}
	}
	if alike == 0 {
		t.Error("no two are alike")
	}
}

// TestSsdeep proves that hashes and scores are those of the stock tool.
func TestSsdeep(t *testing.T) {
	tool, err := exec.LookPath("ssdeep")
	if err != nil {
		t.Skip("no ssdeep here")
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(6, 2))
	list := contents(r, 300)
	args := []string{"-b", "-s"}
	var hashes []Hash
	for i, b := range list {
		hashes = append(hashes, hash(b))
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command(tool, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, l := range strings.Split(string(out), "\n")[1:] {
		want, name, ok := strings.Cut(l, ",")
		if !ok {
			continue
		}
		i, err := strconv.Atoi(strings.Trim(name, `"`))
		if err != nil {
			t.Fatal(err)
		}
		checked++
		if got := hashes[i].String(); got != want {
			t.Errorf("%d, of %d bytes: %s, want %s", i, len(list[i]), got, want)
		}
	}
	if checked < 290 {
		t.Errorf("only %d hashes were compared", checked)
	}
	sums := filepath.Join(dir, "sums")
	if err := os.WriteFile(sums, out, 0o600); err != nil {
		t.Fatal(err)
	}
	scores := map[[2]int]int{}
	out, err = exec.Command(tool, "-b", "-s", "-a", "-x", sums).Output() // every two signatures, whatever they score
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(out), "\n") {
		// sums:NAME matches sums:NAME (SCORE)
		var n int
		f := strings.Fields(l)
		if len(f) != 4 || f[1] != "matches" {
			continue
		}
		if _, err := fmt.Sscanf(f[3], "(%d)", &n); err != nil {
			t.Fatalf("%q: %v", l, err)
		}
		number := func(s string) int {
			i, err := strconv.Atoi(s[strings.LastIndexByte(s, ':')+1:])
			if err != nil {
				t.Fatalf("%q: %v", l, err)
			}
			return i
		}
		scores[[2]int{number(f[0]), number(f[2])}] = n
	}
	alike := 0
	for pair, want := range scores {
		if want > 0 {
			alike++
		}
		if got := Compare(hashes[pair[0]], hashes[pair[1]]); got != want {
			t.Errorf("%s and %s: %d, want %d", hashes[pair[0]], hashes[pair[1]], got, want)
		}
	}
	if len(scores) < 1000 || alike < 20 {
		t.Errorf("only %d scores were compared, %d of them above 0", len(scores), alike)
	}
}

// By ssdeep 2.14.1 of what TestKnownHashes makes.
const (
	knownHash  = "24:468trq4uCHEm468trq4uCHEm468trq4uCHEm468trq4uCHEm468trq4uCHEm468e:468Fxa68Fxa68Fxa68Fxa68Fxa68e"
	knownScore = 99
)
