package sensor

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/internal/soak"
	"saksi/rules/sigma"
	"saksi/rules/suricata"
	"saksi/sensor/capture"
)

// mutantPieces is how many packets of a capture are read together: a mutant of
// a whole one would cost as much as the capture is long.
const mutantPieces = 24

// mutantInputs cuts the captures below the folders into short ones.
func mutantInputs(t *testing.T, folders ...string) (list [][]byte) {
	for _, dir := range folders {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(filepath.Ext(path), "cap") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			c, err := split(data)
			if err != nil || len(c.list) == 0 { // of another machine, or damaged: as it is
				list = append(list, data[:min(len(data), 32<<10)])
				return nil
			}
			for from := 0; from < len(c.list); from += mutantPieces {
				part := bytes.Clone(c.head)
				if c.head == nil && from > 0 { // pcapng: its section and first interface
					part = append(bytes.Clone(c.list[0]), c.list[min(1, len(c.list)-1)]...)
				}
				for _, r := range c.list[from:min(from+mutantPieces, len(c.list))] {
					part = append(part, r...)
				}
				list = append(list, part)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// TestMutants reads the captures of testdata, and of the corpus if it is there,
// with each byte flipped, cut and repeated, through everything that a capture
// goes through, with rules. Such a reading ends well, as incomplete, or with an
// error that says what is wrong with the capture.
func TestMutants(t *testing.T) {
	set, problems, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	events, problems, err := sigma.Load([]string{"../testdata/rules/sigma"}, sigma.Config{})
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, problems)
	}
	folders := []string{"../testdata/capture"}
	if corpus := os.Getenv("SAKSI_CORPUS"); corpus != "" {
		folders = append(folders, filepath.Join(corpus, "captures"))
	} else {
		t.Log("SAKSI_CORPUS is not set: only the captures of testdata are changed")
	}
	inputs := mutantInputs(t, folders...)
	sizes := make([]int, len(inputs))
	for i := range inputs {
		sizes[i] = len(inputs[i])
	}
	key := strings.Repeat("5", 64)
	soak.Mutants(t, 400, sizes, func(m soak.Mutant) error {
		_, err := Read(context.Background(), Config{
			Workers: 1, NoChecksum: true, Rules: RuleSet{Suricata: set, Sigma: events}, Sink: &lines{},
			Sources: []Source{{Reader: bytes.NewReader(m.Apply(inputs[m.Input], m.At)), Name: "mutant", Key: key}},
		})
		var told *capture.Error
		if err != nil && !errors.Is(err, ErrIncomplete) && !errors.As(err, &told) {
			return err
		}
		return nil
	})
}
