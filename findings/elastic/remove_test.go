package elastic

import (
	"context"
	"slices"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/indextest"
)

// TestElasticRemove proves that months of which all goes are dropped as a whole,
// that one held document keeps its month, that the month of the limit loses
// what is older alone, and that a month that stays takes documents afterwards.
func TestElasticRemove(t *testing.T) {
	ix, err := Open(t.Context(), Config{URL: node(t), Agency: agency(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	var docs []findings.Doc
	for i := range 60 {
		var e event.Event
		at := time.Date(2026, time.Month(1+i%6), 1+i/6, 0, 0, 0, 0, time.UTC)
		e.Time(event.Timestamp, at.UnixNano())
		e.Str(event.EventDataset, "saksi.flow")
		e.Int(event.EventSequence, int64(i))
		d := findings.Doc{Body: e.AppendJSON(nil), Dataset: "flow", Time: at}
		d.ID, _ = e.GetStr(event.EventID)
		docs = append(docs, d)
	}
	if r, err := ix.Put(t.Context(), docs); err != nil || r.Stored != 60 {
		t.Fatalf("%+v, %v", r, err)
	}
	before := time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
	const held = "event.sequence:(7 OR 58)" // of February, and of May
	n, err := ix.Remove(t.Context(), findings.Removal{Query: "event.dataset:saksi.flow", Before: before, Held: func(context.Context) (string, error) { return held, nil }})
	// Of January, March and April all, of February all but one, of May four.
	if err != nil || n.Indices != 3 || n.Documents != 43 {
		t.Fatalf("%+v, %v; expected 43 documents with 3 indices", n, err)
	}
	left, err := indextest.All(t.Context(), ix, "event.sequence:7")
	if err != nil || !slices.Equal(left, []string{docs[7].ID}) {
		t.Errorf("the held document: %v, %v", left, err)
	}
	names, err := ix.ended(t.Context(), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil || len(names) != 3 {
		t.Errorf("indices left: %v, %v", names, err)
	}
	// What comes late makes its month anew, with its alias, and finds the others open.
	if r, err := ix.Put(t.Context(), docs[:3]); err != nil || r.Stored != 3 {
		t.Errorf("put again: %+v, %v", r, err)
	}
}
