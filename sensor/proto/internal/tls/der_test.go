package tls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// TestLenientCertificate proves that a certificate which the strict parser
// refuses for a zero byte in a name still tells its names, serial and validity.
func TestLenientCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(0x1234), Subject: pkix.Name{Country: []string{"MY"}, CommonName: "bankXexample"},
		NotBefore: from, NotAfter: from.AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	strict := ParseCert(der)
	spoiled := ParseCert(bytes.ReplaceAll(der, []byte("bankXexample"), []byte("bank\x00example")))
	if !spoiled.Parsed || spoiled.Subject != "C=MY, CN=bank\x00example" || spoiled.Issuer != spoiled.Subject {
		t.Errorf("%q, issued by %q", spoiled.Subject, spoiled.Issuer)
	}
	if spoiled.Serial != strict.Serial || spoiled.NotBefore != strict.NotBefore || spoiled.NotAfter != strict.NotAfter {
		t.Errorf("serial %s, valid %d to %d; expected %s, %d to %d", spoiled.Serial, spoiled.NotBefore, spoiled.NotAfter, strict.Serial, strict.NotBefore, strict.NotAfter)
	}
	for n := range der { // cut anywhere it must not panic
		(&Cert{}).lenient(der[:n])
	}
}
