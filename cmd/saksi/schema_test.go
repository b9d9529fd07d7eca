package main

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"saksi/evidence"
)

// cmdConforms runs "conforms BUNDLE NAME": the statement in BUNDLE is of the
// predicate NAME and as docs/schema says of it.
func cmdConforms(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: conforms BUNDLE NAME")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	st, err := evidence.Open(b, nil)
	ts.Check(err)
	if name := path.Base(strings.TrimSuffix(st.PredicateType, "/v1")); name != args[1] {
		ts.Fatalf("%s is of predicate %s", args[0], st.PredicateType)
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("../../docs/schema", args[1]+".json"))
	ts.Check(err)
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(st.Predicate))
	ts.Check(err)
	if err := schema.Validate(v); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
}
