package framework

import (
	"fmt"
	"strings"
	"testing"
)

// TestImportBombs: documents that are small and ask for work without end are imported, or refused,
// at once.
func TestImportBombs(t *testing.T) {
	doc := func(rest string) string { return `{"catalog":{"metadata":{"title":"t","version":"1"},` + rest + `}}` }
	var groups strings.Builder
	for i := range maxRead {
		fmt.Fprintf(&groups, `{"id":"g%d","title":"x"},`, i)
	}
	many := doc(`"groups":[` + groups.String() + `{"id":"z","title":"z","controls":[{"id":"c1","title":"c"}]}]`)
	fewer := doc(`"groups":[` + strings.Repeat(`{"id":"g","title":"x"},`, maxRead/2) + `{"id":"z","title":"z","controls":[{"id":"c1","title":"c"}]}]`)
	laugh := strings.Repeat("{{b}}", 30_000)
	profile := func(rest string) string {
		return `{"profile":{"metadata":{"title":"t","version":"1"},"imports":[{"href":"c"` + rest + `}}`
	}
	resolve := func(string) (string, []byte, error) { return "c", []byte(fewer), nil }
	for name, c := range map[string]struct{ text, err string }{
		"groups":   {many, "it has 100002 groups, controls and alterations; at most 100000 are read"},
		"fewer":    {fewer, ""},
		"laugh":    {doc(`"params":[{"id":"a","values":["` + laugh + `"]},{"id":"b","values":["` + strings.ReplaceAll(laugh, "b", "c") + `"]},{"id":"c","values":[""]}],"controls":[{"id":"c1","title":"x {{a}}"}]`), ""},
		"itself":   {doc(`"params":[{"id":"a","values":["{{a}}{{a}}{{a}}"]}],"controls":[{"id":"c1","title":"x {{a}}"}]`), ""},
		"merge":    {profile(`,"include-all":{}},{"href":"c","include-all":{}}]`), ""},
		"patterns": {profile(`,"include-controls":[{"matching":[` + strings.Repeat(`{"pattern":"*"},`, maxPatterns) + `{"pattern":"*"}]}]}]`), "it selects by 201 patterns"},
		"alters":   {profile(`,"include-all":{}}],"modify":{"alters":[` + strings.Repeat(`{"control-id":"x"},`, maxRead) + `{"control-id":"x"}]}`), "100001 groups, controls and alterations"},
	} {
		im, err := Import(name, []byte(c.text), "x", "", resolve)
		switch {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v", name, err)
		case c.err == "":
			if k, err := im.Catalog.Control("c1"); err != nil || len(k.Title.EN) > maxTitle+10 {
				t.Errorf("%s: %+v, %v", name, k, err)
			}
		}
	}
}
