package soak

import (
	"bytes"
	"testing"
)

// TestMutant proves that each byte of each input is changed in each way, once a
// round, and that fewer mutants are spread over all inputs.
func TestMutant(t *testing.T) {
	ends := []int{3, 3, 10} // one input is empty
	type key struct {
		input, at, round int
		kind             Kind
	}
	seen := map[key]int{}
	const rounds = 3
	for n := range rounds * 10 * int(numKinds) {
		m := mutant(n, rounds*10*int(numKinds), ends)
		if m.Input == 1 || m.Input == 0 && m.At >= 3 || m.Input == 2 && m.At >= 7 || m.At < 0 {
			t.Fatalf("mutant %d lies outside: %+v", n, m)
		}
		seen[key{m.Input, m.At, m.Round, m.Kind}]++
	}
	if len(seen) != rounds*10*int(numKinds) {
		t.Errorf("%d ways tried, expected %d", len(seen), rounds*10*int(numKinds))
	}
	inputs, kinds := map[int]bool{}, map[Kind]bool{}
	for n := range 10 {
		m := mutant(n, 10, ends)
		inputs[m.Input], kinds[m.Kind] = true, true
	}
	if len(inputs) != 2 || len(kinds) != int(numKinds) {
		t.Errorf("ten mutants reach inputs %v and kinds %v", inputs, kinds)
	}
}

func TestApply(t *testing.T) {
	in := []byte("abcdef")
	for _, c := range []struct {
		m    Mutant
		want string
	}{
		{Mutant{Kind: Flipped}, "ab\x9cdef"},
		{Mutant{Kind: Cut}, "ab"},
		{Mutant{Kind: Repeated, Number: 1}, "abcdcdef"},
		{Mutant{Kind: Repeated, Number: 63}, "abcdefcdef"},
	} {
		if got := c.m.Apply(in, 2); string(got) != c.want {
			t.Errorf("%v: %q, expected %q", c.m.Kind, got, c.want)
		}
	}
	again := Mutant{Kind: Flipped, Number: 5, Round: 1}
	if a := again.Apply(in, 2); !bytes.Equal(a, again.Apply(in, 2)) {
		t.Error("the same mutant differs")
	}
	if string(in) != "abcdef" {
		t.Errorf("the input was changed: %q", in)
	}
}
