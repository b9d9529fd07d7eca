package tls

import (
	"encoding/binary"
	"testing"
)

// TestCertCache proves that a certificate seen before is not parsed again, that
// the bytes it came in may change, and that the cache stays bounded.
func TestCertCache(t *testing.T) {
	b := []byte("no certificate, which costs as much room as one")
	first := ParseCert(b)
	b[0] = 'N'
	if first.DER[0] != 'n' {
		t.Error("a certificate is a view of its message")
	}
	b[0] = 'n'
	if ParseCert(b) != first {
		t.Error("the same bytes were parsed again")
	}
	for i := range uint32(5 * maxCached) {
		ParseCert(binary.BigEndian.AppendUint32(nil, i))
	}
	ParseCert(make([]byte, maxCachedDER+1))
	if n := len(seen.young) + len(seen.old); n > 2*maxCached {
		t.Errorf("%d certificates kept, more than %d", n, 2*maxCached)
	}
	for _, c := range seen.young {
		if len(c.DER) > maxCachedDER {
			t.Errorf("a certificate of %d bytes kept", len(c.DER))
		}
	}
}
