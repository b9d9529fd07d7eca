package required

import (
	"regexp/syntax"
	"slices"
	"testing"
)

// TestLiterals proves which words an expression can't match without.
func TestLiterals(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       []string
	}{
		{`\AABC.*defgh\z`, []string{"defgh"}},
		{`(one|two)x?`, []string{"one", "two"}},
		{`(?i)Evil\.Example`, []string{"evil.example"}},
		{`(ab)+`, []string{"ab"}},
		{`(ab){2}`, []string{"ab"}},
		{`(ab)*`, nil},
		{`a|b*`, nil},
		{`[a-z]+`, nil},
		{`İstanbul`, nil}, // its lower case has two forms
	} {
		tree, err := syntax.Parse(c.expression, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		if got := Literals(tree.Simplify()); !slices.Equal(got, c.want) {
			t.Errorf("%s needs %q, expected %q", c.expression, got, c.want)
		}
	}
	if Likely([]string{"evil.example"}) >= Likely([]string{"ev"}) || Likely([]string{"ab"}) >= Likely([]string{"ab", "cd"}) {
		t.Error("a long word is not less likely than a short one, or one than two")
	}
}
