package ecs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocuments holds every document that stands as an expected one in the
// tests of any part to ECS: each field, its type, whether it is an array, and
// the values allowed of event.kind, category, type and outcome.
func TestDocuments(t *testing.T) {
	files, docs := 0, 0
	said := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".git" || d.Name() == "node_modules" || path == "../../build" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.Contains(path, "testdata") || d.Type() != 0 {
			return nil
		}
		switch filepath.Ext(path) {
		case ".ndjson", ".golden", ".json", ".jsonl":
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n := docs
		for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
			line := sc.Bytes()
			if !bytes.Contains(line, []byte(`"dataset":"saksi.`)) {
				continue
			}
			var doc map[string]any
			if json.Unmarshal(line, &doc) != nil || doc["@timestamp"] == nil {
				continue // something that speaks of documents
			}
			docs++
			var more []string
			if strings.Contains(path, "sensor") { // the engine says of each that it is of the network
				more = append(more, "network")
			}
			for _, w := range Check(line, more...) {
				if said[w]++; said[w] == 1 {
					t.Errorf("%s: %s", path, w)
				}
			}
		}
		if docs > n {
			files++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 || docs < 350 {
		t.Errorf("%d documents in %d files: they prove little", docs, files)
	}
	t.Logf("%d documents in %d files", docs, files)
}

// TestCheck proves that the check refuses what it must.
func TestCheck(t *testing.T) {
	for doc, want := range map[string]string{
		`{"event":{"kind":"event","category":["network"],"type":["connection"],"outcome":"success"}}`: "",
		`{"event":{"kind":"warning"}}`:                           `ECS does not allow "warning"`,
		`{"event":{"outcome":"maybe"}}`:                          `ECS does not allow "maybe"`,
		`{"event":{"category":["email"],"type":["deletion"]}}`:   "does not go with",
		`{"event":{"category":"network"}}`:                       "written as an array",
		`{"source":{"port":"80"}}`:                               "is no long",
		`{"source":{"prot":80}}`:                                 "no field of ours",
		`{"message":["a"]}`:                                      "written as an array",
		`{"Saksi":{"case":7}}`:                                   "is no keyword",
		`{"event":{"category":["intrusion"],"kind":"alert"}}`:    `ECS does not allow "intrusion"`,
		`{"event":{"category":["network"],"type":["infos"]}}`:    `ECS does not allow "infos"`,
		`{"event":{"category":["network"],"type":["creation"]}}`: "does not go with",
	} {
		got := strings.Join(Check([]byte(doc)), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, expected %q", doc, got, want)
		}
	}
}
