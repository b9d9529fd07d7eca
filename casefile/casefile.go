// Package casefile keeps a case: a folder an examiner can copy, zip and open
// in ten years with stock tools. Start with Create or Open; OpenExhibit gives
// an exhibit's bytes for a stated act and records that act; Verify checks all
// of it.
//
//	case.json            what the case is (format version 1 or 2)
//	data/exhibits/       copies of the exhibits, read-only
//	data/findings/       findings and events as NDJSON
//	data/reports/        assessments and reports
//	data/statements/     signed statements (in-toto in a sigstore bundle)
//	data/notes/          notes and bookmarks of examiners, never changed
//	data/reviews/        statements of second examiners, signed by their own keys
//	custody/             the custody log: entries.ndjson and its signed checkpoint
//	bagit.txt metadata/ seal/ trust/ ...   what Seal adds
//	index/ spool/        for searching; can be rebuilt, no part of the evidence
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
	"syscall"
	"time"

	"saksi/evidence"
)

// Format is the newest version of the folder's format. Version 2 is that of cases
// that bind roles; all others are written as version 1, and both are read.
const Format = 2

// RolesBound is what Info.Roles says of a case in which each act is done by a
// key that a register binds to a role.
const RolesBound = "bound"

// Folders of a case.
const (
	infoFile      = "case.json"
	dataDir       = "data"
	ExhibitsDir   = "data/exhibits"
	FindingsDir   = "data/findings"
	ReportsDir    = "data/reports"
	StatementsDir = "data/statements"
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
	ActInspect = "open"   // an exhibit was looked at, and nothing kept of it
	ActExtract = "extract content"

	ActTransfer = "transfer" // an exhibit changed hands
	ActUnmask   = "unmask"   // what was masked in a finding was read anew from its exhibit
)

// maxInfo bounds case.json, in bytes.
const maxInfo = 1 << 20

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
	Key            string `json:"key_hint"`        // of the key that signs for the case
	Roles          string `json:"roles,omitempty"` // RolesBound, or "" where keys without a role may act
}

// Case is an open case. It is not safe for concurrent use.
type Case struct {
	Dir      string
	Info     Info
	Exhibits []Exhibit
	// Authority is on what the acts are done that are recorded from now on; nil
	// for none.
	Authority *evidence.Authority

	log      *evidence.Log
	signer   *evidence.Signer
	actor    *evidence.Signer // of the person who acts; nil: signer is
	register map[string]evidence.KeyRecord
	who      string
	tool     string
}

// Options of Create and Open.
type Options struct {
	ID, Agency     string
	Classification string // "" is Sulit
	Who            string // who acts, for the custody log
	Tool           string // name and version of the program
	Signer         *evidence.Signer
	// Actor is the key of the person who acts, which Register binds to a role; nil
	// when acts are done under Signer alone. The person's name then stands for Who.
	Actor    *evidence.Signer
	Register []evidence.KeyRecord
	// Bound makes a case in which nobody acts without a role.
	Bound bool
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
	c := &Case{Dir: dir, signer: o.Signer, who: o.Who, tool: o.Tool}
	if o.Bound {
		c.Info.Roles = RolesBound
	}
	if err := c.bind(o); err != nil {
		return nil, fmt.Errorf("making a case: %w", err)
	}
	if err := c.MayAct(ActOpen); err != nil {
		return nil, fmt.Errorf("making a case: %w", err)
	}
	for _, d := range []string{"", ExhibitsDir, FindingsDir, ReportsDir, StatementsDir, CustodyDir} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("making a case: %w", err)
		}
	}
	info := Info{Format: 1, ID: o.ID, Agency: o.Agency, Classification: o.Classification, Created: time.Now().UTC().Format(time.RFC3339), Key: o.Signer.Public().Hint()}
	if o.Bound {
		info.Format, info.Roles = 2, RolesBound
	}
	b, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return nil, err
	}
	b = append(b, '\n')
	if err := evidence.WriteNew(filepath.Join(dir, infoFile), b, 0o600); err != nil {
		return nil, fmt.Errorf("making a case: %w", err)
	}
	c.Info = info
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
	info, _, err := readInfo(dir)
	return info, err
}

// readInfo gives the bytes too.
func readInfo(dir string) (info Info, b []byte, err error) {
	path := filepath.Join(dir, infoFile)
	b, err = evidence.ReadRegular(path, maxInfo)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		if err := lockedError(dir); err != nil {
			return info, nil, err
		}
		return info, nil, fmt.Errorf("%s: %w", dir, ErrNoCase)
	}
	if err != nil {
		return info, nil, fmt.Errorf("opening the case: %w", err)
	}
	if err := evidence.DecodeExact(b, &info); err != nil {
		return info, b, fmt.Errorf("opening the case: %s: %w", path, err)
	}
	switch {
	case info.Format < 1 || info.Format > Format:
		return info, b, fmt.Errorf("opening the case: format %d; this saksi reads 1 to %d: use a newer one", info.Format, Format)
	case info.Roles != "" && info.Roles != RolesBound, (info.Roles != "") != (info.Format > 1):
		return info, b, fmt.Errorf("opening the case: %s: format %d with roles %q; expected %q from format 2 on, and none before", path, info.Format, info.Roles, RolesBound)
	}
	return info, b, nil
}

