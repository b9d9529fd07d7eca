package merge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"saksi/evidence"
	"saksi/framework/oscal"
	"saksi/framework/verify"
	"saksi/internal/strictjson"
)

// Names in the folder of a merge.
const (
	File       = "merge.json"
	BundlesDir = "bundles"
)

// Files lists the bundles of a folder.
func Files(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading bundles: %w", err)
	}
	var names []string
	for _, e := range list {
		if strings.HasSuffix(e.Name(), End) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	return names, nil
}

// Read opens and verifies bundles, several at a time, and gives them to do in
// their order.
func Read(paths []string, trust *evidence.Trust, workers int, do func(*Bundle) error) error {
	slots := make([]chan *Bundle, len(paths))
	for i := range slots {
		slots[i] = make(chan *Bundle, 1)
	}
	next := make(chan int)
	stop := make(chan struct{})
	defer close(stop)
	ahead := make(chan struct{}, 2*workers) // opened and not yet taken
	go func() {
		defer close(next)
		for i := range paths {
			select {
			case ahead <- struct{}{}:
			case <-stop:
				return
			}
			select {
			case next <- i:
			case <-stop:
				return
			}
		}
	}()
	for range workers {
		go func() {
			for i := range next {
				name := filepath.Base(paths[i])
				b, err := evidence.ReadRegular(paths[i], MaxBundle)
				if err != nil {
					slots[i] <- &Bundle{File: name, Problems: []verify.Problem{{Item: name, Kind: verify.KindMissing, Expected: "a bundle", Found: err.Error()}}}
					continue
				}
				slots[i] <- Open(name, b, trust)
			}
		}()
	}
	for i := range slots {
		b := <-slots[i]
		<-ahead
		if err := do(b); err != nil {
			return err
		}
	}
	return nil
}

// Signed reads the document of a merge in a folder and checks its signature; the
// bundles beside it are not read.
func Signed(dir string, trust *evidence.Trust) (*Merged, []verify.Problem, error) {
	m, _, r, err := open(dir, trust)
	if err != nil {
		return nil, nil, err
	}
	return m, r.Problems, nil
}

// open reads the document of a merge; m is nil when it can't be read further.
func open(dir string, trust *evidence.Trust) (m *Merged, doc []byte, r *verify.Result, err error) {
	doc, err = evidence.ReadRegular(filepath.Join(dir, File), MaxBundle)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading a merge: %w", err)
	}
	r = &verify.Result{Folder: dir, Problems: []verify.Problem{}, Documents: 1}
	sig, err := evidence.ReadRegular(filepath.Join(dir, File+oscal.SignatureEnd), evidence.MaxBundle)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf("reading a merge: %w", err)
	}
	r.Signed(File, doc, sig, trust)
	m = &Merged{}
	if err := strictjson.Decode(doc, m); err != nil || m.Format != Format {
		r.Add(File, verify.KindSchema, fmt.Sprintf("a merge of format %d", Format), fmt.Sprint(m.Format, err))
		return nil, doc, r, nil
	}
	return m, doc, r, nil
}

// Verify checks the folder of a merge: its signature, every bundle, and every
// number, which is added up again.
func Verify(dir string, trust *evidence.Trust, workers int, classes []string) (*verify.Result, error) {
	m, doc, r, err := open(dir, trust)
	if err != nil || m == nil {
		return r, err
	}
	r.Framework, r.AsOf = m.Framework, m.AsOf.Format("2006-01-02T15:04:05Z07:00")
	paths, err := Files(filepath.Join(dir, BundlesDir))
	if err != nil {
		r.Add(BundlesDir, verify.KindMissing, "a folder of bundles", err.Error())
		return r, nil
	}
	expected := slices.Clone(m.Missing)
	for _, a := range m.Agencies {
		expected = append(expected, a.Name)
	}
	g := New(m.Tool, expected, classes)
	for _, f := range m.Refused {
		g.Refuse(f)
	}
	found, rows := map[string]bool{}, map[string]Agency{}
	for _, a := range m.Agencies {
		rows[a.SHA256] = a
	}
	if err := Read(paths, trust, workers, func(b *Bundle) error {
		r.Documents++
		for _, p := range b.Problems {
			r.Add(BundlesDir+"/"+p.Item, p.Kind, p.Expected, p.Found)
		}
		if b.Assessment == nil || len(b.Problems) > 0 {
			return nil
		}
		r.Signatures++
		found[b.SHA256] = true
		if a, ok := rows[b.SHA256]; ok {
			b.File = a.File // as it was named when it came
			if b.Person == "" {
				b.Person = a.Person
			}
		} else {
			r.Add(File+":/agencies", verify.KindAgencyDropped, b.Assessment.Agency+", of "+b.File, "nothing")
		}
		if c := g.Add(b); c != nil {
			for _, p := range c.Problems {
				r.Add(BundlesDir+"/"+p.Item, p.Kind, p.Expected, p.Found)
			}
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for i, a := range m.Agencies {
		if !found[a.SHA256] {
			r.Add(fmt.Sprintf("%s:/agencies/%d (%s)", File, i, a.Name), verify.KindMissing, "bundle "+a.SHA256, "nothing")
		}
	}
	again := g.Merged()
	want, err := again.JSON()
	if err != nil {
		return nil, err
	}
	r.Compare(File, want, doc)
	return r, nil
}
