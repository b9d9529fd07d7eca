package casefile

import (
	"crypto/x509"
	"testing"
	"time"

	"saksi/evidence"
)

// TestTamperTime proves that no other time stamp passes for the seal's.
func TestTamperTime(t *testing.T) {
	f := newSealedCase(t)
	rogue := newAuthority(t, "TSA", time.Now().Add(time.Minute))
	late := *f.tsa
	late.at = func() time.Time { return time.Now().Add(time.Hour) }
	f.caught(t, []cheat{
		{"time stamp missing", sealStampFile, KindMissing, removed(sealStampFile)},
		{"time stamp swapped", sealStampFile, KindSignature, func(t *testing.T, dir string) {
			b, err := rawStamp(f.tsa, []byte("something else"))
			if err != nil {
				t.Fatal(err)
			}
			put(t, at(sealStampFile)(dir), b)
		}},
		{"time stamp of a rogue authority of the same name", sealStampFile, KindTrust, stampBy(rogue)},
		{"time stamp outside validity", sealStampFile, KindSignature, stampBy(&late)},
		{"the authority's certificate swapped", trustStampFile, KindDigest, func(t *testing.T, dir string) {
			put(t, at(trustStampFile)(dir), evidence.EncodeCertificates([]*x509.Certificate{rogue.root}))
		}},
	})
}
