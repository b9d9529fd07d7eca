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

	"saksi/evidence"
	"saksi/internal/soak"
)

// victim is the argument by which this test runs itself as the process that is
// killed.
const victim = "saksi-case-victim"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == victim {
		if err := work(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// work seals the case of dir, from wherever that was interrupted.
func work(dir string) error {
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
			c := exec.Command(self, victim, dir)
			if err := c.Start(); err != nil {
				return err
			}
			kill := time.AfterFunc(time.Duration(r.IntN(60))*time.Millisecond, func() { _ = c.Process.Kill() })
			if err := c.Wait(); err == nil {
				finished.Add(1)
			} else {
				kills.Add(1)
			}
			kill.Stop()
			if _, problems, err := evidence.VerifyLog(filepath.Join(whole, CustodyDir), evidence.Origin("A-1"), p); err != nil || len(problems) > 0 {
				return fmt.Errorf("killed: %q, %w", problems, err)
			}
		}
		if out, err := exec.Command(self, victim, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("sealing again: %w: %s", err, out)
		}
		v, err := Verify(context.Background(), whole, VerifyOptions{Trust: evidence.TrustKey(p)})
		if err != nil || len(v.Problems) > 0 || v.Seal == nil {
			return fmt.Errorf("sealed: %+v, %w", v, err)
		}
		return nil
	})
	t.Logf("%d killed while sealing, %d ended before", kills.Load(), finished.Load())
}

// soakCase makes a case of a few exhibits.
func soakCase(dir string) error {
	ctx := context.Background()
	s, err := evidence.LoadSigner(filepath.Join(dir, "k.key"), nil)
	if err != nil {
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
