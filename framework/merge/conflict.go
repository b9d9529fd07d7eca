package merge

import (
	"fmt"
	"slices"
	"time"

	"saksi/framework/verify"
)

// Kinds of problems of bundles that can't stand beside each other.
const (
	KindFramework = "framework"
	KindTwice     = "same-bundle"    // the same file once more
	KindOlder     = "older-bundle"   // an older assessment of an agency of which a newer one is there
	KindTwo       = "two-bundles"    // two assessments of an agency at one time
	KindSigners   = "two-signers"    // two bundles under one agency's name by two persons' keys
	KindName      = "confusing-name" // a name that can be taken for another agency's, or that hides something
)

// Conflict is what is wrong with bundles beside each other.
type Conflict struct {
	Problems []verify.Problem
	Drop     []string // digests of bundles to leave out, also of ones that were added before: then a merge begins anew without them
}

func (c *Conflict) add(file, sum, kind, expected, found string) {
	c.Problems = append(c.Problems, verify.Problem{Item: file, Kind: kind, Expected: expected, Found: found})
	c.Drop = append(c.Drop, sum)
}

// sent is a bundle that came.
type sent struct {
	agency, file, sum, key, person string
	asOf                           time.Time
	refused                        bool // nobody can tell who speaks for the agency
}

func (x *sent) signer() string {
	if x.person != "" {
		return fmt.Sprintf("%s (%s)", x.key, x.person)
	}
	return x.key
}

// same reports whether one person signed both, or one key did.
func (x *sent) same(y *sent) bool {
	return x.key == y.key || x.person != "" && x.person == y.person
}

func (g *Merger) expect(names []string) {
	if names == nil {
		return
	}
	g.expected = map[string]bool{}
	for _, n := range names {
		g.expected[n] = true
		g.near[skeleton(n)] = append(g.near[skeleton(n)], n)
	}
}

// conflict holds a bundle to those before it; nil when it can stand beside them.
// In whatever order bundles come, the same ones are to be left out.
func (g *Merger) conflict(b *Bundle) *Conflict {
	a := b.Assessment
	x := &sent{agency: a.Agency, file: b.File, sum: b.SHA256, key: b.Key, person: b.Person, asOf: a.AsOf}
	c := &Conflict{}
	if g.m.Framework != "" && g.m.Framework != a.Framework {
		c.Problems = []verify.Problem{{Item: x.file, Kind: KindFramework, Expected: g.m.Framework, Found: a.Framework}}
		return c
	}
	if hides(a.Agency) {
		c.add(x.file, x.sum, KindName, "a name without hidden characters and needless spaces", fmt.Sprintf("%+q", a.Agency))
		return c
	}
	if y := g.seen[a.Agency]; y != nil {
		g.twice(c, x, y)
		return c
	}
	k := skeleton(a.Agency)
	for _, n := range g.near[k] {
		if n != a.Agency {
			g.alike(c, x, n)
		}
	}
	if !slices.Contains(g.near[k], a.Agency) {
		g.near[k] = append(g.near[k], a.Agency)
	}
	g.seen[a.Agency] = x
	if len(c.Problems) == 0 {
		return nil
	}
	x.refused = slices.Contains(c.Drop, x.sum)
	return c
}

// twice judges a second bundle of an agency.
func (g *Merger) twice(c *Conflict, x, y *sent) {
	stamp := func(z *sent) string { return z.asOf.UTC().Format(time.RFC3339Nano) }
	switch {
	case x.sum == y.sum: // the first of them stays
		c.Problems = []verify.Problem{{Item: x.file, Kind: KindTwice, Expected: "each bundle once", Found: "the same as " + y.file}}
	case !x.same(y):
		for _, z := range [][2]*sent{{x, y}, {y, x}} {
			c.add(z[0].file, z[0].sum, KindSigners, fmt.Sprintf("one signer for %s", x.agency), fmt.Sprintf("key %s; %s is signed by key %s", z[0].signer(), z[1].file, z[1].signer()))
		}
		y.refused = true
	case y.refused:
		c.add(x.file, x.sum, KindSigners, fmt.Sprintf("an agency whose bundles do not contradict each other: %s", x.agency), "see "+y.file)
	case x.asOf.Equal(y.asOf):
		for _, z := range [][2]*sent{{x, y}, {y, x}} {
			c.add(z[0].file, z[0].sum, KindTwo, "one assessment of "+x.agency+" as of "+stamp(x), "another in "+z[1].file)
		}
		y.refused = true
	case x.asOf.Before(y.asOf):
		c.add(x.file, x.sum, KindOlder, fmt.Sprintf("the newest of %s, that as of %s in %s", x.agency, stamp(y), y.file), "one as of "+stamp(x))
	default:
		c.add(y.file, y.sum, KindOlder, fmt.Sprintf("the newest of %s, that as of %s in %s", x.agency, stamp(x), x.file), "one as of "+stamp(y))
		g.seen[x.agency] = x // what comes after is held to the newest
	}
}

// alike judges an agency whose name can be taken for another's: the one that the
// register expects stays, else neither.
func (g *Merger) alike(c *Conflict, x *sent, other string) {
	y := g.seen[other]
	name := func(z *sent, beside string) {
		c.add(z.file, z.sum, KindName, "a name that can't be taken for another agency's", fmt.Sprintf("%+q, which looks like %+q", z.agency, beside))
	}
	switch {
	case g.expected[x.agency]: // the register has both, or the other was refused when it came
	case g.expected[other]:
		name(x, other)
	case y == nil:
	default:
		name(x, other)
		name(y, x.agency)
		y.refused = true
	}
}

// Behind holds a bundle to the merge before it: an agency's assessment does not
// get older. What is only worth a word, as a new signer, is in told.
func (m *Merged) Behind(b *Bundle) (problem *verify.Problem, told string) {
	i := slices.IndexFunc(m.Agencies, func(x Agency) bool { return x.Name == b.Assessment.Agency })
	if i < 0 || m.Framework != b.Assessment.Framework {
		return nil, ""
	}
	x := &m.Agencies[i]
	was := &sent{agency: x.Name, file: x.File, sum: x.SHA256, key: x.Key, person: x.Person, asOf: x.AsOf}
	is := &sent{agency: x.Name, file: b.File, sum: b.SHA256, key: b.Key, person: b.Person, asOf: b.Assessment.AsOf}
	switch {
	case is.asOf.Before(was.asOf):
		return &verify.Problem{Item: b.File, Kind: KindOlder, Expected: fmt.Sprintf("nothing older than as of %s, which the merge before has of %s", was.asOf.UTC().Format(time.RFC3339Nano), x.Name), Found: "one as of " + is.asOf.UTC().Format(time.RFC3339Nano)}, ""
	case is.sum == was.sum:
		return nil, fmt.Sprintf("%s: nothing new since the merge before, as of %s", x.Name, is.asOf.UTC().Format(time.RFC3339))
	case !is.same(was):
		return nil, fmt.Sprintf("%s: signed by key %s, in the merge before by %s", x.Name, is.signer(), was.signer())
	}
	return nil, ""
}

// Unexpected are the agencies of a merge that its register does not name; nil
// without a register.
func (g *Merger) Unexpected() (names []string) {
	for _, a := range g.m.Agencies {
		if g.expected != nil && !g.expected[a.Name] {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}
