package casefile

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"saksi/evidence"
)

// statements opens every statement and checks what it says. It returns the
// paths of those that are there.
func (v *verifier) statements(entries *evidence.Entries) map[string]bool {
	there := map[string]bool{}
	list, err := os.ReadDir(filepath.Join(v.dir, StatementsDir))
	if err != nil {
		v.add(StatementsDir, KindMissing, "the folder of statements", err.Error())
		return there
	}
	keys := map[string]string{}
	for _, e := range entries.All(ActAdd) {
		keys[e.Exhibit] = e.SourceKey
	}
	for _, e := range list {
		path := StatementsDir + "/" + e.Name()
		if strings.HasSuffix(e.Name(), manifestSuffix) {
			continue // what no statement names is extra
		}
		there[path] = true
		if !strings.HasSuffix(e.Name(), statementSuffix) {
			continue // extras says so
		}
		b, ok := v.read(path)
		if !ok {
			continue
		}
		v.out.Statements++
		st, err := evidence.Open(b, v.key)
		if err != nil {
			v.add(path, KindSignature, "a statement signed by the case's key", err.Error())
			// What it says is checked all the same, if it can be read.
			if st, err = evidence.Open(b, nil); err != nil {
				continue
			}
		}
		v.examination(path, st, keys)
		v.subjects(path, st)
	}
	return there
}

// subjects checks the files that a statement names.
func (v *verifier) subjects(path string, st *evidence.Statement) {
	seen := map[string]bool{}
	for _, s := range st.Subject {
		if seen[s.Name] {
			v.add(path, KindForm, "each subject once", s.Name+" twice")
		}
		seen[s.Name] = true
		if s.Digest["sha256"] == "" {
			v.add(s.Name, KindDigest, "a SHA-256", "none in "+path)
			continue
		}
		v.expect(s.Name, s.Digest["sha256"])
		if strings.HasSuffix(s.Name, manifestSuffix) {
			v.listed(s.Name)
		}
	}
}

// listed checks the files of a manifest that stands for the subjects of a
// statement.
func (v *verifier) listed(path string) {
	f, ok := v.open(path)
	if !ok {
		return
	}
	defer f.Close()
	seen := map[string]bool{}
	err := readManifest(io.LimitReader(f, maxTagFile), func(l manifestLine) {
		if seen[l.Path] {
			v.add(path, KindForm, "each subject once", l.Path+" twice")
		}
		seen[l.Path] = true
		v.expect(l.Path, l.SHA256)
	}, func(n int, text string) {
		v.add(path, KindForm, "a SHA-256, two spaces and a path", fmt.Sprintf("line %d: %.80q", n, text))
	})
	if err != nil {
		v.add(path, KindForm, "a manifest", err.Error())
	}
}

// read reads a statement once, for its digest and for what it says.
func (v *verifier) read(path string) ([]byte, bool) {
	b, err := evidence.ReadRegular(filepath.Join(v.dir, path), evidence.MaxBundle)
	if err != nil {
		v.digests[path] = ""
		v.add(path, KindForm, "a sigstore bundle", err.Error())
		return nil, false
	}
	v.digests[path] = evidence.SHA256(b)
	v.out.Bytes += int64(len(b))
	return b, true
}

// examination checks a statement's predicate against the case; keys are the
// source keys of the exhibits.
func (v *verifier) examination(path string, st *evidence.Statement, keys map[string]string) {
	if !knownStatement(st.PredicateType) {
		v.add(path, KindSignature, expectedStatement(), st.PredicateType)
	}
	p, err := examinationOf(st)
	if err != nil {
		v.add(path, KindSignature, "the fields of "+st.PredicateType, err.Error())
	}
	if p.Case != v.out.Case {
		v.add(path, KindSignature, fmt.Sprintf("an examination of case %q", v.out.Case), fmt.Sprintf("one of case %q", p.Case))
	}
	for _, id := range slices.Sorted(maps.Keys(p.SourceKeys)) {
		if p.SourceKeys[id] != keys[id] {
			v.add(path, KindCustody, fmt.Sprintf("source key %s of exhibit %s in the custody log, as signed", p.SourceKeys[id], id), fmt.Sprintf("%q", keys[id]))
		}
	}
	if p.CustodyEntries >= v.out.Entries {
		v.add(path, KindCustody, fmt.Sprintf("more than the %d custody entries there were when it was signed", p.CustodyEntries), fmt.Sprintf("%d: the log was set back", v.out.Entries))
	}
}
