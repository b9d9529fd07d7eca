package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"saksi/event"
)

func read(t testing.TB, o Options, text string) ([]*event.Event, *Summary, error) {
	t.Helper()
	var list []*event.Event
	if o.Name == "" {
		o.Name = "x.log"
	}
	o.Key = "k"
	sum, err := Read(context.Background(), strings.NewReader(text), o, func(e *event.Event) error {
		list = append(list, e.Clone())
		return nil
	})
	if sum != nil {
		var left int64
		for _, n := range sum.LeftOut {
			left += n
		}
		if sum.Lines != sum.Events+sum.Broken+left {
			t.Errorf("%d lines, but %d events, %d broken and %d left out", sum.Lines, sum.Events, sum.Broken, left)
		}
	}
	return list, sum, err
}

// has reports what of the wanted "field=value" a document lacks.
func has(e *event.Event, want ...string) (missing []string) {
	doc := string(e.Clone().AppendJSON(nil))
	for _, w := range want {
		name, value, _ := strings.Cut(w, "=")
		f, ok := event.Lookup(name)
		if !ok {
			missing = append(missing, "no field "+name)
			continue
		}
		found := false
		for v := range e.Values(f) {
			found = found || string(v.AppendText(nil)) == value
		}
		if !found {
			missing = append(missing, w)
		}
	}
	if missing != nil {
		missing = append(missing, doc)
	}
	return missing
}

// TestEVE proves what becomes of each kind of EVE records (Suricata user guide,
// "Eve JSON Format").
func TestEVE(t *testing.T) {
	head := func(kind string) string {
		return `{"timestamp":"2026-11-24T16:46:40.807123+0800","flow_id":1,"event_type":"` + kind + `","src_ip":"192.0.2.101","src_port":35984,"dest_ip":"192.0.2.20","dest_port":445,"proto":"TCP","community_id":"1:x="`
	}
	for _, c := range []struct {
		text string
		want []string
	}{
		{head("alert") + `,"alert":{"action":"allowed","gid":1,"signature_id":2100498,"rev":7,"signature":"GPL ATTACK_RESPONSE id check","category":"Bad","severity":2,"metadata":{"mitre_technique_id":["T1190","T1059"]}},"http":{"hostname":"a.example","url":"/x","http_method":"GET","protocol":"HTTP/1.1","status":200}}`, []string{
			"event.kind=alert", "event.dataset=saksi.alert", "event.severity=2", "rule.id=2100498", "rule.name=GPL ATTACK_RESPONSE id check", "rule.version=7", "threat.technique.id=T1059", "url.full=http://a.example/x", "http.version=1.1",
			"@timestamp=2026-11-24T08:46:40.807123000Z", "source.ip=192.0.2.101", "destination.port=445", "network.transport=tcp", "observer.product=Suricata",
		}},
		{head("alert") + `,"alert":{"signature_id":1,"signature":"s","severity":1,"metadata":{"signature_severity":["Critical"]}}}`, []string{"event.severity=4"}},
		{head("alert") + `,"alert":{"signature_id":1,"signature":"s","severity":3}}`, []string{"event.severity=1"}},
		{head("flow") + `,"app_proto":"krb5","flow":{"pkts_toserver":5,"pkts_toclient":4,"bytes_toserver":500,"bytes_toclient":400,"start":"2026-11-24T08:46:40.000000+0000","end":"2026-11-24T08:46:41.500000+0000","reason":"timeout"}}`, []string{
			"event.kind=event", "network.protocol=kerberos", "source.bytes=500", "destination.packets=4", "event.duration=1500000000", "Saksi.flow.end_reason=timeout",
		}},
		{head("dns") + `,"dns":{"version":3,"type":"request","id":7,"queries":[{"rrname":"a.example","rrtype":"A"}]}}`, []string{"dns.question.name=a.example", "dns.question.type=A", "dns.type=query", "network.protocol=dns"}},
		{head("dns") + `,"dns":{"version":2,"type":"answer","id":7,"rrname":"b.example","rrtype":"AAAA","rcode":"NOERROR","answers":[{"rrname":"b.example","rrtype":"AAAA","ttl":60,"rdata":"2001:db8::1"}]}}`, []string{"dns.question.name=b.example", "dns.response_code=NOERROR", "dns.answers.data=2001:db8::1", "dns.answers.ttl=60", "dns.type=answer"}},
		{head("tls") + `,"tls":{"sni":"c.example","version":"TLS 1.2","fingerprint":"aa:bb","ja3":{"hash":"h"},"ja4":"t13","notbefore":"2026-01-02T03:04:05"}}`, []string{"tls.client.server_name=c.example", "tls.version=1.2", "tls.server.hash.sha1=AABB", "tls.client.ja3=h", "Saksi.tls.ja4=t13", "tls.server.not_before=2026-01-02T03:04:05.000000000Z"}},
		{head("fileinfo") + `,"fileinfo":{"filename":"/a/b.pdf","size":12,"sha256":"cd"},"http":{"hostname":"a.example","url":"/a/b.pdf"}}`, []string{"file.name=b.pdf", "file.path=/a/b.pdf", "file.size=12", "file.hash.sha256=cd", "event.dataset=saksi.file"}},
		{head("ssh") + `,"ssh":{"client":{"software_version":"OpenSSH_9"},"server":{"software_version":"dropbear"}}}`, []string{"Saksi.ssh.client=OpenSSH_9", "Saksi.ssh.server=dropbear"}},
		{head("smtp") + `,"smtp":{"helo":"h"},"email":{"from":"a@b.example","to":["c@d.example"],"subject":"s"}}`, []string{"email.from.address=a@b.example", "email.to.address=c@d.example"}},
		{head("anomaly") + `,"anomaly":{"type":"stream","event":"stream.x"}}`, []string{"Saksi.anomaly.event=stream.x"}},
	} {
		list, sum, err := read(t, Options{}, c.text+"\n")
		if err != nil || len(list) != 1 || sum.Form != EVE {
			t.Errorf("%v, %d events, %+v of %s", err, len(list), sum, c.text)
			continue
		}
		if m := has(list[0], c.want...); m != nil {
			t.Errorf("lacks %q", m)
		}
	}
	_, sum, err := read(t, Options{}, head("stats")+"}\n"+head("stats")+"}\n"+head("drop")+"}\n")
	if err != nil || sum.LeftOut["stats"] != 2 || sum.LeftOut["drop"] != 1 {
		t.Errorf("%v, left out: %v", err, sum.LeftOut)
	}
}

