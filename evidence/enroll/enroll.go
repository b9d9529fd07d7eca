// Package enroll says which sensors belong to a center: a sensor asks with a statement that its
// own key signs, and the center answers with a certificate that its key signs. Both are sigstore bundles of
// in-toto statements (see evidence.Sign). Start with Ask, Certify and Read.
package enroll

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"saksi/evidence"
)

// Predicate types of the two statements.
const (
	PredicateRequest     = "https://saksi.example/predicate/sensor-request/v1"
	PredicateCertificate = "https://saksi.example/predicate/sensor-certificate/v1"
)

// MaxDays is the longest time of a certificate.
const MaxDays = 3660

// MaxFile bounds a request or a certificate on reading, in bytes.
const MaxFile = 64 << 10

// ErrExpired is returned for a certificate whose time is over.
var ErrExpired = errors.New("the certificate has expired")

// Request is what a sensor asks for.
type Request struct {
	Sensor string `json:"sensor"` // observer.name of what it stores
	Agency string `json:"agency"` // as in the names of indices
	Public string `json:"public"` // its key, PEM
	Made   string `json:"made"`   // RFC 3339, UTC
}

// Certificate is what a center says of a sensor.
type Certificate struct {
	Sensor      string `json:"sensor"`
	Agency      string `json:"agency"`
	Public      string `json:"public"`
	Fingerprint string `json:"fingerprint"`          // SHA-256 of the key's DER, hex
	APIKeyID    string `json:"api_key_id,omitempty"` // of the Elasticsearch key that it was given; not the key
	Issued      string `json:"issued"`               // RFC 3339, UTC
	Expires     string `json:"expires"`
}

var (
	agencyForm = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)
	apiKeyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,128}$`)
)

func checkNames(sensor, agency string) error {
	if sensor == "" || len(sensor) > 200 || strings.ContainsFunc(sensor, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("sensor %.80q: expected a name of 1 to 200 bytes that can be printed", sensor)
	}
	if !agencyForm.MatchString(agency) {
		return fmt.Errorf("agency %.80q: expected 1 to 64 lower-case letters, digits and _", agency)
	}
	return nil
}

// subject is the key that a statement speaks of.
func subject(sensor string, p *evidence.Public) []evidence.Subject {
	return []evidence.Subject{{Name: sensor, Digest: map[string]string{"sha256": p.Fingerprint()}}}
}

// Ask makes the request of a sensor, signed by its own key.
func Ask(ctx context.Context, s *evidence.Signer, sensor, agency string, now time.Time) ([]byte, error) {
	if err := checkNames(sensor, agency); err != nil {
		return nil, err
	}
	pem, err := s.Public().PEM()
	if err != nil {
		return nil, err
	}
	return evidence.Sign(ctx, s, PredicateRequest, Request{sensor, agency, string(pem), now.UTC().Format(time.RFC3339)}, subject(sensor, s.Public()))
}

// ReadRequest verifies a request by the key that it holds: whoever made it has that
// key. Whose it is a person must find out, by its fingerprint.
func ReadRequest(b []byte) (*Request, *evidence.Public, error) {
	st, err := evidence.Open(b, nil)
	if err != nil {
		return nil, nil, err
	}
	r := &Request{}
	if err := predicate(st, PredicateRequest, r); err != nil {
		return nil, nil, err
	}
	p, err := evidence.ParsePublic([]byte(r.Public))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the key of the request: %w", evidence.ErrSignature, err)
	}
	if _, err := evidence.Open(b, p); err != nil {
		return nil, nil, err
	}
	if err := about(st, r.Sensor, p); err != nil {
		return nil, nil, err
	}
	if err := checkNames(r.Sensor, r.Agency); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", evidence.ErrSignature, err)
	}
	return r, p, nil
}

// Certify makes the certificate of a sensor that asked.
func Certify(ctx context.Context, center *evidence.Signer, r *Request, p *evidence.Public, apiKeyID string, now time.Time, days int) ([]byte, error) {
	switch {
	case days < 1 || days > MaxDays:
		return nil, fmt.Errorf("%d days: expected 1 to %d", days, MaxDays)
	case !apiKeyForm.MatchString(apiKeyID):
		return nil, fmt.Errorf("the id of the API key is %.140q: expected letters, digits, - and _; it is the id, never the key", apiKeyID)
	}
	if err := checkNames(r.Sensor, r.Agency); err != nil {
		return nil, err
	}
	now = now.UTC().Truncate(time.Second)
	return evidence.Sign(ctx, center, PredicateCertificate, Certificate{
		r.Sensor, r.Agency, r.Public, p.Fingerprint(), apiKeyID, now.Format(time.RFC3339), now.AddDate(0, 0, days).Format(time.RFC3339),
	}, subject(r.Sensor, p))
}

// Read verifies a certificate by the center's key, as of a time. ErrExpired comes
// with the certificate.
func Read(b []byte, center *evidence.Public, at time.Time) (*Certificate, *evidence.Public, error) {
	if center == nil {
		return nil, nil, fmt.Errorf("%w: no key of the center was given", evidence.ErrTrust)
	}
	st, err := evidence.Open(b, center)
	if err != nil {
		return nil, nil, err
	}
	c := &Certificate{}
	if err := predicate(st, PredicateCertificate, c); err != nil {
		return nil, nil, err
	}
	p, err := evidence.ParsePublic([]byte(c.Public))
	if err != nil || p.Fingerprint() != c.Fingerprint {
		return nil, nil, fmt.Errorf("%w: the sensor's key is not that of its fingerprint %.80q", evidence.ErrSignature, c.Fingerprint)
	}
	if err := errors.Join(about(st, c.Sensor, p), checkNames(c.Sensor, c.Agency)); err != nil {
		return nil, nil, err
	}
	issued, err := time.Parse(time.RFC3339, c.Issued)
	expires, eerr := time.Parse(time.RFC3339, c.Expires)
	switch {
	case err != nil || eerr != nil:
		return nil, nil, fmt.Errorf("%w: its times are %.40q and %.40q", evidence.ErrSignature, c.Issued, c.Expires)
	case !at.Before(expires):
		return c, p, fmt.Errorf("%w at %s", ErrExpired, c.Expires)
	case at.Before(issued.Add(-24 * time.Hour)): // clocks differ
		return nil, nil, fmt.Errorf("%w: it is issued for %s, which is to come", evidence.ErrSignature, c.Issued)
	}
	return c, p, nil
}

// predicate reads what a statement says, which must be of a type.
func predicate(st *evidence.Statement, of string, to any) error {
	if st.PredicateType != of {
		return fmt.Errorf("%w: a statement of type %.120q; expected %s", evidence.ErrSignature, st.PredicateType, of)
	}
	if err := evidence.DecodeExact(st.Predicate, to); err != nil {
		return fmt.Errorf("%w: what the statement says: %w", evidence.ErrSignature, err)
	}
	return nil
}

// about holds the subject of a statement to what it says.
func about(st *evidence.Statement, sensor string, p *evidence.Public) error {
	if len(st.Subject) != 1 || st.Subject[0].Name != sensor || st.Subject[0].Digest["sha256"] != p.Fingerprint() {
		return fmt.Errorf("%w: the statement is about another sensor or key than it says", evidence.ErrSignature)
	}
	return nil
}
