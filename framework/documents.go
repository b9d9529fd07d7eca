package framework

import (
	"encoding/json"
	"errors"
	"fmt"
)

// UUID is the version 5 UUID (RFC 9562) of its parts in the name space of
// Saksi's documents: the same parts give the same UUID.
func UUID(parts ...string) string { return newUUID(parts...) }

// TechniqueMap leads from techniques of ATT&CK to the ids of controls.
type TechniqueMap map[string][]string

// Frozen catalog, as it stands in the folder of an assessment: what was read
// from all its files, so that whoever has the folder needs none of them.
type FrozenCatalog struct {
	Format     int          `json:"format"` // 1
	ID         string       `json:"id"`
	Version    string       `json:"version"`
	Title      Text         `json:"title"`
	SHA256     string       `json:"sha256"` // of the catalog's file, and of overlays
	Coverage   Policy       `json:"coverage"`
	DecidedBy  string       `json:"decided_by,omitempty"`
	Controls   []Control    `json:"controls"`
	Techniques TechniqueMap `json:"techniques"`
}

// Freeze takes all of a catalog, with its mapping from techniques.
func (c *Catalog) Freeze() (*FrozenCatalog, error) {
	f := &FrozenCatalog{Format: 1, ID: c.ID, Version: c.Version, Title: c.Title, SHA256: c.SHA256, Coverage: c.Coverage, DecidedBy: c.DecidedBy, Controls: c.Controls, Techniques: TechniqueMap{}}
	m, err := loadMapping(c.ID, c)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, fmt.Errorf("freezing catalog %s: %w", c.ID, err)
	}
	if m != nil {
		for t, l := range m.Techniques {
			f.Techniques[t] = l.Controls
		}
	}
	return f, nil
}

// Catalog is the catalog that was frozen.
func (f *FrozenCatalog) Catalog() *Catalog {
	return &Catalog{ID: f.ID, Version: f.Version, Title: f.Title, SHA256: f.SHA256, Coverage: f.Coverage, DecidedBy: f.DecidedBy, Controls: f.Controls}
}

// JSON is the file of it.
func (f *FrozenCatalog) JSON() ([]byte, error) { return indented(f) }

// JSON is assessment.json.
func (a *Assessment) JSON() ([]byte, error) { return indented(a) }

func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// ParseAssessment reads assessment.json. Other formats are refused by number.
func ParseAssessment(b []byte) (*Assessment, error) {
	var a Assessment
	return &a, parseFormat(b, FormatVersion, &a)
}

// ParseFrozen reads a frozen catalog.
func ParseFrozen(b []byte) (*FrozenCatalog, error) {
	var f FrozenCatalog
	return &f, parseFormat(b, 1, &f)
}

func parseFormat(b []byte, want int, to any) error {
	var v struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	if v.Format != want {
		return fmt.Errorf("format %d; this saksi reads %d", v.Format, want)
	}
	return json.Unmarshal(b, to)
}
