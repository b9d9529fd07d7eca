package sensor

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/sensor/asset"
)

const plant = "../testdata/capture/assets.pcap"

// assetsOf returns the assets that a capture's events tell, by id.
func assetsOf(t *testing.T, path string) map[string]*event.Event {
	t.Helper()
	out := map[string]*event.Event{}
	for _, e := range documents(t, path) {
		if str(e, event.EventDataset) == asset.Dataset {
			out[str(e, event.SaksiAssetID)] = e
		}
	}
	return out
}

func list(e *event.Event, f event.Field) string {
	var s []string
	for v := range e.Values(f) {
		s = append(s, string(v.AppendText(nil)))
	}
	return strings.Join(s, ", ")
}

// TestAssets proves what a network tells of its hosts without a login, by
// testdata/truth/assets.tsv, which was written with the capture.
func TestAssets(t *testing.T) {
	have := assetsOf(t, plant)
	truth := rows(t, "../testdata/truth/assets.tsv")
	for _, want := range truth {
		e := have[want["mac"]]
		if e == nil {
			t.Errorf("no host with the address %s", want["mac"])
			continue
		}
		for name, f := range map[string]event.Field{
			"ip": event.HostIP, "vendor": event.SaksiAssetVendor, "name": event.HostName, "domain": event.SaksiAssetDomain,
			"system": event.HostOSFull, "sure": event.SaksiAssetSystemConfidence, "roles": event.SaksiAssetRole, "services": event.SaksiAssetService,
			"software": event.SaksiAssetSoftware, "devices": event.SaksiAssetDevice, "units": event.SaksiAssetUnit,
		} {
			if got := list(e, f); got != want[name] {
				t.Errorf("%s: %s is %q, expected %q", want["mac"], name, got, want[name])
			}
		}
		for v := range e.Values(event.SaksiAssetWhy) {
			if !strings.Contains(v.Str(), ", packet ") {
				t.Errorf("%s: %q names no packet", want["mac"], v.Str())
			}
		}
	}
	if len(have) != len(truth) {
		t.Errorf("%d hosts, expected %d", len(have), len(truth))
	}
}

// TestAssetsMany proves that what has to make room is told the same for any
// number of workers, and counted.
func TestAssetsMany(t *testing.T) {
	var first []byte
	for _, workers := range []int{1, 2, 5} {
		var l lines
		s, err := Read(context.Background(), Config{
			Sources: []Source{{Path: demo}, {Path: plant}}, Workers: workers, Sink: &l, Assets: asset.Limits{Hosts: 5, Bytes: 2048},
		})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = bytes.Clone(l.buf.Bytes())
		}
		if !bytes.Equal(first, l.buf.Bytes()) {
			t.Fatalf("%d workers differ from one: %s", workers, firstDifference(first, l.buf.Bytes()))
		}
		if !slices.ContainsFunc(s.Oddities, func(c Count) bool { return c.Name == "addresses told early for memory" && c.N > 0 }) {
			t.Errorf("oddities %v do not say what was told early", s.Oddities)
		}
	}
}

// TestAssetsSummary proves that a host that two captures show stands once in
// the summary, and that talkers and assets agree.
func TestAssetsSummary(t *testing.T) {
	s, err := Read(context.Background(), Config{Sources: []Source{{Path: demo}, {Path: demo}}, Workers: 2, KeepAssets: true})
	if err != nil {
		t.Fatal(err)
	}
	one, err := Read(context.Background(), Config{Sources: []Source{{Path: demo}}, Workers: 2, KeepAssets: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Assets) != len(one.Assets) || len(one.Assets) == 0 {
		t.Errorf("%d hosts in a capture read twice, %d in it once", len(s.Assets), len(one.Assets))
	}
	sent := func(s *Summary) (talkers, assets uint64) {
		known := map[string]bool{}
		for _, a := range s.Assets {
			assets += a.Sent
			for _, x := range a.Addrs {
				known[x.String()] = true
			}
		}
		for _, x := range s.Talkers() {
			if known[x.Addr.String()] {
				talkers += x.Sent
			}
		}
		return talkers, assets
	}
	for i, x := range []*Summary{&one, &s} {
		if a, b := sent(x); a != b || a == 0 {
			t.Errorf("read %d times: talkers sent %d bytes, their hosts %d", i+1, a, b)
		}
	}
	if a, _ := sent(&one); fmt.Sprint(a*2) != fmt.Sprint(func() uint64 { x, _ := sent(&s); return x }()) {
		t.Error("a capture read twice does not count twice")
	}
}

// TestAssetsLive proves that a live capture tells of hosts as they change, not
// each time, and of the rest at the end.
func TestAssetsLive(t *testing.T) {
	var l lines
	cfg := &Config{Workers: 1, Sink: &l, Health: &Health{}}
	o := newOrder(context.Background(), cfg, newSummary(), &source{live: true, name: "eth1", key: "k"})
	told := func() int {
		n := strings.Count(l.buf.String(), "\n")
		l.buf.Reset()
		return n
	}
	host := func(n byte, name string) {
		o.hosts.table.Add(&asset.Fact{Host: asset.OfMAC([6]byte{0, 0x0c, 0x29, 0, 0x53, n}), Kind: asset.Name, Value: name, Via: "dhcp", Packet: uint64(n), Time: 1})
	}
	const begin = int64(1_700_000_000_000_000_000)
	at := func(minutes int64) int {
		if err := o.hosts.advance(begin + minutes*60e9); err != nil {
			t.Fatal(err)
		}
		return told()
	}
	at(0)
	host(1, "satu")
	host(2, "dua")
	for _, c := range []struct {
		minute int64
		want   int
	}{{9, 0}, {10, 2}, {20, 0}, {30, 0}} {
		if got := at(c.minute); got != c.want {
			t.Errorf("at minute %d %d hosts are told, expected %d", c.minute, got, c.want)
		}
	}
	host(2, "lain")
	if got := at(41); got != 1 {
		t.Errorf("%d hosts are told, expected the one that changed", got)
	}
	host(3, "tiga")
	if err := o.hosts.close(); err != nil {
		t.Fatal(err)
	}
	if got := told(); got != 1 {
		t.Errorf("at the end %d hosts are told, expected the one not told yet", got)
	}
}
