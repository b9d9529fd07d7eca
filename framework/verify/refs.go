package verify

import (
	"encoding/json"
	"fmt"
	"regexp"
	"sort"
	"strings"
	"time"

	types "github.com/defenseunicorns/go-oscal/src/types/oscal-1-2-1"

	"saksi/framework"
	"saksi/framework/oscal"
	"saksi/internal/strictjson"
)

func expired(at string, a *framework.Assessment) bool {
	t, err := time.Parse(time.RFC3339Nano, at)
	return err != nil || !t.After(a.AsOf)
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// kinds of references by the name of the key that holds one.
var kinds = map[string]string{
	"observation-uuid": KindObservation, "finding-uuid": KindFinding, "risk-uuid": KindRisk, "component-uuid": KindComponent, "actor-uuid": KindComponent,
	"subject-uuid": KindSubject, "activity-uuid": KindReference, "task-uuid": KindReference, "provided-uuid": KindReference, "party-uuid": KindReference,
	"responsibility-uuid": KindReference, "implementation-uuid": KindReference, "response-uuid": KindReference, "subject-placeholder-uuid": KindReference, "implementation-statement-uuid": KindReference,
}

// defined says in which list the thing stands that a reference of a kind leads
// to, and where it may: in the same document or in any.
var defined = map[string]struct {
	list string
	any  bool
}{
	KindObservation: {"observations", false}, KindFinding: {"findings", false}, KindRisk: {"risks", false}, KindComponent: {"components", true},
}

// graph is what the documents define and refer to.
type graph struct {
	file     string
	lists    map[string]map[string]bool // "FILE list" and "list" to UUIDs
	controls map[string]bool            // ids of the catalog's controls and groups
	parts    map[string]bool            // ids of its parts
	refs     []ref
}

type ref struct{ file, path, key, value, typ string }

// references checks the form and all references of the OSCAL documents.
func (r *Result) references(files map[string][]byte) {
	g := &graph{lists: map[string]map[string]bool{}, controls: map[string]bool{}, parts: map[string]bool{}}
	for _, name := range oscal.Files {
		b, ok := files[name]
		if !ok {
			continue
		}
		var err error
		if name == oscal.MappingFile {
			err = strictjson.Decode(b, &oscal.Collection{})
		} else {
			err = strictjson.Decode(b, &types.OscalModels{})
		}
		var tree any
		if err == nil {
			err = json.Unmarshal(b, &tree)
		}
		if err != nil {
			r.add(name, KindSchema, "OSCAL "+oscal.Version, err.Error())
			continue
		}
		g.file = name
		seen := map[string]string{}
		g.walk("", "", tree, func(path, uuid string) {
			switch first, ok := seen[uuid]; {
			case !uuidForm.MatchString(uuid):
				r.add(name+":"+path, KindSchema, "a UUID of version 4 or 5", uuid)
			case ok:
				r.add(name+":"+path, KindDuplicate, "a UUID of its own", uuid+", that of "+first)
			default:
				seen[uuid] = path
			}
		})
	}
	r.References = len(g.refs)
	for _, x := range g.refs {
		if kind, what := g.resolve(&x, files); kind != "" {
			r.add(x.file+":"+x.path, kind, what, x.value)
		}
	}
}

// walk gathers definitions and references below a place.
func (g *graph) walk(path, list string, v any, uuid func(path, uuid string)) {
	switch x := v.(type) {
	case []any:
		for i, e := range x {
			g.walk(fmt.Sprintf("%s/%d", path, i), list, e, uuid)
		}
	case map[string]any:
		if u, ok := x["uuid"].(string); ok {
			uuid(path+"/uuid", u)
			g.define(list, u)
		}
		if id, ok := x["id"].(string); ok && g.file == oscal.CatalogFile {
			if list == "parts" {
				g.parts[id] = true
			} else if list == "controls" || list == "groups" {
				g.controls[id] = true
			}
		}
		if id, ok := x["id"].(string); ok && list == "roles" {
			g.define("roles", id)
		}
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			p := path + "/" + k
			typ, _ := x["type"].(string)
			switch e := x[k].(type) {
			case string:
				if k == "id-ref" && !strings.Contains(path, "/sources/") {
					continue // of another catalog
				}
				if kinds[k] != "" || k == "control-id" || k == "target-id" || k == "role-id" || k == "href" || k == "id-ref" || k == "source" && list == "control-implementations" {
					g.refs = append(g.refs, ref{g.file, p, k, e, typ})
				}
			case []any:
				for i, s := range e {
					if s, ok := s.(string); ok && (k == "with-ids" || k == "party-uuids" || k == "role-ids") {
						g.refs = append(g.refs, ref{g.file, fmt.Sprintf("%s/%d", p, i), k, s, typ})
					}
				}
				g.walk(p, k, e, uuid)
			default:
				g.walk(p, k, e, uuid)
			}
		}
	}
}

func (g *graph) define(list, id string) {
	for _, k := range []string{list, g.file + " " + list, "any", g.file + " any"} {
		if g.lists[k] == nil {
			g.lists[k] = map[string]bool{}
		}
		g.lists[k][id] = true
	}
}

// resolve says what is wrong with a reference; "" for nothing.
func (g *graph) resolve(x *ref, files map[string][]byte) (kind, expected string) {
	missing := func(ok bool, kind, what string) (string, string) {
		if ok {
			return "", ""
		}
		return kind, what
	}
	switch x.key {
	case "control-id", "with-ids":
		return missing(g.controls[x.value], KindControl, "a control of "+oscal.CatalogFile)
	case "id-ref":
		return missing(g.controls[x.value], KindMapping, "a control of "+oscal.CatalogFile)
	case "target-id":
		return missing(g.parts[x.value], KindTarget, "an objective of "+oscal.CatalogFile)
	case "role-id", "role-ids":
		return missing(g.lists[x.file+" roles"][x.value], KindReference, "a role of the document")
	case "party-uuids":
		return missing(g.lists[x.file+" parties"][x.value], KindReference, "a party of the document")
	case "href", "source":
		if u, ok := strings.CutPrefix(x.value, "#"); ok {
			kind := KindReference
			if strings.Contains(x.path, "/relevant-evidence/") {
				kind = KindNoEvidence
			}
			return missing(g.lists[x.file+" resources"][u], kind, "a resource of the document")
		}
		if strings.HasSuffix(x.value, ".oscal.json") {
			return missing(files[x.value] != nil, KindMissing, "a document of the folder")
		}
		return "", ""
	}
	kind = kinds[x.key]
	switch d, ok := defined[kind]; {
	case ok && d.any:
		return missing(g.lists[d.list][x.value], kind, "one of "+d.list)
	case ok:
		return missing(g.lists[x.file+" "+d.list][x.value], kind, "one of "+d.list+" of the document")
	case kind == KindSubject && x.typ == "component":
		return missing(g.lists["components"][x.value], kind, "one of components")
	case kind == KindSubject && x.typ == "inventory-item":
		return missing(g.lists["inventory-items"][x.value], kind, "one of inventory-items")
	}
	return missing(g.lists["any"][x.value], kind, "something that is there")
}
