package main

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/elastic"
	"saksi/findings/local"
	"saksi/framework"
)

// Measures of an assessment of the whole public sector.
const (
	scaleFindings = 1000000
	scaleAgencies = 700
	scaleSeconds  = 60 // of CPU
	scaleMemory   = 1 << 30
)

// scaleRegister is a register of 700 agencies, each with a sensor, a network and
// two systems.
func scaleRegister() []byte {
	var b bytes.Buffer
	b.WriteString("register: 1\nversion: scale\nagencies:\n  - {id: root, name: Public sector}\n")
	for i := range scaleAgencies {
		fmt.Fprintf(&b, "  - {id: a%d, name: Agency %d, parent: root, networks: [%s]}\n", i, i, netip.PrefixFrom(scaleAddr(i, 0), 24))
	}
	b.WriteString("sensors:\n")
	for i := range scaleAgencies {
		fmt.Fprintf(&b, "  - {name: tap-%d, agency: a%d}\n", i, i)
	}
	b.WriteString("systems:\n")
	for i := range scaleAgencies {
		for k := range 2 {
			fmt.Fprintf(&b, "  - {id: s%d-%d, title: System, agency: a%d, criticality: high, owner: ICTSO, assets: [{address: %s}]}\n", i, k, i, scaleAddr(i, 10+k))
		}
	}
	return b.Bytes()
}

func scaleAddr(agency, host int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(agency >> 8), byte(agency), byte(host)})
}

// scaleEvent is finding i of the million.
func scaleEvent(e *event.Event, i int, techniques []string) {
	e.Reset()
	agency := i % scaleAgencies
	e.Time(event.Timestamp, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano()+int64(i)*2e9)
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Int(event.EventSeverity, int64(1+i%4))
	e.Str(event.RuleID, fmt.Sprint(1200000+i%500))
	e.Str(event.RuleName, fmt.Sprintf("rule %d", i%500))
	e.Str(event.SaksiRuleLanguage, "suricata")
	e.Str(event.ThreatTechniqueID, techniques[i%len(techniques)])
	e.Str(event.ObserverName, fmt.Sprintf("tap-%d", agency))
	e.Addr(event.SourceIP, netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}))
	e.Addr(event.DestinationIP, scaleAddr(agency, 10+i/scaleAgencies%2))
	e.Int(event.DestinationPort, 443)
	e.Str(event.SaksiEvidenceName, "live")
	e.Str(event.SaksiEvidenceKey, strings.Repeat("ab", 32))
	e.Int(event.SaksiEvidencePacket, int64(i+1))
}

// scaleFlow is what led to finding i; each tenth is the one before as the sensor of
// the next agency saw it.
func scaleFlow(e *event.Event, i int) {
	e.Reset()
	seen := i % scaleAgencies
	if i%10 == 9 {
		i--
	}
	agency := i % scaleAgencies
	e.Time(event.Timestamp, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano()+int64(i)*2e9-1e9)
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.flow")
	e.Str(event.ObserverName, fmt.Sprintf("tap-%d", seen))
	e.Str(event.NetworkCommunityID, fmt.Sprintf("1:%d", i))
	e.Int(event.NetworkBytes, int64(100+i%1000))
	e.Addr(event.SourceIP, scaleAddr(agency, 10+i%5))
	e.Addr(event.DestinationIP, scaleAddr((agency+i)%scaleAgencies, 10+i%3))
	e.Int(event.DestinationPort, 443)
	e.Str(event.SaksiFlowState, []string{"SF", "S0", "REJ"}[i%3])
	e.Str(event.NetworkProtocol, "tls")
	e.Str(event.SaksiEvidenceName, "live")
	e.Str(event.SaksiEvidenceKey, strings.Repeat("ab", 32))
}

