package artifact_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
)

var msieItem = regexp.MustCompile(`(?s)Record type\s*: (\w+).*?(?:\n\n|\z)`)

var msieField = regexp.MustCompile(`(?m)^(Location|Primary time|Offset range)\s*: (.*)$`)

// TestInteropMSIE proves that of an index.dat the same records come out, those
// in free blocks too, as msiecfexport gives, each at its place with its time.
func TestInteropMSIE(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs msiecfexport: SAKSI_INTEROP is not set (make interop)")
	}
	path := filepath.Join(samples, "sample.index.dat")
	for mode, recovered := range map[string]string{"items": "", "recovered": "free space"} {
		out, err := exec.Command("msiecfexport", "-m", mode, path).Output()
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, item := range msieItem.FindAllString(string(out), -1) {
			f := map[string]string{}
			for _, m := range msieField.FindAllStringSubmatch(item, -1) {
				f[m[1]] = m[2]
			}
			place := regexp.MustCompile(`^\d+`).FindString(f["Offset range"])
			if s := f["Primary time"]; s != "" {
				at, err := time.Parse("Jan 02, 2006 15:04:05.000000000", s)
				if err != nil {
					t.Fatal(err)
				}
				place += " " + at.Format(time.RFC3339)
			}
			want = append(want, place)
		}
		if _, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, e *event.Event) error {
			if r.Get("recovered") != recovered {
				return nil
			}
			place := regexp.MustCompile(`offset":(\d+)`).FindStringSubmatch(string(e.AppendJSON(nil)))[1]
			if s := r.Get("indexed"); s != "" { // of a week, the first time is the index's
				place += " " + s
			} else if r.Time != 0 {
				place += " " + time.Unix(0, r.Time).UTC().Format(time.RFC3339)
			}
			got = append(got, place)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s:\n%q\nmsiecfexport gives\n%q", mode, got, want)
		}
	}
}
