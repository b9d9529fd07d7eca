package tls

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"
)

// TestCCM opens an example of NIST SP 800-38C, and nothing that was changed.
func TestCCM(t *testing.T) {
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// SP 800-38C, example 3: nonce of 12 bytes, tag of 8 bytes.
	key, nonce := unhex("404142434445464748494a4b4c4d4e4f"), unhex("101112131415161718191a1b")
	more, want := unhex("000102030405060708090a0b0c0d0e0f10111213"), unhex("202122232425262728292a2b2c2d2e2f3031323334353637")
	sealed := unhex("e3b201a9f5b71a7a9b1ceaeccd97e70b6176aad9a4428aa5484392fbc1b09951")
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &ccm{block, 8}
	got, err := c.Open([]byte("x"), nonce, sealed, more)
	if err != nil || !bytes.Equal(got, append([]byte("x"), want...)) {
		t.Fatalf("opened %x, %v", got, err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if got, err := c.Open(nil, nonce, bad, more); err == nil || len(got) > 0 {
			t.Errorf("a change of byte %d is not seen", i)
		}
	}
	if _, err := c.Open(nil, nonce, sealed, more[1:]); err == nil {
		t.Error("a change of what is authenticated besides is not seen")
	}
	for _, b := range [][]byte{nil, sealed[:7]} {
		if _, err := c.Open(nil, nonce, b, more); err == nil {
			t.Errorf("%d bytes were opened", len(b))
		}
	}
	if _, err := c.Open(nil, nonce[1:], sealed, more); err == nil {
		t.Error("a nonce of 11 bytes was taken")
	}
}
