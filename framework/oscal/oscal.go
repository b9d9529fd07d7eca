// Package oscal writes an assessment as the eight models of OSCAL 1.2.1, signs
// them in the way compliance-trestle verifies, and checks such signatures.
// Start with Documents, Sign and Verify. UUIDs and dates come from the
// assessment, so the same one gives the same bytes.
package oscal

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	types "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"

	"saksi/framework"
)

// Version is the version of the models written.
const Version = "1.2.1"

// ns is the name space of our properties.
const ns = "https://saksi.example/ns/oscal"

// Names of the documents' files, in the order in which they build on each other.
const (
	CatalogFile   = "catalog.oscal.json"
	MappingFile   = "mapping-collection.oscal.json"
	ProfileFile   = "profile.oscal.json"
	ComponentFile = "component-definition.oscal.json"
	SystemFile    = "system-security-plan.oscal.json"
	PlanFile      = "assessment-plan.oscal.json"
	ResultsFile   = "assessment-results.oscal.json"
	POAMFile      = "plan-of-action-and-milestones.oscal.json"
)

// Files lists them.
var Files = []string{CatalogFile, MappingFile, ProfileFile, ComponentFile, SystemFile, PlanFile, ResultsFile, POAMFile}

// Document is one OSCAL document.
type Document struct {
	Name string // of its file
	JSON []byte
}

// writer makes the documents of one assessment.
type writer struct {
	a *framework.Assessment
	c *framework.FrozenCatalog
	// ids are the tokens of the catalog's controls.
	ids map[string]string
	// risky are the observations that a risk stands on.
	risky map[string]bool
}

// Documents gives the eight models of an assessment and of the catalog that it
// was made with.
func Documents(a *framework.Assessment, c *framework.FrozenCatalog) ([]Document, error) {
	if len(a.Outcomes) == 0 {
		return nil, fmt.Errorf("writing OSCAL: no control of %s was assessed", a.Framework)
	}
	w := &writer{a: a, c: c, ids: map[string]string{}}
	used := map[string]string{}
	for _, k := range c.Controls {
		t := token(k.ID)
		if other, ok := used[t]; ok {
			return nil, fmt.Errorf("writing OSCAL: controls %q and %q have the same id %q there", other, k.ID, t)
		}
		used[t], w.ids[k.ID] = k.ID, t
	}
	models := map[string]any{
		CatalogFile:   types.OscalModels{Catalog: w.catalog()},
		MappingFile:   w.mapping(),
		ProfileFile:   types.OscalModels{Profile: w.profile()},
		ComponentFile: types.OscalModels{ComponentDefinition: w.component()},
		SystemFile:    types.OscalModels{SystemSecurityPlan: w.system()},
		PlanFile:      types.OscalModels{AssessmentPlan: w.plan()},
		ResultsFile:   types.OscalModels{AssessmentResults: w.results()},
		POAMFile:      types.OscalModels{PlanOfActionAndMilestones: w.poam()},
	}
	var list []Document
	for _, name := range Files {
		b, err := json.MarshalIndent(models[name], "", "  ")
		if err != nil {
			return nil, fmt.Errorf("writing OSCAL: %s: %w", name, err)
		}
		list = append(list, Document{name, append(b, '\n')})
	}
	return list, nil
}

// ofCatalog is a UUID that all assessments with the same catalog share.
func (w *writer) ofCatalog(parts ...string) string {
	return framework.UUID(append([]string{"catalog", w.a.Inputs.Catalog.SHA256}, parts...)...)
}

// of is a UUID of this assessment.
func (w *writer) of(parts ...string) string {
	return framework.UUID(append([]string{"oscal", w.a.UUID}, parts...)...)
}

// ofSystem is a UUID of what outlives an assessment: the agency and its systems.
func (w *writer) ofSystem(parts ...string) string {
	return framework.UUID(append([]string{"system", w.a.Agency, w.a.Framework}, parts...)...)
}

func (w *writer) thisSystem() string { return w.ofSystem("this-system") }
func (w *writer) tool() string       { return framework.UUID("tool", "saksi") }
func (w *writer) agency() string     { return framework.UUID("agency", w.a.Agency) }
func (w *writer) assessor() string   { return framework.UUID("assessor", w.a.Agency, w.a.Assessor) }

// id is a control's id in the documents.
func (w *writer) id(control string) string {
	if t, ok := w.ids[control]; ok {
		return t
	}
	return token(control)
}

func statementID(id string) string    { return id + "_smt" }
func objectiveID(id string) string    { return id + "_obj" }
func checkID(id, check string) string { return id + "_obj." + token(check) }
func (w *writer) metadata(title string) types.Metadata {
	m := types.Metadata{
		Title: markup(title), LastModified: w.a.AsOf.UTC(), Version: text(w.a.Version), OscalVersion: Version,
		Props: props("framework", w.a.Framework, "classification", w.a.Classification, "inputs-sha256", w.a.Inputs.SHA256),
		Roles: &[]types.Role{{ID: "agency", Title: "Agency whose systems are assessed"}, {ID: "assessor", Title: "Who assesses"}},
		Parties: &[]types.Party{
			{UUID: w.agency(), Type: "organization", Name: text(w.a.Agency)},
			{UUID: w.assessor(), Type: "person", Name: text(w.a.Assessor)},
		},
		ResponsibleParties: &[]types.ResponsibleParty{{RoleId: "agency", PartyUuids: []string{w.agency()}}, {RoleId: "assessor", PartyUuids: []string{w.assessor()}}},
	}
	return m
}

// props makes properties of ours from names and values; what is empty is left
// out, because OSCAL has no empty values.
func props(kv ...string) *[]types.Property {
	var list []types.Property
	for i := 0; i+1 < len(kv); i += 2 {
		if strings.TrimSpace(kv[i+1]) != "" {
			list = append(list, types.Property{Name: kv[i], Ns: ns, Value: text(kv[i+1])})
		}
	}
	return ptr(list)
}

// ptr is a pointer to a list, nil for an empty one: OSCAL has no empty lists.
func ptr[T any](list []T) *[]T {
	if len(list) == 0 {
		return nil
	}
	return &list
}

// text is what OSCAL's string datatype takes: one line that is not empty and
// has no white space around it, with nothing in it that hides.
func text(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD") {
		if r == ' ' || unicode.IsPrint(r) && !unicode.Is(unicode.Bidi_Control, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\u{%X}", r)
		}
	}
	if b.Len() == 0 {
		return "-"
	}
	return b.String()
}

// markup is text as OSCAL's Markdown takes it: what would be markup or HTML is
// escaped (CommonMark 0.31, section 2.4).
func markup(s string) string {
	var b strings.Builder
	for _, r := range text(s) {
		if strings.ContainsRune("\\`*_{}[]<>#|!&~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// token is an id as OSCAL's token datatype takes it: a letter or _ first, then
// letters, digits, ".", "-" and "_".
func token(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), r == '_', i > 0 && (unicode.IsNumber(r) || r == '.' || r == '-'):
			b.WriteRune(r)
		case unicode.IsNumber(r):
			b.WriteRune('_')
			b.WriteRune(r)
		default:
			b.WriteRune('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// path is a relative reference to a file, by its names.
func path(names ...string) string {
	var list []string
	for _, n := range names {
		list = append(list, url.PathEscape(n))
	}
	return strings.Join(list, "/")
}

// at reads a time of an assessment; one that can't be read gives the as-of.
func (w *writer) at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return w.a.AsOf.UTC()
	}
	return t.UTC()
}
