package oscal

import (
	"cmp"
	"fmt"
	"strings"

	types "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"

	"saksi/framework"
)

var operational = types.SystemComponentStatus{State: "operational"}

// components are the systems that are assessed: all of the agency as one, Saksi,
// and each system of the register.
func (w *writer) components() []types.SystemComponent {
	list := []types.SystemComponent{
		{UUID: w.thisSystem(), Type: "this-system", Title: markup(w.a.Agency), Description: "All that is assessed of the agency.", Status: operational},
		{UUID: w.tool(), Type: "software", Title: "Saksi", Description: "Gathers the evidence and decides from it.", Props: props("tool", w.a.Tool), Status: operational},
	}
	for i := range w.a.Systems {
		s := &w.a.Systems[i]
		list = append(list, types.SystemComponent{
			UUID: s.UUID, Type: "system", Title: markup(cmp.Or(s.Title, s.ID)), Description: markup(fmt.Sprintf("System %s of %s.", s.ID, s.Agency)), Status: operational,
			Props: props("id", s.ID, "agency", strings.Join(s.AgencyPath, " / "), "criticality", s.Criticality, "life-event", s.LifeEvent, "owner", s.Owner, "supplier", s.Supplier,
				"profiles", strings.Join(s.Profiles, " "), "findings", fmt.Sprint(s.Findings), "severe-findings", fmt.Sprint(s.Severe), "seen", fmt.Sprint(s.Seen)),
		})
	}
	return list
}

func (w *writer) itemUUID(it *framework.CoverageItem) string {
	return w.ofSystem("coverage", it.Kind, it.ID)
}

// inventory is the sensors and exhibits, with how much of each was seen.
func (w *writer) inventory() []types.InventoryItem {
	var list []types.InventoryItem
	for i := range w.a.Coverage.Items {
		it := &w.a.Coverage.Items[i]
		list = append(list, types.InventoryItem{
			UUID: w.itemUUID(it), Description: markup(it.Kind + " " + it.ID),
			Props: props("kind", it.Kind, "id", it.ID, "in-scope", fmt.Sprint(it.InScope), "seen", fmt.Sprint(it.Seen), "documents", fmt.Sprint(it.Documents), "newest", it.Newest, "packets", fmt.Sprint(it.Packets), "drops", fmt.Sprint(it.Drops)),
		})
	}
	return list
}

// implemented is how far a state says that a control is implemented; "" when it
// says nothing.
func implemented(s framework.State) string {
	switch s {
	case framework.Pass, framework.AttestedPass:
		return "implemented"
	case framework.PartlyPass, framework.Fail:
		return "partial"
	}
	return ""
}

func (w *writer) system() *types.SystemSecurityPlan {
	a := w.a
	p := &types.SystemSecurityPlan{
		UUID: w.of("ssp"), Metadata: w.metadata("System security plan of " + a.Agency), ImportProfile: types.ImportProfile{Href: ProfileFile},
		SystemCharacteristics: types.SystemCharacteristics{
			SystemIds: []types.SystemId{{ID: w.thisSystem(), IdentifierType: "http://ietf.org/rfc/rfc4122"}}, SystemName: text(a.Agency),
			Description: "The systems of the agency as its register, its cases and its sensors show them.", SecuritySensitivityLevel: text(a.Classification),
			SystemInformation:     types.SystemInformation{InformationTypes: []types.InformationType{{UUID: w.ofSystem("information"), Title: "Information of the agency", Description: "What the agency's systems keep and send; its classification stands with the plan."}}},
			Status:                types.Status{State: "operational"},
			AuthorizationBoundary: types.AuthorizationBoundary{Description: "The systems of the register, the sensors and the exhibits listed as inventory."},
		},
		SystemImplementation: types.SystemImplementation{Components: w.components(), InventoryItems: ptr(w.inventory())},
	}
	p.SystemImplementation.Users = &[]types.SystemUser{{UUID: w.of("user", "assessor"), Title: "Assessor", RoleIds: &[]string{"assessor"}}}
	p.ControlImplementation.Description = "As the assessment found it; what it could not decide is left open."
	provided := w.inherited()
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		by := types.ByComponent{UUID: w.of("by", o.Control.ID), ComponentUuid: w.thisSystem(), Description: markup(stateText[o.State]), Props: props("state", string(o.State))}
		if s := implemented(o.State); s != "" {
			by.ImplementationStatus = &types.ImplementationStatus{State: s}
		}
		list := append([]types.ByComponent{by}, provided[o.Control.ID]...)
		p.ControlImplementation.ImplementedRequirements = append(p.ControlImplementation.ImplementedRequirements, types.ImplementedRequirement{
			UUID: w.of("requirement", o.Control.ID), ControlId: w.id(o.Control.ID), ByComponents: &list,
		})
	}
	return p
}

var stateText = map[framework.State]string{
	framework.Pass: "What was checked holds.", framework.PartlyPass: "What was checked holds; the requirement asks for more, or its text was inferred.",
	framework.AttestedPass: "A person attests it.", framework.Fail: "Something speaks against it.", framework.Stale: "What is known is too old.",
	framework.NoData: "Too little was seen to decide; this is not a pass.", framework.Unattested: "Only a person can attest it, and nobody has.",
}

