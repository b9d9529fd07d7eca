package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/oscal"
)

// Names in the folder of an assessment.
const (
	assessmentFile = "assessment.json"
	inputsDir      = "inputs"
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

// writeAssessment writes assessment.json, the OSCAL documents, the catalog they
// were made with, and a signature of each to a new folder.
func (a *app) writeAssessment(ctx context.Context, dir string, as *framework.Assessment, key string) error {
	s, err := a.signer(key)
	if err != nil {
		return err
	}
	c, err := framework.Load(as.Framework)
	if err != nil {
		return err
	}
	docs, err := assessmentDocuments(as, c)
	if err != nil {
		return err
	}
	if err := newFolder(dir, "an assessment"); err != nil {
		return err
	}
	for _, d := range docs {
		sig, err := oscal.Sign(ctx, s, d.Name, d.JSON)
		if err != nil {
			return fmt.Errorf("writing the assessment: %w", err)
		}
		for name, b := range map[string][]byte{d.Name: d.JSON, d.Name + oscal.SignatureEnd: sig} {
			if err := evidence.WriteNew(filepath.Join(dir, name), b, 0o600); err != nil {
				return fmt.Errorf("writing the assessment: %w", err)
			}
		}
	}
	raw, err := framework.Raw(as.Framework)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, inputsDir), 0o700); err != nil {
		return fmt.Errorf("writing the assessment: %w", err)
	}
	if err := evidence.WriteNew(filepath.Join(dir, inputsDir, as.Inputs.Catalog.Name), raw, 0o600); err != nil {
		return fmt.Errorf("writing the assessment: %w", err)
	}
	return nil
}

// assessmentDocuments are the files of an assessment that are signed.
func assessmentDocuments(as *framework.Assessment, c *framework.Catalog) ([]oscal.Document, error) {
	b, err := json.MarshalIndent(as, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the assessment: %w", err)
	}
	m, err := framework.Techniques(c)
	if err != nil {
		return nil, fmt.Errorf("writing the assessment: %w", err)
	}
	docs, err := oscal.Documents(as, c, m)
	if err != nil {
		return nil, err
	}
	return append([]oscal.Document{{Name: assessmentFile, JSON: append(b, '\n')}}, docs...), nil
}

// maxAssessment bounds assessment.json on reading, in bytes.
const maxAssessment = 256 << 20

func readAssessment(dir string) (*framework.Assessment, error) {
	path := filepath.Join(dir, assessmentFile)
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
