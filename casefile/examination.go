package casefile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"saksi/evidence"
)

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
// the case. After an error other than evidence.ErrUnfinished there is none.
func (c *Case) SignExamination(ctx context.Context, findings int64) (string, error) {
	if err := errors.Join(c.Unsealed(), c.MayAct(ActSign)); err != nil {
		return "", fmt.Errorf("signing the examination: %w", err)
	}
	p := Examination{
		Case: c.Info.ID, Agency: c.Info.Agency, Classification: c.Info.Classification, Time: time.Now().UTC().Format(time.RFC3339),
		Examiner: c.who, Tool: c.tool, SourceKeys: map[string]string{}, CustodyEntries: c.log.Len(), Findings: findings,
	}
	var subjects []evidence.Subject
	for _, x := range c.Exhibits {
		p.SourceKeys[x.ID] = x.SourceKey
		subjects = append(subjects, evidence.Subject{Name: x.Path, Digest: map[string]string{"sha256": x.SHA256}})
	}
	files, err := c.files(FindingsDir, ReportsDir)
	if err != nil {
		return "", err
	}
	for _, f := range append([]string{infoFile}, files...) {
		sum, err := c.hash(ctx, f)
		if err != nil {
			return "", fmt.Errorf("signing the examination: %w", err)
		}
		subjects = append(subjects, evidence.Subject{Name: f, Digest: map[string]string{"sha256": sum}})
	}
	return c.sign(ctx, "examination", evidence.PredicateExamination, p, subjects)
}

// hash gives the SHA-256 of a file of the case, which must be a regular one.
func (c *Case) hash(ctx context.Context, path string) (string, error) {
	f, err := evidence.OpenRegular(filepath.Join(c.Dir, filepath.FromSlash(path)))
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, _, err := evidence.SHA256Reader(ctx, f, nil)
	return sum, err
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
