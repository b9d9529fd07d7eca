package casefile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"saksi/evidence"
)

// TestSchemas proves that the predicates of the statements in a sealed case are
// as docs/schema says, and that the schemas refuse what they are not.
func TestSchemas(t *testing.T) {
	s, pub := key(t)
	dir := makeCase(t, s)
	sealOne(t, dir, s, s, nil)
	for name, path := range map[string]string{"examination": "data/statements/000004-examination.sigstore.json", "seal": sealBundleFile} {
		schema, err := jsonschema.NewCompiler().Compile(filepath.Join("../docs/schema", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		st, err := evidence.Open(b, pub)
		if err != nil || st.PredicateType != "https://saksi.example/predicate/"+name+"/v1" {
			t.Fatalf("%+v, %v", st, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(st.Predicate))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		m := v.(map[string]any)
		m["more"] = 1
		if schema.Validate(m) == nil {
			t.Errorf("%s: an unknown field is taken", name)
		}
		delete(m, "more")
		delete(m, "tool")
		if schema.Validate(m) == nil {
			t.Errorf("%s: a missing field is taken", name)
		}
	}
}