// Open opens a case for work. Of o it reads Who, Tool, Actor, Register and Signer,
// whose key must be the case's. The custody log is verified, and case.json against it.
func Open(ctx context.Context, dir string, o Options) (*Case, error) {
	info, b, err := readInfo(dir)
	if err != nil {
		return nil, err
	}
	if o.Signer == nil || o.Signer.Public().Hint() != info.Key {
		return nil, fmt.Errorf("%w: opening the case: the key given is not the one the case was made with (%s)", evidence.ErrTrust, info.Key)
	}
	// What is written must stay in the case.
	if err := ownFolders(dir); err != nil {
		return nil, fmt.Errorf("opening the case: %w; run 'saksi evidence verify'", err)
	}
	c := &Case{Dir: dir, Info: info, signer: o.Signer, who: o.Who, tool: o.Tool}
	if err := c.bind(o); err != nil {
		return nil, fmt.Errorf("opening the case: %w", err)
	}
	if c.log, err = evidence.OpenLog(ctx, filepath.Join(dir, CustodyDir), info.ID, o.Signer); err != nil {
		return nil, err
	}
	entries := c.log.Entries()
	var first evidence.Entry
	if entries.Len() > 0 {
		first = entries.At(0)
	}
	if first.Act != ActOpen {
		err = fmt.Errorf("%w: it does not begin with the opening of the case", evidence.ErrCustody)
	} else if sum := evidence.SHA256(b); sum != first.SHA256 {
		err = fmt.Errorf("%w: %s has SHA-256 %s; the custody log recorded %s", evidence.ErrDigest, filepath.Join(dir, infoFile), sum, first.SHA256)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the case: %w; run 'saksi evidence verify' for all of it", err), c.Close())
	}
	c.Exhibits = exhibitsOf(entries)
	return c, nil
}

// ownFolders refuses a case in which a folder that is written to is none: a link
// would lead what is written out of the case.
func ownFolders(dir string) error {
	for _, d := range []string{dataDir, ExhibitsDir, FindingsDir, ReportsDir, StatementsDir, NotesDir, ReviewsDir, CustodyDir, IndexDir, SpoolDir, filepath.Dir(dfxmlFile), sealDir, trustDir, tileDir, tileDir + "/0", tileDir + "/entries", witnessDir} {
		st, err := os.Lstat(filepath.Join(dir, d))
		if err == nil && !st.IsDir() {
			return fmt.Errorf("%w: %s is no folder (%s)", evidence.ErrFile, filepath.Join(dir, d), st.Mode().Type())
		}
	}
	return nil
}

// ReadLog returns the entries of a case's custody log. Their signature is not
// checked; Verify does that. Where the log contradicts itself or its checkpoint
// the error is evidence.ErrCustody, and the entries are what could be read.
func ReadLog(dir string) ([]evidence.Entry, error) {
	list, err := readLog(dir)
	if list.Len() == 0 {
		return nil, err
	}
	return list.List(), err
}

func readLog(dir string) (*evidence.Entries, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, err
	}
	st, problems, err := evidence.VerifyLog(filepath.Join(dir, CustodyDir), evidence.Origin(info.ID), nil)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return st.Entries, fmt.Errorf("reading the custody log of %s: %w: %s; run 'saksi evidence verify' for all of it", dir, evidence.ErrCustody, problems[0])
	}
	return st.Entries, nil
}

// Close ends work on the case.
func (c *Case) Close() error { return c.log.Close() }

// Record writes one act into the custody log. An act that the role of the
// acting key does not cover is ErrDuty, and nothing is recorded.
func (c *Case) Record(ctx context.Context, e evidence.Entry) error {
	if err := c.MayAct(e.Act); err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	if e.Who == "" {
		e.Who = c.who
	}
	if e.Tool == "" {
		e.Tool = c.tool
	}
	if c.Authority != nil && e.Authority == "" {
		e.Authority = c.Authority.String()
		detail := c.Authority.Detail()
		maps.Copy(detail, e.Detail)
		e.Detail = detail
	}
	if err := c.signAct(ctx, &e); err != nil {
		return fmt.Errorf("recording in the custody log: %w", err)
	}
	return c.log.Append(ctx, e)
}
