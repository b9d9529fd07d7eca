package suricata

import "testing"

// TestDecodeBase64 holds what is decoded against the rules of Suricata's two modes.
func TestDecodeBase64(t *testing.T) {
	for _, c := range []struct{ in, plain, skip string }{
		{"bWFpbA==", "mail", "mail"},
		{"bWFpbA", "mail", "mai"}, // only whole groups when bytes are skipped
		{"bWFp.bA==", "mai", "mail"},
		{"bWFpb.A==", "", "mail"}, // a digit left over is no byte
		{"=WFp", "", ""},
		{"b=Fp", "", ""},
		{"bWFpbA==bWFp", "mailmai", "mailmai"},
		{"", "", ""},
		{"....", "", ""},
	} {
		if got := string(decodeBase64(nil, []byte(c.in), false)); got != c.plain {
			t.Errorf("%q: %q, expected %q", c.in, got, c.plain)
		}
		if got := string(decodeBase64(nil, []byte(c.in), true)); got != c.skip {
			t.Errorf("%q with bytes skipped: %q, expected %q", c.in, got, c.skip)
		}
	}
}
