package sensor

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"saksi/event"
	"saksi/findings"
	"saksi/rules/suricata"
)

// TestAnomalies proves that what is wrong with packets, streams and
// transactions is told once each, with rules and without, in Suricata's words
// in EVE JSON.
func TestAnomalies(t *testing.T) {
	raw := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	ip := func(proto, rest string) []byte {
		return raw(fmt.Sprintf("4500%04x0001000040%s00000a0000010a000002%s", 20+len(rest)/2, proto, rest))
	}
	question := "076578616d706c6504746573740000010001"
	capture := pcapOf(101,
		raw("4500000800010000401100000a0000010a000002"),      // total length below the header's
		ip("06", "9c40005000000001000000005011ffff00000000"), // FIN of no connection
		ip("11", "9c41003500260000123401400001000000000000"+question),
	)
	set, problems := suricata.Load([]suricata.Source{{Name: "uji.rules", Data: []byte(`alert udp any any -> any 53 (msg:"a"; content:"example"; sid:1;)`)}}, suricata.Config{Offer: Offer()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, rules := range []*suricata.Set{nil, set} {
		var got []string
		var eve bytes.Buffer
		payload := ""
		_, err := Read(context.Background(), Config{
			Sources: []Source{{Name: "x.pcap", Reader: bytes.NewReader(capture)}}, NoChecksum: true, Anomalies: true, Payload: true, Detail: true, Rules: RuleSet{Suricata: rules},
			Sink: findings.SinkFunc(func(e *event.Event) error {
				b := e.AppendEVE(nil)
				switch dataset, _ := e.GetStr(event.EventDataset); dataset {
				case "saksi.anomaly":
					kind, _ := e.GetStr(event.SaksiAnomalyType)
					name, _ := e.GetStr(event.SaksiAnomalyEvent)
					got = append(got, kind+" "+name)
					eve.Write(b)
				case "saksi.alert":
					var doc struct{ Payload, PayloadPrintable string }
					if err := json.Unmarshal(bytes.Replace(b, []byte("payload_printable"), []byte("payloadprintable"), 1), &doc); err != nil {
						t.Fatal(err)
					}
					data, err := base64.StdEncoding.DecodeString(doc.Payload)
					if err != nil || !strings.Contains(doc.PayloadPrintable, ".example.test.") {
						t.Errorf("payload: %v in %s", err, b)
					}
					payload = string(data)
				}
				return nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"decode ipv4.iplen_smaller_than_hlen", "stream fin_but_no_session", "applayer z_flag_set"}; !slices.Equal(got, want) {
			t.Errorf("rules %t: %q, expected %q", rules != nil, got, want)
		}
		for _, want := range []string{
			`"anomaly":{"type":"decode","event":"decoder.ipv4.iplen_smaller_than_hlen"}`, `"anomaly":{"type":"stream","event":"stream.fin_but_no_session"}`,
			`"anomaly":{"app_proto":"dns","type":"applayer","event":"Z_FLAG_SET","layer":"proto_parser"}`,
		} {
			if !bytes.Contains(eve.Bytes(), []byte(want)) {
				t.Errorf("no %s in %s", want, eve.Bytes())
			}
		}
		if (rules != nil) != strings.Contains(payload, "\x07example\x04test\x00") {
			t.Errorf("rules %t: payload %q", rules != nil, payload)
		}
	}
}

// TestAnomaliesBeside proves that telling them changes nothing else, for any
// number of workers.
func TestAnomaliesBeside(t *testing.T) {
	set, _, err := suricata.LoadFiles([]string{"../testdata/rules/demo.rules"}, suricata.Config{Offer: Offer()})
	if err != nil {
		t.Fatal(err)
	}
	read := func(path string, cfg Config) (others, anomalies []string) {
		cfg.Sources, cfg.NoChecksum = []Source{{Path: path}}, true
		cfg.Sink = findings.SinkFunc(func(e *event.Event) error {
			if dataset, _ := e.GetStr(event.EventDataset); dataset == "saksi.anomaly" {
				anomalies = append(anomalies, string(e.AppendJSON(nil)))
			} else {
				others = append(others, string(e.AppendJSON(nil)))
			}
			return nil
		})
		if _, err := Read(context.Background(), cfg); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return others, anomalies
	}
	n := 0
	for _, path := range []string{demo, "../testdata/capture/retransmission.pcap", "../testdata/capture/fragments.pcap", "../testdata/capture/http.pcap"} {
		for _, rules := range []*suricata.Set{nil, set} {
			plain, none := read(path, Config{Workers: 1, Rules: RuleSet{Suricata: rules}})
			one, told := read(path, Config{Workers: 1, Rules: RuleSet{Suricata: rules}, Anomalies: true})
			many, again := read(path, Config{Workers: 5, Rules: RuleSet{Suricata: rules}, Anomalies: true})
			if len(none) > 0 || !slices.Equal(one, plain) || !slices.Equal(many, plain) || !slices.Equal(told, again) {
				t.Errorf("%s, rules %t: %d events, %d and %d with anomalies; %d anomalies, %d by 5 workers", path, rules != nil, len(plain), len(one), len(many), len(told), len(again))
			}
			n += len(told)
		}
	}
	if n == 0 {
		t.Error("nothing was told")
	}
}
