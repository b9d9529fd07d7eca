package casefile

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/mod/sumdb/tlog"

	"saksi/evidence"
)

// authority is a time-stamp authority of the test's own.
type authority struct {
	root, cert *x509.Certificate
	key        *ecdsa.PrivateKey
	at         func() time.Time
}

func newAuthority(t *testing.T, name string, notAfter time.Time) *authority {
	t.Helper()
	make := func(c, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, c, parent, pub, signer)
		if err != nil {
			t.Fatal(err)
		}
		out, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rootKey, k := newKey(), newKey()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name + " root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root := make(ca, ca, rootKey.Public(), rootKey)
	eku, err := base64.StdEncoding.DecodeString("MAoGCCsGAQUFBwMI") // SEQUENCE { id-kp-timeStamping }
	if err != nil {
		t.Fatal(err)
	}
	leaf := make(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 37}, Critical: true, Value: eku}},
	}, root, k.Public(), rootKey)
	return &authority{root: root, cert: leaf, key: k, at: time.Now}
}

func (a *authority) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	req, err := timestamp.ParseRequest(b)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	ts := timestamp.Timestamp{
		HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage, Nonce: req.Nonce, Time: a.at(), Policy: []int{1, 2, 3}, AddTSACertificate: true, SerialNumber: big.NewInt(7),
		Certificates: []*x509.Certificate{a.root},
	}
	out, err := ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err == nil {
		_, err = w.Write(out)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// rawStamp makes a response over msg without a request.
func rawStamp(a *authority, msg []byte) ([]byte, error) {
	h := crypto.SHA256.New()
	h.Write(msg)
	ts := timestamp.Timestamp{
		HashAlgorithm: crypto.SHA256, HashedMessage: h.Sum(nil), Time: a.at(), Policy: []int{1, 2, 3}, AddTSACertificate: true, SerialNumber: big.NewInt(8),
		Certificates: []*x509.Certificate{a.root},
	}
	return ts.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
}

// sealOne seals the case of makeCase, with a time stamp of tsa if there is one.
func sealOne(t *testing.T, dir string, log, person *evidence.Signer, tsa *authority) {
	t.Helper()
	c, err := Open(t.Context(), dir, Options{Who: "ana", Tool: "saksi test", Signer: log})
	if err != nil {
		t.Fatal(err)
	}
	o := SealOptions{Signer: person}
	if tsa != nil {
		srv := httptest.NewServer(tsa)
		defer srv.Close()
		o.Authority, o.Roots = srv.URL, []*x509.Certificate{tsa.root}
		o.Stamp = func(ctx context.Context, sig []byte) ([]byte, error) {
			return evidence.RequestTimestamp(ctx, srv.URL, sig)
		}
	}
	if _, err := c.Seal(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := c.AddExhibitError(t.Context()); !errors.Is(err, ErrSealed) {
		t.Errorf("adding to a sealed case: %v", err)
	}
	if _, err := c.Seal(t.Context(), o); !errors.Is(err, ErrSealed) {
		t.Errorf("sealing twice: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// AddExhibitError is what adding an exhibit says.
func (c *Case) AddExhibitError(ctx context.Context) error {
	_, err := c.AddExhibit(ctx, filepath.Join(c.Dir, infoFile), true, nil)
	return err
}

// forge appends an entry that the log itself would refuse, under a checkpoint
// signed with its own key: what a dishonest holder of the key can do.
func forge(t *testing.T, dir string, s *evidence.Signer, e evidence.Entry) {
	t.Helper()
	path := filepath.Join(dir, CustodyDir, "entries.ndjson")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	b = append(append(b, line...), '\n')
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range at {
			out = append(out, hashes[i])
		}
		return out, nil
	})
	n := int64(0)
	for l := range bytes.Lines(b) {
		more, err := tlog.StoredHashes(n, bytes.TrimSuffix(l, []byte("\n")), reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes, n = append(hashes, more...), n+1
	}
	root, err := tlog.TreeHash(n, reader)
	if err != nil {
		t.Fatal(err)
	}
	origin := evidence.Origin("A-1")
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, n, root)
	sig, err := s.Sign(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	hint, err := base64.StdEncoding.DecodeString(s.Public().Hint())
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := fmt.Sprintf("%s\n\u2014 %s %s\n", text, origin, base64.StdEncoding.EncodeToString(append(hint[:4:4], sig...)))
	if err := errors.Join(os.WriteFile(path, b, 0o600), os.WriteFile(filepath.Join(dir, CustodyDir, "checkpoint"), []byte(checkpoint), 0o600)); err != nil {
		t.Fatal(err)
	}
}