// fillScale puts n findings into an index, and a flow for each.
func fillScale(t *testing.T, ix findings.Index, n int) {
	t.Helper()
	p, err := ix.Search(t.Context(), findings.Request{Query: "event.kind:alert", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	if p.Total >= int64(n) {
		return
	}
	techniques := strings.Fields("T1190 T1046 T1071.001 T1110 T1105 T1048 T1059.007 T1566 T1078 T1486 T1041 T1021.002")
	var docs []findings.Doc
	sink, err := framework.Tagger("rakkssa", findings.SinkFunc(func(e *event.Event) error {
		ns, _ := e.GetTime(event.Timestamp)
		e.Str(event.EventID, e.ID())
		id, _ := e.GetStr(event.EventID)
		dataset, _ := e.GetStr(event.EventDataset)
		docs = append(docs, findings.Doc{ID: id, Dataset: strings.TrimPrefix(dataset, "saksi."), Time: time.Unix(0, ns).UTC(), Body: e.AppendJSON(nil)})
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	var e event.Event
	for i := range n {
		scaleFlow(&e, i)
		if err := sink.Emit(&e); err != nil {
			t.Fatal(err)
		}
		scaleEvent(&e, i, techniques)
		if err := sink.Emit(&e); err != nil {
			t.Fatal(err)
		}
		if len(docs) >= 5000 || i == n-1 {
			if _, err := ix.Put(t.Context(), docs); err != nil {
				t.Fatal(err)
			}
			docs = docs[:0]
		}
	}
}

func spent(t *testing.T) (u syscall.Rusage) {
	t.Helper()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return u
}

func cpuTime(u syscall.Rusage) time.Duration {
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestAssessScale assesses a million findings and as many flows of 700 agencies,
// of which a tenth is seen by two sensors, by 300 controls.
// It runs where SAKSI_SCALE names a folder for the index (and SAKSI_SCALE_URL an
// Elasticsearch node besides), because making it takes minutes.
func TestAssessScale(t *testing.T) {
	dir := os.Getenv("SAKSI_SCALE")
	if dir == "" {
		t.Skip("SAKSI_SCALE names no folder for an index of a million findings")
	}
	assessScale(t, dir, os.Getenv("SAKSI_SCALE_URL"), scaleFindings)
}

// TestElasticAssess proves that an assessment is the same to the byte on both
// indexes.
func TestElasticAssess(t *testing.T) {
	url := os.Getenv("SAKSI_TEST_ES")
	if url == "" {
		t.Skip("SAKSI_TEST_ES names no Elasticsearch node; make integration starts one")
	}
	assessScale(t, t.TempDir(), url, 10*scaleAgencies)
}

// assessScale assesses n findings and as many flows in an index in a folder, and in one at an URL if
// there is one.
func assessScale(t *testing.T, dir, url string, n int) {
	r, err := framework.ParseRegister("register.yaml", scaleRegister())
	if err != nil {
		t.Fatal(err)
	}
	open := map[string]func(context.Context) (findings.Index, error){
		"local": func(ctx context.Context) (findings.Index, error) { return local.Open(ctx, filepath.Join(dir, "index")) },
	}
	if url != "" {
		open["elastic"] = func(ctx context.Context) (findings.Index, error) {
			return elastic.Open(ctx, elastic.Config{URL: url, Agency: fmt.Sprintf("scale_%d", n)})
		}
	}
	sums := map[string]string{}
	for name, f := range open {
		ix, err := f(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fillScale(t, ix, n)
		begin := spent(t)
		c, err := framework.Load("nist-800-53r5")
		if err != nil {
			t.Fatal(err)
		}
		a, err := framework.Assess(t.Context(), ix, framework.Inputs{Framework: c.ID, Catalog: c, AsOf: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Register: r, Tool: "saksi test"})
		if err != nil {
			t.Fatal(err)
		}
		end := spent(t)
		took, u := cpuTime(end)-cpuTime(begin), end
		t.Logf("%s: %d findings, %d controls, %d agencies: %s of CPU, %d MiB at most", name, a.Findings, len(a.Outcomes), len(r.Agencies)-1, took.Round(time.Millisecond), u.Maxrss>>10)
		if a.Findings != int64(n) || len(a.Outcomes) < 200 || len(a.Systems) != 2*scaleAgencies || a.Coverage.Seen != scaleAgencies {
			t.Errorf("%s: %d findings, %d controls, %d systems, %+v", name, a.Findings, len(a.Outcomes), len(a.Systems), a.Coverage.Seen)
		}
		if x := a.FlowsTwice; x == nil || x.Flows != int64(n-n/10) || x.TwiceFlows != int64(n/10) {
			t.Errorf("%s: %+v, expected a tenth of %d flows to be seen twice", name, x, n)
		}
		if took > scaleSeconds*time.Second || u.Maxrss<<10 > scaleMemory {
			t.Errorf("%s: %s and %d MiB; expected at most %d s and %d MiB", name, took, u.Maxrss>>10, scaleSeconds, scaleMemory>>20)
		}
		b, err := a.JSON()
		if err != nil {
			t.Fatal(err)
		}
		sums[name] = string(b)
		if err := ix.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if e, ok := sums["elastic"]; ok && e != sums["local"] {
		t.Error("the two indexes give different assessments")
	}
}