// inherited are, by control, the components that provide it to others and those
// that have it from them.
func (w *writer) inherited() map[string][]types.ByComponent {
	byID := map[string]*framework.System{}
	for i := range w.a.Systems {
		byID[w.a.Systems[i].ID] = &w.a.Systems[i]
	}
	out := map[string][]types.ByComponent{}
	given := map[[2]string]bool{}
	for i := range w.a.Systems {
		s := &w.a.Systems[i]
		for _, h := range s.Inherited {
			p, ok := byID[h.Provider]
			if !ok {
				continue
			}
			u := w.of("provided", h.Control, p.ID)
			if key := [2]string{h.Control, p.ID}; !given[key] {
				given[key] = true
				out[h.Control] = append(out[h.Control], types.ByComponent{
					UUID: w.of("provider", h.Control, p.ID), ComponentUuid: p.UUID, Description: "Provides the control to the systems that use it.",
					Export: &types.Export{Provided: &[]types.ProvidedControlImplementation{{UUID: u, Description: "The control, in the state in which the provider has it.", Props: props("state", string(h.State))}}},
				})
			}
			out[h.Control] = append(out[h.Control], types.ByComponent{
				UUID: w.of("inherits", h.Control, s.ID, p.ID), ComponentUuid: s.UUID, Description: "Has the control from a shared service.",
				Inherited: &[]types.InheritedControlImplementation{{UUID: w.of("inherited", h.Control, s.ID, p.ID), ProvidedUuid: u, Description: "In the state in which the provider has it.", Props: props("state", string(h.State))}},
			})
		}
	}
	return out
}

// reviewed are the controls that are looked at.
func (w *writer) reviewed() types.ReviewedControls {
	var list []types.AssessedControlsSelectControlById
	for _, o := range w.a.Outcomes {
		list = append(list, types.AssessedControlsSelectControlById{ControlId: w.id(o.Control.ID)})
	}
	return types.ReviewedControls{ControlSelections: []types.AssessedControls{{IncludeControls: &list}}}
}

// subjects are what is looked at.
func (w *writer) subjects() []types.AssessmentSubject {
	components := []types.SelectSubjectById{{SubjectUuid: w.thisSystem(), Type: "component"}}
	for i := range w.a.Systems {
		components = append(components, types.SelectSubjectById{SubjectUuid: w.a.Systems[i].UUID, Type: "component"})
	}
	list := []types.AssessmentSubject{{Type: "component", IncludeSubjects: &components}}
	var items []types.SelectSubjectById
	for i := range w.a.Coverage.Items {
		items = append(items, types.SelectSubjectById{SubjectUuid: w.itemUUID(&w.a.Coverage.Items[i]), Type: "inventory-item"})
	}
	if len(items) > 0 {
		list = append(list, types.AssessmentSubject{Type: "inventory-item", IncludeSubjects: &items})
	}
	return list
}

func (w *writer) activity(control, check string) string {
	return w.ofCatalog("activity", control, check)
}

func (w *writer) plan() *types.AssessmentPlan {
	asOf := w.a.AsOf.UTC()
	p := &types.AssessmentPlan{UUID: w.of("plan"), Metadata: w.metadata("Assessment plan for " + w.a.Agency), ImportSsp: types.ImportSsp{Href: SystemFile}, ReviewedControls: w.reviewed()}
	var activities []types.Activity
	task := types.Task{UUID: w.of("task"), Type: "action", Title: "Assess", Description: "Ask all questions as of the date, over the inputs whose digests are recorded.", Timing: &types.EventTiming{OnDate: &types.OnDateCondition{Date: asOf}}}
	var associated []types.AssociatedActivity
	for i := range w.a.Outcomes {
		o := &w.a.Outcomes[i]
		for _, x := range o.Control.Checks {
			u := w.activity(o.Control.ID, x.ID)
			activities = append(activities, types.Activity{
				UUID: u, Title: markup(x.What.EN), Description: markup(fmt.Sprintf("Allowed share %g, decided from a population of %d.", x.Allowed, x.Min)), Props: props("method", "TEST", "fact", x.Fact, "query-bad", x.Bad, "query-of", x.Of),
				RelatedControls: &types.ReviewedControls{ControlSelections: []types.AssessedControls{{IncludeControls: &[]types.AssessedControlsSelectControlById{{ControlId: w.id(o.Control.ID)}}}}},
			})
			associated = append(associated, types.AssociatedActivity{ActivityUuid: u, Subjects: []types.AssessmentSubject{{Type: "component", IncludeSubjects: &[]types.SelectSubjectById{{SubjectUuid: w.thisSystem(), Type: "component"}}}}})
		}
	}
	task.AssociatedActivities = ptr(associated)
	if len(activities) > 0 {
		p.LocalDefinitions = &types.LocalDefinitions{Activities: &activities}
	}
	subjects := w.subjects()
	p.AssessmentSubjects = &subjects
	p.Tasks = &[]types.Task{task}
	p.AssessmentAssets = &types.AssessmentAssets{AssessmentPlatforms: []types.AssessmentPlatform{{UUID: w.of("platform"), Title: "Saksi", UsesComponents: &[]types.UsesComponent{{ComponentUuid: w.tool()}}}}}
	return p
}
