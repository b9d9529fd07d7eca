package casefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

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

// entriesFile holds the entries of the custody log.
const entriesFile = CustodyDir + "/entries.ndjson"

// statementSuffix ends the names of statements.
const statementSuffix = ".sigstore.json"

// manifestSuffix ends the names of manifests that stand for the subjects of a
// statement.
const manifestSuffix = "-manifest.sha256"

// Problem is one thing that does not verify.
type Problem struct {
	Item     string `json:"item"` // path in the case
	Kind     string `json:"kind"`
	Expected string `json:"expected"`
	Found    string `json:"found"`
}

// Verification is what Verify found.
type Verification struct {
	Case     string    `json:"case"`
	Problems []Problem `json:"problems"`
	// More are problems beyond the first 100,000, which alone are listed.
	More       int64 `json:"more_problems,omitempty"`
	Exhibits   int   `json:"exhibits"`
	Statements int   `json:"statements"`
	Entries    int64 `json:"custody_entries"`
	Bytes      int64 `json:"bytes"` // hashed
	KeyGiven   bool  `json:"key_given"`
	// Fresh is how many entries of the custody log are known to be all there were
	// once, from what the caller kept or a witness cosigned; 0 when nothing shows
	// that later entries were not rolled back.
	Fresh int64 `json:"fresh_entries"`
	Seal  *Seal `json:"seal,omitempty"`
	// Unchecked are signatures of persons, over approvals and acts, by keys that
	// nobody gave.
	Unchecked int `json:"unchecked_approvals"`
	// Unbound are entries by keys that no register given binds to a role: whether
	// that key might do the act is not known.
	Unbound int64 `json:"unbound_entries"`
	// Outside are folders that no seal and no statement covers.
	Outside []string `json:"outside,omitempty"`
	// Unfinished is the size of a last custody entry that was interrupted.
	Unfinished int `json:"unfinished_bytes"`
}

// Worst is what is gravest about the case: KindDigest when any of the evidence is
// not what it was, KindCustody when the log is broken, KindTrust when nothing but
// trust is missing, "" when it verifies.
func (v *Verification) Worst() string {
	worst := ""
	for _, p := range v.Problems {
		switch {
		case p.Kind != KindTrust && p.Kind != KindCustody:
			return KindDigest
		case p.Kind == KindCustody || worst == "":
			worst = p.Kind
		}
	}
	return worst
}

type verifier struct {
	ctx         context.Context
	dir         string
	trust       *evidence.Trust
	key         *evidence.Public // of the custody log, when it is trusted
	sealVouched bool             // the seal's key is trusted by the custody log's
	revoked     []revocation
	out         Verification
	digests     map[string]string // what was hashed, by path
	known       map[string]bool   // files that something recorded or signed
	sizes       map[string]int64  // of exhibits' files, as the custody log says
	most        int64             // bytes that a trusted seal says there are in all of data/; 0 when none does
	outside     map[string]string // sizes of exhibits that the custody log says stand outside the case
	payload     map[string]bool   // what the manifest of a sealed case lists
	progress    func(int64)
}

// Kept is a document that somebody kept outside the case: a receipt or an
// earlier checkpoint.
type Kept struct {
	Name  string
	Bytes []byte
}

// VerifyOptions of Verify.
type VerifyOptions struct {
	// Trust is what the caller got from outside the case.
	Trust *evidence.Trust
	// Receipts and Checkpoints show whether the custody log was set back.
	Receipts, Checkpoints []Kept
	Progress              func(int64)
}

// Verify checks everything in a case against the custody log, the statements,
// its seal if it has one, and keys that the caller got from outside the case,
// and names every problem, not only the first. Without Trust integrity alone is
// checked, and that is a problem of kind trust: whoever could change the case
// could sign it anew. A key vouches for the other one of the case: a trusted seal
// names the key of the custody log, a trusted custody log the key of the seal.
// Nothing is written. The error is for a folder that can't be read.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Verification, error) {
	info, err := ReadInfo(dir)
	if errors.Is(err, ErrNoCase) || errors.Is(err, ErrLockedCase) {
		return nil, err
	}
	v := &verifier{
		ctx: ctx, dir: dir, trust: o.Trust, key: o.Trust.Key(info.Key), digests: map[string]string{}, known: map[string]bool{infoFile: true},
		outside: map[string]string{}, sizes: map[string]int64{}, progress: o.Progress,
	}
	v.out.Case, v.out.KeyGiven, v.out.Problems = info.ID, o.Trust != nil, []Problem{}
	if err != nil {
		v.add(infoFile, KindForm, fmt.Sprintf("a case of format 1 to %d", Format), err.Error())
	}
	seal := v.openSeal(info)
	switch {
	case o.Trust == nil:
		v.add("", KindTrust, "a public key from outside the case (--key or --trust)", "none: only integrity was checked")
	case v.key == nil:
		v.add(infoFile, KindTrust, "a key that was given from outside the case, or that a trusted seal names", "key "+info.Key)
		v.key = o.Trust.Keys[0] // so that each signature says that it is not this key's
	}
	log, err := v.custody(info)
	if err != nil {
		return nil, err
	}
	signed := v.statements(log.Entries)
	v.recorded(log.Entries, signed)
	if seal == nil && sealOf(log.Entries) != nil {
		seal = &sealer{verifier: v, tags: map[string]string{}}
		v.add(sealBundleFile, KindMissing, "the seal's statement", "nothing")
	}
	if seal != nil {
		seal.verify(log.Entries, log)
	}
	if line := log.Unfinished; sealOf(log.Entries) != nil && bytes.HasSuffix(line, []byte("\n")) && log.Interrupted() == nil {
		// A stranger who opens the file reads it as an entry.
		v.add(entriesFile, KindCustody, "in a sealed case no entry but those under the signed checkpoint",
			"one more, which nothing signs: the station was stopped while it wrote it, and its next act sets it aside, or somebody who has no key added it")
	}
	v.duties(info, log.Entries)
	v.acts(info, log)
	v.kept(o, info, log)
	v.witnesses(info, log)
	v.revocations(info, log.Entries)
	v.extras(signed)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &v.out, nil
}

