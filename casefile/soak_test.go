package casefile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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
