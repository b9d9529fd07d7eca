package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"saksi/evidence"
)

// Kinds of problems.
const (
	KindDigest    = "digest"    // other bytes than were signed or recorded
	KindSignature = "signature" // a statement that does not verify
	KindMissing   = "missing"   // recorded or signed, but not there
	KindExtra     = "extra"     // there, but neither recorded nor signed
	KindCustody   = "custody"   // the custody log is broken
	KindTrust     = "trust"     // no key from outside, or another than the case's
	KindForm      = "form"      // a file that can't be what it should be
)

// statementSuffix ends the names of statements.
const statementSuffix = ".sigstore.json"

// Problem is one thing that does not verify.
type Problem struct {
	Item     string `json:"item"` // path in the case
	Kind     string `json:"kind"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// Verification is what Verify found.
type Verification struct {
	Case       string    `json:"case"`
	Problems   []Problem `json:"problems"`
	Exhibits   int       `json:"exhibits"`
	Statements int       `json:"statements"`
	Entries    int64     `json:"custody_entries"`
	Bytes      int64     `json:"bytes"` // hashed
	KeyGiven   bool      `json:"key_given"`
	// Unfinished is the size of a last custody entry that was interrupted.
	Unfinished int `json:"unfinished_bytes"`
}

type verifier struct {
	ctx      context.Context
	dir      string
	key      *evidence.Public
	out      Verification
	digests  map[string]string // what was hashed, by path
	known    map[string]bool   // files that something recorded or signed
	outside  map[string]bool   // exhibits that the custody log says stand outside the case
	progress func(int64)
}

// Verify checks everything in a case against the custody log, the statements
// and a public key that the caller got from outside the case, and names every
// problem, not only the first. With a nil key integrity alone is checked, and
// that is a problem of kind trust: whoever could change the case could sign it
// anew. Nothing is written. The error is for a folder that can't be read.
func Verify(ctx context.Context, dir string, key *evidence.Public, progress func(int64)) (*Verification, error) {
	info, err := ReadInfo(dir)
	if errors.Is(err, ErrNoCase) {
		return nil, err
	}
	v := &verifier{ctx: ctx, dir: dir, key: key, digests: map[string]string{}, known: map[string]bool{infoFile: true}, outside: map[string]bool{}, progress: progress}
	v.out.Case, v.out.KeyGiven, v.out.Problems = info.ID, key != nil, []Problem{}
	if err != nil {
		v.add(infoFile, KindForm, "a case of format 1", err.Error())
	}
	switch {
	case key == nil:
		v.add("", KindTrust, "a public key from outside the case (--key)", "none: only integrity was checked")
	case info.Key != key.Hint():
		v.add(infoFile, KindTrust, "key "+key.Hint(), "key "+info.Key)
	}
	entries, err := v.custody(info)
	if err != nil {
		return nil, err
	}
	signed := v.statements(entries)
	v.recorded(entries, signed)
	v.extras(signed)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &v.out, nil
}

func (v *verifier) add(item, kind, expected, found string) {
	v.out.Problems = append(v.out.Problems, Problem{item, kind, expected, found})
}

func (v *verifier) custody(info Info) ([]evidence.Entry, error) {
	item := CustodyDir + "/entries.ndjson"
	st, problems, err := evidence.VerifyLog(filepath.Join(v.dir, CustodyDir), evidence.Origin(info.ID), v.key)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		v.add(item, KindCustody, "a log that hashes to its signed checkpoint", p)
	}
	if st.Size == 0 {
		v.add(item, KindCustody, "at least the entry that opened the case", "no entries")
	}
	v.out.Entries, v.out.Unfinished = st.Size, len(st.Unfinished)
	for _, e := range st.Entries {
		if e.Act == ActAdd && e.Detail["copied"] == "false" {
			v.outside[e.Where] = true
		}
	}
	return st.Entries, nil
}

// open opens a file of the case, or an exhibit that stands outside. A link or a
// special file is a problem: what it leads to is not in the case.
func (v *verifier) open(path string) (*os.File, bool) {
	full := path
	if !v.outside[path] || !filepath.IsAbs(path) {
		// Nothing else on this machine is read for a case that may be hostile.
		if !filepath.IsLocal(filepath.FromSlash(path)) {
			v.add(path, KindForm, "a path inside the case", "one that leads out of it")
			return nil, false
		}
		full = filepath.Join(v.dir, filepath.FromSlash(path))
	}
	f, err := evidence.OpenRegular(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(path, KindMissing, "the file", "nothing")
	case errors.Is(err, evidence.ErrFile):
		v.add(path, KindForm, "a regular file", err.Error())
	case err != nil:
		v.add(path, KindMissing, "a readable file", err.Error())
	}
	return f, err == nil
}

// digest hashes a file once.
func (v *verifier) digest(path string) (string, bool) {
	if d, ok := v.digests[path]; ok {
		return d, d != ""
	}
	v.digests[path] = ""
	f, ok := v.open(path)
	if !ok {
		return "", false
	}
	defer f.Close()
	done := v.out.Bytes
	sum, n, err := evidence.SHA256Reader(v.ctx, f, func(n int64) {
		if v.progress != nil {
			v.progress(done + n)
		}
	})
	v.out.Bytes += n
	if err != nil {
		v.add(path, KindMissing, "a readable file", err.Error())
		return "", false
	}
	v.digests[path] = sum
	return sum, true
}

// sourceKey holds an exhibit to the key that its findings carry. Where the
// digest is right and the key is not, the log contradicts itself.
func (v *verifier) sourceKey(e *evidence.Entry) {
	if v.digests[e.Where] != e.SHA256 {
		return // said already
	}
	f, ok := v.open(e.Where)
	if !ok {
		return
	}
	defer f.Close()
	key := ""
	st, err := f.Stat()
	if err == nil {
		key, err = evidence.SourceKey(f, st.Size())
	}
	switch {
	case err != nil:
		v.add(e.Where, KindMissing, "a readable file", err.Error())
	case key != e.SourceKey:
		v.add(e.Where, KindCustody, "source key "+key+", which the bytes have", "source key "+e.SourceKey)
	}
}

func (v *verifier) expect(path, sha256 string) {
	v.known[path] = true
	if sum, ok := v.digest(path); ok && sum != sha256 {
		v.add(path, KindDigest, "sha256 "+sha256, "sha256 "+sum)
	}
}

// statements opens every statement and checks what it says. It returns the
// paths of those that are there.
func (v *verifier) statements(entries []evidence.Entry) map[string]bool {
	there := map[string]bool{}
	list, err := os.ReadDir(filepath.Join(v.dir, StatementsDir))
	if err != nil {
		v.add(StatementsDir, KindMissing, "the folder of statements", err.Error())
		return there
	}
	keys := map[string]string{}
	for _, e := range entries {
		if e.Act == ActAdd {
			keys[e.Exhibit] = e.SourceKey
		}
	}
	for _, e := range list {
		path := StatementsDir + "/" + e.Name()
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
		}
	}
	return there
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
	if st.PredicateType != evidence.PredicateExamination {
		v.add(path, KindSignature, "predicate type "+evidence.PredicateExamination, st.PredicateType)
	}
	var p Examination
	if err := json.Unmarshal(st.Predicate, &p); err != nil || p.Case != v.out.Case {
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

// recorded checks what the custody log says is there.
func (v *verifier) recorded(entries []evidence.Entry, statements map[string]bool) {
	opened := 0
	for i, e := range entries {
		switch e.Act {
		case ActOpen:
			if opened++; i != 0 || opened > 1 {
				v.add(CustodyDir, KindCustody, "the case opened once, in entry 0", fmt.Sprintf("opened in entry %d", e.Seq))
				continue
			}
			v.expect(infoFile, e.SHA256)
		case ActAdd:
			v.out.Exhibits++
			if e.SHA256 == "" {
				v.add(e.Exhibit, KindDigest, "a SHA-256", "none in the custody log")
				continue
			}
			v.expect(e.Where, e.SHA256)
			v.sourceKey(&e)
		case ActExport:
			if !filepath.IsAbs(e.Where) { // kept in the case
				v.expect(e.Where, e.SHA256)
			}
		case ActSign:
			if !strings.HasPrefix(e.Where, StatementsDir+"/") || !strings.HasSuffix(e.Where, statementSuffix) {
				v.add(e.Where, KindForm, "a statement in "+StatementsDir+", whose signature is checked", "another file")
			}
			delete(statements, e.Where)
			v.expect(e.Where, e.SHA256)
		case evidence.ActRecover:
			// The log sets aside into its own folder only.
			v.expect(CustodyDir+"/"+filepath.Base(e.Detail["file"]), e.Detail["sha256"])
		}
	}
	if opened == 0 {
		v.add(CustodyDir, KindCustody, "the case opened in entry 0", "never opened")
	}
}

// extras names what is in the folder without being recorded or signed.
func (v *verifier) extras(statements map[string]bool) {
	for _, path := range slices.Sorted(maps.Keys(statements)) {
		v.add(path, KindExtra, "a statement the custody log records", "one it does not")
		v.known[path] = true
	}
	skip := map[string]bool{IndexDir: true, SpoolDir: true, CustodyDir: true}
	err := filepath.WalkDir(v.dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(v.dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if e.IsDir() {
			if skip[rel] {
				return filepath.SkipDir
			}
			return nil
		}
		if !v.known[rel] {
			v.add(rel, KindExtra, "nothing: no statement and no custody entry names it", "a file")
		}
		return nil
	})
	if err != nil {
		v.add("", KindForm, "a folder that can be read", err.Error())
	}
	// The last is there while a checkpoint is written.
	allowed := map[string]bool{"entries.ndjson": true, "checkpoint": true, "lock": true, "checkpoint.tmp": true}
	list, err := os.ReadDir(filepath.Join(v.dir, CustodyDir))
	if err != nil {
		v.add(CustodyDir, KindCustody, "the folder of the custody log", err.Error())
	}
	for _, e := range list {
		path := CustodyDir + "/" + e.Name()
		switch {
		case !allowed[e.Name()] && !v.known[path]:
			v.add(path, KindExtra, "the files of a custody log only", "another")
		case !e.Type().IsRegular():
			v.add(path, KindForm, "a regular file", e.Type().String())
		}
	}
}
