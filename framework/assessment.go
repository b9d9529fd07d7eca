package framework

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// FormatVersion is the version of assessment.json, whose form is
// docs/schema/assessment.json.
const FormatVersion = 2

// State of a control, of a check, or of what an assessment covers.
type State string

// States. No state but Pass, PartlyPass and AttestedPass speaks for a control.
const (
	Pass         State = "pass"
	PartlyPass   State = "partly"     // what was checked passes; the requirement asks for more, or was inferred
	AttestedPass State = "attested"   // a person attests it, signed and in date
	Fail         State = "fail"       // something speaks against it
	Stale        State = "stale"      // what was seen, or attested, is too old to speak for today
	NoData       State = "no-data"    // too little was seen to decide
	Unattested   State = "unattested" // only a person can attest it, and nobody has
)

// States lists them, the worst first.
var States = []State{Fail, Stale, NoData, Unattested, PartlyPass, AttestedPass, Pass}

// Assessment is what assessment.json holds. The same inputs and time give the
// same bytes.
type Assessment struct {
	Format         int       `json:"format"`
	UUID           string    `json:"uuid"`
	Framework      string    `json:"framework"`
	Version        string    `json:"version"`
	Title          Text      `json:"title"`
	AsOf           time.Time `json:"as_of"`
	Case           string    `json:"case"`            // ids of the cases, joined by ", "
	Scope          string    `json:"scope,omitempty"` // id of the agency of the register that it is limited to, with what is below it
	Agency         string    `json:"agency"`          // as the register or the cases name it, joined by ", "
	Classification string    `json:"classification"`
	Assessor       string    `json:"assessor"`
	Tool           string    `json:"tool"`
	Where          string    `json:"where"`    // flags that name the index, as in "--case kes-17"
	CaseDir        string    `json:"case_dir"` // the first case's folder, as it was named

	Inputs   Frozen   `json:"inputs"`
	Sources  []Source `json:"sources"`
	Coverage Coverage `json:"coverage"`
	Systems  []System `json:"systems"`
	// FlowsTwice is there when several sensors told of flows.
	FlowsTwice *FlowsTwice `json:"flows_twice,omitempty"`

	Components   []Component   `json:"components"`
	Outcomes     []Outcome     `json:"outcomes"`
	Risks        []Risk        `json:"risks"`
	POAM         []POAMItem    `json:"poam"`
	Attestations []Attestation `json:"attestations"`
	Waivers      []Waiver      `json:"waivers"`
	Clocks       []Clock       `json:"clocks"`
	KPIs         []KPI         `json:"kpis"`
	Samples      []Sample      `json:"samples"`
	Trend        []TrendPoint  `json:"trend"`

	Documents int64 `json:"documents"` // in the index, up to as_of
	Findings  int64 `json:"findings"`
}

// Frozen is what an assessment was made from: whoever has the same inputs can
// recompute all of it. SHA256 is over the JSON of the rest; every UUID but those
// of risks and POA&M items, which outlive one assessment, comes from it.
type Frozen struct {
	SHA256       string       `json:"sha256"`
	Catalog      FileInput    `json:"catalog"`
	Queries      []QueryInput `json:"queries"`
	Cases        []CaseInput  `json:"cases"`
	Register     *FileInput   `json:"register,omitempty"`
	Obligations  *FileInput   `json:"obligations,omitempty"`
	Journal      *FileInput   `json:"journal,omitempty"`
	Attestations []FileInput  `json:"attestations,omitempty"`
	Waivers      []FileInput  `json:"waivers,omitempty"`
	Previous     []FileInput  `json:"previous,omitempty"` // assessments before, for trend and opening dates
}

// FileInput is a file an assessment read.
type FileInput struct {
	Name    string `json:"name"` // base name
	Version string `json:"version,omitempty"`
	SHA256  string `json:"sha256"`
	Entries int64  `json:"entries,omitempty"`
}

// QueryInput is one question to the index and a digest of its answer.
type QueryInput struct {
	Query  string `json:"query"`
	Total  int64  `json:"total"`
	Newest string `json:"newest,omitempty"`
	SHA256 string `json:"sha256"` // over the JSON of [query, total, newest]
}

// CaseInput is a case as it stood.
type CaseInput struct {
	ID             string   `json:"id"`
	Dir            string   `json:"dir"` // as it was named
	Agency         string   `json:"agency"`
	Classification string   `json:"classification"`
	Exhibits       int      `json:"exhibits"`
	Entries        int64    `json:"custody_entries"`
	LogRoot        string   `json:"log_root"` // base64 of the custody log's root
	Sealed         bool     `json:"sealed"`
	Problems       []string `json:"problems,omitempty"` // what did not verify
}

