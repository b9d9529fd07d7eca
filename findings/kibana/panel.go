package kibana

import "saksi/event"

// Kinds of panels, as Kibana calls their visualizations.
const (
	number = "lnsMetric"
	donut  = "lnsPie"
	table  = "lnsDatatable"
	bars   = "lnsXY" // over time
	search = "search"
)

// stat is what is counted: documents, or the different values or the sum of a field.
type stat struct {
	op, field, label string
}

var documents = stat{op: "count", label: "Documents"}

func different(field, label string) stat { return stat{"unique_count", field, label} }
func sum(field, label string) stat       { return stat{"sum", field, label} }

// panel is one picture of a dashboard.
type panel struct {
	kind       string
	view       string
	title      string
	x, y, w, h int
	stat       stat
	by         []string // fields whose values part it, the outer first
	size       int      // values of each at most; 0 is 10
	query      string   // in KQL
}

// layer is the only layer of each panel.
const layer = "layer"

// object is the panel with its own reference in the dashboard.
func (p *panel) object(agency, key string) (object, Reference) {
	grid := object{"x": p.x, "y": p.y, "w": p.w, "h": p.h, "i": key}
	if p.kind == search {
		return object{
			"version": panelVersion, "type": "search", "gridData": grid, "panelIndex": key, "title": p.title,
			"embeddableConfig": object{"enhancements": object{}}, "panelRefName": "panel_" + key,
		}, Reference{ID: id(agency, searchName), Name: key + ":panel_" + key, Type: "search"}
	}
	view := Reference{ID: id(agency, "view-"+p.view), Name: "indexpattern-datasource-layer-" + layer, Type: "index-pattern"}
	columns, order := p.columns()
	state := object{
		"visualization": p.visualization(order),
		"query":         object{"query": p.query, "language": "kuery"}, "filters": []any{},
		"datasourceStates": object{
			"formBased": object{"layers": object{layer: object{"columns": columns, "columnOrder": order, "incompleteColumns": object{}, "sampling": 1}}},
			"textBased": object{"layers": object{}},
		},
		"internalReferences": []any{}, "adHocDataViews": object{},
	}
	inDashboard := view
	inDashboard.Name = key + ":" + view.Name
	return object{
		"version": panelVersion, "type": "lens", "gridData": grid, "panelIndex": key, "title": p.title,
		"embeddableConfig": object{
			"attributes":   object{"title": p.title, "description": "", "visualizationType": p.kind, "type": "lens", "references": []Reference{view}, "state": state},
			"enhancements": object{},
		},
	}, inDashboard
}

const (
	timeColumn = "time"
	statColumn = "stat"
)

// columns are what Kibana asks Elasticsearch for, and their order: the buckets,
// then the number.
func (p *panel) columns() (columns object, order []string) {
	columns = object{}
	if p.kind == bars {
		columns[timeColumn] = object{
			"label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "sourceField": "@timestamp", "isBucketed": true, "scale": "interval",
			"params": object{"interval": "auto", "includeEmptyRows": true, "dropPartials": false},
		}
		order = append(order, timeColumn)
	}
	for i, field := range p.by {
		name := bucketColumn(i)
		columns[name] = p.bucket(field)
		order = append(order, name)
	}
	c := object{"label": p.stat.label, "customLabel": true, "dataType": "number", "operationType": p.stat.op, "isBucketed": false, "scale": "ratio", "params": object{"emptyAsNull": false}}
	if c["sourceField"] = p.stat.field; p.stat.field == "" {
		c["sourceField"] = "___records___"
	}
	columns[statColumn] = c
	return columns, append(order, statColumn)
}

func bucketColumn(i int) string { return "by" + string(rune('0'+i)) }

// bucket parts by the values of a field, those with the highest number first.
func (p *panel) bucket(field string) object {
	kind, size := "string", p.size
	if f, ok := event.Lookup(field); ok {
		switch f.Type() {
		case event.Long, event.Float:
			kind = "number"
		case event.IP:
			kind = "ip"
		case event.Boolean:
			kind = "boolean"
		}
	}
	if size == 0 {
		size = 10
	}
	return object{
		"label": field, "customLabel": true, "dataType": kind, "operationType": "terms", "scale": "ordinal", "sourceField": field, "isBucketed": true,
		"params": object{
			"size": size, "orderBy": object{"type": "column", "columnId": statColumn}, "orderDirection": "desc", "otherBucket": p.kind != table, "missingBucket": false,
			"parentFormat": object{"id": "terms"}, "include": []any{}, "exclude": []any{}, "includeIsRegex": false, "excludeIsRegex": false,
		},
	}
}

// visualization says which column stands where.
func (p *panel) visualization(order []string) object {
	buckets := order[:len(order)-1]
	switch p.kind {
	case number:
		return object{"layerId": layer, "layerType": "data", "metricAccessor": statColumn}
	case donut:
		return object{"shape": "donut", "layers": []object{{
			"layerId": layer, "layerType": "data", "primaryGroups": buckets, "metrics": []string{statColumn},
			"numberDisplay": "percent", "categoryDisplay": "default", "legendDisplay": "default", "nestedLegend": false,
		}}}
	case table:
		var columns []object
		for _, name := range order {
			columns = append(columns, object{"columnId": name, "isTransposed": false})
		}
		return object{"layerId": layer, "layerType": "data", "columns": columns}
	}
	l := object{"layerId": layer, "layerType": "data", "seriesType": "bar_stacked", "xAccessor": timeColumn, "accessors": []string{statColumn}}
	if len(buckets) > 1 {
		l["splitAccessor"] = buckets[1]
	}
	return object{
		"legend": object{"isVisible": true, "position": "right"}, "valueLabels": "hide", "fittingFunction": "None", "preferredSeriesType": "bar_stacked",
		"axisTitlesVisibilitySettings": object{"x": false, "yLeft": true, "yRight": true},
		"tickLabelsVisibilitySettings": object{"x": true, "yLeft": true, "yRight": true},
		"labelsOrientation":            object{"x": 0, "yLeft": 0, "yRight": 0},
		"gridlinesVisibilitySettings":  object{"x": true, "yLeft": true, "yRight": true},
		"layers":                       []object{l},
	}
}
