// Package ecs holds documents to the Elastic Common Schema 8.17.0: names, types,
// arrays and allowed values. Only tests import it. The table of fields is
// ecs-8.17.0.json.gz, reduced from ECS's generated flat file (Apache-2.0).
package ecs

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"saksi/event"
)

//go:embed ecs-8.17.0.json.gz
var table []byte

// Field is what ECS says of a field: its type (T), whether it holds several values
// (N), and the values it allows (A), each with the values of event.type that may
// stand beside it.
type Field struct {
	T string
	N bool
	A map[string][]string
}

// Fields gives all fields of ECS by name.
var Fields = sync.OnceValues(func() (map[string]Field, error) {
	z, err := gzip.NewReader(bytes.NewReader(table))
	if err != nil {
		return nil, err
	}
	var list map[string]Field
	return list, json.NewDecoder(z).Decode(&list)
})

// leaves gives the values of a document by the names of their fields, and the
// fields that are written as arrays.
func leaves(prefix string, v any, values map[string][]any, arrays map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for k, y := range x {
			leaves(strings.TrimPrefix(prefix+"."+k, "."), y, values, arrays)
		}
	case []any:
		arrays[prefix] = true
		values[prefix] = append(values[prefix], x...)
	default:
		values[prefix] = append(values[prefix], v)
	}
}

// Check gives what is wrong with a document: fields that are neither of ECS nor
// ours, one value where arrays are due and the other way round, values that ECS
// does not allow, and types of events that go with none of their categories. more
// are categories that whoever stores the document adds.
func Check(doc []byte, more ...string) (wrong []string) {
	fields, err := Fields()
	if err != nil {
		return []string{err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return []string{err.Error()}
	}
	values, arrays := map[string][]any{}, map[string]bool{}
	leaves("", v, values, arrays)
	for name, list := range values {
		f, ok := event.Lookup(name)
		if !ok {
			wrong = append(wrong, name+" is no field of ours")
			continue
		}
		if arrays[name] != f.IsArray() {
			wrong = append(wrong, fmt.Sprintf("%s: written as an array: %v, expected: %v", name, arrays[name], f.IsArray()))
		}
		e := fields[name]
		if e.T == "" && !strings.HasPrefix(name, "Saksi.") {
			wrong = append(wrong, name+" is no field of ECS")
		}
		for _, v := range list {
			if !fits(f.Type(), v) {
				wrong = append(wrong, fmt.Sprintf("%s: %v is no %s", name, v, f.Type()))
			}
			if s, _ := v.(string); len(e.A) > 0 && e.A[s] == nil {
				wrong = append(wrong, fmt.Sprintf("%s: ECS does not allow %q", name, s))
			}
		}
	}
	var may []string // types that one of the categories expects
	for _, c := range values["event.category"] {
		s, _ := c.(string)
		more = append(more, s)
	}
	for _, c := range more {
		may = append(may, fields["event.category"].A[c]...)
	}
	for _, v := range values["event.type"] {
		if s, _ := v.(string); len(more) > 0 && !slices.Contains(may, s) {
			wrong = append(wrong, fmt.Sprintf("event.type %q does not go with event.category %v, which expects %v", s, more, may))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// fits reports whether a value of JSON is one of a field's type.
func fits(t event.Type, v any) bool {
	switch v.(type) {
	case json.Number:
		return t == event.Long || t == event.Float
	case bool:
		return t == event.Boolean
	case string:
		return t != event.Long && t != event.Float && t != event.Boolean
	}
	return false
}
