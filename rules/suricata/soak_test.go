package suricata

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"saksi/internal/soak"
)

// words are put into rules where they do not belong.
var words = strings.Fields(`alert drop tcp udp any -> <> $HOME_NET ![ ] ( ) ; : ! " \ | , content:"a"; content:"|00 zz|"; pcre:"/(a+)+$/"; pcre:"/[/Ri";
	nocase; offset:-1; depth:0; distance:99999999999; within:65536; fast_pattern:0,9; byte_test:4,>,0xffffffff,0; byte_jump:10,-1,relative; isdataat:!1;
	flowbits:set,x; flowbits:isset,x&y; xbits:set,a,track ip_pair; threshold:type both,track by_src,count 0,seconds 0; sid:0; sid:-1; gid:1; rev:x;
	http.uri; dns.query; tls.sni; file.data; bsize:<>; dsize:1<>0; flags:S,CE; ttl:<0; ip_proto:!; to_sha256; base64_decode:bytes 0; dotprefix; metadata:a; dataset:isset,x,type ip,memcap 0; dataset:set,x,save /x,load;
	datarep:x,>,65536,load x,type md5; iprep:any,A,<,1; entropy:value>9,bytes 0; frame:tls.pdu; frame:x; modbus:access write,coils,address 9<>1; modbus:unit 0<;
	cip_service:1,2,3,4; ike.vendor:4; dnp3_obj:1,; krb5_err_code:-1; stream-event:x; app-layer-event:tls.; decode-event:ipv4.x; vlan.id:>4095,9; rpc:1,*,*;
	ldap.request.operation:>; dns.rrtype:!a-b; mqtt.flags:&&; flow.pkts:both,>; tag:session,1,x; filemd5:/dev/zero; domain; tld; xor:"0"; pcrexform:"(";
	detection_filter:track by_src,count 99999999999,seconds 1; requires:version >=; dns:request_complete any any; websocket.flags:!fin&; http2.settings:x=;
	from_base64:bytes 0,offset -1,mode x; gunzip:max-size 99999999999; ip.src; tcp.hdr; smtp.mail_from; email.url; sdp.media; index:-1; all; any;`)

// TestSoakRules proves that files of rules of which bytes and words were
// changed compile or are refused, each problem with its place in the file, without
// a panic and within seconds.
func TestSoakRules(t *testing.T) {
	var files [][]byte
	for _, p := range []string{"../../testdata/rules/demo.rules", "../../testdata/rules/hostile/bad.rules"} {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	var run, refused atomic.Int64
	soak.Run(t, soak.Config{Full: 50_000, Parallel: 2, Limit: 5 * time.Second}, func(r *rand.Rand) error {
		text := files[r.IntN(len(files))]
		for range r.IntN(4) {
			at := r.IntN(len(text))
			for range 1 << r.IntN(12) >> r.IntN(12) {
				text = append(append(bytes.Clone(text[:at]), words[r.IntN(len(words))]...), text[at:]...)
			}
		}
		text, _ = soak.Mutate(r, text)
		lines := bytes.Count(text, []byte("\n")) + 1
		set, problems := Load([]Source{{Name: "soak.rules", Data: text}}, Config{})
		for i := range problems {
			p := &problems[i]
			if p.File == "" || p.Line < 1 || p.Line > lines || p.Column < 1 || p.Message == "" || p.Reason == "" {
				return fmt.Errorf("a problem without its place, in %d lines: %+v", lines, p)
			}
		}
		NewEngine(set)
		run.Add(int64(set.Len()))
		refused.Add(int64(len(problems)))
		return nil
	})
	t.Logf("%d rules compiled, %d did not", run.Load(), refused.Load())
	if run.Load() == 0 || refused.Load() == 0 {
		t.Error("all rules, or none, compiled: nothing was tried")
	}
}
