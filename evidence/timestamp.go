package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/timestamp-authority/v2/pkg/verification"
)

// ErrTimestamp is returned when a time stamp does not prove what it should.
var ErrTimestamp = errors.New("time stamp does not verify")

// MaxTimestamp bounds a response of a time-stamp authority, in bytes.
const MaxTimestamp = 1 << 20

// Timestamp is what a verified RFC 3161 response says.
type Timestamp struct {
	Time      time.Time
	Authority string // subject of the authority's certificate
	Serial    string
	// Trusted says that the authority's certificate leads to a root that the
	// caller gave.
	Trusted      bool
	Certificates []*x509.Certificate // those in the response
}

// RequestTimestamp asks the authority at an http or https address for a time
// stamp over msg (RFC 3161 section 3.4) and returns its response (DER, a
// TimeStampResp), which is checked to answer this request. Only the SHA-256 of
// msg leaves the machine. The error is ErrTimestamp when the answer is none.
func RequestTimestamp(ctx context.Context, authority string, msg []byte) ([]byte, error) {
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%w: authority %q; expected an http or https address", ErrTimestamp, authority)
	}
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return nil, fmt.Errorf("asking for a time stamp: %w", err)
	}
	req := timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: sum256(msg), Certificates: true, Nonce: nonce}
	der, err := req.Marshal()
	if err != nil {
		return nil, fmt.Errorf("asking for a time stamp: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	hr, err := http.NewRequestWithContext(ctx, http.MethodPost, authority, bytes.NewReader(der))
	if err != nil {
		return nil, fmt.Errorf("asking for a time stamp: %w", err)
	}
	hr.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := http.DefaultClient.Do(hr)
	if err != nil {
		return nil, fmt.Errorf("asking for a time stamp: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxTimestamp+1))
	if err != nil {
		return nil, fmt.Errorf("asking %s for a time stamp: %w", u.Host, err)
	}
	if resp.StatusCode/100 != 2 || len(b) > MaxTimestamp {
		return nil, fmt.Errorf("%w: %s answered %s with %d bytes; expected a time stamp", ErrTimestamp, u.Host, resp.Status, len(b))
	}
	ts, err := parseTimestamp(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.Host, err)
	}
	if ts.Nonce == nil || ts.Nonce.Cmp(nonce) != 0 {
		return nil, fmt.Errorf("%w: %s answered another request", ErrTimestamp, u.Host)
	}
	_, err = VerifyTimestamp(b, msg, nil)
	return b, err
}

// parseTimestamp reads a response. The library may meet what it did not expect.
func parseTimestamp(b []byte) (ts *timestamp.Timestamp, err error) {
	defer func() {
		if r := recover(); r != nil {
			ts, err = nil, fmt.Errorf("%w: the response can't be read: %v", ErrTimestamp, r)
		}
	}()
	if ts, err = timestamp.ParseResponse(b); err != nil {
		return nil, fmt.Errorf("%w: the response can't be read: %w", ErrTimestamp, err)
	}
	return ts, nil
}

// VerifyTimestamp checks that a response is a time stamp over msg, signed by a
// certificate for time stamps alone that was valid then. With roots that
// certificate must lead to one of them; without, who made the stamp is not
// established. Every error is ErrTimestamp.
func VerifyTimestamp(response, msg []byte, roots []*x509.Certificate) (t Timestamp, err error) {
	ts, err := parseTimestamp(response)
	if err != nil {
		return t, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: the response can't be verified: %v", ErrTimestamp, r)
		}
	}()
	t = Timestamp{Time: ts.Time.UTC(), Serial: fmt.Sprintf("%x", ts.SerialNumber), Certificates: ts.Certificates, Trusted: len(roots) > 0}
	if ts.HashAlgorithm != crypto.SHA256 && ts.HashAlgorithm != crypto.SHA384 && ts.HashAlgorithm != crypto.SHA512 {
		return t, fmt.Errorf("%w: it is over a %s; expected SHA-256 or longer", ErrTimestamp, ts.HashAlgorithm)
	}
	var signer *x509.Certificate
	for _, c := range ts.Certificates {
		if !c.IsCA {
			signer = c
			break
		}
	}
	if signer == nil {
		return t, fmt.Errorf("%w: it holds no certificate of its authority", ErrTimestamp)
	}
	t.Authority = signer.Subject.String()
	if t.Time.Before(signer.NotBefore) || t.Time.After(signer.NotAfter) {
		return t, fmt.Errorf("%w: it is of %s; the certificate of its authority is valid from %s to %s", ErrTimestamp,
			t.Time.Format(time.RFC3339), signer.NotBefore.UTC().Format(time.RFC3339), signer.NotAfter.UTC().Format(time.RFC3339))
	}
	var between []*x509.Certificate
	for _, c := range ts.Certificates {
		if c.IsCA {
			between = append(between, c)
		}
	}
	if len(roots) == 0 {
		// The signature is checked against what the response brings.
		roots = append(between, signer)
	}
	if _, err := verification.VerifyTimestampResponse(response, bytes.NewReader(msg), verification.VerifyOpts{Roots: roots, Intermediates: between}); err != nil {
		return t, fmt.Errorf("%w: %w", ErrTimestamp, err)
	}
	return t, nil
}

// ParseCertificates reads the certificates of a PEM file; other blocks are left
// out.
func ParseCertificates(b []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			return list, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: a certificate can't be read: %w", ErrTrust, err)
		}
		list = append(list, c)
	}
}

// EncodeCertificates is the PEM of certificates.
func EncodeCertificates(list []*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range list {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.Bytes()
}
