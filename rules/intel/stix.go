package intel

import (
	"encoding/json"
	"fmt"
	"strings"

	"saksi/rules"
)

// stixReader reads the objects of a STIX bundle.
type stixReader struct {
	r       *reading
	sources map[string]uint32 // by maker and markings
}

func (r *reading) newSTIX() *stixReader {
	return &stixReader{r: r, sources: map[string]uint32{}}
}

// stixObject is what is read of an object (STIX 2.1, sections 4.7 indicator,
// 5.1 relationship, 7.2.1 marking definition, 4.1 attack pattern).
type stixObject struct {
	Type        string   `json:"type"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Pattern     string   `json:"pattern"`
	PatternType string   `json:"pattern_type"`
	ValidFrom   string   `json:"valid_from"`
	ValidUntil  string   `json:"valid_until"`
	Modified    string   `json:"modified"`
	Revoked     bool     `json:"revoked"`
	Confidence  *int     `json:"confidence"`
	Types       []string `json:"indicator_types"`
	CreatedBy   string   `json:"created_by_ref"`
	Marks       []string `json:"object_marking_refs"`
	References  []struct {
		Source string `json:"source_name"`
		URL    string `json:"url"`
		ID     string `json:"external_id"`
	} `json:"external_references"`
	// relationship
	Relation string `json:"relationship_type"`
	From     string `json:"source_ref"`
	To       string `json:"target_ref"`
	// marking-definition
	Definition struct {
		TLP string `json:"tlp"`
	} `json:"definition"`
	Extensions map[string]json.RawMessage `json:"extensions"`
}

// maxRelated bounds the ids that are remembered of objects besides indicators.
const maxRelated = 1 << 20

// object takes one object.
func (s *stixReader) object(raw json.RawMessage, line, column, n int) error {
	r := s.r
	var o stixObject
	if err := json.Unmarshal(raw, &o); err != nil {
		r.problem(rules.Problem{Line: line, Column: column, Level: rules.Wrong, Rule: o.ID, Reason: "intel: object", Message: fmt.Sprintf("objects[%d] can't be read: %v", n, err)})
		return nil
	}
	b := r.b
	switch o.Type {
	case "indicator":
		return s.indicator(&o, line, column, n)
	case "marking-definition":
		t, ok := ParseTLP(o.Definition.TLP)
		for _, x := range o.Extensions { // TLP 2.0 is an extension
			var e struct {
				TLP string `json:"tlp_2_0"`
			}
			if json.Unmarshal(x, &e) == nil && e.TLP != "" {
				t, ok = ParseTLP(e.TLP)
			}
		}
		if !ok {
			t, ok = ParseTLP(o.Name)
		}
		if ok && len(b.marks) < maxRelated {
			b.marks[o.ID] = t
		}
	case "relationship":
		id, ok := uuid(o.From)
		if ok && o.Relation == "indicates" && strings.HasPrefix(o.To, "attack-pattern--") && len(b.related) < maxRelated {
			b.related[id] = append(b.related[id], o.To)
		}
	case "attack-pattern":
		for _, x := range o.References {
			if t, ok := rules.Technique(x.ID); ok && len(b.names) < maxRelated {
				b.names[o.ID] = t
			}
		}
	case "identity":
		if len(b.makers) < maxRelated {
			b.makers[o.ID] = o.Name
		}
	}
	return nil
}

// indicator takes an indicator.
func (s *stixReader) indicator(o *stixObject, line, column, n int) error {
	r := s.r
	say := func(level rules.Level, reason, format string, args ...any) error {
		r.problem(rules.Problem{
			Line: line, Column: column, Level: level, Rule: o.ID, Reason: "intel: " + reason,
			Message: fmt.Sprintf("objects[%d]", n) + fmt.Sprintf(format, args...),
		})
		return nil
	}
	if o.Revoked {
		r.without["they are revoked"]++
		return nil
	}
	if o.PatternType != "" && o.PatternType != "stix" {
		return say(rules.Refused, "pattern type "+short(o.PatternType), ".pattern_type: a pattern of %q is not read here; give it as a file of rules of that language", short(o.PatternType))
	}
	if !strings.HasPrefix(o.ID, uuidPrefix) {
		return say(rules.Wrong, "id", ".id: it does not begin with %s", uuidPrefix)
	}
	x := Indicator{ID: o.ID, Name: o.Name, Description: o.Description, Confidence: -1, Line: line}
	for _, t := range []struct {
		name, text string
		at         *int64
	}{{"valid_from", o.ValidFrom, &x.From}, {"valid_until", o.ValidUntil, &x.Until}, {"modified", o.Modified, &x.Modified}} {
		var err error
		if *t.at, err = readTime(t.text, false); err != nil {
			return say(rules.Wrong, t.name, ".%s: %v", t.name, err)
		}
	}
	if x.Until != 0 && x.From >= x.Until {
		return say(rules.Wrong, "valid_until", ".valid_until: it is not after valid_from")
	}
	if o.Confidence != nil && *o.Confidence >= 0 && *o.Confidence <= 100 {
		x.Confidence = *o.Confidence
	}
	patterns, left, perr := parsePattern(o.Pattern)
	for _, l := range left {
		_ = say(rules.Advice, "alternative of "+l.reason, ".pattern, byte %d: this alternative is not looked for: %s", l.at+1, l.msg) // it reports, and returns nothing
	}
	if perr != nil {
		return say(perr.level, perr.reason, ".pattern, byte %d: %s", perr.at+1, perr.msg)
	}
	if !r.b.room(patterns) {
		return say(rules.Refused, "too many texts", ".pattern: LIKE and MATCHES without a value that can be looked up are held against every event; %d of them are taken at most", maxScanned)
	}
	x.Patterns = patterns
	x.Severity = stixSeverity(o.Types)
	for _, ref := range o.References {
		if x.Reference == "" {
			x.Reference = ref.URL
		}
		if strings.HasPrefix(ref.Source, "mitre-attack") {
			x.Techniques = rules.AddTechnique(x.Techniques, ref.ID)
		}
	}
	var err error
	if x.source, err = s.source(o.CreatedBy, o.Marks); err != nil {
		return err
	}
	return r.take(&x)
}

// stixSeverity is our severity of STIX's indicator types (section 10.9).
func stixSeverity(types []string) rules.Severity {
	s := rules.Severity(0)
	for _, t := range types {
		switch t {
		case "malicious-activity", "attribution", "compromised":
			s = max(s, rules.High)
		case "anomalous-activity":
			s = max(s, rules.Medium)
		case "anonymization", "benign":
			s = max(s, rules.Low)
		}
	}
	return s
}

// source is the number of what indicators of one maker and marking share.
func (s *stixReader) source(maker string, marks []string) (uint32, error) {
	k := maker + " " + strings.Join(marks, " ")
	n, ok := s.sources[k]
	if !ok {
		var err error
		if n, err = s.r.b.newSource(source{file: s.r.path, maker: maker, marks: marks}); err != nil {
			return 0, err
		}
		s.sources[k] = n
	}
	return n, nil
}

// short bounds a text of a file in a message.
func short(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return s
}
