package framework

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"saksi/evidence"
)

// JournalID is the name of a journal of incidents in its checkpoints.
const JournalID = "journal"

// Acts in a journal of incidents.
const (
	ActNew     = "incident new"
	ActKnow    = "incident know" // a person knew: the moment from which clocks run
	ActAck     = "incident acknowledge"
	ActNotify  = "incident notify" // an obligation was met
	ActContain = "incident contain"
	ActClose   = "incident close"
	ActDone    = "obligation done" // of what comes back, or is no incident's
)

// Details of entries.
const (
	DetailIncident   = "incident"
	DetailAt         = "at" // the moment it tells of (RFC 3339); the entry's own time is when it was recorded
	DetailAgency     = "agency"
	DetailUnit       = "unit"
	DetailShift      = "shift"
	DetailTitle      = "title"
	DetailSeverity   = "severity"
	DetailKind       = "kind"     // of incident
	DetailFindings   = "findings" // ids, with spaces between
	DetailBegan      = "began"    // time of the earliest evidence
	DetailBy         = "by"       // who knew, or who took it
	DetailHow        = "how"      // how it was found
	DetailObligation = "obligation"
	DetailReceipt    = "receipt"
)

// Journal is the append-only, signed journal of incidents: a log as that of
// custody.
type Journal struct {
	Entries  []evidence.Entry
	Problems []string // what does not verify
	Root     string
	File     FileInput
}

// ReadJournal reads and verifies a journal with the key that signs it.
func ReadJournal(dir string, key *evidence.Public) (*Journal, error) {
	st, problems, err := evidence.VerifyLog(dir, evidence.Origin(JournalID), key)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	j := &Journal{Entries: st.Entries.List(), Problems: problems, Root: st.Root}
	j.File = FileInput{Name: base(strings.TrimRight(dir, `/\`)), SHA256: evidence.SHA256([]byte(st.Root)), Entries: st.Entries.Len()}
	return j, nil
}

// Moment is when something was, by an entry.
type Moment struct {
	At  time.Time
	Seq int64
	By  string
}

// Incident is what a journal tells of one.
type Incident struct {
	ID, Agency, Unit, Shift, Title, Kind, How string
	Severity                                  int64
	Findings                                  []string
	Began, Known                              time.Time
	KnownBy                                   string
	KnownSeq                                  int64
	New, Acknowledged, Contained, Closed      Moment
	Met                                       map[string]Moment // obligations
}

// Open reports whether it is not closed.
func (i *Incident) Open() bool { return i.Closed.At.IsZero() }

// at is the moment that an entry tells of.
func at(e *evidence.Entry) time.Time {
	for _, s := range []string{e.Detail[DetailAt], e.Time} {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Incidents are those that were recorded to be before a time, in the order in
// which they were made.
func (j *Journal) Incidents(asOf time.Time) []*Incident {
	if j == nil {
		return nil
	}
	var list []*Incident
	byID := map[string]*Incident{}
	for k := range j.Entries {
		e := &j.Entries[k]
		t, id := at(e), e.Detail[DetailIncident]
		if id == "" || t.After(asOf) {
			continue
		}
		inc := byID[id]
		if e.Act == ActNew && inc == nil {
			inc = &Incident{
				ID: id, Agency: e.Detail[DetailAgency], Unit: e.Detail[DetailUnit], Shift: e.Detail[DetailShift], Title: e.Detail[DetailTitle], Kind: e.Detail[DetailKind],
				Findings: strings.Fields(e.Detail[DetailFindings]), New: Moment{t, e.Seq, e.Who}, Met: map[string]Moment{},
			}
			inc.Severity, _ = strconv.ParseInt(e.Detail[DetailSeverity], 10, 64)
			inc.Began, _ = time.Parse(time.RFC3339Nano, e.Detail[DetailBegan])
			byID[id], list = inc, append(list, inc)
		}
		if inc != nil {
			inc.take(e, t)
		}
	}
	return list
}

// take takes one entry in. The first moment of each kind counts; what is told
// again later changes nothing.
func (i *Incident) take(e *evidence.Entry, t time.Time) {
	m := Moment{t, e.Seq, e.Detail[DetailBy]}
	first := func(to *Moment) {
		if to.At.IsZero() {
			*to = m
		}
	}
	switch e.Act {
	case ActKnow:
		if i.Known.IsZero() {
			i.Known, i.KnownBy, i.KnownSeq, i.How = t, e.Detail[DetailBy], e.Seq, e.Detail[DetailHow]
		}
	case ActAck:
		first(&i.Acknowledged)
	case ActContain:
		first(&i.Contained)
	case ActClose:
		first(&i.Closed)
	case ActNotify:
		if o := e.Detail[DetailObligation]; i.Met[o].At.IsZero() {
			i.Met[o] = m
		}
	}
}

// Agencies are those that the journal tells of before a time.
func (j *Journal) Agencies(asOf time.Time) []string {
	var list []string
	if j == nil {
		return nil
	}
	for k := range j.Entries {
		if a := j.Entries[k].Detail[DetailAgency]; a != "" && !at(&j.Entries[k]).After(asOf) && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	slices.Sort(list)
	return list
}

// done are the times at which an agency did something that comes back.
func (j *Journal) done(agency, id string, asOf time.Time) []Moment {
	var list []Moment
	for k := range j.Entries {
		e := &j.Entries[k]
		if t := at(e); e.Act == ActDone && e.Detail[DetailAgency] == agency && e.Detail[DetailObligation] == id && !t.After(asOf) {
			list = append(list, Moment{t, e.Seq, e.Detail[DetailBy]})
		}
	}
	slices.SortStableFunc(list, func(a, b Moment) int { return a.At.Compare(b.At) })
	return list
}

// LastDone is when an agency last did something, and the entry that tells it.
func (j *Journal) LastDone(agency, id string, asOf time.Time) (time.Time, int64) {
	list := j.done(agency, id, asOf)
	if len(list) == 0 {
		return time.Time{}, 0
	}
	m := list[len(list)-1]
	return m.At, m.Seq
}

func (j *Journal) firstDoneAfter(agency, id string, after, asOf time.Time) time.Time {
	for _, m := range j.done(agency, id, asOf) {
		if !m.At.Before(after) {
			return m.At
		}
	}
	return time.Time{}
}

// first is the time of the first entry of an agency.
func (j *Journal) first(agency string, asOf time.Time) time.Time {
	t := asOf
	for k := range j.Entries {
		if j.Entries[k].Detail[DetailAgency] == agency && at(&j.Entries[k]).Before(t) {
			t = at(&j.Entries[k])
		}
	}
	return t
}
