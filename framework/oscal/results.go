package oscal

import (
	"fmt"
	"strings"

	types "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"

	"saksi/framework"
)

func (w *writer) origin() *[]types.Origin {
	return &[]types.Origin{{Actors: []types.OriginActor{{Type: "tool", ActorUuid: w.tool()}}}}
}

func (w *writer) sourceUUID(s *framework.Source) string {
	return w.of("source", s.Case, s.Exhibit)
}

// resources are the exhibits, with their digests, and the frozen inputs.
func (w *writer) resources() []types.Resource {
	var list []types.Resource
	for i := range w.a.Sources {
		s := &w.a.Sources[i]
		list = append(list, types.Resource{
			UUID: w.sourceUUID(s), Title: markup("Exhibit " + s.Exhibit + ": " + s.Name), Description: "Evidence that findings rest on.",
			Props:  props("case", s.Case, "exhibit", s.Exhibit, "source-key", s.SourceKey, "custody-entry", fmt.Sprint(s.CustodyEntry)),
			Rlinks: &[]types.ResourceLink{{Href: path("data", "exhibits", s.Name), Hashes: &[]types.Hash{{Algorithm: "SHA-256", Value: text(s.SHA256)}}}},
		})
	}
	in := &w.a.Inputs
	files := []framework.FileInput{in.Catalog}
	for _, f := range []*framework.FileInput{in.Register, in.Obligations, in.Journal} {
		if f != nil {
			files = append(files, *f)
		}
	}
	for _, more := range [][]framework.FileInput{in.Attestations, in.Waivers, in.Previous} {
		files = append(files, more...)
	}
	seen := map[string]bool{}
	for _, f := range files {
		u := w.of("input", f.Name, f.SHA256)
		if f.SHA256 == "" || seen[u] {
			continue
		}
		seen[u] = true
		list = append(list, types.Resource{UUID: u, Title: markup("Input " + f.Name), Props: props("version", f.Version, "sha256", f.SHA256)})
	}
	return list
}

func (w *writer) results() *types.AssessmentResults {
	a, asOf := w.a, w.a.AsOf.UTC()
	res := types.Result{
		UUID: w.of("result"), Title: markup("Assessment of " + a.Title.EN), Start: asOf, End: &asOf, ReviewedControls: w.reviewed(),
		Description: markup(fmt.Sprintf("%d documents, of which %d findings; %d of %d sensors and exhibits in scope were seen", a.Documents, a.Findings, a.Coverage.Seen, a.Coverage.InScope)),
		Props: props("case", a.Case, "documents", fmt.Sprint(a.Documents), "findings", fmt.Sprint(a.Findings), "coverage-state", string(a.Coverage.State), "coverage-seen", fmt.Sprint(a.Coverage.Seen), "coverage-in-scope", fmt.Sprint(a.Coverage.InScope),
			"coverage-share", fmt.Sprint(a.Coverage.Share), "packets", fmt.Sprint(a.Coverage.Packets), "drops", fmt.Sprint(a.Coverage.Drops)),
		Observations: ptr(w.observations(nil)), Risks: ptr(w.risks()), Findings: ptr(w.findings(false)), Attestations: ptr(w.attestations()),
	}
	return &types.AssessmentResults{
		UUID: a.UUID, Metadata: w.metadata("Assessment results of " + a.Agency), ImportAp: types.ImportAp{Href: PlanFile},
		Results: []types.Result{res}, BackMatter: back(w.resources()),
	}
}

// observations are those of all checks, or those that only names.
func (w *writer) observations(only map[string]bool) []types.Observation {
	var list []types.Observation
	for i := range w.a.Outcomes {
		o := &w.a.Outcomes[i]
		for j := range o.Observations {
			if only == nil || only[o.Observations[j].UUID] {
				list = append(list, w.observation(o, &o.Observations[j]))
			}
		}
	}
	return list
}

