package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"saksi/event"
)

// The template of all indices is made from the table of fields. Only what
// Saksi emits is mapped (dynamic: false): the whole of ECS passes the limit of
// fields of an index.
const (
	templateName = "saksi"
	textField    = "saksi_text" // the words of a document, see query.Text; not part of _source
	exactPart    = "keyword"    // subfield of a text field for exact values
	// Lucene takes terms of at most 32,766 bytes; a UTF-16 unit, in which
	// ignore_above counts, takes at most three.
	ignoreAbove = 32766 / 3
	maxPage     = 10000
)

type object = map[string]any

// mappings are the types of all fields, as Elasticsearch takes them.
func mappings() object {
	root := object{textField: object{"type": "text", "analyzer": "whitespace", "norms": false}}
	for _, f := range event.AllFields() {
		at := root
		segments := strings.Split(f.Name(), ".")
		for _, s := range segments[:len(segments)-1] {
			inner, ok := at[s].(object)
			if !ok {
				inner = object{"properties": object{}}
				at[s] = inner
			}
			at = inner["properties"].(object)
		}
		at[segments[len(segments)-1]] = mapping(f)
	}
	return object{
		"dynamic": false, "date_detection": false,
		"_source":    object{"excludes": []string{textField}},
		"properties": root,
	}
}

// mapping is the type of one field.
func mapping(f event.Field) object {
	exact := object{"type": "keyword", "ignore_above": ignoreAbove}
	switch f.Type() {
	case event.Text:
		return object{"type": "match_only_text", "fields": object{exactPart: exact}}
	case event.Long:
		return object{"type": "long", "ignore_malformed": true}
	case event.Float:
		return object{"type": "double", "ignore_malformed": true} // ECS's float would round
	case event.Boolean:
		return object{"type": "boolean"}
	case event.Date:
		return object{"type": "date_nanos", "ignore_malformed": true}
	case event.IP:
		return object{"type": "ip", "ignore_malformed": true}
	}
	return exact
}

// exactName is the name under which exact values of f are found.
func exactName(f event.Field) string {
	if f.Type() == event.Text {
		return f.Name() + "." + exactPart
	}
	return f.Name()
}

// indexBody is what an index of ours is made with.
func indexBody() object {
	return object{
		"settings": object{"index": object{
			"number_of_shards":     1,
			"auto_expand_replicas": "0-1",
			"max_result_window":    maxPage + 1, // one more than a page shows whether another follows
			"codec":                "best_compression",
		}},
		"mappings": mappings(),
	}
}

func template() object {
	return object{
		"index_patterns": []string{"saksi-*-*-*"},
		"priority":       200,
		"template":       indexBody(),
		"_meta":          object{"made_by": "saksi"},
	}
}

// prepare puts the template, and brings indices that an older Saksi made up to
// its fields.
func (ix *Index) prepare(ctx context.Context) error {
	ix.mu.Lock()
	ready := ix.ready
	ix.mu.Unlock()
	if ready {
		return nil
	}
	// One who may not was given a role by whoever put it; indices are made with all
	// of it besides.
	if err := ix.putTemplate(ctx); err != nil && !forbidden(err) {
		return err
	}
	body, err := json.Marshal(object{"properties": mappings()["properties"]})
	if err != nil {
		return err
	}
	yes := true
	err = ix.call(ctx, "putting the mapping of fields", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesPutMappingRequest{Index: ix.pattern(), Body: strings.NewReader(string(body)), AllowNoIndices: &yes, IgnoreUnavailable: &yes}.Do(ctx, ix.client)
	}, nil)
	var status *statusError
	if err != nil && !forbidden(err) && !(errors.As(err, &status) && status.status == http.StatusNotFound) { // there is no index yet
		return err
	}
	ix.mu.Lock()
	ix.ready = true
	ix.mu.Unlock()
	return nil
}

func (ix *Index) putTemplate(ctx context.Context) error {
	body, err := json.Marshal(template())
	if err != nil {
		return err
	}
	return ix.call(ctx, "putting the index template", func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesPutIndexTemplateRequest{Name: templateName, Body: strings.NewReader(string(body))}.Do(ctx, ix.client)
	}, nil)
}

var datasetPattern = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// indexName is where a document lies.
func indexName(agency, dataset string, at time.Time) string {
	return fmt.Sprintf("saksi-%s-%s-%s", dataset, agency, at.UTC().Format("2006.01"))
}

// makeIndex makes an index with its alias unless it is there.
func (ix *Index) makeIndex(ctx context.Context, name, dataset string) error {
	ix.mu.Lock()
	made := ix.made[name]
	ix.mu.Unlock()
	if made {
		return nil
	}
	of := indexBody()
	of["aliases"] = object{"saksi-" + dataset + "-" + ix.agency: object{}}
	body, err := json.Marshal(of)
	if err != nil {
		return err
	}
	err = ix.call(ctx, "making index "+name, func(ctx context.Context) (*esapi.Response, error) {
		return esapi.IndicesCreateRequest{Index: name, Body: strings.NewReader(string(body))}.Do(ctx, ix.client)
	}, nil)
	var status *statusError
	if err != nil && !(errors.As(err, &status) && status.Type == "resource_already_exists_exception") {
		return err
	}
	ix.mu.Lock()
	ix.made[name] = true
	ix.mu.Unlock()
	return nil
}
