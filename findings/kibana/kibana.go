// Package kibana writes what Kibana 8 imports to show the documents of an agency:
// data views over the aliases saksi-DATASET-AGENCY, a saved search of alerts, and
// dashboards. Start with Write.
//
// The form is that of Kibana's own export (Stack Management, Saved Objects; the API
// /api/saved_objects/_import): one object a line. The versions are those of Kibana
// 8.8; it and each later one brings older objects up to its own.
package kibana

import (
	"encoding/json"
	"fmt"
	"io"
)

// Versions of the forms of the objects, as Kibana 8.8 exports them.
const (
	coreVersion      = "8.8.0"
	dataViewVersion  = "8.0.0"
	searchVersion    = "8.0.0"
	dashboardVersion = "8.7.0"
	panelVersion     = "8.8.0"
)

// Object is one saved object.
type Object struct {
	Attributes map[string]any `json:"attributes"`
	Core       string         `json:"coreMigrationVersion"`
	ID         string         `json:"id"`
	Managed    bool           `json:"managed"`
	References []Reference    `json:"references"`
	Type       string         `json:"type"`
	Version    string         `json:"typeMigrationVersion"`
}

// Reference is what an object needs besides itself.
type Reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

type object = map[string]any

// Write writes the objects of an agency (the name in its aliases), one a line. The same agency gives
// the same bytes, and the ids do not change, so that a later import brings what is there up to date.
func Write(w io.Writer, agency string) (n int, err error) {
	list, err := Objects(agency)
	if err != nil {
		return 0, err
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, o := range list {
		if err := enc.Encode(o); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Objects are the objects of an agency, what others refer to first.
func Objects(agency string) ([]Object, error) {
	var list []Object
	for _, v := range views {
		list = append(list, v.object(agency))
	}
	s, err := alertSearch(agency)
	if err != nil {
		return nil, err
	}
	list = append(list, s)
	for i := range dashboards {
		d, err := dashboards[i].object(agency)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// id is the id of an object of an agency.
func id(agency, name string) string { return "saksi-" + agency + "-" + name }

// title is how an object is called in Kibana's lists.
func title(agency, name string) string {
	if agency == "default" {
		return "Saksi: " + name
	}
	return "Saksi " + agency + ": " + name
}

// view is a data view over aliases.
type view struct {
	name    string // of its id
	dataset string // * for all
	title   string
}

const (
	allView   = "all"
	alertView = "alert"
	flowView  = "flow"
)

var views = []view{
	{allView, "*", "all documents"},
	{alertView, "alert", "alerts"},
	{flowView, "flow", "flows"},
}

func (v view) object(agency string) Object {
	return Object{
		Attributes: object{
			"title": "saksi-" + v.dataset + "-" + agency, "name": title(agency, v.title), "timeFieldName": "@timestamp",
			"fields": "[]", "fieldAttrs": "{}", "fieldFormatMap": v.formats(), "runtimeFieldMap": "{}", "sourceFilters": "[]", "typeMeta": "{}",
		},
		Core: coreVersion, ID: id(agency, "view-"+v.name), References: []Reference{}, Type: "index-pattern", Version: dataViewVersion,
	}
}

// formats shows sizes as such.
func (v view) formats() string {
	if v.name == flowView {
		return `{"network.bytes":{"id":"bytes"},"source.bytes":{"id":"bytes"},"destination.bytes":{"id":"bytes"}}`
	}
	return "{}"
}

// source is a query, and in a search of its own the data view it is for.
func source(query, indexRef string) (string, error) {
	s := object{"query": object{"query": query, "language": "kuery"}, "filter": []any{}}
	if indexRef != "" {
		s["indexRefName"] = indexRef
	}
	b, err := json.Marshal(s)
	return string(b), err
}

// alertSearch lists alerts, newest first.
func alertSearch(agency string) (Object, error) {
	const ref = "kibanaSavedObjectMeta.searchSourceJSON.index"
	s, err := source("", ref)
	return Object{
		Attributes: object{
			"title": title(agency, "alerts, newest first"), "description": "What saksi findings search event.kind:alert lists. Copy event.id to 'saksi findings show ID': it leads to the packets or the disk offsets.",
			"columns": alertColumns, "sort": [][]string{{"@timestamp", "desc"}}, "grid": object{}, "hideChart": false, "isTextBasedQuery": false, "timeRestore": false,
			"kibanaSavedObjectMeta": object{"searchSourceJSON": s},
		},
		Core: coreVersion, ID: id(agency, searchName), Type: "search", Version: searchVersion,
		References: []Reference{{ID: id(agency, "view-"+alertView), Name: ref, Type: "index-pattern"}},
	}, err
}

const searchName = "search-alerts"

// dashboard is a page of panels. They stand on a grid of 48 columns.
type dashboard struct {
	name, title, about string
	query              string // in KQL, over all panels
	panels             []panel
}

func (d *dashboard) object(agency string) (Object, error) {
	var list []object
	refs := []Reference{}
	for i := range d.panels {
		p, r := d.panels[i].object(agency, fmt.Sprintf("p%d", i+1))
		list, refs = append(list, p), append(refs, r)
	}
	panels, err := json.Marshal(list)
	if err != nil {
		return Object{}, err
	}
	s, err := source(d.query, "")
	return Object{
		Attributes: object{
			"title": title(agency, d.title), "description": d.about, "version": 1,
			"timeRestore": true, "timeFrom": "now-24h", "timeTo": "now", "refreshInterval": object{"pause": true, "value": 60000},
			"optionsJSON":           `{"useMargins":true,"syncColors":false,"syncCursor":true,"syncTooltips":false,"hidePanelTitles":false}`,
			"panelsJSON":            string(panels),
			"kibanaSavedObjectMeta": object{"searchSourceJSON": s},
		},
		Core: coreVersion, ID: id(agency, "dashboard-"+d.name), References: refs, Type: "dashboard", Version: dashboardVersion,
	}, err
}
