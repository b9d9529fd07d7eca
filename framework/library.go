package framework

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"saksi/evidence"
)

//go:embed catalogs/*.yaml
var catalogs embed.FS

// Endings of files that are no catalogs.
const (
	mappingEnd = "-attack"
	overlayEnd = ".overlay"
)

// Library is where catalogs come from: those built in, and those of a folder,
// with the overlays that stand there.
type Library struct {
	Dir string // "" for the built-in ones alone; it need not exist
}

// Names lists the frameworks that are built in.
func Names() []string {
	files, err := fs.Glob(catalogs, "catalogs/*.yaml")
	if err != nil {
		return nil
	}
	var names []string
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".yaml")
		if !strings.HasSuffix(name, mappingEnd) {
			names = append(names, name)
		}
	}
	return names
}

// Load returns a built-in catalog.
func Load(name string) (*Catalog, error) { return Library{}.Load(name) }

// Names lists the frameworks of the library, the built-in ones first.
func (l Library) Names() ([]string, error) {
	names := Names()
	own, err := l.files("")
	if err != nil {
		return nil, err
	}
	for _, n := range own {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names, nil
}

// files lists the names in the folder that end in end and ".yaml", without
// that; with end "" those of catalogs.
func (l Library) files(end string) ([]string, error) {
	if l.Dir == "" {
		return nil, nil
	}
	list, err := os.ReadDir(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for frameworks: %w", err)
	}
	var names []string
	for _, e := range list {
		name, ok := strings.CutSuffix(e.Name(), ".yaml")
		if !ok || end == "" && (strings.HasSuffix(name, overlayEnd) || strings.HasSuffix(name, mappingEnd)) {
			continue
		}
		if name, ok = strings.CutSuffix(name, end); ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// Load returns a catalog with the folder's overlays on it and with the checks of
// the framework that decides it. The error is ErrUnknown when there is none of
// that name.
func (l Library) Load(name string) (*Catalog, error) {
	names, err := l.Names()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("framework %q is %w; expected one of %s", name, ErrUnknown, strings.Join(names, ", "))
	}
	c, err := l.bare(name)
	if err != nil {
		return nil, err
	}
	overlays, err := l.files(overlayEnd)
	if err != nil {
		return nil, err
	}
	for _, o := range overlays {
		p := filepath.Join(l.Dir, o+overlayEnd+".yaml")
		b, err := evidence.ReadRegular(p, maxYAML)
		if err != nil {
			return nil, fmt.Errorf("reading an overlay: %w", err)
		}
		if err := c.overlay(p, b); err != nil {
			return nil, err
		}
	}
	if c.DecidedBy == "" {
		return c, nil
	}
	if c.DecidedBy == c.ID || !slices.Contains(names, c.DecidedBy) {
		return nil, fmt.Errorf("reading catalog %s: decided_by %q is %w", name, c.DecidedBy, ErrUnknown)
	}
	base, err := l.bare(c.DecidedBy)
	if err != nil {
		return nil, err
	}
	if base.DecidedBy != "" { // one step more, so that a catalog by NIST's identifiers is decided too
		root, err := l.bare(base.DecidedBy)
		if err != nil {
			return nil, err
		}
		base.decide(root)
	}
	c.decide(base)
	return c, nil
}

// bare reads one catalog alone.
func (l Library) bare(name string) (*Catalog, error) {
	if slices.Contains(Names(), name) {
		b, err := catalogs.ReadFile("catalogs/" + name + ".yaml")
		if err != nil {
			return nil, err
		}
		return Parse(name+".yaml", b)
	}
	if !idForm.MatchString(name) {
		return nil, fmt.Errorf("framework %q is %w", name, ErrUnknown)
	}
	p := filepath.Join(l.Dir, name+".yaml")
	b, err := evidence.ReadRegular(p, maxYAML)
	if err != nil {
		return nil, fmt.Errorf("reading a catalog: %w", err)
	}
	c, err := Parse(p, b)
	if err != nil {
		return nil, err
	}
	if c.ID != name {
		return nil, fmt.Errorf("reading catalog %s: its id is %q; name the file by it", p, c.ID)
	}
	return c, nil
}

// decide gives controls the checks of those of base that map to them, or have
// the same id.
func (c *Catalog) decide(base *Catalog) {
	key := mapKeys[c.ID]
	for i := range c.Controls {
		k := &c.Controls[i]
		own := len(k.Checks) > 0
		for _, b := range base.Controls {
			if own || len(b.Checks) == 0 || !strings.EqualFold(b.ID, k.ID) && !mapsTo(b.Maps[key], k.ID) {
				continue
			}
			for _, x := range b.Checks {
				if !slices.ContainsFunc(k.Checks, func(y Check) bool { return y.ID == x.ID }) {
					k.Checks = append(k.Checks, x)
				}
			}
			k.DecidedBy = append(k.DecidedBy, b.ID)
			k.Mode = Partly
		}
	}
}