const conn = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" +
	"#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tconn_state\thistory\ttunnel_parents\n" +
	"#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tstring\tstring\tset[string]\n"

// TestZeek proves what becomes of Zeek's logs in both forms (Zeek
// documentation, "Zeek Log Formats and Inspection").
func TestZeek(t *testing.T) {
	row := "1764000000.123456\tC1\t192.0.2.1\t1\t192.0.2.2\t445\ttcp\tgssapi,smb,ntlm\t0.000100\t7\tSF\tShAD\t(empty)\n"
	list, sum, err := read(t, Options{}, conn+row+"#close\t2026\n")
	if err != nil || len(list) != 1 || sum.Form != Zeek || sum.Lines != 1 {
		t.Fatalf("%v %+v", err, sum)
	}
	if m := has(list[0], "@timestamp=2025-11-24T16:00:00.123456000Z", "network.protocol=smb", "event.duration=100000", "event.end=2025-11-24T16:00:00.123556000Z", "Saksi.flow.state=SF", "Saksi.flow.source_payload=7", "event.dataset=saksi.flow"); m != nil {
		t.Errorf("lacks %q", m)
	}
	dns := strings.NewReplacer("#path\tconn", "#path\tdns").Replace("#separator \\x09\n#set_separator\t,\n#unset_field\t-\n#path\tdns\n#fields\tts\tquery\tanswers\n#types\ttime\tstring\tvector[string]\n1.5\ta\\x2cb.example\t192.0.2.1,192.0.2.2\n")
	if list, _, err = read(t, Options{}, dns); err != nil || len(list) != 1 {
		t.Fatal(err, len(list))
	}
	if m := has(list[0], "dns.question.name=a,b.example", "dns.answers.data=192.0.2.1", "dns.answers.data=192.0.2.2"); m != nil {
		t.Errorf("lacks %q", m)
	}
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"http.log":           {`{"ts":1764000000.5,"uid":"C","id.orig_h":"192.0.2.1","id.orig_p":1,"id.resp_h":"192.0.2.2","id.resp_p":80,"method":"GET","host":"a.example","uri":"/x","status_code":404}`, []string{"url.full=http://a.example/x", "http.response.status_code=404"}},
		"ssl.2026-01-01.log": {`{"ts":1764000000.5,"id.orig_h":"192.0.2.1","version":"TLSv12","server_name":"b.example","established":true}`, []string{"tls.version=1.2", "tls.established=true"}},
		"x.log":              {`{"_path":"notice","ts":1764000000,"note":"Scan::Port_Scan","msg":"m","src":"192.0.2.9"}`, []string{"event.kind=alert", "rule.name=Scan::Port_Scan", "source.ip=192.0.2.9", "Saksi.rule.language=zeek"}},
		"files.log":          {`{"ts":"2026-01-02T03:04:05.000006Z","tx_hosts":["192.0.2.1"],"rx_hosts":["192.0.2.2"],"source":"HTTP","filename":"a/b","sha256":"ee"}`, []string{"file.name=b", "destination.ip=192.0.2.2", "network.protocol=http"}},
		"weird.log":          {`{"ts":1764000000.5,"name":"bad_TCP_checksum"}`, []string{"Saksi.anomaly.event=bad_TCP_checksum"}},
		"intel.log":          {`{"ts":1764000000.5,"seen.indicator":"a.example","seen.where":"DNS::IN_REQUEST"}`, []string{"Saksi.indicator.matched=a.example", "event.kind=alert"}},
	} {
		list, sum, err := read(t, Options{Name: name}, c.text+"\n")
		if err != nil || len(list) != 1 || sum.Form != ZeekJSON {
			t.Errorf("%s: %v, %d events, %+v", name, err, len(list), sum)
			continue
		}
		if m := has(list[0], c.want...); m != nil {
			t.Errorf("%s lacks %q", name, m)
		}
	}
}

