// Package intel matches indicators of compromise on events of ours: addresses,
// networks, domain names, URLs, digests of files, e-mail addresses,
// fingerprints of TLS and SSH, and certificates. Start with Load, which reads
// STIX 2.1 bundles, MISP events, CSV files and plain lists; Set.Match gives the
// indicators an event holds, Set.Finding the finding of one.
//
// A Set is made for millions of indicators: about 27 bytes each, without a
// pointer. A value is known by the first 128 bits of the SHA-256 over its kind
// and its normal form, so two different values are never taken for each other;
// a filter in front answers most questions in nanoseconds.
//
// An indicator that can't be honored exactly is refused with its reason and its
// place, and never half-run. Whether an indicator was valid is judged by the
// time of the event, not by the time of the search.
package intel

import (
	"strings"

	"saksi/rules"
)

// Indicator is one indicator, as its file tells it.
type Indicator struct {
	ID          string // STIX id or UUID; empty in lists that have none
	Name        string
	Description string
	Reference   string
	From, Until int64 // validity in Unix nanoseconds, 0 for none; Until is the first moment after it
	Modified    int64 // Unix nanoseconds, 0 for unknown
	Severity    rules.Severity
	Confidence  int // 0 to 100 (STIX 2.1, appendix A); -1 for unknown
	TLP         TLP
	Techniques  []string
	Line        int // in its file, from 1
	// Patterns are alternatives: the indicator is met by an event that holds
	// all terms of one of them.
	Patterns [][]Term

	source uint32 // index into Set.sources
}

// source is what indicators of one origin share.
type source struct {
	file       string // path
	provider   string // who says so
	maker      string // STIX: id of who says so
	feed       string // title of the event or bundle
	reference  string
	marks      []string // STIX: ids of marking definitions
	tlp        TLP
	severity   rules.Severity
	techniques []string
}

// Text writes the indicator as a pattern of STIX, with the names of ECS where
// STIX has none.
func (x *Indicator) Text() string {
	var parts []string
	for _, terms := range x.Patterns {
		parts = append(parts, (&mixed{terms: terms}).text())
	}
	return strings.Join(parts, " OR ")
}