// Source is a capture or an image the findings rest on.
type Source struct {
	Case         string `json:"case"`
	Exhibit      string `json:"exhibit"`
	Name         string `json:"name"`
	SHA256       string `json:"sha256"`
	SourceKey    string `json:"source_key"`
	CustodyEntry int64  `json:"custody_entry"`
}

// Fact is what the caller verified about the cases, or counted in the register,
// the journal and the documents beside them, by the names catalogs use.
type Fact struct {
	N        int64    `json:"n"`                // things that were looked at
	Problems []string `json:"problems"`         // what speaks against them
	Newest   string   `json:"newest,omitempty"` // time of the newest of them
}

// Coverage is how much of what is in scope was seen. A control passes on what
// was seen only when coverage is enough (Catalog.Coverage says what is).
type Coverage struct {
	Items        []CoverageItem `json:"items"`
	InScope      int            `json:"in_scope"`
	Seen         int            `json:"seen"`
	Share        float64        `json:"share"`
	Needed       float64        `json:"needed"`
	Packets      int64          `json:"packets"`
	Drops        int64          `json:"drops"`
	DropShare    float64        `json:"drop_share"`
	DropsAllowed float64        `json:"drops_allowed"`
	State        State          `json:"state"` // pass, fail or no-data (nothing is in scope)
	Why          string         `json:"why,omitempty"`
}

// CoverageItem is one sensor or exhibit.
type CoverageItem struct {
	Kind      string `json:"kind"` // sensor or exhibit
	ID        string `json:"id"`   // name of the sensor; CASE/EXHIBIT
	Agency    string `json:"agency,omitempty"`
	InScope   bool   `json:"in_scope"` // false: it was heard, and no register names it
	Seen      bool   `json:"seen"`
	Stale     bool   `json:"stale,omitempty"`
	Documents int64  `json:"documents"`
	Newest    string `json:"newest,omitempty"`
	Packets   int64  `json:"packets,omitempty"`
	Drops     int64  `json:"drops,omitempty"`
}

// System is a system of the register with what was found on it.
type System struct {
	UUID        string   `json:"uuid"`
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Agency      string   `json:"agency"`
	AgencyPath  []string `json:"agency_path"` // ids, root first, with the agency itself
	Criticality string   `json:"criticality"`
	LifeEvent   string   `json:"life_event,omitempty"`
	Owner       string   `json:"owner,omitempty"` // role
	Supplier    string   `json:"supplier,omitempty"`
	Profiles    []string `json:"profiles,omitempty"`
	Shared      []string `json:"uses,omitempty"` // systems whose controls it inherits
	Assets      int      `json:"assets"`
	Documents   int64    `json:"documents"`
	// Findings are those with the system as destination, From those with it as
	// source; of a system without an address, those that name it.
	Findings      int64     `json:"findings"`
	From          int64     `json:"findings_from"`
	Severe        int64     `json:"severe"`          // of Findings, those of severity 3 and 4
	RTOS          int64     `json:"rto_s,omitempty"` // recovery time, seconds
	Outages       int64     `json:"outages,omitempty"`
	OutageMinutes int64     `json:"outage_minutes,omitempty"`
	DataSets      []DataUse `json:"data_sets,omitempty"`
	Newest        string    `json:"newest,omitempty"`
	Seen          bool      `json:"seen"`
	// Inherited are the controls that a shared service provides: the state is the
	// provider's.
	Inherited []Inherited `json:"inherited,omitempty"`
}

// DataUse is how much was exchanged with where a data set is reached.
type DataUse struct {
	ID             string `json:"id"`
	Classification string `json:"classification,omitempty"`
	Personal       bool   `json:"personal"`
	Flows          int64  `json:"flows"` // each once, however many sensors saw it
	Bytes          int64  `json:"bytes"`
	TwiceFlows     int64  `json:"twice_flows,omitempty"` // documents of other sensors on the same flows
	TwiceBytes     int64  `json:"twice_bytes,omitempty"` // of those
}

// Inherited is a control that a system has from a shared service.
type Inherited struct {
	Control  string `json:"control"`
	Provider string `json:"provider"` // id of the system
	State    State  `json:"state"`
}

