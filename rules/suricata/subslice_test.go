package suricata

import "testing"

// TestSubslice proves what parts of a buffer subslice gives, and what it does not
// take (Suricata user guide, "subslice").
func TestSubslice(t *testing.T) {
	const in = "0123456789"
	for _, c := range []struct{ opts, want string }{
		{"0", in},
		{"3", "3456789"},
		{"3,4", "3456"},
		{"+3 , 4", "3456"},
		{"-3", "789"},
		{"-3,2", "78"},
		{"2,-2", "234567"},
		{"8,-5", "567"}, // the ends change places
		{"10", ""},
		{"11", ""},
		{"11,truncate", ""},
		{"-11", ""},
		{"-11,truncate", in},
		{"8,5", ""},
		{"8,5,truncate", "89"},
		{"0,-11", ""},
		{"4,-11,TRUNCATE", "0123"},
		{"0,9223372036854775807", ""},
		{"9223372036854775807,9223372036854775807,truncate", ""},
		{"-9223372036854775808,-9223372036854775808,truncate", ""},
	} {
		tr := transform{op: trSubslice}
		if err := subsliceOptions(&tr, &option{val: field{s: c.opts}}); err != nil {
			t.Errorf("%s: %v", c.opts, err)
			continue
		}
		if got := string(tr.apply(nil, []byte(in))); got != c.want {
			t.Errorf("%s: %q, want %q", c.opts, got, c.want)
		}
		tr.apply(nil, nil)
	}
	for _, bad := range []string{"", "a", "1,0", "1 1", "0:-1", "1,2,cut", "1,2,3", "1,truncate,2", "truncate", "1,2,truncate,3", "99999999999999999999"} {
		if err := subsliceOptions(&transform{}, &option{val: field{s: bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
