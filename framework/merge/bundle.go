// Package merge rolls the signed assessments of agencies up into one: an agency
// packs its assessment (Pack), and whoever merges opens the bundles (Open),
// refuses by name what does not verify, and adds the others up (Merge). The
// result verifies from the bundles beside it (Verify).
package merge

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"saksi/evidence"
	"saksi/framework"
	"saksi/framework/oscal"
	"saksi/framework/verify"
)

// End is what the file of a bundle ends in.
const End = ".saksi.tar.gz"

// Bounds of a bundle, in bytes.
const (
	MaxBundle = 128 << 20 // as it stands
	maxOpen   = 128 << 20 // opened
)

// core are the documents in a bundle: the OSCAL documents are made from them.
var core = []string{verify.AssessmentFile, verify.CatalogFile}

// ErrBundle is returned for a file that is no bundle.
var ErrBundle = errors.New("no bundle of an assessment")

// Pack signs an assessment and the catalog that it was made with, and packs both:
// a tar archive, compressed by gzip, that is the same but for the signatures.
func Pack(ctx context.Context, w io.Writer, s *evidence.Signer, a *framework.Assessment, c *framework.FrozenCatalog) error {
	own, err := a.JSON()
	if err != nil {
		return fmt.Errorf("packing the assessment: %w", err)
	}
	catalog, err := c.JSON()
	if err != nil {
		return fmt.Errorf("packing the assessment: %w", err)
	}
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	put := func(name string, b []byte) error {
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(b)), ModTime: a.AsOf.UTC().Truncate(time.Second), Format: tar.FormatUSTAR}); err != nil {
			return fmt.Errorf("packing %s: %w", name, err)
		}
		if _, err := t.Write(b); err != nil {
			return fmt.Errorf("packing %s: %w", name, err)
		}
		return nil
	}
	for i, b := range [][]byte{own, catalog} {
		sig, err := oscal.Sign(ctx, s, core[i], b)
		if err != nil {
			return fmt.Errorf("packing the assessment: %w", err)
		}
		if err := errors.Join(put(core[i], b), put(core[i]+oscal.SignatureEnd, sig)); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// Bundle is one that was opened.
type Bundle struct {
	File       string // base name
	SHA256     string
	Key        string // hint of who signed
	Person     string // whom the register binds that key to
	Assessment *framework.Assessment
	Catalog    string // digest of the catalog
	Problems   []verify.Problem
}

// Open opens a bundle and verifies all of it: signatures by keys that are
// trusted, and every number. What is wrong stands in Problems, by name.
func Open(file string, b []byte, trust *evidence.Trust) *Bundle {
	out := &Bundle{File: file, SHA256: evidence.SHA256(b)}
	files, err := unpack(b)
	if err != nil {
		out.Problems = []verify.Problem{{Item: file, Kind: verify.KindSchema, Expected: "a bundle of an assessment", Found: err.Error()}}
		return out
	}
	r := &verify.Result{Folder: file, Problems: []verify.Problem{}}
	out.Assessment = r.Files(files, verify.Options{Trust: trust, Core: true})
	out.Key = r.Key
	if trust != nil {
		out.Person = trust.Records[r.Key].Person
	}
	if out.Assessment != nil {
		out.Catalog = out.Assessment.Inputs.Catalog.SHA256
		if out.Assessment.Agency == "" {
			r.Add(verify.AssessmentFile, verify.KindSchema, "the name of an agency", "none")
		}
	}
	for _, p := range r.Problems {
		p.Item = file + "/" + p.Item
		out.Problems = append(out.Problems, p)
	}
	return out
}

// unpack reads the files of a bundle: those of a bundle, each once, and no other.
func unpack(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	t := tar.NewReader(io.LimitReader(z, maxOpen))
	files := map[string][]byte{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBundle, err)
		}
		known := slices.ContainsFunc(core, func(n string) bool { return h.Name == n || h.Name == n+oscal.SignatureEnd })
		if _, twice := files[h.Name]; h.Typeflag != tar.TypeReg || !known || twice {
			return nil, fmt.Errorf("%w: entry %q does not belong there, or is there twice", ErrBundle, h.Name)
		}
		body, err := io.ReadAll(t)
		if err != nil {
			return nil, fmt.Errorf("%w: reading %s: %w", ErrBundle, h.Name, err)
		}
		files[h.Name] = body
	}
}
