package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"saksi/framework"
	"saksi/framework/oscal"
	"saksi/internal/strictjson"
)

// catalog reads the frozen catalog and holds it to the digest in the assessment.
func (r *Result) catalog(a *framework.Assessment, b []byte) *framework.FrozenCatalog {
	if b == nil {
		return nil
	}
	var f framework.FrozenCatalog
	if err := strictjson.Decode(b, &f); err != nil {
		r.add(CatalogFile, KindSchema, "a frozen catalog of format 1", err.Error())
		return nil
	}
	if f.SHA256 != a.Inputs.Catalog.SHA256 || f.ID != a.Framework {
		r.add(CatalogFile, KindDigest, a.Framework+" "+a.Inputs.Catalog.SHA256, f.ID+" "+f.SHA256)
	}
	// A catalog that comes with saksi must be it, whatever the digest says of it.
	// Under its version nothing else may go by its name: who signs could loosen it.
	switch own := builtIn(f.ID); {
	case own == nil:
	case own.sha256 == f.SHA256:
		r.compare(CatalogFile, own.json, b, nil)
	case own.version == f.Version:
		r.add(CatalogFile+":/sha256", KindDigest, fmt.Sprintf("%s, that of %s %s; an agency's own has an overlay's version behind it", own.sha256, f.ID, own.version), f.SHA256)
	case strings.HasPrefix(f.Version, own.version+"+"):
		r.overlaid(own, &f)
	}
	return &f
}

// overlaid holds a catalog with an overlay to what an overlay can't change: no
// control goes, and each stays as sure as it was.
func (r *Result) overlaid(own *builtin, f *framework.FrozenCatalog) {
	have := map[string]*framework.Control{}
	for i := range f.Controls {
		have[f.Controls[i].ID] = &f.Controls[i]
	}
	for _, k := range own.controls {
		switch x := have[k.ID]; {
		case x == nil:
			r.add(CatalogFile+":/controls", KindDropped, k.ID, "nothing")
		case x.Confidence != k.Confidence || x.Component != k.Component || x.Number != k.Number:
			r.add(fmt.Sprintf("%s:/controls (%s)", CatalogFile, k.ID), KindValue, fmt.Sprintf("%s of %s, %+v", k.Number, k.Component, k.Confidence), fmt.Sprintf("%s of %s, %+v", x.Number, x.Component, x.Confidence))
		}
	}
}

// recompute makes assessment.json again from what is frozen in it, and each
// OSCAL document from assessment.json.
func (r *Result) recompute(a *framework.Assessment, f *framework.FrozenCatalog, files map[string][]byte, core bool) {
	again, problems := framework.Replay(a, f.Catalog())
	for _, p := range problems {
		r.add(AssessmentFile+":"+p.Item, p.Kind, p.Expected, p.Found)
	}
	if again != nil {
		want, err := again.JSON()
		if err != nil {
			r.add(AssessmentFile, KindSchema, "an assessment", err.Error())
			return
		}
		r.compare(AssessmentFile, want, files[AssessmentFile], nil)
	}
	if core {
		return
	}
	docs, err := oscal.Documents(a, f)
	if err != nil {
		r.add(AssessmentFile, KindSchema, "what OSCAL can be made of", err.Error())
		return
	}
	for _, d := range docs {
		if b, ok := files[d.Name]; ok {
			r.compare(d.Name, d.JSON, b, nil)
		}
	}
}

// evidence holds the assessment to the evidence itself, as far as it was given.
func (r *Result) evidence(a *framework.Assessment, o Options) {
	for i := range a.Sources {
		s := &a.Sources[i]
		if o.Exhibits == nil {
			break
		}
		item := fmt.Sprintf("exhibit %s of case %s", s.Exhibit, s.Case)
		switch found, ok := o.Exhibits[[2]string{s.Case, s.Exhibit}]; {
		case !ok:
			r.add(item, KindNoEvidence, s.SHA256, "no such exhibit")
		case found == "":
			r.add(item, KindNoEvidence, s.SHA256, "no file")
		case found != s.SHA256:
			r.add(item, KindEvidence, found, s.SHA256)
		}
	}
	if o.Again == nil {
		return
	}
	r.Evidence = true
	want, err := o.Again.JSON()
	if err != nil {
		return
	}
	got, err := a.JSON()
	if err != nil {
		return
	}
	r.compare(AssessmentFile, want, got, []string{"/tool", "/assessor", "/where", "/case_dir", "/inputs/sha256", "/uuid"})
}

// compare names each value that is not what it should be. Lists of things with
// an identity are compared by it, so that one that is left out is named.
func (r *Result) compare(file string, want, got []byte, skip []string) {
	w, err1 := tree(want)
	g, err2 := tree(got)
	if err1 != nil || err2 != nil {
		r.add(file, KindSchema, "JSON", fmt.Sprint(err1, err2))
		return
	}
	r.diff(file, "", w, g, skip)
}

func tree(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	return v, d.Decode(&v)
}

