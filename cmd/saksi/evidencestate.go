package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
)

// stateFlags sign what a command writes by a statement beside it.
type stateFlags struct{ key, bundle string }

func (o *stateFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&o.key, "sign", "", "signing key `file` of the person who signs a statement over the output")
	c.Flags().StringVar(&o.bundle, "bundle", "", "`file` for that statement (default: the output's name and .sigstore.json)")
}

// custodyPredicate is what a statement over a receipt says: an entry of a custody
// log and where it stands.
type custodyPredicate struct {
	Case   string         `json:"case"`
	Entry  evidence.Entry `json:"entry"`
	Size   int64          `json:"custody_entries"`
	Signer string         `json:"signer"`
	Time   string         `json:"time"`
	Tool   string         `json:"tool"`
}

// certificatePredicate is what a statement over a certificate says: who signs it
// and what it was filled from.
type certificatePredicate struct {
	Case    string `json:"case"`
	Kind    string `json:"kind"` // certificate or custody form
	Law     string `json:"law,omitempty"`
	Lang    string `json:"lang"`
	Entries int64  `json:"custody_entries"`
	Root    string `json:"custody_root"`
	Signer  string `json:"signer"`
	Time    string `json:"time"`
	Tool    string `json:"tool"`
}

// signed writes the output and, with a key, a statement over it. The predicate
// is made when it is needed.
func (a *app) signed(cmd *cobra.Command, o *stateFlags, out []byte, predicateType string, predicate func() (any, error)) error {
	if o.key != "" && o.bundle == "" && a.to == "" {
		return usage("--sign: name the statement by --bundle, or the output by --to")
	}
	var statement []byte
	if o.key != "" {
		s, err := a.signer(o.key)
		if err != nil {
			return err
		}
		p, err := predicate()
		if err != nil {
			return caseError(err)
		}
		name := "output"
		if a.to != "" {
			name = filepath.Base(a.to)
		}
		if statement, err = evidence.Sign(cmd.Context(), s, predicateType, p, []evidence.Subject{{Name: name, Digest: map[string]string{"sha256": evidence.SHA256(out)}}}); err != nil {
			return err
		}
	}
	w, done, err := a.open()
	if err != nil {
		return err
	}
	if _, err := bytes.NewReader(out).WriteTo(w); err != nil {
		return errors.Join(err, done())
	}
	if err := done(); err != nil || statement == nil {
		return err
	}
	bundle := o.bundle
	if bundle == "" {
		bundle = a.to + ".sigstore.json"
	}
	return evidence.WriteNew(bundle, statement, 0o600)
}

func custodyStatement(dir string, r *evidence.Receipt) func() (any, error) {
	return func() (any, error) {
		info, err := casefile.ReadInfo(dir)
		if err != nil {
			return nil, err
		}
		cp, err := evidence.ParseCheckpoint(r.Checkpoint)
		if err != nil {
			return nil, err
		}
		return custodyPredicate{info.ID, r.Entry, cp.Size, who(), time.Now().UTC().Format(time.RFC3339), toolName()}, nil
	}
}

func certificateStatement(dir, kind, lang string) func() (any, error) {
	return func() (any, error) {
		info, err := casefile.ReadInfo(dir)
		if err != nil {
			return nil, err
		}
		entries, err := casefile.ReadLog(dir)
		if err != nil {
			return nil, err
		}
		root, err := casefile.LogRoot(dir)
		if err != nil {
			return nil, err
		}
		p := certificatePredicate{Case: info.ID, Kind: kind, Lang: lang, Entries: int64(len(entries)), Root: root, Signer: who(), Time: time.Now().UTC().Format(time.RFC3339), Tool: toolName()}
		if kind == "certificate" {
			p.Law = "Evidence Act 1950, section 90A"
		}
		return p, nil
	}
}
