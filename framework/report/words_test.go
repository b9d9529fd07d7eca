package report

import (
	"bytes"
	"strings"
	"testing"

	"saksi/framework/frameworktest"
)

// TestReasons proves that the reasons of a real assessment are told in the
// report's language.
func TestReasons(t *testing.T) {
	a, _ := frameworktest.Assess(t, frameworktest.Inputs(), frameworktest.Attack()...)
	met := 0
	for _, lang := range Languages {
		words, err := labels(lang)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range a.Outcomes {
			for _, ob := range o.Observations {
				if ob.Why == "" {
					continue
				}
				met++
				if got := reason(words, ob.Why); (got == ob.Why) != (lang == "en") || strings.Contains(got, "{") {
					t.Errorf("%s: %q is told as %q", lang, ob.Why, got)
				}
			}
		}
		for _, why := range []string{
			"the newest is 32 days old; at most 31 are allowed", "no sensor and no exhibit is in scope; name a case or a register",
			"3 of 4 sensors and exhibits in scope were seen; 95 % are needed", "0.2 % of the packets were dropped; 0.1 % are allowed",
		} {
			if got := reason(words, why); (got == why) != (lang == "en") {
				t.Errorf("%s: %q is told as %q", lang, why, got)
			}
		}
		var b bytes.Buffer
		r, err := New(a, lang, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.HTML(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "are needed") != (lang == "en") {
			t.Errorf("%s: the page tells reasons in another language", lang)
		}
	}
	if met == 0 {
		t.Error("the sample has no reason")
	}
}