// maxProblems bounds the problems that are listed: a hostile manifest could have
// one for each few bytes.
const maxProblems = 100_000

func (v *verifier) add(item, kind, expected, found string) {
	if len(v.out.Problems) >= maxProblems {
		v.out.More++
		return
	}
	v.out.Problems = append(v.out.Problems, Problem{item, kind, expected, found})
}

func (v *verifier) custody(info Info) (*evidence.LogState, error) {
	st, problems, err := evidence.VerifyLog(filepath.Join(v.dir, CustodyDir), evidence.Origin(info.ID), v.key)
	if err != nil {
		return nil, err
	}
	for _, p := range problems {
		v.add(entriesFile, KindCustody, "a log that hashes to its signed checkpoint", p)
	}
	if st.Size == 0 {
		v.add(entriesFile, KindCustody, "at least the entry that opened the case", "no entries")
	}
	v.out.Entries, v.out.Unfinished = st.Size, len(st.Unfinished)
	if err := st.Interrupted(); err != nil {
		v.add(entriesFile, KindCustody, "nothing after the signed entries but what an interruption leaves", err.Error())
	}
	for _, e := range st.Entries.All(ActAdd, ActSegment) {
		if n, err := strconv.ParseInt(e.Detail["bytes"], 10, 64); err == nil {
			v.sizes[e.Where] = n
		}
		if e.Detail["copied"] == "false" {
			v.outside[e.Where] = e.Detail["bytes"]
		}
	}
	return st, nil
}

// open opens a file of the case, or an exhibit that stands outside. A link or a
// special file is a problem: what it leads to is not in the case.
func (v *verifier) open(path string) (*os.File, bool) {
	full := path
	bytes, outside := v.outside[path]
	if outside = outside && filepath.IsAbs(path); !outside {
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
	case outside:
		if found := notExhibit(f, bytes); found != "" {
			v.add(path, KindDigest, "an exhibit of "+bytes+" bytes, as the custody log says", found)
			f.Close()
			return nil, false
		}
	}
	return f, err == nil
}

// notExhibit says why a file outside the case, which a hostile log may name, is
// not read: what the kernel makes up has no end, and what has another size is not
// what was taken under custody.
func notExhibit(f *os.File, bytes string) string {
	st, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err != nil {
		return err.Error()
	}
	switch fs.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.BPF_FS_MAGIC:
		return "a file that the kernel makes up"
	}
	if n := strconv.FormatInt(st.Size(), 10); n != bytes {
		return n + " bytes"
	}
	return ""
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
	if kind, expected, found := v.oversize(path, f); kind != "" {
		v.add(path, kind, expected, found)
		return "", false
	}
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
func (v *verifier) sourceKey(e *evidence.Entry, segments []Segment) {
	x := Exhibit{Path: e.Where, Segments: segments}
	wrong := v.digests[e.Where] != e.SHA256
	for _, s := range segments {
		wrong = wrong || v.digests[s.Path] != s.SHA256
	}
	if wrong {
		return // said already
	}
	f, ok := v.open(e.Where)
	if !ok {
		return
	}
	f.Close()
	key := ""
	paths, err := x.paths(v.dir)
	if err == nil {
		var set *fileSet
		if set, err = openSet(paths); err == nil {
			key, err = x.keyOf(set)
			set.close()
		}
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

// recorded checks what the custody log says is there.
func (v *verifier) recorded(entries *evidence.Entries, statements map[string]bool) {
	opened := 0
	taken := map[string]int64{} // entries of exhibits, and of their files
	once := func(what string, e *evidence.Entry) {
		if was, ok := taken[what]; ok {
			v.add(what, KindCustody, fmt.Sprintf("taken under custody once, in entry %d", was), fmt.Sprintf("again in entry %d", e.Seq))
		}
		taken[what] = e.Seq
	}
	for i, e := range entries.All() {
		switch e.Act {
		case ActOpen:
			if opened++; i != 0 || opened > 1 {
				v.add(CustodyDir, KindCustody, "the case opened once, in entry 0", fmt.Sprintf("opened in entry %d", e.Seq))
				continue
			}
			v.expect(infoFile, e.SHA256)
		case ActAdd:
			v.out.Exhibits++
			once(e.Exhibit, e)
			once(e.Where, e)
			if e.SHA256 == "" {
				v.add(e.Exhibit, KindDigest, "a SHA-256", "none in the custody log")
				continue
			}
			v.expect(e.Where, e.SHA256)
			v.sourceKey(e, segmentsOf(entries, i))
		case ActSegment, ActNote, ActBookmark:
			v.expect(e.Where, e.SHA256)
		case ActReview:
			v.expect(e.Where, e.SHA256)
			v.reviewed(e)
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
