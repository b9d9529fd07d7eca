package proto

import (
	"bytes"
	"testing"
)

// TestSecrets proves that passwords in messages never reach an event.
func TestSecrets(t *testing.T) {
	for _, c := range []struct{ entry, sample, secret string }{
		{"radius", "radius.txt", "0123456789abcdef"},
		{"opc-ua", "opcua.txt", "secret"},
		{"bacnet", "bacnet.txt", "secret"},
		{"s7comm", "s7comm.txt", "secret12"},
	} {
		found := false
		for _, x := range readSample(t, c.sample) {
			found = found || bytes.Contains(x.data, []byte(c.secret))
		}
		if !found {
			t.Fatalf("%s: the sample does not hold %q", c.sample, c.secret)
		}
		for _, e := range Default().Entries() {
			if e.Name != c.entry {
				continue
			}
			_, h := play(e.transport(c.sample), readSample(t, c.sample), e.port(), true)
			if len(h.lines) == 0 {
				t.Errorf("%s: no events", c.sample)
			}
			for _, l := range h.lines {
				if bytes.Contains(l, []byte(c.secret)) {
					t.Errorf("%s: %q stands in %s", c.sample, c.secret, l)
				}
			}
		}
	}
}