// EvidenceRef leads from an observation to one finding. ID is the digest of the
// finding's document.
type EvidenceRef struct {
	ID         string   `json:"id"`
	Line       string   `json:"line"`
	Time       string   `json:"time"`
	Rule       string   `json:"rule"`
	Severity   int64    `json:"severity"`
	Techniques []string `json:"techniques,omitempty"`
	Where      string   `json:"where"` // packets of a capture, or a path on an image
	Source     string   `json:"source"`
	SourceKey  string   `json:"source_key"`
	SHA256     string   `json:"sha256,omitempty"` // of the source, when a case holds it
	Case       string   `json:"case,omitempty"`
	Exhibit    string   `json:"exhibit,omitempty"`
	System     string   `json:"system,omitempty"`
}

// Observation is the answer to one check.
type Observation struct {
	UUID      string        `json:"uuid"`
	Check     Check         `json:"check"`
	Value     int64         `json:"value"`     // documents that speak against the control
	N         int64         `json:"n"`         // population
	Share     float64       `json:"share"`     // value / n
	Threshold float64       `json:"threshold"` // share allowed
	State     State         `json:"state"`
	Why       string        `json:"why,omitempty"`
	Newest    string        `json:"newest,omitempty"`    // time of the newest document of the population
	AgeS      int64         `json:"age_s,omitempty"`     // from it to as_of, seconds
	MaxAgeS   int64         `json:"max_age_s,omitempty"` // age at which it is stale
	Problems  []string      `json:"problems,omitempty"`  // of a fact, the first 50
	MoreProbs int64         `json:"more_problems,omitempty"`
	Evidence  []EvidenceRef `json:"evidence,omitempty"`
	More      int64         `json:"more_evidence,omitempty"` // findings beyond those listed
}

// Outcome is the assessment of one control.
type Outcome struct {
	Control      Control       `json:"control"`
	Line         string        `json:"line"`
	State        State         `json:"state"`
	Qualified    string        `json:"qualified,omitempty"` // why a pass is not unqualified: a key of the report's words
	Observations []Observation `json:"observations,omitempty"`
	Findings     int64         `json:"findings"`              // findings tagged with the control
	Attestation  string        `json:"attestation,omitempty"` // UUID of the one that counts
	Waiver       string        `json:"waiver,omitempty"`      // UUID of the one in date; it changes no state
	Risks        []string      `json:"risks,omitempty"`       // UUIDs
}

// Component is the roll-up of one component.
type Component struct {
	ID     string        `json:"id"`
	Number string        `json:"number"`
	Title  Text          `json:"title"`
	State  State         `json:"state"`
	Counts map[State]int `json:"counts"`
	Line   string        `json:"line"`
}

// Treatments of a risk.
const (
	TreatOpen     = "open"     // to be mended
	TreatAccepted = "accepted" // a waiver in date stands against it
)

// Risk is a failed check, with the same UUID in each assessment of the same
// agency, framework, control and check.
type Risk struct {
	UUID        string `json:"uuid"`
	Control     string `json:"control"`
	Check       string `json:"check"`
	Observation string `json:"observation"` // UUID
	Title       Text   `json:"title"`
	Statement   Text   `json:"statement"`
	Severity    int64  `json:"severity"` // 1 to 4: of the worst finding behind it, else the check's
	Opened      string `json:"opened"`   // as_of of the first assessment that had it
	Treatment   string `json:"treatment"`
	Waiver      string `json:"waiver,omitempty"`
}

// POAMItem is what is to be done about a risk.
type POAMItem struct {
	UUID    string `json:"uuid"`
	Risk    string `json:"risk"` // UUID
	Control string `json:"control"`
	Title   Text   `json:"title"`
	Opened  string `json:"opened"`
	Due     string `json:"due"` // opened and what the severity allows; a waiver in date moves it to its end
	Overdue bool   `json:"overdue"`
	Owner   string `json:"owner,omitempty"` // role
}

// Attestation is a person's signed word on a control.
type Attestation struct {
	UUID     string   `json:"uuid"`
	File     string   `json:"file"`
	SHA256   string   `json:"sha256"` // of the file
	Control  string   `json:"control"`
	Agency   string   `json:"agency"`
	Text     string   `json:"text"`
	Met      bool     `json:"met"` // false: the person attests that it is not met
	Author   string   `json:"author"`
	Approver string   `json:"approver"`
	KeyHints []string `json:"key_hints"` // of author and approver
	Made     string   `json:"made"`
	Expires  string   `json:"expires"`
	State    string   `json:"state"` // in-date, expired, not-yet or refused
	Why      string   `json:"why,omitempty"`
	Evidence []string `json:"evidence,omitempty"` // SHA-256 of documents it rests on

	framework string
}

