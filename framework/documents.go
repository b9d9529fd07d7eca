package framework

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// UUID is the version 5 UUID (RFC 9562) of its parts in the name space of
// Saksi's documents: the same parts give the same UUID.
func UUID(parts ...string) string { return newUUID(parts...) }

// TechniqueMap leads from techniques of ATT&CK to the ids of controls.
type TechniqueMap map[string][]string

// Techniques is the mapping from techniques to a catalog's controls; it is empty
// for a catalog that has none.
func Techniques(c *Catalog) (TechniqueMap, error) {
	m, err := loadMapping(c.ID, c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := TechniqueMap{}
	for t, l := range m.Techniques {
		out[t] = l.Controls
	}
	return out, nil
}

// Raw is the file of a built-in catalog, as it is digested.
func Raw(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("framework %q is %w", name, ErrUnknown)
	}
	return catalogs.ReadFile("catalogs/" + name + ".yaml")
}

// ParseAssessment reads assessment.json. Other formats are refused by number.
func ParseAssessment(b []byte) (*Assessment, error) {
	var v struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	if v.Format != FormatVersion {
		return nil, fmt.Errorf("format %d; this saksi reads %d", v.Format, FormatVersion)
	}
	var a Assessment
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, err
	}
	return &a, nil
}
