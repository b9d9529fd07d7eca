package casefile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"saksi/evidence"
)

// statementTypes are the predicates that statements of a case have.
var statementTypes = []string{evidence.PredicateExamination, evidence.PredicateAcquisition}

func knownStatement(t string) bool { return slices.Contains(statementTypes, t) }

// expectedStatement says which there are.
func expectedStatement() string { return "predicate type " + strings.Join(statementTypes, " or ") }

// examinationOf reads what a statement over the case says, strictly.
func examinationOf(st *evidence.Statement) (Examination, error) {
	if st.PredicateType == evidence.PredicateAcquisition {
		var p Acquisition
		err := evidence.DecodeExact(st.Predicate, &p)
		return p.Examination, err
	}
	var p Examination
	err := evidence.DecodeExact(st.Predicate, &p)
	return p, err
}

// sign signs a statement by the key of the case, keeps it, and records that. It
// returns the statement's path in the case; after an error other than
// evidence.ErrUnfinished there is none.
func (c *Case) sign(ctx context.Context, kind, predicateType string, predicate any, subjects []evidence.Subject) (string, error) {
	e := evidence.Entry{Act: ActSign, Detail: map[string]string{"subjects": strconv.Itoa(len(subjects))}}
	return c.state(ctx, StatementsDir, kind, c.signer, predicateType, predicate, subjects, e)
}

// state keeps a statement in a folder of the case, named by the entry that
// records it. More subjects than one statement takes are bound through a manifest
// beside it.
func (c *Case) state(ctx context.Context, dir, kind string, s *evidence.Signer, predicateType string, predicate any, subjects []evidence.Subject, e evidence.Entry) (name string, err error) {
	name = fmt.Sprintf("%s/%06d-%s%s", dir, c.log.Len(), kind, statementSuffix)
	if len(subjects) > evidence.MaxSubjects {
		manifest := strings.TrimSuffix(name, statementSuffix) + manifestSuffix
		sum, err := c.writeManifest(ctx, manifest, subjects, &e)
		if err != nil {
			return "", err
		}
		defer func() {
			if name == "" {
				err = errors.Join(err, os.Remove(filepath.Join(c.Dir, filepath.FromSlash(manifest))))
			}
		}()
		subjects = []evidence.Subject{{Name: manifest, Digest: map[string]string{"sha256": sum}}}
	}
	b, err := evidence.Sign(ctx, s, predicateType, predicate, subjects)
	if err != nil {
		return "", err
	}
	err = c.keep(ctx, name, b, e)
	if err != nil && !errors.Is(err, evidence.ErrUnfinished) {
		return "", fmt.Errorf("keeping a statement: %w", err)
	}
	return name, err
}

// writeManifest writes the subjects of a statement as sha256sum takes them.
func (c *Case) writeManifest(ctx context.Context, name string, subjects []evidence.Subject, e *evidence.Entry) (sha256 string, err error) {
	if err := errors.Join(os.MkdirAll(filepath.Join(c.Dir, filepath.Dir(name)), 0o700), c.clear(ctx, name, e)); err != nil {
		return "", fmt.Errorf("keeping the manifest of a statement: %w", err)
	}
	sha256, err = c.writeSynced(name, func(w io.Writer) error {
		for _, s := range subjects {
			if _, err := fmt.Fprintf(w, "%s  %s\n", s.Digest["sha256"], manifestPath(s.Name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("keeping the manifest of a statement: %w", err)
	}
	return sha256, nil
}

// keep writes a new file of the case and records its digest. After an error
// other than evidence.ErrUnfinished there is no file.
func (c *Case) keep(ctx context.Context, name string, b []byte, e evidence.Entry) error {
	path := filepath.Join(c.Dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), c.clear(ctx, name, &e)); err != nil {
		return err
	}
	if err := evidence.WriteNew(path, b, 0o600); err != nil {
		return err
	}
	e.SHA256, e.Where = evidence.SHA256(b), name
	err := c.Record(ctx, e)
	if err != nil && !errors.Is(err, evidence.ErrUnfinished) {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// clear takes away the file that an act left which was interrupted before its
// entry was written: its name holds the number of the entry to come, and no entry
// names it. The entry says what its digest was.
func (c *Case) clear(ctx context.Context, name string, e *evidence.Entry) error {
	sum, err := c.hash(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, have := range c.log.Entries().All() {
		if have.Where == name {
			return fmt.Errorf("%s: %w", name, fs.ErrExist)
		}
	}
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Detail["replaced_unfinished"] = strings.TrimSpace(e.Detail["replaced_unfinished"] + " " + sum)
	return os.Remove(filepath.Join(c.Dir, filepath.FromSlash(name)))
}
