// Package casefile keeps a case: a folder an examiner can copy, zip and open
// in ten years with stock tools. Start with Create or Open; OpenExhibit gives
// an exhibit's bytes for a stated act and records that act; Verify checks all
// of it.
//
//	case.json            what the case is (format version 1)
//	exhibits/            copies of the exhibits, read-only
//	findings/            findings and events as NDJSON
//	reports/             assessments and reports
//	statements/          signed statements (in-toto in a sigstore bundle)
//	custody/             the custody log: entries.ndjson and its signed checkpoint
//	index/ spool/        for searching; can be rebuilt, no part of the evidence
package casefile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"saksi/evidence"
)

// Format is the version of the folder's format.
const Format = 1

// Folders of a case.
const (
	infoFile      = "case.json"
	ExhibitsDir   = "exhibits"
	FindingsDir   = "findings"
	ReportsDir    = "reports"
	StatementsDir = "statements"
	CustodyDir    = "custody"
	IndexDir      = "index"
	SpoolDir      = "spool"
)

// Acts in the custody log that the case itself writes.
const (
	ActOpen    = "open case"
	ActAdd     = "add exhibit"
	ActExamine = "examine"
	ActSign    = "sign statement"
	ActExport  = "export" // a file made from exhibits
)

// ErrNoCase is returned when a folder holds no case.
var ErrNoCase = errors.New("no case in this folder")

// ErrExists is returned when a folder already holds a case.
var ErrExists = errors.New("there is a case in this folder already")

// Classifications are the marks of the public sector's security directions,
// the highest first.
var Classifications = []string{"Rahsia Besar", "Rahsia", "Sulit", "Terhad", "Terbuka"}

// Info is case.json.
type Info struct {
	Format         int    `json:"format"`
	ID             string `json:"id"`
	Agency         string `json:"agency"`
	Classification string `json:"classification"`
	Created        string `json:"created"`
	Key            string `json:"key_hint"` // of the key that signs for the case
}

// Exhibit is one thing under custody, as the log says.
type Exhibit struct {
	ID        string // E1, E2 ...
	Name      string // base name
	Path      string // in the case folder, or where it stands when not copied
	Copied    bool
	Size      int64
	SHA256    string
	SourceKey string
	Seq       int64 // custody entry that added it
}

// Case is an open case. It is not safe for concurrent use.
type Case struct {
	Dir      string
	Info     Info
	Exhibits []Exhibit

	log    *evidence.Log
	signer *evidence.Signer
	who    string
	tool   string
}

// Options of Create and Open.
type Options struct {
	ID, Agency     string
	Classification string // "" is Sulit
	Who            string // who acts, for the custody log
	Tool           string // name and version of the program
	Signer         *evidence.Signer
}

