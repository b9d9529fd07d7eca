package verify

import (
	"slices"
	"testing"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/frameworktest"
)

// TestLoosened proves that who holds the signing key can't loosen a catalog that
// comes with saksi under its own version, decide by it and sign all of it again;
// nor take controls out of it, or make them surer, as an overlay.
func TestLoosened(t *testing.T) {
	for name, x := range map[string]struct {
		kind   string
		loosen func(c *framework.Catalog)
	}{
		"allowed share": {KindDigest, func(c *framework.Catalog) {
			for i := range c.Controls {
				for j := range c.Controls[i].Checks {
					c.Controls[i].Checks[j].Allowed = 1
				}
			}
		}},
		"coverage":    {KindDigest, func(c *framework.Catalog) { c.Coverage.Share = 0.01 }},
		"freshness":   {KindDigest, func(c *framework.Catalog) { c.Coverage.MaxAge = "9999d" }},
		"requirement": {KindDigest, func(c *framework.Catalog) { c.Controls[20].Requirement = "Nothing." }},
		"overlay that drops": {KindDropped, func(c *framework.Catalog) {
			c.Version += "+x"
			c.Controls = slices.Delete(slices.Clone(c.Controls), len(c.Controls)-1, len(c.Controls))
		}},
		"overlay that is surer": {KindValue, func(c *framework.Catalog) {
			c.Version += "+x"
			c.Controls = slices.Clone(c.Controls)
			for i := range c.Controls {
				c.Controls[i].Confidence = framework.Confidence{Title: "read", Requirement: "read"}
			}
		}},
		"an honest overlay": {"", func(c *framework.Catalog) { c.Version += "+x" }},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := framework.Load("rakkssa")
			if err != nil {
				t.Fatal(err)
			}
			x.loosen(c)
			c.SHA256 = evidence.SHA256([]byte(name))
			in := frameworktest.Inputs()
			in.Catalog = c
			a, f := frameworktest.Assess(t, in, frameworktest.Attack()...)
			s := key(t)
			r := verifyFolder(t, folder(t, s, a, f, nil), Options{Trust: evidence.TrustKey(s.Public())})
			if r.Sound() != (x.kind == "") {
				t.Errorf("sound: %v, %+v", r.Sound(), r.Problems)
			}
			if x.kind != "" && !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == x.kind }) {
				t.Errorf("no %s named: %+v", x.kind, r.Problems)
			}
		})
	}
}