func (w *writer) observation(o *framework.Outcome, ob *framework.Observation) types.Observation {
	method := "TEST"
	if ob.Check.Fact != "" {
		method = "EXAMINE"
	}
	out := types.Observation{
		UUID: ob.UUID, Title: markup(ob.Check.What.EN), Methods: []string{method}, Types: &[]string{"control-objective"}, Collected: w.a.AsOf.UTC(), Origins: w.origin(),
		Description: markup(fmt.Sprintf("%d of %d speak against control %s (allowed share %g, at least %d needed to decide)", ob.Value, ob.N, o.Control.ID, ob.Check.Allowed, ob.Check.Min)),
		Props: props("control", o.Control.ID, "check", ob.Check.ID, "value", fmt.Sprint(ob.Value), "n", fmt.Sprint(ob.N), "share", fmt.Sprint(ob.Share), "threshold", fmt.Sprint(ob.Threshold),
			"state", string(ob.State), "why", ob.Why, "newest", ob.Newest, "fact", ob.Check.Fact, "query-bad", ob.Check.Bad, "query-of", ob.Check.Of),
		Subjects: &[]types.SubjectReference{{SubjectUuid: w.thisSystem(), Type: "component"}},
	}
	if len(ob.Problems) > 0 {
		out.Remarks = markup(strings.Join(ob.Problems, "; "))
	}
	systems := map[string]string{}
	for i := range w.a.Systems {
		systems[w.a.Systems[i].ID] = w.a.Systems[i].UUID
	}
	named := map[string]bool{}
	var ev []types.RelevantEvidence
	for i := range ob.Evidence {
		r := &ob.Evidence[i]
		x := types.RelevantEvidence{
			Description: markup(fmt.Sprintf("Finding %s: %q, %s of %s", r.ID, r.Rule, r.Where, r.Source)),
			Props:       props("finding", r.ID, "report-line", r.Line, "time", r.Time, "severity", fmt.Sprint(r.Severity), "sha256", r.SHA256, "techniques", strings.Join(r.Techniques, " ")),
		}
		if s := w.sourceOf(r); s != nil {
			x.Href = "#" + w.sourceUUID(s)
		}
		if u := systems[r.System]; u != "" && !named[u] {
			named[u] = true
			*out.Subjects = append(*out.Subjects, types.SubjectReference{SubjectUuid: u, Type: "component"})
		}
		ev = append(ev, x)
	}
	out.RelevantEvidence = ptr(ev)
	return out
}

// sourceOf is the exhibit that a finding rests on, nil when no case holds it.
func (w *writer) sourceOf(r *framework.EvidenceRef) *framework.Source {
	for i := range w.a.Sources {
		s := &w.a.Sources[i]
		if s.SourceKey == r.SourceKey && (r.Case == "" || r.Case == s.Case) {
			return s
		}
	}
	return nil
}

func (w *writer) findingUUID(control string) string { return w.of("finding", control) }

// findings are the controls that something was observed of, or attested: where
// nothing was, no finding is made up. With risky those that have risks.
func (w *writer) findings(risky bool) []types.Finding {
	var list []types.Finding
	for i := range w.a.Outcomes {
		o := &w.a.Outcomes[i]
		if len(o.Observations) == 0 && o.Attestation == "" || risky && len(o.Risks) == 0 {
			continue
		}
		state, reason := "not-satisfied", "other"
		switch o.State {
		case framework.Pass:
			state, reason = "satisfied", "pass"
		case framework.PartlyPass, framework.AttestedPass:
			state = "satisfied"
		case framework.Fail:
			reason = "fail"
		}
		f := types.Finding{
			UUID: w.findingUUID(o.Control.ID), Title: title(o.Control.Title), Description: markup(fmt.Sprintf("Control %s: %s", o.Control.ID, stateText[o.State])), Origins: w.origin(),
			Props:  props("state", string(o.State), "report-line", o.Line, "findings", fmt.Sprint(o.Findings), "qualified", o.Qualified, "attestation", o.Attestation, "waiver", o.Waiver, "title-confidence", o.Control.Confidence.Title, "requirement-confidence", o.Control.Confidence.Requirement),
			Target: types.FindingTarget{Type: "objective-id", TargetId: objectiveID(w.id(o.Control.ID)), Status: types.ObjectiveStatus{State: state, Reason: reason, Remarks: remark(o)}},
		}
		var related []types.RelatedObservation
		for _, ob := range o.Observations {
			if risky && !w.risky[ob.UUID] {
				continue
			}
			related = append(related, types.RelatedObservation{ObservationUuid: ob.UUID})
		}
		var risks []types.AssociatedRisk
		for _, u := range o.Risks {
			risks = append(risks, types.AssociatedRisk{RiskUuid: u})
		}
		f.RelatedObservations, f.RelatedRisks = ptr(related), ptr(risks)
		list = append(list, f)
	}
	return list
}

func remark(o *framework.Outcome) string {
	switch o.Qualified {
	case "inferred":
		return "What was checked passes, but the requirement's text was inferred and not read."
	case "findings-open":
		return "What was checked passes, but findings bear on the control; a person has to weigh them."
	case "person":
		return "What was checked passes; the rest needs a person's attestation."
	}
	if o.State == framework.NoData {
		return stateText[framework.NoData]
	}
	return ""
}