// Create makes a case in dir, which must be empty or absent, and records its
// opening.
func Create(ctx context.Context, dir string, o Options) (*Case, error) {
	if o.Classification == "" {
		o.Classification = "Sulit"
	}
	switch {
	case o.ID == "" || len(o.ID) > 200 || strings.ContainsFunc(o.ID, func(r rune) bool { return r < 0x20 }):
		return nil, fmt.Errorf("making a case: id %q; expected 1 to 200 printable characters", o.ID)
	case o.Signer == nil || o.Who == "":
		return nil, fmt.Errorf("making a case: a key and a name of who acts are needed")
	case !slices.Contains(Classifications, o.Classification):
		return nil, fmt.Errorf("making a case: classification %q; expected one of %s", o.Classification, strings.Join(Classifications, ", "))
	}
	if _, err := os.Lstat(filepath.Join(dir, infoFile)); err == nil {
		return nil, fmt.Errorf("making a case in %s: %w", dir, ErrExists)
	}
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return nil, fmt.Errorf("making a case in %s: the folder is not empty; name a new one", dir)
	}
	for _, d := range []string{"", ExhibitsDir, FindingsDir, ReportsDir, StatementsDir, CustodyDir} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("making a case: %w", err)
		}
	}
	info := Info{Format: Format, ID: o.ID, Agency: o.Agency, Classification: o.Classification, Created: time.Now().UTC().Format(time.RFC3339), Key: o.Signer.Public().Hint()}
	b, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	if err := writeNew(filepath.Join(dir, infoFile), b); err != nil {
		return nil, fmt.Errorf("making a case: %w", err)
	}
	c := &Case{Dir: dir, Info: info, signer: o.Signer, who: o.Who, tool: o.Tool}
	if c.log, err = evidence.OpenLog(ctx, filepath.Join(dir, CustodyDir), info.ID, o.Signer); err != nil {
		return nil, err
	}
	err = c.Record(ctx, evidence.Entry{Act: ActOpen, SHA256: evidence.SHA256(b), Detail: map[string]string{"agency": info.Agency, "classification": info.Classification}})
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// ReadInfo reads case.json alone.
func ReadInfo(dir string) (Info, error) {
	var info Info
	b, err := os.ReadFile(filepath.Join(dir, infoFile))
	if errors.Is(err, fs.ErrNotExist) {
		return info, fmt.Errorf("%s: %w", dir, ErrNoCase)
	}
	if err != nil {
		return info, fmt.Errorf("opening the case: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&info); err != nil {
		return info, fmt.Errorf("opening the case: %s: %w", filepath.Join(dir, infoFile), err)
	}
	if info.Format != Format {
		return info, fmt.Errorf("opening the case: format %d; this saksi reads %d: use a newer one", info.Format, Format)
	}
	return info, nil
}

// Open opens a case for work. Of o it reads Who, Tool and Signer, whose key
// must be the case's.
func Open(ctx context.Context, dir string, o Options) (*Case, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	if o.Signer == nil || o.Signer.Public().Hint() != info.Key {
		return nil, fmt.Errorf("%w: opening the case: the key given is not the one the case was made with (%s)", evidence.ErrTrust, info.Key)
	}
	c := &Case{Dir: dir, Info: info, signer: o.Signer, who: o.Who, tool: o.Tool}
	if c.log, err = evidence.OpenLog(ctx, filepath.Join(dir, CustodyDir), info.ID, o.Signer); err != nil {
		return nil, err
	}
	st, _, err := evidence.VerifyLog(filepath.Join(dir, CustodyDir), evidence.Origin(info.ID), o.Signer.Public())
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	c.Exhibits = exhibitsOf(st.Entries)
	return c, nil
}

// ReadLog returns the entries of a case's custody log without checking their
// signatures; Verify does that.
func ReadLog(dir string) ([]evidence.Entry, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	st, _, err := evidence.VerifyLog(filepath.Join(dir, CustodyDir), evidence.Origin(info.ID), nil)
	if err != nil {
		return nil, err
	}
	return st.Entries, nil
}

// exhibitsOf reads the exhibits out of the custody log.
func exhibitsOf(entries []evidence.Entry) []Exhibit {
	var list []Exhibit
	for _, e := range entries {
		if e.Act != ActAdd {
			continue
		}
		n, err := strconv.ParseInt(e.Detail["bytes"], 10, 64)
		if err != nil {
			n = -1
		}
		list = append(list, Exhibit{
			ID: e.Exhibit, Name: e.Detail["name"], Path: e.Where, Copied: e.Detail["copied"] == "true", Size: n,
			SHA256: e.SHA256, SourceKey: e.SourceKey, Seq: e.Seq,
		})
	}
	return list
}

// Close ends work on the case.
func (c *Case) Close() error { return c.log.Close() }

// Record writes one act into the custody log.
func (c *Case) Record(ctx context.Context, e evidence.Entry) error {
	if e.Who == "" {
		e.Who = c.who
	}
	if e.Tool == "" {
		e.Tool = c.tool
	}
	return c.log.Append(ctx, e)
}

// AddExhibit takes a file under custody: it is hashed in one read, and copied
// into the case meanwhile unless reference is true. The source is only read.
func (c *Case) AddExhibit(ctx context.Context, path string, reference bool, progress func(int64)) (*Exhibit, error) {
	src, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("adding an exhibit: %w", err)
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return nil, fmt.Errorf("adding an exhibit: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("adding an exhibit: %s is no regular file (%s)", path, st.Mode().Type())
	}
	x := Exhibit{ID: fmt.Sprintf("E%d", len(c.Exhibits)+1), Name: filepath.Base(path), Copied: !reference, Size: st.Size()}
	if x.SourceKey, err = evidence.SourceKey(src, st.Size()); err != nil {
		return nil, fmt.Errorf("adding exhibit %s: %w", path, err)
	}
	var dst io.Writer = io.Discard
	var out *os.File
	if reference {
		if x.Path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	} else {
		x.Path = ExhibitsDir + "/" + x.ID + "-" + safeName(x.Name)
		if out, err = os.OpenFile(filepath.Join(c.Dir, x.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400); err != nil {
			return nil, fmt.Errorf("adding exhibit %s: %w", path, err)
		}
		defer out.Close()
		dst = out
	}
	h := sha256.New()
	n, err := copyContext(ctx, io.MultiWriter(h, dst), src, progress)
	if err == nil && n != st.Size() {
		err = fmt.Errorf("it had %d bytes at first and %d when read: it is changing", st.Size(), n)
	}
	if err == nil && out != nil {
		err = out.Sync()
	}
	if err != nil {
		if out != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
		return nil, fmt.Errorf("adding exhibit %s: %w", path, err)
	}
	x.SHA256 = hex.EncodeToString(h.Sum(nil))
	x.Seq = c.log.Len()
	err = c.Record(ctx, evidence.Entry{
		Act: ActAdd, Exhibit: x.ID, SHA256: x.SHA256, SourceKey: x.SourceKey, Where: x.Path, To: c.who,
		Detail: map[string]string{"name": x.Name, "bytes": strconv.FormatInt(n, 10), "copied": strconv.FormatBool(x.Copied)},
	})
	if err != nil {
		return nil, err
	}
	c.Exhibits = append(c.Exhibits, x)
	return &x, nil
}

// safeName keeps a name that no file system or terminal trips over.
func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '_'
	}, s)
	return strings.TrimLeft(s[max(0, len(s)-100):], ".-")
}

