package lzfse

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// samples were packed by Apple's lzfse 1.0 (pyliblzfse 0.4.1), which unpacks them
// to these digests.
var samples = map[string]struct {
	size int
	sum  string
}{
	"mixed":  {80000, "13b69eeccc19216fd6e3ee564e5ecb5fedeb628ffae17adffc57c4b51e78fdfd"},
	"noise":  {3000, "70c90201e5405fabaa45d749372915c79d5442c0294b3eb06f1ef5998ddb623d"},
	"piece0": {65536, "8207ca9ce3bf21d6fe6a3bd2ae4c06decc1343095b5921cee5f02f7685ead186"},
	"piece1": {30000, "f6e6ec4a104122738edc619069da38d80a92aab9a3abb7b161476c716169abc4"},
	"small":  {1000, "93a177962dc6c5d3b7b2b3a831fa3cd3ffac04120b4667e2e6680b4b98d8691d"},
	"text":   {150000, "8d7c819764a989d3e114d9f61806e8215c2587e597e9b0ccf79ec2571db7a9cf"},
	"zeros":  {100005, "82c0326c5513771c9f1b4cbd337e2660c6d158c54b603f69a8ba995e8659184b"},
}

func TestDecode(t *testing.T) {
	for name, want := range samples {
		b, err := os.ReadFile("testdata/" + name + ".lzfse")
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, want.size+10)
		n, err := Decode(out, b)
		if sum := sha256.Sum256(out[:n]); err != nil || n != want.size || hex.EncodeToString(sum[:]) != want.sum {
			t.Errorf("%s: %d bytes of %d, %v", name, n, want.size, err)
		}
		// What is asked for less than it holds ends there.
		part := make([]byte, want.size/2)
		if n, err := Decode(part, b); err != nil || n != len(part) || !bytes.Equal(part, out[:n]) {
			t.Errorf("%s: half of it: %d of %d, %v", name, n, len(part), err)
		}
		if _, err := Decode(make([]byte, want.size+10), b[:len(b)/2]); err == nil {
			t.Errorf("%s: half of the stream is taken for all", name)
		}
	}
}

// TestHostile: nothing that is changed or cut panics, or takes long.
func TestHostile(t *testing.T) {
	begun := time.Now()
	damaged := 0
	for name := range samples {
		b, err := os.ReadFile("testdata/" + name + ".lzfse")
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		out := make([]byte, 1<<18)
		for range 300 {
			c := bytes.Clone(b[:1+rnd.IntN(len(b))])
			for range 1 + rnd.IntN(4) {
				c[rnd.IntN(min(len(c), 100))] = byte(rnd.Uint32())
			}
			if _, err := Decode(out, c); err != nil {
				damaged++
			}
			if _, err := DecodeVN(out, c); err != nil {
				damaged++
			}
		}
	}
	if damaged < 1000 {
		t.Errorf("only %d of 3000 streams were found damaged", damaged)
	}
	t.Log(time.Since(begun))
}
