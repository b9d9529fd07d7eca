package sensor

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"saksi/event"
)

// corpus returns a folder of the corpus of other projects' captures, or skips.
func corpus(t *testing.T, dir string) string {
	t.Helper()
	root := os.Getenv("SAKSI_CORPUS")
	if root == "" {
		t.Skip("SAKSI_CORPUS is not set: nothing to compare with")
	}
	return filepath.Join(root, dir)
}

// rows reads a table with a header.
func rows(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []map[string]string
	var head []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		c := strings.Split(sc.Text(), "\t")
		if head == nil {
			head = c
			continue
		}
		m := map[string]string{}
		for i, h := range head {
			if i < len(c) {
				m[h] = c[i]
			}
		}
		out = append(out, m)
	}
	return out
}

// documents reads a capture and returns its events.
func documents(t *testing.T, path string) []*event.Event {
	t.Helper()
	var l lines
	read(t, path, 1, &l)
	var out []*event.Event
	for _, b := range strings.Split(strings.TrimSpace(l.buf.String()), "\n") {
		if b == "" {
			continue
		}
		e, err := event.Parse([]byte(b))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

func str(e *event.Event, f event.Field) string {
	s, _ := e.GetStr(f)
	return s
}

func num(e *event.Event, f event.Field) int64 {
	n, _ := e.GetInt(f)
	return n
}

func addr(e *event.Event, f event.Field) string {
	a, _ := e.GetAddr(f)
	return a.String()
}

// byCapture groups rows by their capture, in the order of names.
func byCapture(list []map[string]string) (names []string, groups map[string][]map[string]string) {
	groups = map[string][]map[string]string{}
	for _, r := range list {
		groups[r["capture"]] = append(groups[r["capture"]], r)
	}
	for n := range groups {
		names = append(names, n)
	}
	sort.Strings(names)
	return names, groups
}

// atLeast reports a share and fails below a floor, in percent.
func atLeast(t *testing.T, what string, good, all int, floor float64) {
	t.Helper()
	share := 100 * float64(good) / float64(max(all, 1))
	t.Logf("%s: %d of %d (%.1f %%), floor %.1f %%", what, good, all, share, floor)
	if share < floor {
		t.Errorf("%s: %.1f %% is below %.1f %%", what, share, floor)
	}
}

// TestCommunityIDs proves the ids of corelight's reference implementation.
func TestCommunityIDs(t *testing.T) {
	dir := corpus(t, "captures/community-id")
	data, err := os.ReadFile(filepath.Join(dir, "baseline_deflt.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want []struct{ Communityid string }
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range files {
		for _, e := range documents(t, p) {
			have[str(e, event.NetworkCommunityID)] = true
		}
	}
	good := 0
	for _, w := range want {
		if have[w.Communityid] {
			good++
		} else {
			t.Logf("missing %s", w.Communityid)
		}
	}
	atLeast(t, "community ids", good, len(want), 100)
}

// TestJA4 proves the fingerprints of FoxIO's captures.
func TestJA4(t *testing.T) {
	dir := corpus(t, "captures/ja4")
	names, groups := byCapture(rows(t, filepath.Join(dir, "ja4.tsv")))
	good, all := 0, 0
	for _, n := range names {
		have := map[string]string{}
		for _, e := range documents(t, filepath.Join(dir, n)) {
			if v := str(e, event.SaksiTLSJA4); v != "" {
				have[flowKey(e)] = v
			}
		}
		for _, r := range groups[n] {
			all++
			k := r["src_ip"] + " " + r["src_port"] + " " + r["dst_ip"] + " " + r["dst_port"]
			if have[k] == r["ja4"] {
				good++
			} else {
				t.Logf("%s %s: %q, expected %s", n, k, have[k], r["ja4"])
			}
		}
	}
	atLeast(t, "JA4", good, all, floorJA4)
}

func flowKey(e *event.Event) string {
	return addr(e, event.SourceIP) + " " + itoa(num(e, event.SourcePort)) + " " + addr(e, event.DestinationIP) + " " + itoa(num(e, event.DestinationPort))
}

func itoa(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// zeekServices gives the service that Zeek's log of ours names, in order of name.
func zeekServices(t *testing.T, e *event.Event) string {
	t.Helper()
	var out bytes.Buffer
	z, err := event.NewZeek(&out, "conn")
	if err == nil {
		err = z.Emit(e)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "#") {
			return inOrder(strings.Split(line, "\t")[7])
		}
	}
	t.Fatal("a flow without a row")
	return ""
}

// inOrder sorts a list of services.
func inOrder(list string) string {
	parts := strings.Split(list, ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// TestZeekConnections reports how many of Zeek's connections have the same
// state, history and bytes.
func TestZeekConnections(t *testing.T) {
	dir := corpus(t, "captures/zeek")
	names, groups := byCapture(rows(t, filepath.Join(dir, "conn.tsv")))
	type count struct{ state, history, bytes, service, whole int }
	var good count
	all := 0
	for _, n := range names {
		have := map[string][]*event.Event{}
		for _, e := range documents(t, filepath.Join(dir, n)) {
			if str(e, event.EventDataset) == "saksi.flow" {
				have[flowKey(e)] = append(have[flowKey(e)], e)
			}
		}
		for _, r := range groups[n] {
			all++
			if r["proto"] == "icmp" { // Zeek has type and code in the place of ports
				r["id.orig_p"], r["id.resp_p"] = "0", "0"
			}
			k := r["id.orig_h"] + " " + r["id.orig_p"] + " " + r["id.resp_h"] + " " + r["id.resp_p"]
			list := have[k]
			if len(list) == 0 {
				t.Logf("%s: no flow %s (%s %s)", n, k, r["proto"], r["conn_state"])
				continue
			}
			e := list[0]
			have[k] = list[1:]
			dash := func(n int64) string { return itoa(n) }
			state := str(e, event.SaksiFlowState) == r["conn_state"]
			history := strings.ReplaceAll(str(e, event.SaksiFlowHistory), "T", "") == strings.Trim(strings.ReplaceAll(r["history"], "T", ""), "-")
			octets := (r["orig_bytes"] == "-" || dash(num(e, event.SaksiFlowSourcePayload)) == r["orig_bytes"]) &&
				(r["resp_bytes"] == "-" || dash(num(e, event.SaksiFlowDestinationPayload)) == r["resp_bytes"]) &&
				dash(num(e, event.SourceBytes)) == r["orig_ip_bytes"] && dash(num(e, event.DestinationBytes)) == r["resp_ip_bytes"]
			service := zeekServices(t, e) == inOrder(r["service"])
			if !service {
				t.Logf("%s %s: service %s, expected %s", n, k, zeekServices(t, e), r["service"])
			}
			for ok, c := range map[*bool]*int{&state: &good.state, &history: &good.history, &octets: &good.bytes, &service: &good.service} {
				if *ok {
					*c++
				}
			}
			if state && history && octets {
				good.whole++
			} else {
				t.Logf("%s %s: %s %s %d/%d %d/%d, expected %s %s %s/%s %s/%s", n, k, str(e, event.SaksiFlowState), str(e, event.SaksiFlowHistory),
					num(e, event.SaksiFlowSourcePayload), num(e, event.SaksiFlowDestinationPayload), num(e, event.SourceBytes), num(e, event.DestinationBytes),
					r["conn_state"], r["history"], r["orig_bytes"], r["resp_bytes"], r["orig_ip_bytes"], r["resp_ip_bytes"])
			}
		}
	}
	t.Logf("of %d connections: state %d, history %d, bytes %d, service %d", all, good.state, good.history, good.bytes, good.service)
	atLeast(t, "connections equal in state, history and bytes", good.whole, all, floorZeek)
	atLeast(t, "connections equal in service", good.service, all, floorService)
}

// ndpiNames is what nDPI calls a protocol, lower case.
var ndpiNames = map[string]string{
	"snmp": "snmp", "smb": "smbv23", "ipv6-icmp": "icmpv6", "openvpn": "openvpn", "ike": "ipsec", "ipsec-nat-t": "ipsec", "esp": "ipsec", "ah": "ipsec", "dropbox-lansync": "dropbox", "http2": "http",
	"weave": "nestlogsink", "websocket": "http", "spotify-connect": "spotify", "dcerpc": "dce_rpc", "sunrpc": "rpc", "tds": "mssql-tds", "redis": "resp", "java-rmi": "jrmi", "iax2": "iax",
	"whois": "whois-das", "netcode": "yojimbo", "ica": "citrix", "mpeg-ts": "mpeg_ts", "delivery-optimization": "ms_do", "photon": "tocaboca",
	"iperf3": "targusdataspeed", "vmware-heartbeat": "vmware", "vmware-authd": "vmware", "ymsg": "yahoo", "hcl-notes": "lotusnotes", "smart-install": "ciscosmi",
}

// ndpiApplications is what nDPI calls an application, lower case, where it is
// not our name without its hyphens. "*" and a category stand for any of it.
var ndpiApplications = map[string]string{
	"doh_dot": "*dns", "teams": "microsoft-teams", "skype_teams": "skype microsoft-teams", "skype_teamscall": "skype microsoft-teams",
	"google":         "google google-services google-ads google-analytics google-dns firebase chromecast", // its "Google" is the rest of them all
	"googleservices": "google-services google-play chrome-update firebase", "playstore": "google-play", "datasaver": "google-data-saver", "amazonaws": "aws", "ads_analytic_track": "*advertising *analytics",
	"adultcontent": "*adult", "vibervoip": "viber", "microsoft365": "microsoft-365 outlook microsoft-entra", "alicloud": "alibaba-cloud", "appleitunes": "app-store apple-music",
	"imaps": "imaps gmail outlook", "pops": "pop3s", "appleicloud": "icloud", "applestore": "app-store", "amazonalexa": "alexa", "amazonvideo": "prime-video", "ms_onedrive": "onedrive",
	"sinaweibo": "weibo", "edgecast": "edgio", "goto": "gotomeeting", "appletvplus": "apple-tv", "hbo": "hbo-max", "iheartradio": "iheart", "siriusxmradio": "sirius-xm", "teslaservices": "tesla",
	"pia": "private-internet-access", "ubiquity": "ubiquiti", "cybersecurity": "*security", "mpegdash": "mpeg-dash", "eth": "ethereum",
	"avastsecuredns": "avast-secure-dns", "applepush": "apple-push", "applesiri": "apple-siri", "hangoutduo": "google-meet",
}

// ndpiFlow is how we name a flow.
type ndpiFlow struct{ protocol, via, application, category string }

// is reports whether nDPI's name of an application means ours.
func (f ndpiFlow) is(name string) bool {
	name = strings.ToLower(name)
	if alias := ndpiApplications[name]; alias != "" {
		for _, a := range strings.Fields(alias) {
			if f.application == a || f.category != "" && a == "*"+f.category {
				return true
			}
		}
		return false
	}
	return f.application != "" && strings.ReplaceAll(f.application, "-", "") == strings.NewReplacer("-", "", "_", "").Replace(name)
}

// TestNDPILabels reports how many flows have the protocol nDPI gives them, and
// of those that it gives an application too, how many have that. nDPI writes
// PROTOCOL, PROTOCOL.APPLICATION, or the application alone.
func TestNDPILabels(t *testing.T) {
	dir := corpus(t, "captures/ndpi")
	names, groups := byCapture(rows(t, filepath.Join(dir, "labels.tsv")))
	good, all, app, apps := 0, 0, 0, 0
	missed, missedApps := map[string]int{}, map[string]int{}
	for _, n := range names {
		have := map[string]ndpiFlow{}
		for _, e := range documents(t, filepath.Join(dir, n)) {
			if str(e, event.EventDataset) != "saksi.flow" {
				continue
			}
			k := pairKey(addr(e, event.SourceIP), itoa(num(e, event.SourcePort)), addr(e, event.DestinationIP), itoa(num(e, event.DestinationPort)))
			f := have[k]
			if p := str(e, event.NetworkProtocol); p != "" {
				f.protocol = p
			} else if f.protocol == "" {
				f.protocol = str(e, event.NetworkTransport)
			}
			f.via = str(e, event.SaksiFlowVia)
			if a := str(e, event.NetworkApplication); a != "" {
				f.application, f.category = a, str(e, event.SaksiFlowCategory)
			}
			have[k] = f
		}
		for _, r := range groups[n] {
			a, ap, ok1 := splitPair(r["a"])
			b, bp, ok2 := splitPair(r["b"])
			if !ok1 || !ok2 {
				continue
			}
			all++
			base, _, _ := strings.Cut(strings.ToLower(r["protocol"]), ".")
			f := have[pairKey(a, ap, b, bp)]
			if ndpiNames[f.protocol] == base || f.protocol == base || f.via == base || f.is(base) {
				good++
			} else {
				missed[base+" as "+f.protocol]++
			}
			if _, name, both := strings.Cut(r["application"], "."); both {
				apps++
				if f.is(name) {
					app++
				} else {
					missedApps[strings.ToLower(r["application"])+" as "+f.protocol+"."+f.application+" "+r["sni"]]++
				}
			}
		}
	}
	t.Logf("most missed: %s", most(missed))
	t.Logf("applications most missed: %s", most(missedApps))
	atLeast(t, "protocols as nDPI names them", good, all, floorNDPI)
	atLeast(t, "applications as nDPI names them", app, apps, floorNDPIApplications)
}

// most lists the 40 greatest counts.
func most(m map[string]int) string {
	list := slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b)) })
	var out []string
	for _, k := range list[:min(len(list), 40)] {
		out = append(out, itoa(int64(m[k]))+" "+k)
	}
	return strings.Join(out, "; ")
}

func splitPair(s string) (host, port string, ok bool) {
	if a, err := netip.ParseAddrPort(s); err == nil {
		return a.Addr().String(), itoa(int64(a.Port())), true
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), "0", true
	}
	return "", "", false
}

func pairKey(a, ap, b, bp string) string {
	x, y := a+" "+ap, b+" "+bp
	if x > y {
		x, y = y, x
	}
	return x + " " + y
}

// Floors that were reached, in percent; they only go up.
const (
	floorJA4  = 100
	floorZeek = 97.7
	// floorService counts connections whose services Zeek's log names alike.
	floorService = 95.5
	floorNDPI    = 98.8
	// floorNDPIApplications counts flows nDPI gives protocol and application.
	floorNDPIApplications = 93.4
)
