package saksi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// floors orders the folders: a package may import packages of lower floors
// only, and of its own folder.
var floors = map[string]int{
	"event": 1, "evidence": 1,
	"findings": 2, "casefile": 2,
	"rules": 3, "framework": 3,
	"sensor": 4, "forensics": 4,
	"cmd": 5,
}

// sideways lists the imports allowed on one floor, from folder to folder.
var sideways = map[string]string{
	"casefile -> findings": "a case is a store of findings too",
}

// bans are imports that would be downward but break the design.
var bans = []struct{ from, to, why string }{
	{"framework", "rules", "assessment reads findings, it does not detect"},
	{"rules", "casefile", "rules match bytes and events; they know no case"},
}

// cgoOnly may be linked into saksi-worker alone: saksi is static Go.
var cgoOnly = map[string]bool{"saksi/internal/tsk": true, "saksi/internal/tskworker": true, "saksi/internal/libyara": true, "saksi/internal/libpcap": true, "saksi/internal/libmagic": true, "saksi/internal/token": true}

// engines are the concrete stores that only cmd may choose.
var engines = map[string]bool{"saksi/findings/local": true, "saksi/findings/elastic": true}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Dir          string
	Doc          string
	Name         string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports,Dir,Doc,Name", "./...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func top(path string) string {
	rest, ok := strings.CutPrefix(path, "saksi/")
	if !ok {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// TestLayout proves that imports point down only, as docs/design.md draws it.
func TestLayout(t *testing.T) {
	list := packages(t)
	if len(list) < 10 {
		t.Fatalf("go list found %d packages; expected the whole module", len(list))
	}
	for _, p := range list {
		from := top(p.ImportPath)
		for _, imp := range p.Imports {
			if msg := forbidden(p.ImportPath, from, imp); msg != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imp, msg)
			}
		}
	}
}

func forbidden(path, from, imp string) string {
	to := top(imp)
	if to == "" || from == "" {
		return ""
	}
	if cgoOnly[imp] && path != "saksi/cmd/saksi-worker" && !cgoOnly[path] {
		return "C is linked into saksi-worker only"
	}
	if engines[imp] && from != "cmd" && !strings.HasPrefix(path, imp) && path != "saksi/findings/indextest" {
		return "only cmd chooses an index"
	}
	for _, b := range bans {
		if from == b.from && to == b.to {
			return b.why
		}
	}
	switch {
	case to == "internal":
		return ""
	case to == "testdata":
		if from != "cmd" {
			return "the demo's inputs are for its command only"
		}
		return ""
	case from == "internal":
		if floors[to] > 1 && !cgoOnly[path] && !strings.HasPrefix(path, "saksi/internal/esnode") {
			return "internal packages know event and evidence only"
		}
		return ""
	case from == to:
		return ""
	case floors[to] == 0:
		return fmt.Sprintf("folder %s has no floor; give it one here and in docs/design.md", to)
	case floors[to] > floors[from]:
		return fmt.Sprintf("floor %d may not know floor %d", floors[from], floors[to])
	case floors[to] == floors[from]:
		if sideways[from+" -> "+to] == "" {
			return "nobody imports sideways on a floor"
		}
	}
	return ""
}

// TestPackageDocs proves that each package has exactly one package comment.
func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		if p.Doc == "" && p.Name != "" && p.ImportPath != "saksi" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
