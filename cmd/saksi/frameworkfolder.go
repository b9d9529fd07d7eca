package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/oscal"
	"saksi/framework/verify"
)

// newFolder makes a folder that must not exist.
func newFolder(dir, what string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", what, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		err = fmt.Errorf("writing %s: %w", what, err)
		if errors.Is(err, fs.ErrExist) {
			return failHint(exitFailed, err, "name a new folder by --to; %s is never overwritten", what)
		}
		return err
	}
	return nil
}

// writeAssessment writes assessment.json, the catalog it was made with, the
// OSCAL documents, and a signature of each to a new folder.
func (a *app) writeAssessment(ctx context.Context, dir string, as *framework.Assessment, c *framework.Catalog, key string) error {
	s, err := a.signer(key)
	if err != nil {
		return err
	}
	f, err := c.Freeze()
	if err != nil {
		return err
	}
	docs, err := verify.Documents(as, f)
	if err != nil {
		return fmt.Errorf("writing the assessment: %w", err)
	}
	return writeSigned(ctx, s, dir, "an assessment", docs)
}

// writeSigned writes documents and a signature of each to a new folder.
func writeSigned(ctx context.Context, s *evidence.Signer, dir, what string, docs []oscal.Document) error {
	if err := newFolder(dir, what); err != nil {
		return err
	}
	for _, d := range docs {
		sig, err := oscal.Sign(ctx, s, d.Name, d.JSON)
		if err != nil {
			return fmt.Errorf("writing %s: %w", what, err)
		}
		for _, f := range []oscal.Document{d, {Name: d.Name + oscal.SignatureEnd, JSON: sig}} {
			if err := evidence.WriteNew(filepath.Join(dir, f.Name), f.JSON, 0o600); err != nil {
				return fmt.Errorf("writing %s: %w", what, err)
			}
		}
	}
	return nil
}

// maxAssessment bounds assessment.json on reading, in bytes.
const maxAssessment = 256 << 20

func readAssessment(dir string) (*framework.Assessment, error) {
	path := filepath.Join(dir, verify.AssessmentFile)
	b, err := evidence.ReadRegular(path, maxAssessment)
	if err != nil {
		return nil, fmt.Errorf("reading the assessment: %w", err)
	}
	as, err := framework.ParseAssessment(b)
	if err != nil {
		return nil, failHint(exitFailed, fmt.Errorf("reading the assessment %s: %w", path, err), "assess again with the same inputs and --as-of")
	}
	return as, nil
}
