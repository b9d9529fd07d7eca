package evtx

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const lost = "../../testdata/artifact/lost.evtx"

// leastFound are the records of Windows's own that the slack of the corpus's logs
// holds; those with all of their names besides.
const leastFound, leastWhole = 477, 1

// TestFound proves that records behind those in use and in a chunk without header
// come out, as what they are, and that what overwrote a template names nothing.
func TestFound(t *testing.T) {
	b, err := os.ReadFile(lost)
	if err != nil {
		t.Fatal(err)
	}
	list, problems, err := read(t, b)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "no chunk here") {
		t.Errorf("%v %v", problems, err)
	}
	var got []string
	for _, r := range list {
		data := r.Root.Child("EventData").Elements()
		got = append(got, fmt.Sprint(r.ID, r.Where, r.Partial, data[len(data)-1].Attr("Name"), "=", data[len(data)-1].Text))
	}
	want := []string{
		`1falseImagePath=C:\Windows\jahat.exe`, "2falseLogonType=3", "3slackfalseLogonType=3", `4slackfalseImagePath=C:\Windows\jahat.exe`, "5slackfalseLogonType=3",
		"12damaged chunktrue=3", "13damaged chunktrue=3", `14damaged chunktrue=C:\Windows\jahat.exe`, "15damaged chunktrue=3",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCorpusFound proves that records in the slack of real logs are found, and that
// evtxexport finds none that is not.
func TestCorpusFound(t *testing.T) {
	corpus := os.Getenv("SAKSI_CORPUS")
	if corpus == "" {
		t.Skip("SAKSI_CORPUS is not set")
	}
	logs, err := filepath.Glob(filepath.Join(corpus, "sigma", "evtx", "*.evtx"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	found, whole := 0, 0
	for _, path := range logs {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list, _, err := read(t, b)
		if err != nil {
			t.Error(err)
		}
		for _, r := range list {
			if r.Where == "" {
				continue
			}
			if found++; !r.Partial {
				whole++
			}
			if s := r.Root.Child("System"); s.Child("EventID") == nil || s.Child("EventRecordID").Text != fmt.Sprint(r.ID) {
				t.Errorf("%s: record %d at offset %d: no event, or another's", filepath.Base(path), r.ID, r.Offset)
			}
		}
	}
	if found < leastFound || whole < leastWhole {
		t.Errorf("%d records found, %d whole; at least %d and %d were", found, whole, leastFound, leastWhole)
	}
}

var eventNumber = regexp.MustCompile(`Event number\s*: (\d+)`)

// TestInteropFound proves that what evtxexport recovers of a log is found here too.
func TestInteropFound(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs evtxexport: SAKSI_INTEROP is not set (make interop)")
	}
	b, err := os.ReadFile(lost)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := read(t, b)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, r := range list {
		if r.Where != "" {
			found[fmt.Sprint(r.ID)] = true
		}
	}
	out, err := exec.Command("evtxexport", "-m", "recovered", lost).Output()
	numbers := eventNumber.FindAllStringSubmatch(string(out), -1)
	if err != nil || len(numbers) == 0 {
		t.Fatalf("evtxexport: %v: %d records", err, len(numbers))
	}
	for _, m := range numbers {
		if !found[m[1]] {
			t.Errorf("evtxexport recovers record %s, which is not found here", m[1])
		}
	}
}
