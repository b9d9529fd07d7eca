package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"saksi/internal/soak"
)

// TestReceiptHostile proves that a receipt whose index, size, proof or entry is
// not what it was is refused at once: a size near the largest number would keep
// the arithmetic of trees busy for ever.
func TestReceiptHostile(t *testing.T) {
	s, p := newKey(t)
	dir := smallLog(t, s)
	st := verified(t, dir, p)
	honest, err := st.Receipt(dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := string(honest.Marshal())
	for _, b := range []string{good, strings.ReplaceAll(good, "\n", "\r\n"), good + "\n\n"} {
		if r, err := ParseReceipt([]byte(b)); err != nil || st.Holds(dir, r, Origin(logCase), p) != nil {
			t.Errorf("an honest one: %v", err)
		}
	}
	for _, c := range [][2]string{
		{"\n4\n", "\n9223372036854775807\n"},
		{"\n4\n", "\n4611686018427387905\n"},
		{"\n4\n", "\n9223372036854775808\n"},
		{"\n4\n", "\n3000001\n"},
		{"\n4\n", "\n-4\n"},
		{"\n4\n", "\n0\n"},
		{"\n4\n", "\n3\n"},
		{"index 1", "index 2"},
		{"index 1", "index -1"},
		{"index 1", "index 9223372036854775807"},
		{proofHeader, "c2sp.org/tlog-proof@v2"},
		{"extra ", "extra A"},
		{"extra ", "more "},
	} {
		b := strings.Replace(good, c[0], c[1], 1)
		if b == good {
			t.Fatalf("no %q in %s", c[0], good)
		}
		r, err := ParseReceipt([]byte(b))
		if err == nil { // the same proof may fit a tree of another size; who signed that is asked then
			err = st.Holds(dir, r, Origin(logCase), p)
		}
		if !errors.Is(err, ErrCustody) {
			t.Errorf("%q for %q: %v", c[1], c[0], err)
		}
	}
	soak.Run(t, soak.Config{Full: 20_000, Parallel: 2, Limit: 10 * time.Second}, func(rnd *rand.Rand) error {
		b, _ := soak.Mutate(rnd, []byte(good))
		r, err := ParseReceipt(b)
		if err == nil {
			err = st.Holds(dir, r, Origin(logCase), p)
		}
		if err == nil && !bytes.Equal(r.Line, honest.Line) {
			return fmt.Errorf("taken: %q", b)
		}
		return nil
	})
}
