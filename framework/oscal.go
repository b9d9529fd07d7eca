package framework

import (
	"encoding/json"
	"fmt"

	oscal "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"
)

// OSCALVersion is the version of the models written.
const OSCALVersion = "1.2.1"

const propNS = "https://saksi.example/ns/oscal"

func prop(name, value string) oscal.Property {
	return oscal.Property{Name: name, Ns: propNS, Value: value}
}

// OSCAL gives the assessment as OSCAL assessment results (JSON). UUIDs and
// dates come from the assessment, so the same one gives the same bytes.
func (a *Assessment) OSCAL() ([]byte, error) {
	plan := newUUID("no plan", a.UUID)
	resources := []oscal.Resource{{UUID: plan, Title: "No assessment plan", Description: "No plan was given to this assessment: every control of the framework was looked at."}}
	for _, s := range a.Sources {
		resources = append(resources, oscal.Resource{
			UUID: newUUID("source", a.UUID, s.Exhibit), Title: "Exhibit " + s.Exhibit + ": " + s.Name, Description: fmt.Sprintf("custody log entry %d; source key %s", s.CustodyEntry, s.SourceKey),
			Rlinks: &[]oscal.ResourceLink{{Href: "data/exhibits/" + s.Name, Hashes: &[]oscal.Hash{{Algorithm: "SHA-256", Value: s.SHA256}}}},
		})
	}
	var include []oscal.AssessedControlsSelectControlById
	var observations []oscal.Observation
	var list []oscal.Finding
	for _, o := range a.Outcomes {
		include = append(include, oscal.AssessedControlsSelectControlById{ControlId: o.Control.ID})
		var related []oscal.RelatedObservation
		for _, ob := range o.Observations {
			observations = append(observations, a.oscalObservation(o, ob))
			related = append(related, oscal.RelatedObservation{ObservationUuid: ob.UUID})
		}
		if len(related) == 0 {
			continue // nothing was observed: no finding is made up
		}
		state := "not-satisfied"
		if o.State == Pass || o.State == PartlyPass || o.State == AttestedPass {
			state = "satisfied"
		}
		reason := map[State]string{Pass: "pass", PartlyPass: "other", Fail: "fail", NoData: "other"}[o.State]
		list = append(list, oscal.Finding{
			UUID: newUUID("finding", a.UUID, o.Control.ID), Title: o.Control.Title.EN, Description: fmt.Sprintf("Control %s (%s): %s", o.Control.ID, o.Control.Title.MS, o.State),
			Props:               &[]oscal.Property{prop("state", string(o.State)), prop("report-line", o.Line), prop("title-confidence", o.Control.Confidence.Title), prop("requirement-confidence", o.Control.Confidence.Requirement)},
			Target:              oscal.FindingTarget{Type: "objective-id", TargetId: o.Control.ID, Status: oscal.ObjectiveStatus{State: state, Reason: reason, Remarks: remark(o)}},
			RelatedObservations: &related,
		})
	}
	result := oscal.Result{
		UUID: newUUID("result", a.UUID), Title: a.Title.EN, Description: fmt.Sprintf("%d documents, of which %d findings, of case %s", a.Documents, a.Findings, a.Case),
		Start: a.AsOf, End: &a.AsOf,
		ReviewedControls: oscal.ReviewedControls{ControlSelections: []oscal.AssessedControls{{IncludeControls: &include}}},
	}
	if len(observations) > 0 {
		result.Observations, result.Findings = &observations, &list
	}
	doc := oscal.OscalModels{AssessmentResults: &oscal.AssessmentResults{
		UUID: a.UUID,
		Metadata: oscal.Metadata{
			Title: "Assessment of " + a.Title.EN, LastModified: a.AsOf, Version: a.Version, OscalVersion: OSCALVersion,
			Props: &[]oscal.Property{prop("case", a.Case), prop("classification", a.Classification), prop("tool", a.Tool)},
		},
		ImportAp:   oscal.ImportAp{Href: "#" + plan},
		Results:    []oscal.Result{result},
		BackMatter: &oscal.BackMatter{Resources: &resources},
	}}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing OSCAL assessment results: %w", err)
	}
	return append(b, '\n'), nil
}

func remark(o Outcome) string {
	switch {
	case o.State == NoData:
		return "Too little was seen to decide; this is not a pass."
	case o.Qualified == "inferred":
		return "What was checked passes, but the requirement's text was inferred and not read."
	case o.Qualified == "findings-open":
		return "What was checked passes, but findings bear on the control; a person has to weigh them."
	case o.Qualified == "person":
		return "What was checked passes; the rest needs a person's attestation."
	}
	return ""
}

func (a *Assessment) oscalObservation(o Outcome, ob Observation) oscal.Observation {
	out := oscal.Observation{
		UUID: ob.UUID, Title: ob.Check.What.EN, Methods: []string{"TEST"}, Collected: a.AsOf,
		Description: fmt.Sprintf("%d of %d speak against control %s (allowed share %g, at least %d needed to decide)", ob.Value, ob.N, o.Control.ID, ob.Check.Allowed, ob.Check.Min),
		Props:       &[]oscal.Property{prop("value", fmt.Sprint(ob.Value)), prop("n", fmt.Sprint(ob.N)), prop("state", string(ob.State))},
	}
	if ob.Check.Fact == "" {
		*out.Props = append(*out.Props, prop("query-bad", ob.Check.Bad), prop("query-of", ob.Check.Of))
	}
	byKey := map[string]string{}
	for _, s := range a.Sources {
		byKey[s.SourceKey] = newUUID("source", a.UUID, s.Exhibit)
	}
	var ev []oscal.RelevantEvidence
	for _, r := range ob.Evidence {
		x := oscal.RelevantEvidence{Description: fmt.Sprintf("finding %s: %q, %s of %s", r.ID, r.Rule, r.Where, r.Source), Props: &[]oscal.Property{prop("finding", r.ID), prop("report-line", r.Line)}}
		if u := byKey[r.SourceKey]; u != "" {
			x.Href = "#" + u
		}
		ev = append(ev, x)
	}
	if len(ev) > 0 {
		out.RelevantEvidence = &ev
	}
	return out
}
