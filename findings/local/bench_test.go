package local

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/indextest"
)

// BenchmarkQueries tells how long queries take, of an index of SAKSI_DOCS
// documents (20,000 without it) over 30 days, and what writing it costs. SAKSI_INDEX
// names a folder that keeps the index for the next time; 10,000,000 documents
// need 4 GB there.
func BenchmarkQueries(b *testing.B) {
	docs := 20_000
	if v := os.Getenv("SAKSI_DOCS"); v != "" {
		var err error
		if docs, err = strconv.Atoi(v); err != nil {
			b.Fatal(err)
		}
	}
	dir := os.Getenv("SAKSI_INDEX")
	if dir == "" {
		dir = b.TempDir()
	}
	ix, err := Open(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	defer ix.Close()
	fill(b, ix, docs)
	search := func(q string) func() error {
		return func() error {
			p, err := ix.Search(b.Context(), findings.Request{Query: q, Size: 10})
			if err == nil && p.Total == 0 {
				err = fmt.Errorf("%s finds nothing", q)
			}
			return err
		}
	}
	terms := func(q, f string) func() error {
		return func() error { _, err := ix.Terms(b.Context(), q, f, 10); return err }
	}
	histogram := func(q string) func() error {
		return func() error { _, err := ix.Histogram(b.Context(), q, 24*time.Hour); return err }
	}
	for _, c := range []struct {
		name string
		run  func() error
	}{
		{"newest/all", search("")},
		{"newest/common", search("event.dataset:saksi.dns")},
		{"newest/alerts", search("event.kind:alert")},
		{"newest/rare", search("file.hash.sha256:" + hashOf(1))},
		{"newest/host", search("source.ip:10.0.0.7")},
		{"newest/network", search("source.ip:10.0.7.0/24")},
		{"newest/and", search("event.kind:alert AND source.ip:10.0.0.0/16 AND event.severity:>=3")},
		{"newest/word", search("jahat")},
		{"newest/hour", search("@timestamp:[2026-12-01T10 TO 2026-12-01T11}")},
		{"terms/dataset", terms("", "event.dataset")},
		{"terms/port", terms("", "destination.port")},
		{"terms/host", terms("", "source.ip")},
		{"terms/alerts_rule", terms("event.kind:alert", "rule.name")},
		{"terms/alerts_host", terms("event.kind:alert", "source.ip")},
		{"terms/dns_name", terms("event.dataset:saksi.dns", "dns.question.name")},
		{"histogram/all", histogram("")},
		{"histogram/alerts", histogram("event.kind:alert")},
		{"histogram/host", histogram("source.ip:10.0.0.7")},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				if err := c.run(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

func cpu(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func hashOf(n int) string { return fmt.Sprintf("%064x", uint64(n)*0x9e3779b97f4a7c15) }

// fill puts documents until there are n, and says what it cost.
func fill(b *testing.B, ix *Index, n int) {
	p, err := ix.Search(b.Context(), findings.Request{Size: 1})
	if err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	start := time.Now()
	for at := int(p.Total); at < n; {
		var docs []findings.Doc
		for ; at < n && len(docs) < 16_000; at++ {
			docs = append(docs, traffic(at, n))
		}
		before := cpu(b)
		if _, err := ix.Put(b.Context(), docs); err != nil {
			b.Fatal(err)
		}
		spent += cpu(b) - before
	}
	var size int64
	list, err := filepath.Glob(filepath.Join(ix.dir, "*"+suffix))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range list {
		st, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		size += st.Size()
	}
	if put := n - int(p.Total); put > 0 {
		b.Logf("%d documents in %d segments of %d bytes each document; %.0f documents/CPU s, %s in all", n, len(list), size/int64(n), float64(put)/spent.Seconds(), time.Since(start).Round(time.Second))
	}
}

// traffic is document i of n: flows, DNS, HTTP, files and alerts of 65,536 hosts,
// most of the traffic by few.
func traffic(i, n int) findings.Doc {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	skewed := func(n int) int { x := r.Float64(); return int(x * x * x * float64(n)) }
	var e event.Event
	at := indextest.Base.Add(time.Duration(float64(i) / float64(n) * float64(30*24*time.Hour))).Add(time.Duration(r.IntN(1e9)))
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventKind, "event")
	host := skewed(1 << 16)
	e.Addr(event.SourceIP, netip.AddrFrom4([4]byte{10, 0, byte(host >> 8), byte(host)}))
	e.Int(event.SourcePort, int64(1024+r.IntN(60000)))
	server := skewed(1 << 20)
	e.Addr(event.DestinationIP, netip.AddrFrom4([4]byte{198, byte(server >> 16), byte(server >> 8), byte(server)}))
	e.Str(event.NetworkTransport, []string{"tcp", "udp"}[r.IntN(2)])
	e.Str(event.NetworkCommunityID, fmt.Sprintf("1:%027x=", r.Uint64()))
	e.Str(event.ObserverName, fmt.Sprintf("tap-%d", host%20))
	e.Int(event.EventSequence, int64(i))
	set := ""
	switch k := r.IntN(100); {
	case k < 45:
		set = "flow"
		e.Int(event.DestinationPort, int64([]int{443, 80, 53, 22, 25, 123, 445, 3389, 8080, 1024 + r.IntN(60000)}[skewed(10)]))
		e.Int(event.SourceBytes, int64(skewed(1<<24)))
		e.Int(event.DestinationBytes, int64(skewed(1<<26)))
		e.Int(event.EventDuration, r.Int64N(1e11))
	case k < 75:
		set = "dns"
		e.Int(event.DestinationPort, 53)
		e.Str(event.DNSQuestionName, fmt.Sprintf("host%d.agensi%d.example", skewed(100_000), r.IntN(50)))
		e.Str(event.DNSAnswersData, fmt.Sprintf("198.51.%d.%d", r.IntN(256), r.IntN(256)))
	case k < 92:
		set = "http"
		e.Int(event.DestinationPort, 80)
		e.Str(event.URLOriginal, fmt.Sprintf("/berita/%d/halaman?no=%d", skewed(5000), skewed(1000)))
		e.Str(event.UserAgentOriginal, fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64) Firefox/%d.0", 100+skewed(40)))
		e.Int(event.HTTPResponseStatusCode, int64([]int{200, 304, 404, 500}[skewed(4)]))
	case k < 97:
		set = "file"
		e.Int(event.DestinationPort, 80)
		e.Str(event.FileHashSHA256, hashOf(1+skewed(1_000_000)))
		e.Int(event.FileSize, int64(skewed(1<<24)))
	default:
		set = "alert"
		e.Str(event.EventKind, "alert")
		e.Int(event.DestinationPort, 443)
		e.Int(event.EventSeverity, int64(1+skewed(4)))
		rule := skewed(800)
		e.Str(event.RuleID, fmt.Sprint(1_200_000+rule))
		e.Str(event.RuleName, fmt.Sprintf("%s %d", []string{"Muat turun jahat", "Scanner user agent", "Beacon"}[rule%3], rule))
		e.Str(event.ThreatTechniqueID, fmt.Sprintf("T1%03d", rule%90))
	}
	e.Str(event.EventDataset, "saksi."+set)
	body := e.AppendJSON(nil)
	id, _ := e.GetStr(event.EventID)
	return findings.Doc{ID: id, Dataset: set, Time: at.UTC(), Body: body}
}
