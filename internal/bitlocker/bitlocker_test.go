package bitlocker

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"saksi/internal/bitlocker/bdetest"
)

func plain() []byte {
	b := make([]byte, 512<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b[:256<<10] {
		b[i] = byte(r.Uint32())
	}
	copy(b[3:], "NTFS    ")
	return b
}

var methods = []uint16{0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005}

// TestUnlock proves every method with every protector.
func TestUnlock(t *testing.T) {
	want := plain()
	for i, m := range methods {
		b := bdetest.Make(want, m, i%3 == 2)
		v, err := Open(bytes.NewReader(b), 0, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		secret := []byte(bdetest.Password)
		switch i % 3 {
		case 1:
			secret = []byte(bdetest.Recovery)
		case 2:
			secret = nil
			if v.Protected() {
				t.Errorf("0x%x: a clear key protects", m)
			}
		}
		key, err := v.Unlock(secret)
		if err != nil {
			t.Errorf("0x%x: %v", m, err)
			continue
		}
		c, err := v.WithKey(key)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 200<<10)
		if _, err := c.ReadAt(got, 100); err != nil || !bytes.Equal(got, want[100:100+len(got)]) {
			t.Errorf("0x%x: other content: %v", m, err)
		}
		if _, err := c.ReadAt(got[:4096], 256<<10); err != nil || !bytes.Equal(got[:4096], make([]byte, 4096)) {
			t.Errorf("0x%x: what holds the first sectors does not read as zeros: %v", m, err)
		}
	}
	b := bdetest.Make(want, 0x8004, false)
	v, err := Open(bytes.NewReader(b), 0, int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "salah", "000011-000022-000033-000044-000055-000066-000077-000099"} {
		if _, err := v.Unlock([]byte(wrong)); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestHostile changes metadata: nothing panics.
func TestHostile(t *testing.T) {
	b := bdetest.Make(plain(), 0x8004, true)
	rnd := rand.New(rand.NewPCG(3, 4))
	opened := 0
	for range 500 {
		x := bytes.Clone(b)
		for range 1 + rnd.IntN(8) {
			at := len(x) - 192<<10 + rnd.IntN(400)
			if rnd.IntN(3) == 0 {
				at = rnd.IntN(512)
			}
			x[at] = byte(rnd.Uint32())
		}
		v, err := Open(bytes.NewReader(x), 0, int64(len(x)))
		if err != nil {
			continue
		}
		opened++
		if key, err := v.Unlock(nil); err == nil {
			if c, err := v.WithKey(key); err == nil {
				_, _ = c.ReadAt(make([]byte, 9000), 0)
				_, _ = c.ReadAt(make([]byte, 9000), c.Size()-9000)
			}
		}
	}
	if opened < 200 {
		t.Errorf("only %d damaged volumes opened", opened)
	}
}

// TestInteropDislocker proves that dislocker gives the same content for the
// volumes that these tests make: then it is not our own reading alone.
func TestInteropDislocker(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs dislocker: run by make interop")
	}
	want := plain()
	for _, m := range methods {
		t.Run(fmt.Sprintf("0x%x", m), func(t *testing.T) {
			dir := t.TempDir()
			image, out := filepath.Join(dir, "bde"), filepath.Join(dir, "plain")
			if err := os.WriteFile(image, bdetest.Make(want, m, false), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, how := range []string{"-u" + bdetest.Password, "-p" + bdetest.Recovery} {
				if text, err := exec.Command("dislocker-file", "-V", image, how, "--", out).CombinedOutput(); err != nil {
					t.Fatalf("%v %s", err, text)
				}
				got, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got[:256<<10], want[:256<<10]) {
					t.Errorf("%s: dislocker reads other content", how[:2])
				}
				if err := os.Remove(out); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
