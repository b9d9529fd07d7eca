package merge

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"saksi/framework"
)

// opened is a bundle that verified.
func opened(agency, day, key, person string) *Bundle {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return &Bundle{File: fmt.Sprintf("%s %s %s", agency, day, key), SHA256: agency + day + key, Key: key, Person: person, Assessment: &framework.Assessment{Framework: "rakkssa", Agency: agency, AsOf: at}}
}

// settle merges bundles as the command does: what is to be left out is, from the
// beginning.
func settle(list []*Bundle, expected []string) (taken []string, kinds map[string]string) {
	kinds, drop := map[string]string{}, map[string]bool{}
	for again := true; again; {
		again, taken = false, nil
		g := New("t", expected, nil)
		added := map[string]bool{}
		for _, b := range list {
			if drop[b.SHA256] {
				continue
			}
			c := g.Add(b)
			if c == nil {
				added[b.SHA256] = true
				taken = append(taken, b.File)
				continue
			}
			for _, p := range c.Problems {
				kinds[p.Item] = p.Kind
			}
			for _, sum := range c.Drop {
				drop[sum] = true
				again = again || added[sum]
			}
		}
	}
	slices.Sort(taken)
	return taken, kinds
}

// TestConflicts proves that bundles which can't stand beside each other are named,
// each with its kind, and that the same ones stay in whatever order they came.
func TestConflicts(t *testing.T) {
	for name, c := range map[string]struct {
		bundles  []*Bundle
		expected []string
		taken    int
		refused  map[string]string // by the beginning of the file
	}{
		"three agencies":             {[]*Bundle{opened("A", "2026-11-01", "k1", ""), opened("B", "2026-11-01", "k2", ""), opened("Jabatan 10", "2026-11-01", "k3", "")}, nil, 3, nil},
		"an older one replayed":      {[]*Bundle{opened("A", "2026-11-01", "k1", ""), opened("A", "2026-10-01", "k1", ""), opened("A", "2026-09-01", "k1", "")}, nil, 1, map[string]string{"A 2026-10": KindOlder, "A 2026-09": KindOlder}},
		"a new key of one person":    {[]*Bundle{opened("A", "2026-11-01", "k2", "Ali"), opened("A", "2026-10-01", "k1", "Ali")}, nil, 1, map[string]string{"A 2026-10": KindOlder}},
		"one name, two persons":      {[]*Bundle{opened("A", "2026-11-01", "k1", "Ali"), opened("A", "2026-10-01", "k2", "Siti"), opened("B", "2026-10-01", "k2", "Siti")}, nil, 1, map[string]string{"A 2026-11": KindSigners, "A 2026-10": KindSigners}},
		"one name, two nameless":     {[]*Bundle{opened("A", "2026-11-01", "k1", ""), opened("A", "2026-11-02", "k2", ""), opened("A", "2026-11-03", "k1", "")}, nil, 0, map[string]string{"A 2026-11-01": "", "A 2026-11-02": KindSigners, "A 2026-11-03": KindSigners}},
		"two at one time":            {[]*Bundle{opened("A", "2026-11-01", "k1", "Ali"), opened("A", "2026-11-01", "k9", "Ali")}, nil, 0, map[string]string{"A 2026-11-01 k1": KindTwo, "A 2026-11-01 k9": KindTwo}},
		"case":                       {[]*Bundle{opened("Jabatan Air", "2026-11-01", "k1", ""), opened("JABATAN AIR", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Jabatan": KindName, "JABATAN": KindName}},
		"spaces":                     {[]*Bundle{opened("Jabatan Air", "2026-11-01", "k1", ""), opened("JabatanAir", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Jabatan ": KindName, "JabatanA": KindName}},
		"Cyrillic letters":           {[]*Bundle{opened("Jabatan Air", "2026-11-01", "k1", ""), opened("J\u0430batan \u0410ir", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Jab": KindName, "J\u0430": KindName}},
		"a small L and a one":        {[]*Bundle{opened("Jabatan Imigresen 1", "2026-11-01", "k1", ""), opened("Jabatan lmigresen I", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Jabatan I": KindName, "Jabatan l": KindName}},
		"rn for m":                   {[]*Bundle{opened("Perkim", "2026-11-01", "k1", ""), opened("Perkirn", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Perkim": KindName, "Perkirn": KindName}},
		"wide letters and a mark":    {[]*Bundle{opened("Jabatan A", "2026-11-01", "k1", ""), opened("Jabatan \uff21\u0301", "2026-11-01", "k2", "")}, nil, 0, map[string]string{"Jabatan A": KindName, "Jabatan \uff21": KindName}},
		"a zero width space":         {[]*Bundle{opened("Jabatan\u200b Air", "2026-11-01", "k1", "")}, nil, 0, map[string]string{"Jabatan\u200b": KindName}},
		"a space at the end":         {[]*Bundle{opened("Jabatan Air ", "2026-11-01", "k1", "")}, nil, 0, map[string]string{"Jabatan Air ": KindName}},
		"the direction turned":       {[]*Bundle{opened("Jabatan \u202eriA", "2026-11-01", "k1", "")}, nil, 0, map[string]string{"Jabatan \u202e": KindName}},
		"the register knows one":     {[]*Bundle{opened("Jabatan Air", "2026-11-01", "k1", ""), opened("Jabatan A\u0456r", "2026-11-01", "k2", "")}, []string{"Jabatan Air"}, 1, map[string]string{"Jabatan A\u0456": KindName}},
		"alone beside the register":  {[]*Bundle{opened("Jabatan A\u0456r", "2026-11-01", "k2", "")}, []string{"Jabatan Air"}, 0, map[string]string{"Jabatan A\u0456": KindName}},
		"the register knows both":    {[]*Bundle{opened("Pejabat 1", "2026-11-01", "k1", ""), opened("Pejabat I", "2026-11-01", "k2", "")}, []string{"Pejabat 1", "Pejabat I"}, 2, nil},
		"older, and its double's":    {[]*Bundle{opened("Air", "2026-11-01", "k1", ""), opened("Air", "2026-10-01", "k1", ""), opened("AIR", "2026-12-01", "k1", "")}, []string{"Air"}, 1, map[string]string{"Air 2026-10": KindOlder, "AIR": KindName}},
		"another agency's true name": {[]*Bundle{opened("Pejabat Tanah", "2026-11-01", "k1", ""), opened("Pejabat Tanih", "2026-11-01", "k2", "")}, nil, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			first, _ := settle(c.bundles, c.expected)
			for range 8 {
				list := slices.Clone(c.bundles)
				r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				taken, kinds := settle(list, c.expected)
				if len(taken) != c.taken || !slices.Equal(taken, first) {
					t.Fatalf("taken %q, expected %d, as %q", taken, c.taken, first)
				}
				if len(kinds) != len(c.refused) {
					t.Errorf("refused %v", kinds)
				}
				for begin, kind := range c.refused {
					ok := false
					for file, k := range kinds {
						ok = ok || strings.HasPrefix(file, begin) && (k == kind || kind == "") // by the order, one of two kinds
					}
					if !ok {
						t.Errorf("no %s of %q: %v", kind, begin, kinds)
					}
				}
			}
		})
	}
	g := New("t", nil, nil)
	a := opened("A", "2026-11-01", "k1", "")
	if c := g.Add(a); c != nil {
		t.Errorf("%+v", c)
	}
	if c := g.Add(a); c == nil || c.Problems[0].Kind != KindTwice || len(c.Drop) > 0 {
		t.Errorf("the same bundle twice: %+v", c)
	}
	other := opened("B", "2026-11-01", "k1", "")
	other.Assessment.Framework = "iso"
	if c := g.Add(other); c == nil || c.Problems[0].Kind != KindFramework {
		t.Errorf("another framework: %+v", c)
	}
}

// TestBehind proves that what a merge before held of an agency can't be followed by
// something older, and that a new signer and nothing new are told.
func TestBehind(t *testing.T) {
	g := New("t", nil, nil)
	if c := g.Add(opened("A", "2026-11-01", "k1", "")); c != nil {
		t.Fatalf("%+v", c)
	}
	m := g.Merged()
	for day, want := range map[string]string{"2026-10-31": KindOlder, "2026-11-01": "A: nothing new", "2026-11-02": ""} {
		p, told := m.Behind(opened("A", day, "k1", ""))
		if (p != nil) != (want == KindOlder) || p != nil && p.Kind != want || p == nil && !strings.HasPrefix(told, want) {
			t.Errorf("%s: %+v %q", day, p, told)
		}
	}
	if p, told := m.Behind(opened("A", "2026-11-02", "k2", "Siti")); p != nil || told != "A: signed by key k2 (Siti), in the merge before by k1" {
		t.Errorf("%+v %q", p, told)
	}
	if p, told := m.Behind(opened("B", "2020-01-01", "k2", "")); p != nil || told != "" {
		t.Errorf("%+v %q", p, told)
	}
}
