package evidence

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"saksi/internal/infile"
)

// Roles of persons, by what their keys are for.
const (
	RoleExaminer   = "examiner"
	RoleCustodian  = "custodian"
	RoleSupervisor = "supervisor"
	RoleAuditor    = "auditor"
	RoleWitness    = "witness"
	RoleStation    = "station"
)

// Roles lists them.
var Roles = []string{RoleExaminer, RoleCustodian, RoleSupervisor, RoleAuditor, RoleWitness, RoleStation}

// RegisterFile is the name of the register of keys in a trust folder.
const RegisterFile = "keys.json"

// KeyRecord binds a key to a person and a role in a register of keys.
type KeyRecord struct {
	File      string `json:"file"` // of the public key, in the register's folder
	Hint      string `json:"key_hint"`
	Person    string `json:"person"`
	Role      string `json:"role"`
	From      string `json:"valid_from"`
	RevokedAt string `json:"revoked_at,omitempty"`
	Reason    string `json:"reason,omitempty"`
	Replaces  string `json:"replaces,omitempty"` // hint of the key before
}

// Trust is what a verifier brings along from outside the case.
type Trust struct {
	Keys    []*Public
	Roots   []*x509.Certificate // of time-stamp authorities
	Records map[string]KeyRecord
}

// TrustKey is the trust in one key.
func TrustKey(p *Public) *Trust { return &Trust{Keys: []*Public{p}} }

// Key returns the key of that hint, or nil. A nil Trust has none.
func (t *Trust) Key(hint string) *Public {
	if t == nil {
		return nil
	}
	for _, k := range t.Keys {
		if k.Hint() == hint {
			return k
		}
	}
	return nil
}

// Witnesses are the keys that the register binds to witnesses.
func (t *Trust) Witnesses() []*Public {
	var list []*Public
	if t != nil {
		for _, k := range t.Keys {
			if t.Records[k.Hint()].Role == RoleWitness {
				list = append(list, k)
			}
		}
	}
	return list
}

// Revoked says when and why a key was revoked; zero when it was not. What it
// signed before stays good.
func (t *Trust) Revoked(hint string) (time.Time, string) {
	if t == nil || t.Records[hint].RevokedAt == "" {
		return time.Time{}, ""
	}
	at, err := time.Parse(time.RFC3339, t.Records[hint].RevokedAt)
	if err != nil {
		return time.Unix(0, 0), "at a time that can't be read"
	}
	return at, t.Records[hint].Reason
}

// LoadTrust reads a trust folder: every public key (.pub, .pem), every
// certificate in a .pem, .crt or .cer file as root of time-stamp authorities,
// and the register keys.json if there is one. Errors are ErrTrust.
func LoadTrust(dir string) (*Trust, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: reading the trust folder: %w", ErrTrust, err)
	}
	t := &Trust{Records: map[string]KeyRecord{}}
	records, err := Register(dir)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		t.Records[r.Hint] = r
	}
	for _, e := range list {
		path := filepath.Join(dir, e.Name())
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if e.IsDir() || !slices.Contains([]string{".pub", ".pem", ".crt", ".cer"}, ext) {
			continue
		}
		b, err := infile.Read(path, maxPEM)
		if err != nil {
			return nil, fmt.Errorf("%w: reading the trust folder: %w", ErrTrust, err)
		}
		if bytes.Contains(b, []byte("PRIVATE KEY")) {
			return nil, fmt.Errorf("%w: %s holds a private key: keep it elsewhere", ErrTrust, path)
		}
		if bytes.Contains(b, []byte("BEGIN CERTIFICATE")) {
			roots, err := ParseCertificates(b)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			t.Roots = append(t.Roots, roots...)
			continue
		}
		k, err := LoadPublic(path)
		if err != nil {
			return nil, err
		}
		t.Keys = append(t.Keys, k)
	}
	if len(t.Keys) == 0 {
		return nil, fmt.Errorf("%w: the trust folder %s holds no public key (.pub)", ErrTrust, dir)
	}
	return t, nil
}
