package export

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"saksi/event"
)

// navigator gathers techniques into one layer (MITRE, Navigator layer format 4.5).
type navigator struct {
	w          io.Writer
	o          Options
	techniques map[string]*technique
	left       int
}

type technique struct {
	n     int
	rules map[string]bool
}

// maxTechniques and maxRules bound what rules can make us hold.
const (
	maxTechniques = 5000
	maxRules      = 50
)

type layer struct {
	Name        string           `json:"name"`
	Versions    layerVersions    `json:"versions"`
	Domain      string           `json:"domain"`
	Description string           `json:"description"`
	Techniques  []layerTechnique `json:"techniques"`
	Gradient    layerGradient    `json:"gradient"`
	Metadata    []layerMeta      `json:"metadata,omitempty"`
}

type layerVersions struct {
	Layer     string `json:"layer"`
	Navigator string `json:"navigator"`
}

type layerTechnique struct {
	ID      string `json:"techniqueID"`
	Score   int    `json:"score"`
	Comment string `json:"comment"`
	Enabled bool   `json:"enabled"`
}

type layerGradient struct {
	Colors []string `json:"colors"`
	Min    int      `json:"minValue"`
	Max    int      `json:"maxValue"`
}

type layerMeta struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newNavigator(w io.Writer, o Options) (Writer, error) {
	return &navigator{w: w, o: o, techniques: map[string]*technique{}}, nil
}

// Emit implements findings.Sink.
func (n *navigator) Emit(e *event.Event) error {
	list := texts(e, event.ThreatTechniqueID)
	list = append(list, texts(e, event.ThreatTechniqueSubtechniqueID)...)
	if len(list) == 0 {
		n.left++
	}
	slices.Sort(list)
	for _, id := range slices.Compact(list) {
		t := n.techniques[id]
		if t == nil {
			if len(n.techniques) == maxTechniques {
				n.left++
				continue
			}
			t = &technique{rules: map[string]bool{}}
			n.techniques[id] = t
		}
		t.n++
		if len(t.rules) < maxRules {
			t.rules[title(e)] = true
		}
	}
	return nil
}

// Close implements Writer.
func (n *navigator) Close() error {
	out := layer{
		Name: n.o.Title, Versions: layerVersions{Layer: "4.5", Navigator: "5.1.0"}, Domain: "enterprise-attack",
		Description: "Techniques by number of findings.", Techniques: []layerTechnique{}, Gradient: layerGradient{Colors: []string{"#ffe0a3", "#c0392b"}, Max: 1},
	}
	if n.o.Agency != "" {
		out.Metadata = append(out.Metadata, layerMeta{"agency", n.o.Agency})
	}
	if n.o.Classification != "" {
		out.Metadata = append(out.Metadata, layerMeta{"classification", n.o.Classification})
	}
	for _, id := range slices.Sorted(maps.Keys(n.techniques)) {
		t := n.techniques[id]
		rules := slices.Sorted(maps.Keys(t.rules))
		out.Techniques = append(out.Techniques, layerTechnique{ID: id, Score: t.n, Enabled: true, Comment: "findings: " + strconv.Itoa(t.n) + "; " + strings.Join(rules, "; ")})
		out.Gradient.Max = max(out.Gradient.Max, t.n)
	}
	return writeJSON(n.w, out)
}

// LeftOut implements Writer.
func (n *navigator) LeftOut() int { return n.left }

// writeJSON writes one indented document.
func writeJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
