package sensor

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"saksi/rules/suricata"
)

// floorEVE is the number of cases of corpus/suricata whose checks all hold for
// EVE JSON as it is written, with every field they name; it only goes up.
const floorEVE = 222

var elementOf = regexp.MustCompile(`^([^\[]*)((?:\[\d+\])*)$`)

// eveAt finds a member of a document by a path such as dns.answers[0].rrtype.
func eveAt(doc any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		m := elementOf.FindStringSubmatch(part)
		if m == nil {
			return nil, false
		}
		if m[1] != "" {
			o, ok := doc.(map[string]any)
			if !ok {
				return nil, false
			}
			if doc, ok = o[m[1]]; !ok {
				return nil, false
			}
		}
		for _, n := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '[' || r == ']' }) {
			list, ok := doc.([]any)
			i, err := strconv.Atoi(n)
			if !ok || err != nil || i >= len(list) {
				return nil, false
			}
			doc = list[i]
		}
	}
	return doc, true
}

// holds reports whether a document has all that a check names.
func (c *check) holds(doc map[string]any) bool {
	for path, want := range c.Match {
		if at, ok := strings.CutSuffix(path, ".__contains"); ok {
			list, _ := eveAt(doc, at)
			found := false
			if elements, ok := list.([]any); ok {
				for _, x := range elements {
					found = found || reflect.DeepEqual(x, want)
				}
			}
			if !found {
				return false
			}
			continue
		}
		have, ok := eveAt(doc, path)
		if want == nil && !ok {
			continue
		}
		if !ok || !reflect.DeepEqual(have, want) {
			return false
		}
	}
	return true
}

// TestSuricataEVE counts the cases in which all events that Suricata's checks
// ask for are there, and no other, in EVE JSON.
func TestSuricataEVE(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(corpus(t, "suricata"), "*", "checks.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	passed := 0
	for _, path := range dirs {
		dir := filepath.Dir(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var checks []check
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&checks); err != nil {
			t.Fatal(err)
		}
		set, _, err := suricata.LoadFiles([]string{filepath.Join(dir, "test.rules")}, suricata.Config{Offer: Offer()})
		if err != nil {
			t.Fatal(err)
		}
		var docs []map[string]any
		for _, line := range eveOf(t, filepath.Join(dir, "input.pcap"), set, 1, false) {
			var doc map[string]any
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			if err := d.Decode(&doc); err != nil {
				t.Fatal(err)
			}
			docs = append(docs, doc)
		}
		good := true
		for i := range checks {
			n := 0
			for _, doc := range docs {
				if checks[i].holds(doc) {
					n++
				}
			}
			if n != checks[i].Count {
				good = false
				t.Logf("%s: %d events for %v, expected %d", filepath.Base(dir), n, checks[i].Match, checks[i].Count)
				break
			}
		}
		if good {
			passed++
		}
	}
	t.Logf("%d of %d cases hold; floor %d", passed, len(dirs), floorEVE)
	if passed < floorEVE {
		t.Errorf("%d cases hold, fewer than %d", passed, floorEVE)
	}
}
