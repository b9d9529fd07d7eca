package packs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"saksi/rules"
	"saksi/rules/pack"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
)

// TestPut proves that packs are written whole, that what was changed is put
// right, and that nothing is written again without need.
func TestPut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range Names() {
		folder, err := Put(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := pack.Load(folder)
		if err != nil || p.Name != name || len(p.Tests) < 2 {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	folder, _ := Put(dir, "portal")
	path := filepath.Join(folder, "rules", "portal.rules")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Put(dir, "portal"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("a file that is right was written again")
	}
	if err := os.WriteFile(path, []byte("# empty"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Put(dir, "portal"); err != nil {
		t.Fatal(err)
	}
	want, err := files.ReadFile("portal/rules/portal.rules")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
		t.Errorf("a changed file stays, %v", err)
	}
	if _, err := Put(dir, "tiada"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown pack: %v", err)
	}
	list, err := filepath.Glob(filepath.Join(folder, "*", ".pack-*"))
	if err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// TestTagged proves that every rule that speaks has a severity and a technique
// of ATT&CK, and an id of its own.
func TestTagged(t *testing.T) {
	seen := map[string]bool{}
	check := func(e rules.Entry) {
		if e.Refused != "" || e.Severity == 0 || len(e.Techniques) == 0 || seen[e.ID] {
			t.Errorf("%+v", e)
		}
		seen[e.ID] = true
	}
	for _, name := range Names() {
		paths, err := filepath.Glob(filepath.Join(name, "rules", "*.rules"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		s, problems, err := suricata.LoadFiles(paths, suricata.Config{})
		if err != nil || len(problems) > 0 {
			t.Fatalf("%s: %v %v", name, problems, err)
		}
		for _, e := range s.Entries() {
			check(e)
		}
		set, found, err := sigma.Load([]string{filepath.Join(name, "rules")}, sigma.Config{})
		if err != nil || slices.ContainsFunc(found, func(p rules.Problem) bool { return p.Level != rules.Advice }) {
			t.Fatalf("%s: %v %v", name, found, err)
		}
		for _, r := range set.Rules {
			if !r.Silent {
				check(r.Entry())
			}
		}
	}
	if len(seen) < 30 {
		t.Errorf("%d rules", len(seen))
	}
}
