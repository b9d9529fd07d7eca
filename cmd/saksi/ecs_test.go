package main

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// ecsField is what ECS says of a field: type, whether it holds several values,
// and its allowed values, those of event.category with the event.type each
// expects.
type ecsField struct {
	T string
	N bool
	A map[string][]string
}

// TestECSValues proves that what is emitted for every capture, artifact and image
// of testdata, and for the demo, is made of fields of ECS with values of their
// types, and that kind, category, type and outcome are allowed and fit. Only
// records of a disk may have no moment: none is invented.
func TestECSValues(t *testing.T) {
	f, err := os.Open("../../event/testdata/ecs-8.17.0.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var ecs map[string]ecsField
	if err := json.NewDecoder(z).Decode(&ecs); err != nil {
		t.Fatal(err)
	}
	dir := home(t)
	seen, wrong := map[string]int{}, map[string]string{}
	take := func(args ...string) {
		var out, errs strings.Builder
		code := run(t.Context(), &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}, append(args, "-o", "ndjson", "-q"))
		if code != exitOK && code != exitIncomplete {
			if args[0] != "forensics" { // of those some are of no form that is read
				t.Errorf("%v: exit %d: %s", args, code, errs.String())
			}
			return
		}
		for line := range strings.Lines(out.String()) {
			var doc map[string]any
			if err := json.Unmarshal([]byte(line), &doc); err != nil {
				t.Fatalf("%v: %v in %s", args, err, line)
			}
			set, _ := doc["event"].(map[string]any)["dataset"].(string)
			seen[set]++
			for _, w := range ecsFaults(ecs, doc) {
				if wrong[w] == "" {
					wrong[w] = strings.TrimSpace(line)
				}
			}
		}
	}
	all := func(pattern string) []string {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, c := range all("../../testdata/capture/*.pcap*") {
		take("sensor", "read", c, "--rules", "../../testdata/rules/demo.rules", "--rules", "../../testdata/rules/sigma", "--rules", "../../testdata/rules/demo.yar", "--anomalies")
	}
	for _, a := range all("../../testdata/artifact/*") {
		take("forensics", "parse", a)
	}
	for _, i := range all("../../testdata/image/*") {
		take("forensics", "ls", i, "-r", "--hash", "sha256")
		take("forensics", "artifacts", i)
	}
	take("forensics", "scan", "../../testdata/image/demo.E01", "--rules", "../../testdata/rules/demo.yar", "--features")
	saksi(t, "demo", "-q", "--dir", filepath.Join(dir, "kes"))
	take("findings", "search", "--case", filepath.Join(dir, "kes"), "--size", "0")
	for _, w := range slices.Sorted(maps.Keys(wrong)) {
		t.Errorf("%s, such as in %s", w, wrong[w])
	}
	sets := slices.Sorted(maps.Keys(seen))
	if len(sets) < 15 {
		t.Errorf("documents of %d data sets only: %v", len(sets), sets)
	}
	t.Logf("%d data sets: %v", len(sets), sets)
}

// ecsFaults says what in a document ECS does not allow.
func ecsFaults(ecs map[string]ecsField, doc map[string]any) (list []string) {
	var walk func(prefix string, v any)
	walk = func(name string, v any) {
		if m, ok := v.(map[string]any); ok {
			if x, leaf := ecs[name]; !leaf || x.T == "object" || x.T == "nested" || x.T == "flattened" {
				for k, inner := range m {
					walk(strings.TrimPrefix(name+"."+k, "."), inner)
				}
				return
			}
		}
		if strings.HasPrefix(name, "Saksi.") {
			return
		}
		x, ok := ecs[name]
		if !ok {
			list = append(list, name+" is no field of ECS")
			return
		}
		if parent := ecs[name[:max(strings.LastIndexByte(name, '.'), 0)]]; parent.N {
			x.N = true // objects of an array, told by column
		}
		values, several := v.([]any)
		if !several {
			values = []any{v}
		}
		if several != x.N {
			list = append(list, fmt.Sprintf("%s: array is %t, expected %t", name, several, x.N))
		}
		for _, v := range values {
			if !ecsType(x.T, v) {
				list = append(list, fmt.Sprintf("%s: %v (%T) is no %s", name, v, v, x.T))
			}
			if s, ok := v.(string); ok && x.A != nil {
				if _, allowed := x.A[s]; !allowed {
					list = append(list, fmt.Sprintf("%s: %q is not allowed", name, s))
				}
			}
		}
	}
	walk("", doc)
	e, _ := doc["event"].(map[string]any)
	categories, _ := e["category"].([]any)
	types, _ := e["type"].([]any)
	for _, typ := range types {
		if len(categories) > 0 && !slices.ContainsFunc(categories, func(c any) bool {
			return slices.Contains(ecs["event.category"].A[fmt.Sprint(c)], fmt.Sprint(typ))
		}) {
			list = append(list, fmt.Sprintf("event.type %v is not expected of event.category %v (%v)", typ, categories, e["dataset"]))
		}
	}
	if e["kind"] == nil || e["dataset"] == nil || doc["@timestamp"] == nil && doc["network"] != nil {
		list = append(list, fmt.Sprintf("no event.kind, event.dataset or, of traffic, @timestamp (%v)", e["dataset"]))
	}
	return list
}

func ecsType(typ string, v any) bool {
	switch s, text := v.(string); typ {
	case "keyword", "wildcard", "constant_keyword", "match_only_text":
		return text
	case "ip":
		_, err := netip.ParseAddr(s)
		return err == nil
	case "date":
		_, err := time.Parse(time.RFC3339Nano, s)
		return err == nil
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "long":
		n, ok := v.(float64)
		return ok && n == float64(int64(n))
	case "float", "scaled_float":
		_, ok := v.(float64)
		return ok
	}
	return true
}
