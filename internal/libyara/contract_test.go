package libyara

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"saksi/internal/worker"
	"saksi/rules"
	"saksi/rules/yara"
	"saksi/rules/yara/yaratest"
)

const testVersion = "test"

// TestMain makes this test binary the worker.
func TestMain(m *testing.M) {
	if worker.Serving(os.Args[1:]) {
		if err := worker.Serve(os.Args[1:], testVersion, Handlers()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// unit is the time one call gets: enough for the corpus on a busy machine, and
// what each endless rule costs the test.
const unit = 4 * time.Second

func client(t *testing.T, sources []yara.Source) *yara.Client {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := yara.NewClient(t.Context(), worker.Config{Path: self, Version: testVersion, Limits: worker.Limits{Unit: unit}}, sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestClient holds libyara behind the worker against the contract of scanners.
func TestClient(t *testing.T) {
	yaratest.Run(t, func(t *testing.T, sources []yara.Source) (yara.Scanner, []rules.Problem) {
		c := client(t, sources)
		return c, c.Problems()
	})
}

// TestPool holds a pool of workers against the contract of scanners, and
// proves that several contents are scanned at once, and that one that breaks a
// worker costs itself only.
func TestPool(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := func(t *testing.T, sources []yara.Source, n int) *yara.Pool {
		p, err := yara.NewPool(t.Context(), worker.Config{Path: self, Version: testVersion, Limits: worker.Limits{Unit: unit}}, sources, nil, n)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
	yaratest.Run(t, func(t *testing.T, sources []yara.Source) (yara.Scanner, []rules.Problem) {
		p := pool(t, sources, 2)
		return p, p.Problems()
	})
	p := pool(t, []yara.Source{{Namespace: "a.yar", Text: []byte("rule hang { condition: filename == \"hang\" and for all i in (0..9223372036854775806) : ( i >= 0 ) }\nrule good { condition: true }")}}, 3)
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			name := "a"
			if i == 3 {
				name = "hang"
			}
			m, err := p.Scan(t.Context(), &yara.Content{Path: name, Data: []byte("x")})
			if name == "hang" && err == nil || name != "hang" && (err != nil || len(m) != 1) {
				t.Errorf("%s: %v, %v", name, m, err)
			}
		})
	}
	wg.Wait()
	if p.Rules() != 2 || p.Failed() != 1 {
		t.Errorf("%d rules, %d failed", p.Rules(), p.Failed())
	}
}

// TestLethal proves that a file whose text ends the compiler is named, and that
// the other files run.
func TestLethal(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// What libyara asks of memory for one rule file passes a small limit.
	var b strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&b, "rule r%d { strings: $a = \"some string of rule %d\" condition: $a }\n", i, i)
	}
	sources := []yara.Source{{Namespace: "good.yar", Text: []byte("rule good { condition: true }")}, {Namespace: "lethal.yar", Text: []byte(b.String())}}
	c, err := yara.NewClient(t.Context(), worker.Config{Path: self, Version: testVersion, Limits: worker.Limits{Memory: 160 << 20}}, sources, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := c.Problems()
	if len(p) == 0 || p[0].File != "lethal.yar" {
		t.Fatalf("%d problems: %.300v", len(p), p)
	}
	t.Logf("%.200s", p[0].Error())
	if m, err := c.Scan(t.Context(), &yara.Content{Path: "a", Data: []byte("x")}); err != nil || len(m) != 1 || m[0].Rule != "good" {
		t.Errorf("%v, %v", m, err)
	}
}

// corpusRules reads the files of a folder of rules of the corpus.
func corpusRules(t testing.TB) []yara.Source {
	t.Helper()
	root := os.Getenv("SAKSI_CORPUS")
	if root == "" {
		t.Skip("SAKSI_CORPUS is not set: no rules to compile")
	}
	var out []yara.Source
	err := filepath.WalkDir(filepath.Join(root, "rules", "yara-reversinglabs"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yara" && filepath.Ext(path) != ".yar" {
			return err
		}
		text, err := os.ReadFile(path)
		out = append(out, yara.Source{Namespace: filepath.Base(path), Text: text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCorpus proves that every rule of the corpus compiles in the worker.
func TestCorpus(t *testing.T) {
	sources := corpusRules(t)
	begun := time.Now()
	c := client(t, sources)
	t.Logf("%d files, %d rules, %d problems in %s", len(sources), c.Rules(), len(c.Problems()), time.Since(begun).Round(time.Millisecond))
	for _, p := range c.Problems() {
		t.Error(p.Error())
	}
	const files, count = 274, 1204
	if len(sources) != files || c.Rules() != count {
		t.Errorf("%d files and %d rules, expected %d and %d", len(sources), c.Rules(), files, count)
	}
	if _, err := c.Scan(context.WithoutCancel(t.Context()), &yara.Content{Path: "empty"}); err != nil {
		t.Error(err)
	}
}
