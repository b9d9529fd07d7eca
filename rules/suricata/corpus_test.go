package suricata

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"saksi/rules"
)

// corpus gives the folder of test inputs named by SAKSI_CORPUS, or skips.
func corpus(tb testing.TB) string {
	d := os.Getenv("SAKSI_CORPUS")
	if d == "" {
		tb.Skip("SAKSI_CORPUS is not set: the corpus of rules is not at hand")
	}
	return d
}

func loadET(tb testing.TB) (*Set, []rules.Problem) {
	files, err := filepath.Glob(filepath.Join(corpus(tb), "rules", "*.rules"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no rules in the corpus: %v", err)
	}
	set, problems, err := LoadFiles(files, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return set, problems
}

// TestCorpusParses proves that every rule of ET Open is understood: it runs, or
// is refused by a named keyword; none is taken for a mistake.
func TestCorpusParses(t *testing.T) {
	start := time.Now()
	set, problems := loadET(t)
	took := time.Since(start)
	for i := range problems {
		if problems[i].Level == rules.Wrong {
			t.Errorf("%v", problems[i].Error())
		}
	}
	total := set.Len() + len(problems)
	if total != 23635 {
		t.Errorf("%d rules in all, expected 23635", total)
	}
	if set.Len()*1000 < total*990 {
		t.Errorf("%d of %d rules run; expected 99%%", set.Len(), total)
	}
	reasons := rules.CountReasons(problems, rules.Refused)
	keys := make([]string, 0, len(reasons))
	for k := range reasons {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.Logf("refused %4d  %s", reasons[k], k)
	}
	var ms runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&ms)
	t.Logf("%d of %d rules run; loaded in %v; heap %d MB", set.Len(), total, took.Round(time.Millisecond), ms.HeapAlloc>>20)
	runtime.KeepAlive(set)
}
