package framework

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the files that are made from the code")

const schemaFile = "../docs/schema/assessment.json"

// fieldDocs are the comments of the fields of all structs, by TYPE.FIELD.
func fieldDocs(t *testing.T) map[string]string {
	t.Helper()
	docs := map[string]string{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(src, func(n ast.Node) bool {
			ts, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			st, ok := ts.Type.(*ast.StructType)
			if !ok {
				return true
			}
			for _, fl := range st.Fields.List {
				text := strings.TrimSpace(fl.Doc.Text() + fl.Comment.Text())
				for _, name := range fl.Names {
					docs[ts.Name.Name+"."+name.Name] = strings.ReplaceAll(text, "\n", " ")
				}
			}
			return true
		})
	}
	return docs
}

type schemaMaker struct {
	docs map[string]string
	defs map[string]any
}

func (m *schemaMaker) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeOf(time.Time{}):
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeOf(State("")):
		var list []any
		for _, s := range States {
			list = append(list, string(s))
		}
		return map[string]any{"enum": list}
	}
	switch t.Kind() {
	case reflect.Pointer:
		in := m.of(t.Elem())
		return map[string]any{"anyOf": []any{in, map[string]any{"type": "null"}}}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Slice:
		return map[string]any{"type": []any{"array", "null"}, "items": m.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": []any{"object", "null"}, "additionalProperties": m.of(t.Elem())}
	case reflect.Struct:
		m.define(t)
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	}
	panic("no schema of " + t.String())
}

func (m *schemaMaker) define(t reflect.Type) {
	if m.defs[t.Name()] != nil {
		return
	}
	props, required := map[string]any{}, []any{}
	def := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	m.defs[t.Name()] = def
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		p := m.of(f.Type)
		if d := m.docs[t.Name()+"."+f.Name]; d != "" {
			p["description"] = d
		}
		props[name] = p
		if !strings.Contains(opts, "omitempty") {
			required = append(required, name)
		}
	}
	def["required"] = required
}

// TestSchema proves that docs/schema/assessment.json is the form that the code
// writes, and that an assessment conforms to it.
func TestSchema(t *testing.T) {
	m := &schemaMaker{docs: fieldDocs(t), defs: map[string]any{}}
	m.define(reflect.TypeOf(Assessment{}))
	b, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://saksi.example/schema/assessment/v2", "title": "assessment",
		"description": "assessment.json, as 'saksi framework assess' writes it: format 2", "$ref": "#/$defs/Assessment", "$defs": m.defs,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(schemaFile, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, have) {
		t.Errorf("%s is not what the code writes; 'go test ./framework -run TestSchema -update' makes it anew", schemaFile)
	}
	schema, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	conforms := func(a *Assessment) error {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v)
	}
	a := hostileAssessment(t)
	if err := conforms(a); err != nil {
		t.Error(err)
	}
	a.Outcomes[0].State = "excellent"
	if conforms(a) == nil {
		t.Error("a state that there is not conforms")
	}
}