// risks are the checks that fail, with what is done about them.
func (w *writer) risks() []types.Risk {
	deadlines, techniques := map[string]string{}, map[string][]string{}
	for _, p := range w.a.POAM {
		deadlines[p.Risk] = p.Due
	}
	for i := range w.a.Outcomes {
		for j := range w.a.Outcomes[i].Observations {
			ob := &w.a.Outcomes[i].Observations[j]
			for _, r := range ob.Evidence {
				for _, t := range r.Techniques {
					if !contains(techniques[ob.UUID], t) {
						techniques[ob.UUID] = append(techniques[ob.UUID], t)
					}
				}
			}
		}
	}
	var list []types.Risk
	for i := range w.a.Risks {
		r := &w.a.Risks[i]
		x := types.Risk{
			UUID: r.UUID, Title: title(r.Title), Description: markup(r.Statement.MS), Statement: markup(r.Statement.EN), Status: "open", Origins: w.origin(),
			Props:               props("control", r.Control, "check", r.Check, "opened", r.Opened, "treatment", r.Treatment, "waiver", r.Waiver),
			RelatedObservations: &[]types.RelatedObservation{{ObservationUuid: r.Observation}},
			Characterizations:   &[]types.Characterization{{Origin: (*w.origin())[0], Facets: []types.Facet{{Name: "severity", System: ns, Value: fmt.Sprint(r.Severity)}}}},
		}
		if r.Treatment == framework.TreatAccepted {
			x.Status = "deviation-approved"
		}
		if d := deadlines[r.UUID]; d != "" {
			t := w.at(d)
			x.Deadline = &t
		}
		var threats []types.ThreatId
		for _, t := range techniques[r.Observation] {
			threats = append(threats, types.ThreatId{System: "https://attack.mitre.org", ID: "https://attack.mitre.org/techniques/" + path(strings.Split(t, ".")...)})
		}
		x.ThreatIds = ptr(threats)
		list = append(list, x)
	}
	return list
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// attestations are what persons attest; one that does not count says why.
func (w *writer) attestations() []types.AttestationStatements {
	var list []types.AttestationStatements
	for i := range w.a.Attestations {
		t := &w.a.Attestations[i]
		list = append(list, types.AttestationStatements{
			Parts: []types.AssessmentPart{{
				UUID: t.UUID, Name: "attestation", Title: markup("Control " + t.Control), Prose: markup(t.Text),
				Props: props("control", t.Control, "met", fmt.Sprint(t.Met), "author", t.Author, "approver", t.Approver, "made", t.Made, "expires", t.Expires, "state", t.State, "why", t.Why, "sha256", t.SHA256),
			}},
			ResponsibleParties: &[]types.ResponsibleParty{{RoleId: "agency", PartyUuids: []string{w.agency()}}},
		})
	}
	return list
}

func (w *writer) poam() *types.PlanOfActionAndMilestones {
	a := w.a
	p := &types.PlanOfActionAndMilestones{
		UUID: w.of("poam"), Metadata: w.metadata("Plan of action and milestones of " + a.Agency), ImportSsp: &types.ImportSsp{Href: SystemFile},
		SystemId: &types.SystemId{ID: w.thisSystem(), IdentifierType: "http://ietf.org/rfc/rfc4122"}, Risks: ptr(w.risks()), BackMatter: back(w.resources()),
	}
	w.risky = map[string]bool{}
	observation := map[string]string{}
	for _, r := range a.Risks {
		w.risky[r.Observation], observation[r.UUID] = true, r.Observation
	}
	p.Observations, p.Findings = ptr(w.observations(w.risky)), ptr(w.findings(true))
	p.LocalDefinitions = &types.PlanOfActionAndMilestonesLocalDefinitions{Components: &[]types.SystemComponent{w.components()[1]}}
	for i := range a.POAM {
		x := &a.POAM[i]
		p.PoamItems = append(p.PoamItems, types.PoamItem{
			UUID: x.UUID, Title: title(x.Title), Description: markup("Mend control " + x.Control + " until " + x.Due), Origins: &[]types.PoamItemOrigin{{Actors: (*w.origin())[0].Actors}},
			Props:               props("control", x.Control, "opened", x.Opened, "due", x.Due, "overdue", fmt.Sprint(x.Overdue), "owner", x.Owner),
			RelatedFindings:     &[]types.RelatedFinding{{FindingUuid: w.findingUUID(x.Control)}},
			RelatedRisks:        &[]types.AssociatedRisk{{RiskUuid: x.Risk}},
			RelatedObservations: related(observation[x.Risk]),
		})
	}
	if len(p.PoamItems) == 0 { // OSCAL has no plan without an item
		p.PoamItems = []types.PoamItem{{UUID: w.of("poam", "none"), Title: "Nothing is to be done", Description: "No check of the assessment fails. OSCAL has no plan without an item: this one stands for none.", Props: props("placeholder", "true")}}
	}
	return p
}

func related(observation string) *[]types.RelatedObservation {
	if observation == "" {
		return nil
	}
	return &[]types.RelatedObservation{{ObservationUuid: observation}}
}
