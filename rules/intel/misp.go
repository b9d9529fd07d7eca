package intel

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"saksi/rules"
)

// number is a whole number that MISP writes as a number or as a text.
type number int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = number(v)
	if err != nil {
		*n = 0 // an empty text: unknown
	}
	return nil
}

// truth is a truth value that MISP writes as such, as a number or as a text.
type truth bool

// UnmarshalJSON implements json.Unmarshaler.
func (t *truth) UnmarshalJSON(b []byte) error {
	s := strings.ToLower(strings.Trim(string(b), `"`))
	*t = s == "true" || s == "1"
	return nil
}

type mispTag struct {
	Name string `json:"name"`
}

type mispGalaxy struct {
	Cluster []struct {
		Tag  string `json:"tag_name"`
		Meta struct {
			ID []string `json:"external_id"`
		} `json:"meta"`
	} `json:"GalaxyCluster"`
}

// mispAttribute is what is read of an attribute (MISP core format, section
// 2.2.2).
type mispAttribute struct {
	UUID      string       `json:"uuid"`
	Type      string       `json:"type"`
	Value     string       `json:"value"`
	ToIDS     truth        `json:"to_ids"`
	Deleted   truth        `json:"deleted"`
	Relation  string       `json:"object_relation"`
	Comment   string       `json:"comment"`
	Timestamp number       `json:"timestamp"`
	Tags      []mispTag    `json:"Tag"`
	Galaxy    []mispGalaxy `json:"Galaxy"`
}

// mispEvent reads the event that comes next (MISP core format, section 2.2).
func (r *reading) mispEvent(d *jsonReader) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errForm
	}
	n, err := r.b.newSource(source{file: r.path})
	if err != nil {
		return err
	}
	s := func() *source { return &r.b.set.sources[n] } // sources move
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		switch name {
		case "Attribute":
			err = elements(d, func(raw json.RawMessage, line, column, i int) error {
				return r.attribute(raw, n, line, column, fmt.Sprintf("Attribute[%d]", i))
			})
		case "Object":
			err = elements(d, func(raw json.RawMessage, line, column, i int) error {
				return r.mispObject(raw, n, line, column, i)
			})
		case "info":
			err = lenient(d, &s().feed)
		case "threat_level_id":
			var level number
			err = d.Decode(&level)
			if level >= 1 && level <= 3 {
				s().severity = rules.High + 1 - rules.Severity(level)
			}
		case "Orgc":
			var org struct {
				Name string `json:"name"`
			}
			err = lenient(d, &org)
			s().provider = org.Name
		case "Tag":
			var tags []mispTag
			err = lenient(d, &tags)
			s().tlp, s().techniques = mispTags(s().tlp, s().techniques, tags)
		case "Galaxy":
			var list []mispGalaxy
			err = lenient(d, &list)
			s().techniques = galaxies(s().techniques, list)
		default:
			var skip json.RawMessage
			err = d.Decode(&skip)
		}
		if err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// lenient decodes what may have another form than we know: then it says
// nothing.
func lenient(d *jsonReader, into any) error {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return err
	}
	_ = json.Unmarshal(raw, into)
	return nil
}

func mispTags(tlp TLP, techniques []string, tags []mispTag) (TLP, []string) {
	for _, t := range tags {
		name := strings.ToLower(t.Name)
		if strings.HasPrefix(name, "tlp:") {
			if x, ok := ParseTLP(name); ok {
				tlp = max(tlp, x)
			}
		}
		if strings.HasPrefix(name, "misp-galaxy:mitre-") {
			techniques = addNamed(techniques, t.Name)
		}
	}
	return tlp, techniques
}

// addNamed adds the technique in a name as `...="Phishing - T1566"`.
func addNamed(techniques []string, name string) []string {
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == ' ' || r == '"' || r == '=' }) {
		techniques = rules.AddTechnique(techniques, w)
	}
	return techniques
}

func galaxies(techniques []string, list []mispGalaxy) []string {
	for _, g := range list {
		for _, c := range g.Cluster {
			for _, id := range c.Meta.ID {
				techniques = rules.AddTechnique(techniques, id)
			}
			techniques = addNamed(techniques, c.Tag)
		}
	}
	return techniques
}

// mispObject reads the attributes of an object (MISP core format, section 2.5).
func (r *reading) mispObject(raw json.RawMessage, src uint32, line, column, n int) error {
	var o struct {
		Name      string            `json:"name"`
		Deleted   truth             `json:"deleted"`
		Attribute []json.RawMessage `json:"Attribute"`
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		r.problem(rules.Problem{Line: line, Column: column, Level: rules.Wrong, Reason: "intel: object", Message: fmt.Sprintf("Object[%d] can't be read: %v", n, err)})
		return nil
	}
	if o.Deleted {
		r.without["they are deleted"] += len(o.Attribute)
		return nil
	}
	for i, a := range o.Attribute {
		if err := r.attribute(a, src, line, column, fmt.Sprintf("Object[%d].Attribute[%d]", n, i)); err != nil {
			return err
		}
	}
	return nil
}

// attribute takes one attribute.
func (r *reading) attribute(raw json.RawMessage, src uint32, line, column int, path string) error {
	var a mispAttribute
	say := func(level rules.Level, reason, text string) error {
		r.problem(rules.Problem{Line: line, Column: column, Level: level, Rule: a.UUID, Reason: "intel: " + reason, Message: path + ": " + text})
		return nil
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return say(rules.Wrong, "attribute", "it can't be read: "+err.Error())
	}
	switch {
	case bool(a.Deleted):
		r.without["they are deleted"]++
		return nil
	case !bool(a.ToIDS):
		r.without["to_ids is not set"]++
		return nil
	}
	x := Indicator{ID: a.UUID, Description: a.Comment, Confidence: -1, Line: line, source: src}
	if a.Timestamp > 0 && a.Timestamp < 1<<33 {
		x.Modified = int64(a.Timestamp) * 1e9
	}
	x.TLP, x.Techniques = mispTags(Unmarked, nil, a.Tags)
	x.Techniques = galaxies(x.Techniques, a.Galaxy)
	patterns, ok := mispTypes[a.Type]
	if !ok && a.Relation == "ja4-fingerprint" {
		patterns, ok = one(JA4), true
	}
	if !ok {
		if hint := mispRules[a.Type]; hint != "" {
			return say(rules.Refused, "type "+short(a.Type), "a rule of "+hint+" is not read here; give it as a file of its own")
		}
		return say(rules.Refused, "type "+short(a.Type), fmt.Sprintf("attributes of type %q are not looked for", short(a.Type)))
	}
	var err error
	if x.Patterns, err = patterns(strings.TrimSpace(a.Value)); err != nil {
		return say(rules.Wrong, "value", fmt.Sprintf("value of type %s: %v", a.Type, err))
	}
	return r.take(&x)
}
