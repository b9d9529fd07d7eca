package export

import (
	"bufio"
	"encoding/json"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"saksi/event"
)

// stixSpace is the namespace of cyber-observable objects (STIX 2.1, 2.9), and
// ownSpace that of ours: the standard keeps the first for observables.
var (
	stixSpace = uuid.MustParse("00abedb4-aa42-466c-9c01-fed23315a9b7")
	ownSpace  = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://saksi.example/stix"))
)

// tlpMarks are the marking definitions of TLP 2.0 that OASIS published
// (cti-stix-common-objects, extension-definition-specifications/tlp-2.0).
var tlpMarks = map[string]string{
	"clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", "white": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
	"green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
	"amber+strict": "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", "red": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

const tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

// stixSince is when our own unchanging objects were made.
const stixSince = "2026-01-01T00:00:00.000Z"

// stixPatterns are the pattern types of the open vocabulary by language of rules.
var stixPatterns = map[string]string{"suricata": "suricata", "sigma": "sigma", "yara": "yara"}

type object = map[string]any

// stix writes a bundle object by object. It holds the ids that were written.
type stix struct {
	w       *bufio.Writer
	o       Options
	done    map[string]bool
	ids     []byte // digest of all ids, which names the bundle
	own     string // id of the identity
	marks   []string
	n, left int
}

func newSTIX(w io.Writer, o Options) (Writer, error) {
	return &stix{w: bufio.NewWriter(w), o: o, done: map[string]bool{}}, nil
}

func ownID(kind string, parts ...string) string {
	b, err := json.Marshal(parts)
	if err != nil {
		return kind + "--" + uuid.Nil.String()
	}
	return kind + "--" + uuid.NewSHA1(ownSpace, append([]byte(kind+"\x00"), b...)).String()
}

// observableID names a cyber-observable by its contributing properties. They are
// texts, ports and lists of them, which encoding/json writes as RFC 8785 does but
// for U+2028 and U+2029.
func observableID(kind string, props object) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(props); err != nil {
		return "", err
	}
	return kind + "--" + uuid.NewSHA1(stixSpace, []byte(strings.TrimSuffix(b.String(), "\n"))).String(), nil
}

// put writes an object unless one of its id was written.
func (s *stix) put(id string, o object) error {
	if s.done[id] {
		return nil
	}
	s.done[id] = true
	o["id"], o["spec_version"] = id, "2.1"
	b, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if s.n == 0 {
		s.w.WriteString(`{"type":"bundle","objects":[` + "\n")
	} else {
		s.w.WriteString(",\n")
	}
	s.n++
	sum := uuid.NewSHA1(ownSpace, append(s.ids, id...))
	s.ids = sum[:]
	_, err = s.w.Write(b)
	return err
}

// begin writes what all others refer to.
func (s *stix) begin() error {
	name := s.o.Agency
	if name == "" {
		name = "Saksi"
	}
	s.own = ownID("identity", name)
	if s.o.Classification != "" {
		id := ownID("marking-definition", s.o.Classification)
		s.marks = append(s.marks, id)
		if err := s.put(id, object{"type": "marking-definition", "created": stixSince, "definition_type": "statement", "definition": object{"statement": s.o.Classification}}); err != nil {
			return err
		}
	}
	return s.put(s.own, object{"type": "identity", "created": stixSince, "modified": stixSince, "name": name, "identity_class": "organization"})
}

// marking gives the markings of a finding.
func (s *stix) marking(e *event.Event) ([]string, error) {
	tlp := tlpOf(e)
	id := tlpMarks[tlp]
	if id == "" {
		return s.marks, nil
	}
	if tlp == "white" {
		tlp = "clear"
	}
	err := s.put(id, object{
		"type": "marking-definition", "created": "2022-10-01T00:00:00.000Z", "name": "TLP:" + strings.ToUpper(tlp),
		"extensions": object{tlpExtension: object{"extension_type": "property-extension", "tlp_2_0": tlp}},
	})
	return append(s.marks[:len(s.marks):len(s.marks)], id), err
}

// Emit implements findings.Sink.
func (s *stix) Emit(e *event.Event) error {
	if s.own == "" {
		if err := s.begin(); err != nil {
			return err
		}
	}
	marks, err := s.marking(e)
	if err != nil {
		return err
	}
	refs, err := s.observables(e)
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		s.left++
		return nil
	}
	at, _ := e.GetTime(event.Timestamp)
	when := time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000Z")
	put := func(id string, o object) error {
		o["created_by_ref"] = s.own
		if o["created"] == nil {
			o["created"] = when
		}
		o["modified"] = o["created"]
		if len(marks) > 0 {
			o["object_marking_refs"] = marks
		}
		return s.put(id, o)
	}
	data := ownID("observed-data", str(e, event.EventID))
	if err := put(data, object{"type": "observed-data", "first_observed": when, "last_observed": when, "number_observed": 1, "object_refs": refs}); err != nil {
		return err
	}
	of, since, err := s.indicator(e, when, put)
	if err != nil || of == "" {
		return err
	}
	for _, t := range techniquesOf(e) {
		name := t[1]
		if name == "" {
			name = t[0]
		}
		id := ownID("attack-pattern", t[0])
		if err := s.put(id, object{
			"type": "attack-pattern", "created": stixSince, "modified": stixSince, "created_by_ref": s.own, "name": name,
			"external_references": []object{{"source_name": "mitre-attack", "external_id": t[0]}},
		}); err != nil {
			return err
		}
		if since == "" { // it is not ours to say what another's indicator indicates
			continue
		}
		if err := put(ownID("relationship", of, id), object{"type": "relationship", "created": since, "relationship_type": "indicates", "source_ref": of, "target_ref": id}); err != nil {
			return err
		}
	}
	return put(ownID("sighting", data, of), object{
		"type": "sighting", "sighting_of_ref": of, "observed_data_refs": []string{data}, "where_sighted_refs": []string{s.own}, "first_seen": when, "last_seen": when, "count": 1,
	})
}

