package casefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"saksi/evidence"
	"saksi/internal/soak"
)

// victim is the argument by which this test runs itself as the process that is
// killed.
const victim = "saksi-case-victim"

func TestMain(m *testing.M) {
	if len(os.Args) > 3 && os.Args[1] == victim {
		if err := victims[os.Args[2]](os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// victims are what such a process does.
var victims = map[string]func(dir string) error{"seal": sealWork, "lock": lockWork}

// sealWork seals the case of dir, from wherever that was interrupted.
func sealWork(dir string) error {
	ctx := context.Background()
	s, err := evidence.LoadSigner(filepath.Join(dir, "k.key"), nil)
	if err != nil {
		return err
	}
	c, err := Open(ctx, filepath.Join(dir, "case"), Options{Who: "ana", Tool: "saksi test", Signer: s})
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.Seal(ctx, SealOptions{Signer: s}); errors.Is(err, ErrSealed) {
		err = nil
	}
	return err
}

// TestSoakSealKill proves that sealing may be killed at any moment: the custody
// log always verifies, and sealing again, as often as need be, ends in a sealed
// case that verifies as a whole.
func TestSoakSealKill(t *testing.T) {
	killed(t, "seal", 60*time.Millisecond, func(whole string, p *evidence.Public) error {
		if _, problems, err := evidence.VerifyLog(filepath.Join(whole, CustodyDir), evidence.Origin("A-1"), p); err != nil || len(problems) > 0 {
			return fmt.Errorf("killed: %q, %w", problems, err)
		}
		return nil
	}, func(whole string, p *evidence.Public) error {
		v, err := Verify(context.Background(), whole, VerifyOptions{Trust: evidence.TrustKey(p)})
		if err != nil || len(v.Problems) > 0 || v.Seal == nil {
			return fmt.Errorf("sealed: %+v, %w", v, err)
		}
		return nil
	})
}

// killed kills a victim that works on a case of its own again and again: after each
// time the case must be well, and after a last one that nobody kills it must be done.
func killed(t *testing.T, what string, within time.Duration, well, done func(whole string, p *evidence.Public) error) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var kills, finished atomic.Int64
	soak.Run(t, soak.Config{Full: 100, Parallel: 1, Limit: 2 * time.Minute}, func(r *rand.Rand) error {
		dir, err := os.MkdirTemp("", "saksi-soak-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		pub, err := evidence.GenerateKey(filepath.Join(dir, "k.key"), evidence.KeyECDSA, nil)
		if err != nil {
			return err
		}
		p, err := evidence.LoadPublic(pub)
		if err != nil {
			return err
		}
		if err := soakCase(dir); err != nil {
			return err
		}
		whole := filepath.Join(dir, "case")
		for range 5 {
			c := exec.Command(self, victim, what, dir)
			if err := c.Start(); err != nil {
				return err
			}
			kill := time.AfterFunc(time.Duration(r.Int64N(int64(within))), func() { _ = c.Process.Kill() })
			if err := c.Wait(); err == nil {
				finished.Add(1)
			} else {
				kills.Add(1)
			}
			kill.Stop()
			if err := well(whole, p); err != nil {
				return err
			}
		}
		if out, err := exec.Command(self, victim, what, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("once more: %w: %s", err, out)
		}
		return done(whole, p)
	})
	t.Logf("%s: %d killed, %d ended before", what, kills.Load(), finished.Load())
}

// lockWork locks the case of dir if its folder is there, and opens it again.
func lockWork(dir string) error {
	ctx := context.Background()
	s, err := evidence.LoadSigner(filepath.Join(dir, "k.key"), nil)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(dir, "id"))
	if err != nil {
		return err
	}
	id, err := age.ParseX25519Identity(string(b))
	if err != nil {
		return err
	}
	o, whole, cipher := Options{Who: "ana", Tool: "saksi test", Signer: s}, filepath.Join(dir, "case"), cipherOf(id)
	if _, err := FinishLock(whole); err != nil {
		return err
	}
	if _, locked := IsLocked(whole); !locked {
		c, err := Open(ctx, whole, o)
		if err != nil {
			return err
		}
		if _, err = c.Lock(ctx, cipher, "", nil); err != nil {
			return errors.Join(err, c.Close())
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	_, err = Unlock(ctx, whole, cipher.Decrypt, o, "", nil)
	return err
}

// TestSoakLockKill proves that locking and unlocking a case may be killed at any
// moment: there is always a whole case, open or encrypted, and the same again ends
// in an open one that verifies.
func TestSoakLockKill(t *testing.T) {
	killed(t, "lock", 250*time.Millisecond, func(whole string, _ *evidence.Public) error {
		_, locked := IsLocked(whole)
		if _, err := ReadInfo(whole); err != nil && !locked {
			return fmt.Errorf("killed: neither open nor locked: %w", err)
		}
		return nil
	}, func(whole string, p *evidence.Public) error {
		v, err := Verify(context.Background(), whole, VerifyOptions{Trust: evidence.TrustKey(p)})
		if err != nil || len(v.Problems) > 0 || v.Exhibits != 20 || there(whole+lockedSuffix) || there(whole+removingSuffix) || there(whole+openingSuffix) || there(whole+partSuffix) {
			return fmt.Errorf("unlocked: %+v, %w", v, err)
		}
		return nil
	})
}

// soakCase makes a case of a few exhibits.
func soakCase(dir string) error {
	ctx := context.Background()
	s, err := evidence.LoadSigner(filepath.Join(dir, "k.key"), nil)
	if err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "id"), []byte(id.String()), 0o600); err != nil {
		return err
	}
	c, err := Create(ctx, filepath.Join(dir, "case"), Options{ID: "A-1", Agency: "J", Who: "ana", Tool: "saksi test", Signer: s})
	if err != nil {
		return err
	}
	defer c.Close()
	for i := range 20 {
		path := filepath.Join(dir, fmt.Sprint("x", i))
		if err := os.WriteFile(path, make([]byte, 100_000*i), 0o600); err != nil {
			return err
		}
		if _, err := c.AddExhibit(ctx, path, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// TestSoakTamper proves that no file of a sealed case can be damaged unseen, in
// whatever way: verifying names at least one problem and never fails.
func TestSoakTamper(t *testing.T) {
	f := newSealedCase(t)
	w, _ := key(t)
	if _, err := Witness(t.Context(), f.dir, w, f.logPub, nil); err != nil {
		t.Fatal(err)
	}
	f.trust.Keys = append(f.trust.Keys, w.Public())
	names, err := (&Case{Dir: f.dir}).files(".")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == CustodyDir+"/lock" }) // nobody reads it
	soak.Run(t, soak.Config{Full: 5000, Parallel: 1, Limit: time.Minute}, func(r *rand.Rand) error {
		name := names[r.IntN(len(names))]
		path := filepath.Join(f.dir, name)
		was, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		now, _ := soak.Mutate(r, was)
		if bytes.Equal(now, was) {
			return nil
		}
		if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, now, 0o600)); err != nil {
			return err
		}
		v, err := Verify(context.Background(), f.dir, VerifyOptions{Trust: f.trust, Receipts: f.receipts})
		if werr := os.WriteFile(path, was, 0o600); werr != nil {
			return werr
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(v.Problems) == 0 {
			return fmt.Errorf("%s: %d bytes for %d, and no problem", name, len(now), len(was))
		}
		for _, p := range v.Problems {
			if p.Kind == "" || p.Expected == "" || p.Found == "" {
				return fmt.Errorf("%s: a problem without words: %+v", name, p)
			}
		}
		return nil
	})
	v, err := Verify(t.Context(), f.dir, VerifyOptions{Trust: f.trust, Receipts: f.receipts})
	if err != nil || len(v.Problems) != 0 {
		t.Errorf("as it was: %+v, %v", v, err)
	}
}