func copyContext(ctx context.Context, dst io.Writer, src io.Reader, progress func(int64)) (int64, error) {
	buf := make([]byte, 1<<20)
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := src.Read(buf)
		if _, werr := dst.Write(buf[:k]); werr != nil {
			return n, werr
		}
		n += int64(k)
		if progress != nil {
			progress(n)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("at offset %d: %w", n, err)
		}
	}
}

// PathOf is where an exhibit's bytes stand.
func (c *Case) PathOf(x *Exhibit) string {
	if x.Copied {
		return filepath.Join(c.Dir, filepath.FromSlash(x.Path))
	}
	return x.Path
}

// OpenExhibit records an act on an exhibit, such as "examine", and opens it
// for reading. The caller closes the file.
func (c *Case) OpenExhibit(ctx context.Context, id, act, why string) (*os.File, *Exhibit, error) {
	for i := range c.Exhibits {
		x := &c.Exhibits[i]
		if x.ID != id {
			continue
		}
		f, err := os.Open(c.PathOf(x))
		if err != nil {
			return nil, nil, fmt.Errorf("opening exhibit %s: %w", id, err)
		}
		if err := c.Record(ctx, evidence.Entry{Act: act, Exhibit: id, SHA256: x.SHA256, SourceKey: x.SourceKey, Why: why}); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		return f, x, nil
	}
	return nil, nil, fmt.Errorf("the case has no exhibit %q", id)
}

// Examination is the predicate of a statement over a case: what was examined,
// with what, and what came of it.
type Examination struct {
	Case           string            `json:"case"`
	Agency         string            `json:"agency"`
	Classification string            `json:"classification"`
	Time           string            `json:"time"`
	Examiner       string            `json:"examiner"`
	Tool           string            `json:"tool"`
	SourceKeys     map[string]string `json:"source_keys"` // by exhibit id: the key findings carry
	CustodyEntries int64             `json:"custody_entries"`
	Findings       int64             `json:"findings"`
}

// SignExamination signs a statement over the exhibits and over everything in
// findings/ and reports/, and records that. It returns the statement's path in
// the case.
func (c *Case) SignExamination(ctx context.Context, findings int64) (string, error) {
	p := Examination{
		Case: c.Info.ID, Agency: c.Info.Agency, Classification: c.Info.Classification, Time: time.Now().UTC().Format(time.RFC3339),
		Examiner: c.who, Tool: c.tool, SourceKeys: map[string]string{}, CustodyEntries: c.log.Len(), Findings: findings,
	}
	var subjects []evidence.Subject
	for _, x := range c.Exhibits {
		p.SourceKeys[x.ID] = x.SourceKey
		name := x.Path
		subjects = append(subjects, evidence.Subject{Name: name, Digest: map[string]string{"sha256": x.SHA256}})
	}
	files, err := c.files(FindingsDir, ReportsDir)
	if err != nil {
		return "", err
	}
	for _, f := range append([]string{infoFile}, files...) {
		sum, _, err := evidence.SHA256File(ctx, filepath.Join(c.Dir, filepath.FromSlash(f)), nil)
		if err != nil {
			return "", err
		}
		subjects = append(subjects, evidence.Subject{Name: f, Digest: map[string]string{"sha256": sum}})
	}
	b, err := evidence.Sign(ctx, c.signer, evidence.PredicateExamination, p, subjects)
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s/%06d-examination.sigstore.json", StatementsDir, c.log.Len())
	if err := writeNew(filepath.Join(c.Dir, filepath.FromSlash(name)), b); err != nil {
		return "", fmt.Errorf("keeping a statement: %w", err)
	}
	return name, c.Record(ctx, evidence.Entry{Act: ActSign, SHA256: evidence.SHA256(b), Where: name, Detail: map[string]string{"subjects": strconv.Itoa(len(subjects))}})
}

// files lists the files below folders of the case, slash-separated, sorted.
func (c *Case) files(dirs ...string) ([]string, error) {
	var list []string
	for _, d := range dirs {
		err := filepath.WalkDir(filepath.Join(c.Dir, d), func(p string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			rel, err := filepath.Rel(c.Dir, p)
			list = append(list, filepath.ToSlash(rel))
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("listing the case: %w", err)
		}
	}
	slices.Sort(list)
	return list, nil
}

func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// Exhibits lists the exhibits of the case in dir, as its custody log says.
func Exhibits(dir string) ([]Exhibit, error) {
	entries, err := ReadLog(dir)
	if err != nil {
		return nil, err
	}
	return exhibitsOf(entries), nil
}
