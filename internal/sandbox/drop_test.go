package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// dropHelper makes this test binary the process that drops.
const dropHelper = "SAKSI_TEST_DROP"

// TestDropCapabilities proves that no thread keeps a capability, that none can
// be had again, and that work goes on.
func TestDropCapabilities(t *testing.T) {
	if os.Getenv(dropHelper) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestDropCapabilities$", "-test.v")
		c.Env = append(os.Environ(), dropHelper+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	var wg sync.WaitGroup
	for range 8 { // so that there are several threads
		wg.Go(func() { _, _ = exec.Command("true").Output() })
	}
	wg.Wait()
	if err := DropCapabilities(); err != nil {
		t.Fatal(err)
	}
	threads, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads: %v, %v", threads, err)
	}
	for _, path := range threads {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		for _, want := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
			if !strings.Contains(string(b), fmt.Sprintf("%s:\t%016x\n", want, 0)) {
				t.Errorf("%s has capabilities:\n%s", path, b)
			}
		}
		if !strings.Contains(string(b), "NoNewPrivs:\t1\n") {
			t.Errorf("%s may gain privileges", path)
		}
	}
	out, err := exec.Command("grep", "CapEff", "/proc/self/status").CombinedOutput()
	if err != nil || !strings.Contains(string(out), fmt.Sprintf("%016x", 0)) {
		t.Errorf("a program that is started has %s, %v", out, err)
	}
}
