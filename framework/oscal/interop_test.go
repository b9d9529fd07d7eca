package oscal

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"saksi/evidence"
)

// ajv validates files against a schema: the first argument is the schema.
const ajv = `const fs = require('fs'), Ajv = require('ajv').default, formats = require('ajv-formats').default;
const a = new Ajv({allErrors: true, strict: false}); formats(a);
const v = a.compile(JSON.parse(fs.readFileSync(process.argv[2])));
for (const f of process.argv.slice(3)) if (!v(JSON.parse(fs.readFileSync(f)))) { console.log(f, JSON.stringify(v.errors.slice(0, 5))); process.exitCode = 1; }`

// places are where a workspace of trestle keeps each model.
var places = map[string]string{
	CatalogFile: "catalogs/a/catalog.json", MappingFile: "mapping-collections/a/mapping-collection.json", ProfileFile: "profiles/a/profile.json",
	ComponentFile: "component-definitions/a/component-definition.json", SystemFile: "system-security-plans/a/system-security-plan.json",
	PlanFile: "assessment-plans/a/assessment-plan.json", ResultsFile: "assessment-results/a/assessment-results.json",
	POAMFile: "plan-of-action-and-milestones/a/plan-of-action-and-milestones.json",
}

// TestInteropStock proves that compliance-trestle, go-oscal and ajv with NIST's
// schema accept all eight models, that trestle verifies their signatures, and
// that each of them refuses what is wrong.
func TestInteropStock(t *testing.T) {
	tools := os.Getenv("SAKSI_OSCAL")
	if tools == "" {
		t.Skip("needs compliance-trestle, go-oscal and ajv: run by make interop, which names their folder in SAKSI_OSCAL")
	}
	dir, ws := t.TempDir(), t.TempDir()
	run := func(name string, args ...string) (string, error) {
		c := exec.Command(name, args...)
		c.Dir = ws
		c.Env = append(os.Environ(), "TRESTLE_BETA_FEATURES=json-signing", "NODE_PATH="+filepath.Join(tools, "node_modules"))
		b, err := c.CombinedOutput()
		return string(b), err
	}
	must := func(name string, args ...string) {
		t.Helper()
		if out, err := run(name, args...); err != nil {
			t.Errorf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
		}
	}
	refuses := func(name string, args ...string) {
		t.Helper()
		if out, err := run(name, args...); err == nil {
			t.Errorf("%s %s accepts what is wrong\n%s", filepath.Base(name), strings.Join(args, " "), out)
		}
	}
	trestle, goOSCAL := filepath.Join(tools, "bin/trestle"), filepath.Join(tools, "bin/go-oscal")
	schema := filepath.Join(tools, "oscal_complete_schema-1-2-1.json")
	if _, err := evidence.GenerateKey(filepath.Join(dir, "a.key"), evidence.KeyECDSA, nil); err != nil {
		t.Fatal(err)
	}
	s, err := evidence.LoadSigner(filepath.Join(dir, "a.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, c := sample(t)
	docs, err := Documents(a, c)
	if err != nil {
		t.Fatal(err)
	}
	must(trestle, "init", "--local")
	script := filepath.Join(dir, "ajv.js")
	if err := os.WriteFile(script, []byte(ajv), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var files []string
	for _, d := range docs {
		path := filepath.Join(dir, d.Name)
		files = append(files, path)
		write(path, d.JSON)
		write(filepath.Join(ws, places[d.Name]), d.JSON)
		write(filepath.Join(ws, d.Name), d.JSON) // trestle finds references from there
		sig, err := Sign(t.Context(), s, d.Name, d.JSON)
		if err != nil {
			t.Fatal(err)
		}
		write(path+SignatureEnd, sig)
		must(goOSCAL, "validate", "-f", path)
		must(trestle, "verify", "-f", path, "--signature", path+SignatureEnd, "--public-key", filepath.Join(dir, "a.pub"))
	}
	for _, kind := range []string{evidence.KeyEd25519, evidence.KeyRSA} {
		if _, err := evidence.GenerateKey(filepath.Join(dir, kind+".key"), kind, nil); err != nil {
			t.Fatal(err)
		}
		s, err := evidence.LoadSigner(filepath.Join(dir, kind+".key"), nil)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := Sign(t.Context(), s, docs[0].Name, docs[0].JSON)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, kind+SignatureEnd)
		write(path, sig)
		must(trestle, "verify", "-f", files[0], "--signature", path, "--public-key", filepath.Join(dir, kind+".pub"))
		refuses(trestle, "verify", "-f", files[0], "--signature", path, "--public-key", filepath.Join(dir, "a.pub"))
	}
	must("node", append([]string{script, schema}, files...)...)
	must(trestle, "validate", "-a")

	wrong := strings.Replace(string(docs[0].JSON), `"title"`, `"heading"`, 1)
	path := filepath.Join(dir, "wrong", CatalogFile)
	write(path, []byte(wrong))
	write(filepath.Join(ws, places[CatalogFile]), []byte(wrong))
	refuses(goOSCAL, "validate", "-f", path)
	refuses("node", script, schema, path)
	refuses(trestle, "validate", "-a")
	refuses(trestle, "verify", "-f", path, "--signature", files[0]+SignatureEnd, "--public-key", filepath.Join(dir, "a.pub"))
}