// States of attestations and waivers.
const (
	InDate  = "in-date"
	Expired = "expired"
	NotYet  = "not-yet"
	Refused = "refused" // signature, key, role, or the approver is the author
)

// Waiver accepts the risk of a control that fails, for a time. It changes the
// treatment of the risk, never the state of the control.
type Waiver struct {
	UUID     string   `json:"uuid"`
	File     string   `json:"file"`
	SHA256   string   `json:"sha256"`
	Control  string   `json:"control"`
	Check    string   `json:"check,omitempty"` // "" for every check of the control
	Agency   string   `json:"agency"`
	Text     string   `json:"text"`
	Author   string   `json:"author"`
	Approver string   `json:"approver"`
	KeyHints []string `json:"key_hints"`
	Made     string   `json:"made"`
	Expires  string   `json:"expires"`
	State    string   `json:"state"`
	Why      string   `json:"why,omitempty"`
	Used     bool     `json:"used"` // it stands against a risk of this assessment

	framework string
}

// Clock is an obligation that runs or ran.
type Clock struct {
	UUID       string `json:"uuid"`
	Obligation string `json:"obligation"` // id in the file of obligations
	Title      Text   `json:"title"`
	Source     string `json:"source"` // instrument and section
	Known      string `json:"known"`  // how the time is known
	Agency     string `json:"agency"`
	Unit       string `json:"unit,omitempty"`
	Shift      string `json:"shift,omitempty"`
	Incident   string `json:"incident,omitempty"`
	Started    string `json:"started"`
	Why        string `json:"why"`           // what started it, with the journal's entry
	Due        string `json:"due"`           // "" when no time is known
	Met        string `json:"met,omitempty"` // when it was done
	LeftS      int64  `json:"left_s"`        // from as_of (or met) to due, seconds; negative is late
	State      string `json:"state"`         // running, met, late (done too late) or overdue
	Optional   bool   `json:"optional,omitempty"`
}

// States of clocks.
const (
	ClockRunning = "running"
	ClockMet     = "met"
	ClockLate    = "late"
	ClockOverdue = "overdue"
)

// KPI is a figure with its target, recomputable from the journal and the
// observations.
type KPI struct {
	UUID   string   `json:"uuid"`
	ID     string   `json:"id"` // mttd, mtta, mttc, on-time, coverage, poam-overdue
	Title  Text     `json:"title"`
	Scope  string   `json:"scope"` // agency, unit, shift or all
	Name   string   `json:"name"`  // of the agency, unit or shift
	Unit   string   `json:"unit"`  // seconds, share or count
	Value  *float64 `json:"value"` // null: nothing to measure
	N      int64    `json:"n"`
	Target *float64 `json:"target"`
	State  State    `json:"state"` // pass, fail or no-data
}

// Sample is a draw that an auditor can repeat: the population is the ids of the
// documents that match, in their order; the n of least SHA-256(seed, id) are
// drawn.
type Sample struct {
	UUID       string   `json:"uuid"`
	Control    string   `json:"control"`
	Check      string   `json:"check"`
	Query      string   `json:"query"`
	Seed       string   `json:"seed"`
	Population int64    `json:"population"`
	SHA256     string   `json:"population_sha256"` // over the ids, one a line, in their order
	Drawn      []string `json:"drawn"`             // ids of findings
}

// TrendPoint is an earlier assessment of the same framework, the oldest first.
type TrendPoint struct {
	UUID     string        `json:"uuid"`
	AsOf     time.Time     `json:"as_of"`
	SHA256   string        `json:"sha256"` // of its assessment.json
	Counts   map[State]int `json:"counts"` // controls by state
	Share    float64       `json:"coverage_share"`
	Risks    int           `json:"risks"`
	Overdue  int           `json:"poam_overdue"`
	Findings int64         `json:"findings"`
}

// space is the namespace of our UUIDs (RFC 9562, version 5).
var space = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://saksi.example/oscal"))

func newUUID(parts ...string) string {
	b, err := json.Marshal(parts)
	if err != nil {
		return ""
	}
	return uuid.NewSHA1(space, b).String()
}

// LineOf names the lines of the report on which a finding stands, with their
// controls.
func (a *Assessment) LineOf(findingID string) map[string]string {
	lines := map[string]string{}
	for _, o := range a.Outcomes {
		for _, ob := range o.Observations {
			for _, r := range ob.Evidence {
				if r.ID == findingID {
					lines[r.Line] = o.Control.ID
				}
			}
		}
	}
	return lines
}
