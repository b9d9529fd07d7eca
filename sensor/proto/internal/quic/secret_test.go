package quic

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func hexed(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestShort opens the packet of RFC 9001 appendix A.5.
func TestShort(t *testing.T) {
	o := NewOpener(1, 0x1303, hexed(t, "9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"))
	if o == nil || !bytes.Equal(o.secret, hexed(t, "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9")) {
		t.Fatalf("the secret after a key update is %x", o.secret)
	}
	o.any, o.largest = true, 654360563
	got, ok := o.OpenShort(hexed(t, "4cfe4189655e5cd55c41f69080575d7999c25a5bfb"), 0)
	if !ok || !bytes.Equal(got, []byte{1}) || o.largest != 654360564 {
		t.Errorf("opened %x, %v, number %d", got, ok, o.largest)
	}
}

// seal makes a packet with a short header, a packet number of one byte and an
// empty connection id.
func seal(t testing.TB, o *Opener, number, phase byte, frames []byte) []byte {
	t.Helper()
	header := []byte{0x40 | phase, number}
	nonce := bytes.Clone(o.iv)
	nonce[11] ^= number
	b := o.aead.Seal(bytes.Clone(header), nonce, frames, header)
	mask, ok := o.mask(b[5:21])
	if !ok {
		t.Fatal("no mask")
	}
	b[0] ^= mask[0] & 0x1f
	b[1] ^= mask[1]
	return b
}

// TestKeyUpdate proves that keys change with the key phase, again and again, and
// that a packet that only seems to change it changes nothing.
func TestKeyUpdate(t *testing.T) {
	for suite, size := range map[uint16]int{0x1301: 32, 0x1302: 48, 0x1303: 32} {
		secret := bytes.Repeat([]byte{7}, size)
		o, sender := NewOpener(1, suite, secret), NewOpener(1, suite, secret)
		phase := byte(0)
		for i := range byte(12) {
			if i%3 == 2 {
				next := NewOpener(1, suite, sender.secret)
				next.header, next.chacha = sender.header, sender.chacha
				sender, phase = next, phase^keyPhase
				bad := seal(t, sender, i, phase, []byte("frames that are long enough"))
				bad[len(bad)-1] ^= 1
				if _, ok := o.OpenShort(bad, 0); ok {
					t.Error("a packet that was changed opens")
				}
			}
			got, ok := o.OpenShort(seal(t, sender, i, phase, []byte("frames that are long enough")), 0)
			if !ok || string(got) != "frames that are long enough" {
				t.Fatalf("suite %x, packet %d: %q, %v", suite, i, got, ok)
			}
		}
	}
	if NewOpener(1, 0x1304, make([]byte, 32)) != nil || NewOpener(1, 0x1301, make([]byte, 31)) != nil {
		t.Error("an opener of what is not known")
	}
}

// FuzzStreams proves that any frames are walked, and what is given lies in them.
func FuzzStreams(f *testing.F) {
	f.Add([]byte("\x0a\x04\x03abc\x1e\x00\x0e\x04\x03\x02xy\x0fz"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		Streams(b, func(_, _ uint64, data []byte, _ bool) { n += len(data) })
		if n > len(b) {
			t.Errorf("%d bytes out of %d", n, len(b))
		}
	})
}
