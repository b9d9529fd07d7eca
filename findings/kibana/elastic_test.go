package kibana

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"saksi/findings/elastic"
	"saksi/findings/indextest"
)

// TestElasticPanels proves on a real node that what each panel asks for is answered: its
// data view's alias is there, and its fields can be counted by. Kibana itself is not run.
func TestElasticPanels(t *testing.T) {
	url := os.Getenv("SAKSI_TEST_ES")
	if url == "" {
		t.Skip("SAKSI_TEST_ES names no Elasticsearch node; make integration starts one")
	}
	const agency = "kibana"
	ix, err := elastic.Open(t.Context(), elastic.Config{URL: url, Agency: agency, Patience: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	docs := indextest.Docs(500)
	if r, err := ix.Put(t.Context(), docs); err != nil || len(r.Dead) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := ix.Terms(t.Context(), "*", "event.dataset", 1); err != nil { // what was put can be searched
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, v := range views {
		o := v.object(agency)
		titles[v.name] = o.Attributes["title"].(string)
	}
	for _, d := range dashboards {
		for _, p := range d.panels {
			if p.kind == search {
				continue
			}
			body := object{"size": 0, "aggs": aggregation(&p)}
			if p.stat.op == "count" && len(p.by) == 0 && p.kind == number {
				body["track_total_hits"] = true
				delete(body, "aggs")
			}
			b, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			r, err := http.Post(url+"/"+titles[p.view]+"/_search", "application/json", bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			if err != nil || r.Body.Close() != nil || r.StatusCode != http.StatusOK {
				t.Fatalf("%s, %s: status %d, %v: %s", d.name, p.title, r.StatusCode, err, answer)
			}
			var found struct {
				Hits struct{ Total struct{ Value int } }
			}
			if err := json.Unmarshal(answer, &found); err != nil || found.Hits.Total.Value == 0 {
				t.Fatalf("%s, %s: nothing under %s: %s", d.name, p.title, titles[p.view], answer)
			}
		}
	}
}

// aggregation is what Kibana makes of a panel.
func aggregation(p *panel) object {
	inner := object{}
	switch p.stat.op {
	case "unique_count":
		inner["stat"] = object{"cardinality": object{"field": p.stat.field}}
	case "sum":
		inner["stat"] = object{"sum": object{"field": p.stat.field}}
	}
	for i := len(p.by) - 1; i >= 0; i-- {
		x := object{"terms": object{"field": p.by[i], "size": 10}}
		if len(inner) > 0 {
			x["aggs"] = inner
		}
		inner = object{"by": x}
	}
	if p.kind == bars {
		inner = object{"time": object{"date_histogram": object{"field": "@timestamp", "fixed_interval": "1d"}, "aggs": inner}}
	}
	return inner
}
