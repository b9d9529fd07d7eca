package registry

import "testing"

// TestCheck proves that an entry is told the first thing it lacks, and that no
// two have one name.
func TestCheck(t *testing.T) {
	taken := func(name string) bool { return name == "raw" }
	for _, c := range []struct {
		name  string
		needs []Need
		want  string
	}{
		{"vhd", []Need{{"sample", true}}, ""},
		{"", []Need{{"sample", true}}, `registering image format "": it has no name`},
		{"vhd", []Need{{"reader", true}, {"sample", false}, {"reference", false}}, `registering image format "vhd": it has no sample`},
		{"raw", []Need{{"sample", true}}, `registering image format "raw": the name is taken`},
		{"raw", []Need{{"sample", false}}, `registering image format "raw": it has no sample`},
	} {
		got := ""
		if err := Check("image format", c.name, taken, c.needs...); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%q %v: %q, want %q", c.name, c.needs, got, c.want)
		}
	}
}
