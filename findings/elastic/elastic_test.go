package elastic

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/indextest"
	"saksi/findings/query"
)

// node is the URL of the tests' node.
func node(t *testing.T) string {
	t.Helper()
	u := os.Getenv("SAKSI_TEST_ES")
	if u == "" {
		t.Skip("needs an Elasticsearch node: run by make integration")
	}
	return u
}

// agency is a name that no other test uses.
func agency(t *testing.T) string {
	t.Helper()
	return "t" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// TestElasticContract holds a real node to the contract of all indexes.
func TestElasticContract(t *testing.T) {
	u := node(t)
	indextest.Run(t, func(t *testing.T) findings.Index {
		ix, err := Open(t.Context(), Config{URL: u, Agency: agency(t)})
		if err != nil {
			t.Fatal(err)
		}
		return ix
	})
}

// TestElasticTypes proves, for every type, what the contract's documents don't
// hold: nanoseconds decide the order, pages go on over absent dates though whole
// indices have none, numbers and texts come back exactly, and months share one
// search.
func TestElasticTypes(t *testing.T) {
	ix, err := Open(t.Context(), Config{URL: node(t), Agency: agency(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	var docs []findings.Doc
	byTime := map[string]int{}
	for i := range 60 {
		var e event.Event
		at := time.Date(2026, time.Month(1+i%6), 1, 0, 0, 0, 100+i, time.UTC)
		e.Time(event.Timestamp, at.UnixNano())
		e.Str(event.EventDataset, "saksi.entry")
		e.Int(event.EventSequence, 1<<60+int64(i)) // beyond a double
		e.Float(event.EventRiskScore, 0.1*float64(1+i%3))
		e.Str(event.Message, "A Message \x7f <"+strconv.Itoa(i%2)+">")
		e.Int(event.DNSAnswersTTL, int64(9+i%2))
		e.Int(event.DNSAnswersTTL, int64(9+i%2)) // twice in one document
		if i%3 > 0 {
			e.Time(event.FileMtime, indextest.Base.UnixNano()+int64(i))
		}
		d := findings.Doc{Body: e.AppendJSON(nil), Dataset: "entry", Time: at}
		d.ID, _ = e.GetStr(event.EventID)
		byTime[d.ID] = i
		docs = append(docs, d)
	}
	if r, err := ix.Put(t.Context(), docs); err != nil || r.Stored != len(docs) {
		t.Fatalf("%+v, %v", r, err)
	}
	// Many times: a node that leaves shards out does so only when another
	// was faster.
	for round := range 20 {
		pages(t, ix, round%2 == 1, docs, byTime)
	}
	for _, q := range []string{
		"event.sequence:1152921504606846977", "event.sequence:>1152921504606847000", "event.risk_score:0.2", "event.risk_score:[0.1 TO 0.2}",
		`message:"A Message \x7f <1>"`, "message:A*", "message:*", `"message 1"`, "file.mtime:2026-11-24T00:00:00.000000004Z",
		"file.mtime:>2026-11-24T00:00:00.000000010Z", "@timestamp:2026-03", "@timestamp:>1960", "@timestamp:<1960", "dns.answers.ttl:9",
	} {
		n, err := query.Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, d := range docs {
			e, err := event.Parse(d.Body)
			if err != nil {
				t.Fatal(err)
			}
			if n.Match(e) {
				want++
			}
		}
		if p, err := ix.Search(t.Context(), findings.Request{Query: q}); err != nil || p.Total != int64(want) {
			t.Errorf("%s: %d, expected %d, %v", q, p.Total, want, err)
		}
	}
	for field, want := range map[string][]findings.Bucket{
		"dns.answers.ttl":  {{Key: "10", Count: 30}, {Key: "9", Count: 30}},
		"event.risk_score": {{Key: "0.1", Count: 20}, {Key: "0.2", Count: 20}, {Key: "0.30000000000000004", Count: 20}},
	} {
		if got, err := ix.Terms(t.Context(), "", field, len(want)); err != nil || !slices.Equal(got, want) {
			t.Errorf("terms of %s: %v, expected %v, %v", field, got, want, err)
		}
	}
}

// pages reads all documents by file.mtime, seven at a time; those without come
// last.
func pages(t *testing.T, ix *Index, desc bool, docs []findings.Doc, byTime map[string]int) {
	t.Helper()
	var got []int
	r := findings.Request{Size: 7, Sort: []findings.Sort{{Field: "file.mtime", Desc: desc}}}
	for {
		p, err := ix.Search(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range p.Docs {
			if !bytes.Equal(d.Body, docs[byTime[d.ID]].Body) {
				t.Errorf("%s came back as %s", docs[byTime[d.ID]].Body, d.Body)
			}
			got = append(got, byTime[d.ID])
		}
		if r.After = p.Next; r.After == "" {
			break
		}
	}
	if len(got) != len(docs) {
		t.Fatalf("desc %v: %d documents", desc, len(got))
	}
	present := got[:40]
	if desc {
		present = slices.Clone(present)
		slices.Reverse(present)
	}
	if !slices.IsSorted(present) || slices.ContainsFunc(got[40:], func(i int) bool { return i%3 > 0 }) {
		t.Errorf("desc %v: order %v", desc, got)
	}
}