func (r *Result) diff(file, path string, want, got any, skip []string) {
	if slices.Contains(skip, path) {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			r.add(file+":"+path, kindOf(file, path, want), say(want), say(got))
			return
		}
		for _, k := range keys(w, g) {
			wv, inW := w[k]
			gv, inG := g[k]
			p := path + "/" + k
			switch {
			case slices.Contains(skip, p):
			case !inG:
				r.add(file+":"+p, kindOf(file, p, wv), say(wv), "nothing")
			case !inW:
				r.add(file+":"+p, kindOf(file, p, gv), "nothing", say(gv))
			default:
				r.diff(file, p, wv, gv, skip)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok && !(got == nil && len(w) == 0) {
			r.add(file+":"+path, kindOf(file, path, want), say(want), say(got))
			return
		}
		r.diffList(file, path, w, g, skip)
	default:
		r.Values++
		if list, ok := got.([]any); want == nil && ok && len(list) == 0 {
			return
		}
		if !same(want, got) {
			r.add(file+":"+path, kindOf(file, path, want), say(want), say(got))
		}
	}
}

func same(a, b any) bool {
	x, ok1 := a.(json.Number)
	y, ok2 := b.(json.Number)
	if ok1 && ok2 && x != y {
		f, err1 := strconv.ParseFloat(string(x), 64)
		g, err2 := strconv.ParseFloat(string(y), 64)
		return err1 == nil && err2 == nil && f == g
	}
	if _, ok := b.(map[string]any); ok {
		return false
	}
	if _, ok := b.([]any); ok {
		return false
	}
	return a == b
}

func keys(a, b map[string]any) []string {
	var list []string
	for k := range a {
		list = append(list, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	return list
}

// identity is what names an element of a list; "" for one without a name.
func identity(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case map[string]any:
		for _, k := range []string{"uuid", "id", "control-id", "observation-uuid", "finding-uuid", "risk-uuid", "subject-uuid", "name", "query", "line"} {
			if s, ok := x[k].(string); ok && s != "" {
				return k + " " + s
			}
		}
		if c, ok := x["control"].(map[string]any); ok {
			if s, ok := c["id"].(string); ok {
				return "control " + s
			}
		}
		if c, ok := x["check"].(map[string]any); ok {
			if s, ok := c["id"].(string); ok {
				return "check " + s
			}
		}
	}
	return ""
}

func (r *Result) diffList(file, path string, want, got []any, skip []string) {
	place := map[string][]int{}
	for i, g := range got {
		if id := identity(g); id != "" {
			place[id] = append(place[id], i)
		}
	}
	used := make([]bool, len(got))
	for i, w := range want {
		id, j := identity(w), -1
		switch {
		case len(place[id]) > 0:
			j, place[id] = place[id][0], place[id][1:]
		case (id == "" || len(want) == len(got)) && i < len(got) && !used[i]: // it has another name, or none: by place
			j = i
		}
		if j < 0 || used[j] {
			r.add(fmt.Sprintf("%s:%s (%s)", file, path, id), droppedKind(file, path, w), say(w), "nothing")
			continue
		}
		used[j] = true
		if j != i && len(want) == len(got) {
			r.add(fmt.Sprintf("%s:%s/%d", file, path, j), kindOf(file, path, w), "at place "+fmt.Sprint(i), say(w))
		}
		r.diff(file, fmt.Sprintf("%s/%d", path, j), w, got[j], skip)
	}
	for j, g := range got {
		if !used[j] {
			r.add(fmt.Sprintf("%s:%s/%d", file, path, j), kindOf(file, path, g), "nothing", say(g))
		}
	}
}

// say is a value in few words.
func say(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case nil:
		return "null"
	}
	if id := identity(v); id != "" {
		return id
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// droppedKind is the kind of something that is left out of a list.
func droppedKind(file, path string, v any) string {
	end := path[strings.LastIndex(path, "/")+1:]
	switch {
	case file == oscal.MappingFile || strings.Contains(path, "/maps"):
		return KindMapping
	case slices.Contains([]string{"relevant-evidence", "evidence", "sources", "resources"}, end):
		return KindNoEvidence
	case slices.Contains([]string{"outcomes", "controls", "include-controls", "with-ids", "implemented-requirements", "findings", "components"}, end):
		return KindDropped
	}
	return kindOf(file, path, v)
}

// kindOf is the kind of a value that is not what it should be, by its place.
func kindOf(file, path string, v any) string {
	end := path[strings.LastIndex(path, "/")+1:]
	if _, err := strconv.Atoi(end); err == nil {
		if i := strings.LastIndex(path, "/"); i > 0 {
			end = path[strings.LastIndex(path[:i], "/")+1 : i]
		}
	}
	_, number := v.(json.Number)
	switch {
	case file == oscal.MappingFile || strings.Contains(path, "/maps/") || strings.HasSuffix(path, "/maps") || strings.HasPrefix(path, "/techniques"):
		return KindMapping
	case slices.Contains([]string{"as_of", "last-modified", "collected", "start", "end", "date"}, end):
		return KindAsOf
	case strings.Contains(path, "/hashes") || end == "sha256" && (strings.Contains(path, "/sources/") || strings.Contains(path, "/evidence/")):
		return KindEvidence
	case strings.Contains(path, "/relevant-evidence") || strings.Contains(path, "/evidence"):
		return KindNoEvidence
	case number:
		return KindCount
	}
	if s, ok := v.(string); ok && end == "value" {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return KindCount
		}
	}
	return KindValue
}

// builtin is a catalog that comes with saksi, frozen.
type builtin struct {
	sha256, version string
	json            []byte
	controls        []framework.Control
}

var builtins sync.Map // by id, as *builtin

// builtIn freezes the catalog of that id once; nil when none comes with saksi.
func builtIn(id string) *builtin {
	if v, ok := builtins.Load(id); ok {
		return v.(*builtin)
	}
	c, err := framework.Load(id)
	if err != nil {
		return nil
	}
	f, err := c.Freeze()
	if err != nil {
		return nil
	}
	b, err := f.JSON()
	if err != nil {
		return nil
	}
	v := &builtin{c.SHA256, c.Version, b, c.Controls}
	builtins.Store(id, v)
	return v
}