// TestECS proves that what Saksi wrote comes back as it was, that a changed one
// does not, and that nobody else states what is Saksi's to state.
func TestECS(t *testing.T) {
	own := &event.Event{}
	own.Time(event.Timestamp, 1_795_510_003_000_000_000)
	own.Str(event.EventKind, "event")
	own.Str(event.EventDataset, "saksi.flow")
	own.Str(event.SaksiEvidenceKey, "theirs")
	own.Int(event.SourceBytes, 5)
	line := string(own.AppendJSON(nil))
	list, sum, err := read(t, Options{}, line+"\n"+strings.Replace(line, `"bytes":5`, `"bytes":6`, 1)+"\n")
	if err != nil || len(list) != 1 || sum.Broken != 1 || !strings.Contains(sum.Problems[0].Text, "changed") {
		t.Fatalf("%v, %d events, %+v", err, len(list), sum)
	}
	if string(list[0].AppendJSON(nil)) != line {
		t.Errorf("it came back as %s", list[0].AppendJSON(nil))
	}
	list, sum, err = read(t, Options{}, `{"@timestamp":"2026-01-02T03:04:05Z","event":{"dataset":"nginx.access","kind":"event","id":"x"},"source":{"ip":"192.0.2.1"},"Saksi":{"control":["rk-1"]},"nginx":{"x":1},"url":{"original":"/a"}}`)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %d events", err, len(list))
	}
	if m := has(list[0], "event.dataset=saksi.record", "event.provider=nginx.access", "source.ip=192.0.2.1", "url.original=/a", "Saksi.evidence.key=k"); m != nil {
		t.Errorf("lacks %q", m)
	}
	if list[0].Has(event.SaksiControl) || sum.Unmapped["Saksi.control"] != 1 || sum.Unmapped["nginx.x"] != 1 {
		t.Errorf("a stranger stated a control: %v", sum.Unmapped)
	}
}

// TestForged proves that no file says what people said, suppressed, or what a
// sensor counted: a right id is no proof of who wrote it.
func TestForged(t *testing.T) {
	text := ""
	for _, set := range []string{"saksi.review", "saksi.sensor", "saksi.authority", "saksi.hold", "saksi.retention", "saksi.flow"} {
		e := &event.Event{}
		e.Time(event.Timestamp, 1_795_510_003_000_000_000)
		e.Str(event.EventKind, "event")
		e.Str(event.EventDataset, set)
		e.Str(event.SaksiReviewRule, "1200001")
		text += string(e.AppendJSON(nil)) + "\n"
	}
	list, sum, err := read(t, Options{}, text)
	if err != nil || len(list) != 1 || sum.LeftOut["saksi.review"] != 1 || sum.LeftOut["saksi.sensor"] != 1 || sum.LeftOut["saksi.authority"] != 1 || sum.LeftOut["saksi.hold"] != 1 || sum.LeftOut["saksi.retention"] != 1 {
		t.Errorf("%v: %d taken, left out %v", err, len(list), sum.LeftOut)
	}
}

