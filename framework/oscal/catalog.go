package oscal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	types "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"

	"saksi/framework"
)

func title(t framework.Text) string {
	if t.MS == t.EN || t.EN == "" {
		return markup(cmp.Or(t.MS, t.EN))
	}
	return markup(t.MS + " (" + t.EN + ")")
}

// catalog is the framework: a group for each component that has sections.
func (w *writer) catalog() *types.Catalog {
	c := &types.Catalog{UUID: w.ofCatalog("catalog"), Metadata: w.metadata(w.c.Title.EN)}
	var groups []types.Group
	place := map[string]int{} // of a component's group
	inside := map[string]string{}
	parents := map[string]bool{}
	for _, k := range w.c.Controls {
		parents[k.Component] = true
	}
	var loose []types.Control
	for _, k := range w.c.Controls {
		root := k.Component
		if r, ok := inside[root]; ok {
			root = r
		}
		i, ok := place[root]
		switch {
		case k.Component == "" && parents[k.ID]:
			place[k.ID] = len(groups)
			groups = append(groups, types.Group{
				ID: w.id(k.ID), Title: title(k.Title), Props: w.known(&k),
				Parts: &[]types.Part{{ID: w.id(k.ID) + "_ovw", Name: "overview", Prose: markup(k.Requirement)}},
			})
		case ok:
			inside[k.ID] = root
			g := &groups[i]
			if g.Controls == nil {
				g.Controls = &[]types.Control{}
			}
			*g.Controls = append(*g.Controls, w.control(&k))
		default:
			loose = append(loose, w.control(&k))
		}
	}
	c.Groups, c.Controls = ptr(groups), ptr(loose)
	return c
}

// known says how a control's number, title and requirement are known.
func (w *writer) known(k *framework.Control) *[]types.Property {
	list := props("title-ms", k.Title.MS, "title-en", k.Title.EN, "mode", k.Mode, "title-confidence", k.Confidence.Title, "requirement-confidence", k.Confidence.Requirement, "source", k.Source)
	*list = append([]types.Property{{Name: "label", Value: text(cmp.Or(k.Number, k.ID))}}, *list...)
	return list
}

func (w *writer) control(k *framework.Control) types.Control {
	id := w.id(k.ID)
	objective := types.Part{ID: objectiveID(id), Name: "assessment-objective", Prose: "What is checked of the requirement holds."}
	var checks []types.Part
	for _, x := range k.Checks {
		checks = append(checks, types.Part{
			ID: checkID(id, x.ID), Name: "assessment-objective", Title: markup(x.What.EN), Prose: markup(x.What.MS),
			Props: props("fact", x.Fact, "query-bad", x.Bad, "query-of", x.Of, "allowed-share", fmt.Sprint(x.Allowed), "least-population", fmt.Sprint(x.Min)),
		})
	}
	objective.Parts = ptr(checks)
	return types.Control{
		ID: id, Class: token(w.c.ID), Title: title(k.Title), Props: w.known(k),
		Parts: &[]types.Part{{ID: statementID(id), Name: "statement", Prose: markup(k.Requirement), Props: props("wording", "paraphrase")}, objective},
	}
}

// profile is the controls that the assessment looks at.
func (w *writer) profile() *types.Profile {
	var ids []string
	for _, o := range w.a.Outcomes {
		ids = append(ids, w.id(o.Control.ID))
	}
	in := types.Import{Href: CatalogFile, IncludeControls: &[]types.SelectControlById{{WithIds: &ids}}}
	return &types.Profile{UUID: w.ofCatalog("profile"), Metadata: w.metadata("Controls assessed of " + w.c.Title.EN), Imports: []types.Import{in}, Merge: &types.Merge{AsIs: true}}
}

// Collection is OSCAL's mapping collection with several mappings: the type of
// go-oscal has room for one, the schema for a list.
type Collection struct {
	Collection struct {
		UUID       string                  `json:"uuid"`
		Metadata   types.Metadata          `json:"metadata"`
		Provenance types.MappingProvenance `json:"provenance"`
		Mappings   []types.Mapping         `json:"mappings"`
		BackMatter *types.BackMatter       `json:"back-matter,omitempty"`
	} `json:"mapping-collection"`
}

// targets are the catalogs that controls are mapped to, by their key in Maps.
var targets = map[string]string{
	"nist_800_53r5": "NIST SP 800-53 Revision 5",
	"nist_csf_2_0":  "NIST Cybersecurity Framework 2.0",
	"iso27001_2022": "ISO/IEC 27001:2022, Annex A",
	"mitre_attack":  "MITRE ATT&CK, Enterprise",
}

