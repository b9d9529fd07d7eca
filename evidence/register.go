package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"saksi/internal/infile"
	"saksi/internal/strictjson"
)

// The register of keys is keys.json in a trust folder, beside the public keys it
// speaks of: who holds a key, in which role, from when, and until when.

// maxRegister bounds the register, in bytes: some 20,000 keys.
const maxRegister = 8 << 20

// Register reads the register of a trust folder, in its order. A missing one is
// empty. Errors are ErrTrust.
func Register(dir string) ([]KeyRecord, error) {
	return readRecords(filepath.Join(dir, RegisterFile))
}

func readRecords(path string) ([]KeyRecord, error) {
	b, err := infile.Read(path, maxRegister)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: reading the register of keys: %w", ErrTrust, err)
	}
	var list []KeyRecord
	if err := strictjson.Decode(b, &list); err != nil {
		return nil, fmt.Errorf("%w: the register of keys %s: %w", ErrTrust, path, err)
	}
	seen := map[string]bool{}
	for _, r := range list {
		switch {
		case r.Hint == "" || seen[r.Hint]:
			return nil, fmt.Errorf("%w: the register of keys %s: key %q twice or without hint", ErrTrust, path, r.Hint)
		case !slices.Contains(Roles, r.Role):
			return nil, fmt.Errorf("%w: the register of keys %s: role %q; expected one of %s", ErrTrust, path, r.Role, strings.Join(Roles, ", "))
		}
		seen[r.Hint] = true
	}
	return list, nil
}

// changing keeps others from changing the register until the function that it returns is called.
func changing(dir string) (done func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil && !errors.Is(err, unix.ENOTSUP) {
		return nil, errors.Join(fmt.Errorf("waiting for others that change the register in %s: %w", dir, err), d.Close())
	}
	return func() { _ = d.Close() }, nil
}

// writeRegister replaces the register.
func writeRegister(dir string, list []KeyRecord) error {
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if len(b) >= maxRegister {
		return fmt.Errorf("%w: the register of keys would have more than %d bytes", ErrTrust, maxRegister)
	}
	return Replace(filepath.Join(dir, RegisterFile), append(b, '\n'), 0o644)
}

// Enroll binds a public key to a person and a role: its file is copied into the
// trust folder and the register says whose it is. replaces is the hint of the
// key it comes after, "" for none.
func Enroll(dir string, p *Public, person, role, replaces string, now time.Time) (KeyRecord, error) {
	r := KeyRecord{Hint: p.Hint(), Person: person, Role: role, From: now.UTC().Format(time.RFC3339), Replaces: replaces, File: p.Fingerprint()[:16] + ".pub"}
	switch {
	case strings.TrimSpace(person) == "":
		return r, fmt.Errorf("%w: enrolling a key: it needs the name of a person", ErrTrust)
	case !slices.Contains(Roles, role):
		return r, fmt.Errorf("%w: enrolling a key: role %q; expected one of %s", ErrTrust, role, strings.Join(Roles, ", "))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, fmt.Errorf("enrolling a key: %w", err)
	}
	done, err := changing(dir)
	if err != nil {
		return r, fmt.Errorf("enrolling a key: %w", err)
	}
	defer done()
	list, err := Register(dir)
	if err != nil {
		return r, err
	}
	if slices.ContainsFunc(list, func(x KeyRecord) bool { return x.Hint == r.Hint }) {
		return r, fmt.Errorf("%w: enrolling a key: %s is in the register already", ErrTrust, r.Hint)
	}
	b, err := p.PEM()
	if err != nil {
		return r, err
	}
	if err := WriteNew(filepath.Join(dir, r.File), b, 0o644); err != nil && !errors.Is(err, fs.ErrExist) {
		return r, fmt.Errorf("enrolling a key: %w", err)
	}
	return r, writeRegister(dir, append(list, r))
}

// Revoke ends a key from a time on. What it signed before, shown by a trusted
// time stamp, stays good.
func Revoke(dir, hint, reason string, at time.Time) error {
	done, err := changing(dir)
	if err != nil {
		return fmt.Errorf("revoking a key: %w", err)
	}
	defer done()
	list, err := Register(dir)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(x KeyRecord) bool { return x.Hint == hint })
	switch {
	case i < 0:
		return fmt.Errorf("%w: revoking a key: the register has no key %s", ErrTrust, hint)
	case list[i].RevokedAt != "":
		return fmt.Errorf("%w: revoking a key: %s was revoked at %s", ErrTrust, hint, list[i].RevokedAt)
	}
	list[i].RevokedAt, list[i].Reason = at.UTC().Format(time.RFC3339), reason
	return writeRegister(dir, list)
}
