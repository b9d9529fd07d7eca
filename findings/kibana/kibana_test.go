package kibana

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"saksi/event"
)

// written is a panel as a reader of the file sees it.
type written struct {
	Type     string
	Title    string
	Index    string `json:"panelIndex"`
	Version  string
	Grid     struct{ X, Y, W, H int } `json:"gridData"`
	RefName  string                   `json:"panelRefName"`
	Embedded struct {
		Attributes struct {
			Visualization string `json:"visualizationType"`
			References    []Reference
			State         struct {
				Visualization json.RawMessage
				Query         struct{ Query, Language string }
				Sources       struct {
					Form struct {
						Layers map[string]struct {
							Columns map[string]struct {
								Operation string `json:"operationType"`
								Field     string `json:"sourceField"`
								Kind      string `json:"dataType"`
							}
							Order []string `json:"columnOrder"`
						}
					} `json:"formBased"`
				} `json:"datasourceStates"`
			}
		}
	} `json:"embeddableConfig"`
}

var compared = regexp.MustCompile(`([A-Za-z@][A-Za-z0-9_.@]*)\s*(?::|>=|<=|>|<)`)

// mapped fails unless a field is one that indices map and that can be counted by.
func mapped(t *testing.T, where, name string) event.Field {
	t.Helper()
	f, ok := event.Lookup(name)
	if !ok {
		t.Fatalf("%s: no field %q is mapped", where, name)
	}
	if f.Type() == event.Text {
		t.Fatalf("%s: %s is a text: nothing can be counted by it", where, name)
	}
	return f
}

func queried(t *testing.T, where, q string) {
	t.Helper()
	all := compared.FindAllStringSubmatch(q, -1)
	if q != "" && len(all) == 0 {
		t.Fatalf("%s: the query %q speaks of no field", where, q)
	}
	for _, m := range all {
		mapped(t, where, m[1])
	}
}

// TestObjects proves that what is written is whole: each reference leads to an object of
// the file that stands before it, each field is mapped with the type that Kibana is told,
// each column that a picture shows is one that is asked for, no two panels lie on each other.
func TestObjects(t *testing.T) {
	var b bytes.Buffer
	n, err := Write(&b, "jpn")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if n != len(lines) {
		t.Fatalf("%d objects, %d lines", n, len(lines))
	}
	there := map[string]bool{} // type and id
	pages := map[string]int{}
	for _, line := range lines {
		var o Object
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			t.Fatal(err)
		}
		if there[o.Type+o.ID] || o.References == nil || o.Core == "" || o.Version == "" {
			t.Fatalf("%s %s is there twice or not whole", o.Type, o.ID)
		}
		for _, r := range o.References {
			if !there[r.Type+r.ID] {
				t.Fatalf("%s %s refers to %s %s, which does not stand before it", o.Type, o.ID, r.Type, r.ID)
			}
		}
		there[o.Type+o.ID] = true
		text := func(name string) string { s, _ := o.Attributes[name].(string); return s }
		if meta, ok := o.Attributes["kibanaSavedObjectMeta"].(map[string]any); ok {
			var s struct {
				Query struct{ Query, Language string }
				Index string `json:"indexRefName"`
			}
			if err := json.Unmarshal([]byte(meta["searchSourceJSON"].(string)), &s); err != nil || s.Query.Language != "kuery" {
				t.Fatalf("%s: %v, %+v", o.ID, err, s)
			}
			queried(t, o.ID, s.Query.Query)
			if s.Index != "" && s.Index != o.References[0].Name {
				t.Fatalf("%s: no reference is called %s", o.ID, s.Index)
			}
		}
		switch o.Type {
		case "index-pattern":
			if p := text("title"); !strings.HasPrefix(p, "saksi-") || !strings.HasSuffix(p, "-jpn") || text("timeFieldName") != "@timestamp" {
				t.Fatalf("%s looks at %s", o.ID, p)
			}
		case "search":
			for _, c := range o.Attributes["columns"].([]any) {
				mapped(t, o.ID, c.(string))
			}
		case "dashboard":
			pages[o.ID] = checkPanels(t, &o, text("panelsJSON"))
		default:
			t.Fatalf("a %s", o.Type)
		}
	}
	for _, name := range []string{"overview", "alerts", "flows", "cases", "controls"} {
		if pages["saksi-jpn-dashboard-"+name] < 5 {
			t.Fatalf("dashboard %s has %d panels", name, pages["saksi-jpn-dashboard-"+name])
		}
	}

	var again bytes.Buffer
	if _, err := Write(&again, "jpn"); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Fatal("written twice it is not the same")
	}
}

func checkPanels(t *testing.T, o *Object, panels string) int {
	var list []written
	if err := json.Unmarshal([]byte(panels), &list); err != nil {
		t.Fatalf("%s: %v", o.ID, err)
	}
	refs := map[string]bool{}
	for _, r := range o.References {
		refs[r.Name+" "+r.Type+" "+r.ID] = true
	}
	var taken [200][48]bool
	for _, p := range list {
		where := o.ID + ", " + p.Title
		for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
			for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
				if taken[y][x] {
					t.Fatalf("%s lies on another at %d, %d", where, x, y)
				}
				taken[y][x] = true
			}
		}
		if p.Type == search {
			if !refs[p.Index+":"+p.RefName+" search saksi-jpn-"+searchName] {
				t.Fatalf("%s: the dashboard does not refer to its search", where)
			}
			continue
		}
		a := p.Embedded.Attributes
		if len(a.References) != 1 || !refs[p.Index+":"+a.References[0].Name+" "+a.References[0].Type+" "+a.References[0].ID] {
			t.Fatalf("%s: the dashboard does not refer to its data view", where)
		}
		queried(t, where, a.State.Query.Query)
		l, ok := a.State.Sources.Form.Layers[layer]
		if !ok || a.References[0].Name != "indexpattern-datasource-layer-"+layer || len(l.Order) != len(l.Columns) || a.State.Query.Language != "kuery" {
			t.Fatalf("%s: %+v", where, a)
		}
		for _, name := range l.Order {
			c, ok := l.Columns[name]
			if !ok || !bytes.Contains(a.State.Visualization, []byte(`"`+name+`"`)) {
				t.Fatalf("%s: column %s is asked for and not there, or not shown", where, name)
			}
			if c.Operation == "count" {
				if c.Field != "___records___" {
					t.Fatalf("%s counts %s", where, c.Field)
				}
				continue
			}
			f := mapped(t, where, c.Field)
			numeric := f.Type() == event.Long || f.Type() == event.Float
			kinds := map[event.Type]string{event.Long: "number", event.Float: "number", event.IP: "ip", event.Date: "date", event.Boolean: "boolean"}
			want := kinds[f.Type()]
			if want == "" {
				want = "string"
			}
			switch {
			case c.Operation == "sum" && !numeric:
				t.Fatalf("%s: a sum of %s", where, c.Field)
			case (c.Operation == "terms" || c.Operation == "date_histogram") && c.Kind != want:
				t.Fatalf("%s: %s is said to be a %s", where, c.Field, c.Kind)
			}
		}
	}
	return len(list)
}
