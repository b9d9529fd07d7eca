package enroll

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/evidence"
)

func newKey(t *testing.T) *evidence.Signer {
	t.Helper()
	file := filepath.Join(t.TempDir(), "k.key")
	if _, err := evidence.GenerateKey(file, evidence.KeyECDSA, nil); err != nil {
		t.Fatal(err)
	}
	s, err := evidence.LoadSigner(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEnroll proves that a certificate holds for the key that asked, until its time is
// over, by the center's key alone, and that nothing else passes for one.
func TestEnroll(t *testing.T) {
	sensor, center, other := newKey(t), newKey(t), newKey(t)
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	ask, err := Ask(t.Context(), sensor, "tap-1", "jpn", now)
	if err != nil {
		t.Fatal(err)
	}
	r, p, err := ReadRequest(ask)
	if err != nil || r.Sensor != "tap-1" || r.Agency != "jpn" || p.Fingerprint() != sensor.Public().Fingerprint() {
		t.Fatalf("%+v, %v", r, err)
	}
	cert, err := Certify(t.Context(), center, r, p, "VuaCfGcBCdbkQm-e5aOx", now, 30)
	if err != nil {
		t.Fatal(err)
	}
	c, q, err := Read(cert, center.Public(), now.Add(29*24*time.Hour))
	if err != nil || c.Sensor != "tap-1" || c.Agency != "jpn" || c.APIKeyID != "VuaCfGcBCdbkQm-e5aOx" || q.Hint() != p.Hint() {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, x := range []struct {
		name string
		b    []byte
		key  *evidence.Public
		at   time.Time
		want error
	}{
		{"another center", cert, other.Public(), now, evidence.ErrSignature},
		{"no center", cert, nil, now, evidence.ErrTrust},
		{"its time is over", cert, center.Public(), now.Add(30 * 24 * time.Hour), ErrExpired},
		{"its time is to come", cert, center.Public(), now.Add(-48 * time.Hour), evidence.ErrSignature},
		{"a request for a certificate", ask, sensor.Public(), now, evidence.ErrSignature},
		{"changed", []byte(strings.Replace(string(cert), `"sig":"M`, `"sig":"N`, 1)), center.Public(), now, evidence.ErrSignature},
		{"cut off", cert[:len(cert)/2], center.Public(), now, evidence.ErrSignature},
	} {
		if _, _, err := Read(x.b, x.key, x.at); !errors.Is(err, x.want) {
			t.Errorf("%s: %v; expected %v", x.name, err, x.want)
		}
	}
	if _, _, err := ReadRequest(cert); !errors.Is(err, evidence.ErrSignature) {
		t.Errorf("a certificate passes for a request: %v", err)
	}
	// One who has not the key asks for it.
	pem, err := sensor.Public().PEM()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := evidence.Sign(t.Context(), other, PredicateRequest, Request{"tap-1", "jpn", string(pem), "2026-11-24T08:00:00Z"}, subject("tap-1", sensor.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadRequest(forged); !errors.Is(err, evidence.ErrSignature) {
		t.Errorf("a request for somebody else's key: %v", err)
	}
	// The statement is about another key than it says.
	forged, err = evidence.Sign(t.Context(), other, PredicateRequest, Request{"tap-1", "jpn", string(pem), "x"}, subject("tap-2", other.Public()))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadRequest(forged); !errors.Is(err, evidence.ErrSignature) {
		t.Errorf("a request about another: %v", err)
	}
	for _, x := range [][2]string{{"", "jpn"}, {"tap\n", "jpn"}, {"tap", "J-P"}, {strings.Repeat("a", 201), "jpn"}} {
		if _, err := Ask(t.Context(), sensor, x[0], x[1], now); err == nil {
			t.Errorf("asked for %q of %q", x[0], x[1])
		}
	}
	for _, days := range []int{0, MaxDays + 1} {
		if _, err := Certify(t.Context(), center, r, p, "", now, days); err == nil {
			t.Errorf("a certificate of %d days", days)
		}
	}
	if _, err := Certify(t.Context(), center, r, p, "id:secret", now, 1); err == nil {
		t.Error("a certificate holds a secret")
	}
}
