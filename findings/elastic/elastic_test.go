package elastic

import (
	"os"
	"strconv"
	"testing"
	"time"

	"saksi/findings"
	"saksi/findings/indextest"
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
