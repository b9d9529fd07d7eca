package artifact_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// goESE is the module whose testdata holds real databases of ESE.
const goESE = "www.velocidex.com/golang/go-ese@v0.2.1-0.20250215160921-5af66dc0f6ed"

// moduleFiles gives the testdata of a module, which is not one of ours.
func moduleFiles(t *testing.T, module string) string {
	t.Helper()
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("fetches " + module + " for its testdata: SAKSI_INTEROP is not set (make interop)")
	}
	c := exec.Command("go", "mod", "download", "-json", module)
	c.Dir, c.Env = t.TempDir(), append(os.Environ(), "GOFLAGS=-mod=mod", "GONOSUMDB=*")
	if err := os.WriteFile(filepath.Join(c.Dir, "go.mod"), []byte("module x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := c.Output()
	var m struct{ Dir, Error string }
	if jerr := json.Unmarshal(out, &m); err != nil || jerr != nil || m.Dir == "" {
		t.Skipf("%s can't be fetched: %s", module, m.Error)
	}
	return filepath.Join(m.Dir, "testdata")
}

// TestInteropSRUM proves that each row of network usage and of resources of a real
// SRUDB.dat is read as esedbexport reads it, with its program and its user named.
func TestInteropSRUM(t *testing.T) {
	path := filepath.Join(moduleFiles(t, goESE), "SRUM", "SRUDB.dat")
	dir := t.TempDir()
	if out, err := exec.Command("esedbexport", "-t", filepath.Join(dir, "x"), path).CombinedOutput(); err != nil {
		t.Fatalf("esedbexport: %v %s", err, out)
	}
	got := map[string][]string{}
	unnamed := 0
	if _, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, _ *event.Event) error {
		kind := r.Get("record")
		switch kind {
		case "network-usage":
			got[kind] = append(got[kind], strings.Join([]string{r.Get("auto_inc_id"), r.Get("interface_luid"), r.Get("l2_profile_id"), r.Get("bytes_sent"), r.Get("bytes_recvd")}, " "))
		case "program-resources":
			got[kind] = append(got[kind], strings.Join([]string{r.Get("auto_inc_id"), r.Get("foreground_cycle_time"), r.Get("background_bytes_read"), r.Get("background_bytes_written")}, " "))
		}
		// The database itself has no name for its numbers 1 and 2.
		if p, u := r.Get("program"), r.Get("user"); strings.HasPrefix(p, "#") && p != "#1" || strings.HasPrefix(u, "#") && u != "#2" || r.Time == 0 && kind != "table" {
			unnamed++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind, table string
		columns     []string
		least       int
	}{
		{"network-usage", "{973F5D5C-1D90-4944-BE8E-24B94231A174}", []string{"AutoIncId", "InterfaceLuid", "L2ProfileId", "BytesSent", "BytesRecvd"}, 255},
		{"program-resources", "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}", []string{"AutoIncId", "ForegroundCycleTime", "BackgroundBytesRead", "BackgroundBytesWritten"}, 1778},
	} {
		files, err := filepath.Glob(filepath.Join(dir, "x.export", c.table+".*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v %v", files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		names := strings.Split(lines[0], "\t")
		var want []string
		for _, line := range lines[1:] {
			cells := strings.Split(line, "\t")
			var row []string
			for _, n := range c.columns {
				row = append(row, cells[slices.Index(names, n)])
			}
			want = append(want, strings.Join(row, " "))
		}
		if len(want) < c.least || !slices.Equal(got[c.kind], want) {
			t.Errorf("%s: %d rows; esedbexport gives %d", c.kind, len(got[c.kind]), len(want))
		}
	}
	if unnamed > 0 {
		t.Errorf("%d records have no program, user or time", unnamed)
	}
}

// TestInteropEVT proves that the records an old event log counts are those that
// evtexport gives.
func TestInteropEVT(t *testing.T) {
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("needs evtexport: SAKSI_INTEROP is not set (make interop)")
	}
	path := filepath.Join(samples, "sample.evt")
	out, err := exec.Command("evtexport", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, block := range strings.Split(string(out), "Event number")[1:] {
		fields := map[string]string{}
		for _, line := range strings.Split("Event number"+block, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok {
				fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
		id, _, _ := strings.Cut(fields["Event identifier"], " ")
		want = append(want, strings.Join([]string{fields["Event number"], id, fields["Source name"], fields["Computer name"], fields["User security identifier"]}, " "))
	}
	if _, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, _ *event.Event) error {
		if r.Get("recovered") == "" {
			got = append(got, strings.Join([]string{r.Get("number"), r.Get("identifier"), r.Get("source"), r.Get("computer"), r.Get("sid")}, " "))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if len(want) != 4 || !slices.Equal(got, want) {
		t.Errorf("%q; evtexport gives %q", got, want)
	}
}

// TestInteropESE proves that real databases of the other kinds give as many
// records as they have rows (by esedbexport and dissect.esedb), and that no hash
// leaves a directory.
func TestInteropESE(t *testing.T) {
	dir := moduleFiles(t, goESE)
	for _, c := range []struct {
		file, format string
		want         map[string]int
	}{
		{"Samples/WebCacheV01.dat", "webcache", map[string]int{"visit": 3}},
		{"Samples/Windows.edb", "windows-search", map[string]int{"item": 930}},
		{"Samples/ntds.dit", "ntds", map[string]int{"user": 9, "computer": 2, "group": 46, "account": 9}},
		{"Samples/qmgr.db", "bits", map[string]int{"job": 1, "file": 1}},
		{"Sample_UAL/HyperV-PC/Current.mdb", "user-access-log", map[string]int{"access": 39, "name": 18, "role": 3}},
		{"Sample_UAL/HyperV-PC/SystemIdentity.mdb", "user-access-roles", map[string]int{"database": 1}},
	} {
		got := map[string]int{}
		sum, err := artifact.Read(context.Background(), filepath.Join(dir, filepath.FromSlash(c.file)), options(t), func(r *artifact.Record, _ *event.Event) error {
			got[r.Get("record")]++
			return nil
		})
		// Some were left dirty, which is said.
		if err != nil || sum.Format != c.format || sum.Broken > 1 {
			t.Errorf("%s: read as %q, %v %v", c.file, sum.Format, sum.Problems, err)
		}
		for k, n := range c.want {
			if got[k] != n {
				t.Errorf("%s: %d records of kind %s; expected %d", c.file, got[k], k, n)
			}
		}
		t.Log(c.file, got, sum.Problems)
	}
}
