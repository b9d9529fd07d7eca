package query

import (
	"fmt"
	"strings"

	"saksi/event"
)

// nearest names the known field most like name, as a hint.
func nearest(name string) string {
	best, d := "", 4
	for _, f := range event.AllFields() {
		if n := distance(strings.ToLower(name), strings.ToLower(f.Name()), d); n < d {
			best, d = f.Name(), n
		}
		if strings.HasSuffix(f.Name(), "."+name) && d > 1 {
			best, d = f.Name(), 1
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// distance is Levenshtein's, or limit when it is at least that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j]+1, diag+1)
		}
	}
	return row[len(b)]
}