// indicator writes the rule of a finding as an indicator with the rule's text
// as its pattern, and gives its id and when it was made. What rests on an
// indicator of STIX is a sighting of that one, which has no such time here.
func (s *stix) indicator(e *event.Event, when string, put func(string, object) error) (id, since string, err error) {
	if theirs := str(e, event.ThreatIndicatorID); strings.HasPrefix(theirs, "indicator--") {
		if _, err := uuid.Parse(strings.TrimPrefix(theirs, "indicator--")); err == nil {
			return theirs, "", nil
		}
	}
	r := ruleOf(e)
	kind := stixPatterns[r.language]
	if kind == "" || r.text == "" {
		return "", "", nil
	}
	name := r.name
	if name == "" {
		name = r.id
	}
	id = ownID("indicator", r.language, r.id, r.digest, r.text)
	return id, stixSince, put(id, object{
		"type": "indicator", "created": stixSince, "name": name, "description": "A rule of " + r.language + " that found something.", "pattern": r.text, "pattern_type": kind, "valid_from": stixSince, "indicator_types": []string{"unknown"},
		"external_references": []object{{"source_name": "saksi", "external_id": r.id}},
	})
}

// observables writes what a finding names and gives the ids.
func (s *stix) observables(e *event.Event) (refs []string, err error) {
	add := func(kind string, ids, rest object) (string, error) {
		id, err := observableID(kind, ids)
		if err != nil {
			return "", err
		}
		o := object{"type": kind}
		for _, m := range []object{ids, rest} {
			for k, v := range m {
				o[k] = v
			}
		}
		if !contains(refs, id) {
			refs = append(refs, id)
		}
		return id, s.put(id, o)
	}
	value := func(kind, v string) error {
		_, err := add(kind, object{"value": v}, nil)
		return err
	}
	if err := s.traffic(e, add); err != nil {
		return nil, err
	}
	hashes := object{}
	first := object{} // the one of most preference names the file
	var name string
	for _, t := range things(e) {
		switch t.kind {
		case thingDomain:
			err = value("domain-name", t.value)
		case thingHost:
			if isDomain(t.value) {
				err = value("domain-name", t.value)
			}
		case thingURL:
			err = value("url", t.value)
		case thingMail:
			err = value("email-addr", t.value)
		case thingUser:
			_, err = add("user-account", object{"account_login": t.value}, nil)
		case thingIP:
			if t.role == "" { // else a part of the traffic
				err = value(ipKind(t.value), t.value)
			}
		case thingFile:
			name = t.value
		case thingMD5:
			hashes["MD5"] = t.value
		case thingSHA1:
			hashes["SHA-1"] = t.value
		case thingSHA256:
			hashes["SHA-256"] = t.value
		}
		if err != nil {
			return nil, err
		}
	}
	for _, k := range []string{"MD5", "SHA-1", "SHA-256"} { // STIX 2.1, 2.9
		if v, ok := hashes[k]; ok {
			first[k] = v
			break
		}
	}
	if len(hashes) == 0 && name == "" {
		return refs, nil
	}
	ids, rest := object{}, object{}
	if len(hashes) > 0 {
		ids["hashes"], rest["hashes"] = first, hashes
	}
	if name != "" {
		ids["name"] = name
	}
	if n, ok := e.GetInt(event.FileSize); ok && n >= 0 {
		rest["size"] = n
	}
	_, err = add("file", ids, rest)
	return refs, err
}

func ipKind(s string) string {
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() && !a.Is4In6() {
		return "ipv6-addr"
	}
	return "ipv4-addr"
}

// traffic writes both ends and what passed between them.
func (s *stix) traffic(e *event.Event, add func(string, object, object) (string, error)) error {
	ids := object{}
	var protocols []string
	for _, end := range []struct {
		ip, port   event.Field
		ref, place string
	}{{event.SourceIP, event.SourcePort, "src_ref", "src_port"}, {event.DestinationIP, event.DestinationPort, "dst_ref", "dst_port"}} {
		a, ok := e.GetAddr(end.ip)
		if !ok {
			continue
		}
		kind := ipKind(a.String())
		id, err := add(kind, object{"value": a.String()}, nil)
		if err != nil {
			return err
		}
		if len(protocols) == 0 {
			protocols = append(protocols, strings.TrimSuffix(kind, "-addr"))
		}
		ids[end.ref] = id
		if n, ok := e.GetInt(end.port); ok && n > 0 && n < 1<<16 {
			ids[end.place] = n
		}
	}
	if len(ids) == 0 {
		return nil
	}
	for _, f := range []event.Field{event.NetworkTransport, event.NetworkProtocol} {
		if p := str(e, f); p != "" && !contains(protocols, p) {
			protocols = append(protocols, p)
		}
	}
	ids["protocols"] = protocols
	_, err := add("network-traffic", ids, nil)
	return err
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Close implements Writer. The bundle's id follows from those of its objects.
func (s *stix) Close() error {
	if s.own == "" {
		if err := s.begin(); err != nil {
			return err
		}
	}
	s.w.WriteString("\n],\"id\":\"" + ownID("bundle", string(s.ids)) + "\"}\n")
	return s.w.Flush()
}

// LeftOut implements Writer.
func (s *stix) LeftOut() int { return s.left }