// mapping is the catalog's mapping to other catalogs by identifier, and from
// techniques of ATT&CK to its controls.
func (w *writer) mapping() *Collection {
	out := &Collection{}
	c := &out.Collection
	c.UUID, c.Metadata = w.ofCatalog("mapping"), w.metadata("Mapping of "+w.c.Title.EN)
	c.Provenance = types.MappingProvenance{
		Method: "human", MatchingRationale: "semantic", Status: "draft",
		MappingDescription: "Made by identifier, from the requirements as far as they are known; no text of the other catalogs is used.",
	}
	var resources []types.Resource
	resource := func(key string) string {
		u := w.ofCatalog("mapped", key)
		name := cmp.Or(targets[key], key)
		resources = append(resources, types.Resource{UUID: u, Title: markup(name), Citation: &types.Citation{Text: markup(name)}})
		return "#" + u
	}
	keys := map[string]bool{}
	for _, k := range w.c.Controls {
		for key := range k.Maps {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		m := types.Mapping{UUID: w.ofCatalog("mapping", key), SourceResource: types.MappingResourceReference{Type: "catalog", Href: CatalogFile}}
		var unmapped []string
		for _, k := range w.c.Controls {
			if len(k.Maps[key]) == 0 {
				unmapped = append(unmapped, w.id(k.ID))
				continue
			}
			var to []types.MappingItem
			for _, id := range k.Maps[key] {
				to = append(to, types.MappingItem{Type: "control", IDRef: text(id)})
			}
			m.Maps = append(m.Maps, types.Map{UUID: w.ofCatalog("map", key, k.ID), Relationship: "intersects-with", Sources: []types.MappingItem{{Type: "control", IDRef: w.id(k.ID)}}, Targets: to})
		}
		m.TargetResource = types.MappingResourceReference{Type: "catalog", Href: resource(key)}
		if len(unmapped) > 0 {
			m.SourceGapSummary = &types.GapSummary{UUID: w.ofCatalog("gap", key), UnmappedControls: []types.SelectControlById{{WithIds: &unmapped}}}
		}
		c.Mappings = append(c.Mappings, m)
	}
	if len(w.c.Techniques) > 0 {
		m := types.Mapping{UUID: w.ofCatalog("mapping", "mitre_attack"), SourceResource: types.MappingResourceReference{Type: "catalog", Href: CatalogFile}}
		by := map[string][]string{}
		for t, controls := range w.c.Techniques {
			for _, k := range controls {
				by[k] = append(by[k], t)
			}
		}
		for _, k := range slices.Sorted(maps.Keys(by)) {
			slices.Sort(by[k])
			var to []types.MappingItem
			for _, t := range by[k] {
				to = append(to, types.MappingItem{Type: "control", IDRef: text(t)})
			}
			m.Maps = append(m.Maps, types.Map{
				UUID: w.ofCatalog("map", "mitre_attack", k), Relationship: "intersects-with", Remarks: "A finding of one of these techniques bears on the control.",
				Sources: []types.MappingItem{{Type: "control", IDRef: w.id(k)}}, Targets: to,
			})
		}
		m.TargetResource = types.MappingResourceReference{Type: "catalog", Href: resource("mitre_attack")}
		c.Mappings = append(c.Mappings, m)
	}
	if len(c.Mappings) == 0 { // OSCAL has no mapping collection without one
		var to []types.MappingItem
		for _, k := range w.c.Controls {
			to = append(to, types.MappingItem{Type: "control", IDRef: w.id(k.ID)})
		}
		c.Mappings = []types.Mapping{{
			UUID: w.ofCatalog("mapping", "self"), Remarks: "The catalog is mapped to no other; this maps it to itself.",
			SourceResource: types.MappingResourceReference{Type: "catalog", Href: CatalogFile}, TargetResource: types.MappingResourceReference{Type: "catalog", Href: CatalogFile},
			Maps: []types.Map{{UUID: w.ofCatalog("map", "self"), Relationship: "equal-to", Sources: to, Targets: to}},
		}}
	}
	c.BackMatter = back(resources)
	return out
}

func back(list []types.Resource) *types.BackMatter {
	if len(list) == 0 {
		return nil
	}
	return &types.BackMatter{Resources: &list}
}

// component is what Saksi itself contributes: how each control is decided.
func (w *writer) component() *types.ComponentDefinition {
	var list []types.ImplementedRequirementControlImplementation
	for _, o := range w.a.Outcomes {
		if len(o.Control.Checks) == 0 {
			continue
		}
		var how []string
		for _, x := range o.Control.Checks {
			how = append(how, x.What.EN)
		}
		id := w.id(o.Control.ID)
		list = append(list, types.ImplementedRequirementControlImplementation{
			UUID: w.ofCatalog("decides", o.Control.ID), ControlId: id, Description: markup("Evidence is gathered and judged: " + strings.Join(how, "; ") + "."), Props: props("mode", o.Control.Mode),
		})
	}
	saksi := types.DefinedComponent{
		UUID: w.tool(), Type: "software", Title: "Saksi", Description: "Sees traffic and examines disks, keeps evidence, and decides controls from it.", Props: props("tool", w.a.Tool),
	}
	if len(list) > 0 {
		saksi.ControlImplementations = &[]types.ControlImplementationSet{{UUID: w.ofCatalog("implementation"), Source: ProfileFile, Description: "Controls that are decided from evidence.", ImplementedRequirements: list}}
	}
	return &types.ComponentDefinition{UUID: w.ofCatalog("component-definition"), Metadata: w.metadata("Saksi as a component"), Components: &[]types.DefinedComponent{saksi}}
}