// TestHostile proves that a line that can't be read costs itself alone, is told
// with its offset, and that lengths, depths and counts are bounded.
func TestHostile(t *testing.T) {
	good := `{"timestamp":"2026-11-24T08:46:40.807123+0000","event_type":"flow","flow":{}}` + "\n"
	for name, bad := range map[string]string{
		"cut":           `{"timestamp":"2026-11-24T08:4`,
		"two":           `{"event_type":"flow"} {"event_type":"flow"}`,
		"array":         `[1,2]`,
		"deep":          strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		"deep arrays":   `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"long":          `{"a":"` + strings.Repeat("x", maxLine) + `"}`,
		"many":          `{"a":[` + strings.Repeat("1,", maxValues) + "1]}",
		"no time":       `{"event_type":"flow","timestamp":"yesterday"}`,
		"no type":       `{"timestamp":"2026-11-24T08:46:40.807123+0000"}`,
		"no UTF-8":      "{\"event_type\":\"\xff\xfe",
		"number beyond": `{"event_type":"flow","timestamp":"2026-11-24T08:46:40.807123+0000","src_port":1e999}` + "x",
	} {
		list, sum, err := read(t, Options{Form: EVE}, good+bad+"\n"+good)
		if err != nil || len(list) != 2 || sum.Broken != 1 || sum.Problems[0].Offset != int64(len(good)) {
			t.Errorf("%s: %v, %d events, %+v", name, err, len(list), sum)
		}
	}
	// A value of another type costs itself alone, and the event says so.
	list, _, err := read(t, Options{}, `{"timestamp":"2026-11-24T08:46:40.807123+0000","event_type":"flow","src_ip":"nowhere","dest_ip":"192.0.2.1"}`)
	if err != nil || len(list) != 1 || list[0].Has(event.SourceIP) || !list[0].Has(event.DestinationIP) || !list[0].Has(event.SaksiIncomplete) {
		t.Errorf("a wrong address: %v %v", err, list)
	}
	for name, text := range map[string]string{"empty": "", "blank": "\n\n", "text": "hello\n", "xml": "<a/>\n"} {
		_, sum, err := read(t, Options{}, text)
		if blank := strings.TrimSpace(text) == ""; blank && (err != nil || sum.Lines != 0) || !blank && !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v, %+v", name, err, sum)
		}
	}
	if _, sum, err := read(t, Options{}, conn+"1\t2\n"); err != nil || sum.Broken != 1 {
		t.Errorf("a row with columns missing: %v, %+v", err, sum)
	}
	if _, sum, err := read(t, Options{}, "#separator \\x09\n#fields\t"+strings.Repeat("a\t", maxColumns+1)+"\n1\n"); err != nil || sum.Broken != 2 {
		t.Errorf("too many fields: %v, %+v", err, sum)
	}
	kinds := ""
	for i := range maxKinds + 10 {
		kinds += fmt.Sprintf(`{"timestamp":"2026-11-24T08:46:40.807123+0000","event_type":"k%d"}`+"\n", i)
	}
	if _, sum, err := read(t, Options{}, kinds); err != nil || len(sum.LeftOut) != maxKinds+1 {
		t.Errorf("%v: %d kinds are held", err, len(sum.LeftOut))
	}
}

// FuzzRead proves that no input panics and that each line is accounted for.
func FuzzRead(f *testing.F) {
	f.Add(conn + "1764000000.123456\tC1\t192.0.2.1\t1\t192.0.2.2\t445\ttcp\tsmb\t0.1\t7\tSF\tShAD\t-\n")
	f.Add(`{"timestamp":"2026-11-24T08:46:40.807123+0000","event_type":"dns","dns":{"queries":[{"rrname":"a"}]}}`)
	f.Add(`{"@timestamp":"2026-01-02T03:04:05Z","event":{"dataset":"saksi.flow","id":"x"}}`)
	f.Add(`{"ts":1.5,"_path":"ssl","version":"TLSv"}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, form := range append(Forms(), "") {
			list, _, _ := read(t, Options{Form: form}, text)
			for _, e := range list {
				e.ID()
			}
		}
	})
}
