package elastic

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
	"saksi/findings/indextest"
)

// esnode runs scripts/esnode.
func esnode(t *testing.T, env []string, args ...string) string {
	t.Helper()
	script, err := filepath.Abs("../../scripts/esnode")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(stderr.String(), "not built") {
			t.Skip("needs a node with security: run scripts/need esnode-secure")
		}
		t.Fatalf("scripts/esnode %v: %v: %s", args, err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// secureNode starts a node with security and TLS, and gives its address and the
// certificate of its authority.
func secureNode(t *testing.T) (url string, ca []byte) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	if err := os.MkdirAll(config, 0o700); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, b := range map[string][]byte{"node.crt": ca, "node.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})} {
		if err := os.WriteFile(filepath.Join(config, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url = esnode(t, []string{"ESNODE_PASSWORD=" + adminPassword, "ESNODE_HEAP=384m"}, "start", "--secure", "--port", "0", "--data", dir,
		"--set", "xpack.security.http.ssl.enabled=true", "--set", "xpack.security.http.ssl.key=node.key", "--set", "xpack.security.http.ssl.certificate=node.crt")
	t.Cleanup(func() { esnode(t, nil, "stop", dir) })
	return url, ca
}

const adminPassword = "only-for-this-test"

// ask makes a request as the node's superuser.
func ask(t *testing.T, url string, ca []byte, method, path string, body []byte) []byte {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("elastic", adminPassword)
		req.Header.Set("Content-Type", "application/json")
		r, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode == http.StatusUnauthorized && try < 100 { // a new node knows nobody for a moment
			time.Sleep(200 * time.Millisecond)
			continue
		}
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s %s: %s, %v: %s", method, path, r.Status, err, b)
		}
		return b
	}
}

func sample(t *testing.T, dataset string, n int) findings.Doc {
	t.Helper()
	var e event.Event
	e.Time(event.Timestamp, indextest.Base.UnixNano()+int64(n))
	e.Str(event.EventDataset, "saksi."+dataset)
	e.Str(event.EventKind, "event")
	d := findings.Doc{Body: e.AppendJSON(nil), Dataset: dataset, Time: indextest.Base.Add(time.Duration(n))}
	d.ID, _ = e.GetStr(event.EventID)
	return d
}

// TestElasticRoles proves on a node with security and TLS what each role may and
// may not: no agency reads, writes, counts or removes another's, whatever it calls its
// indices, and no sensor releases a hold.
func TestElasticRoles(t *testing.T) {
	node(t) // only where nodes are wanted
	url, ca := secureNode(t)
	ctx := t.Context()
	ask(t, url, ca, http.MethodGet, "/", nil)
	admin, err := Open(ctx, Config{URL: strings.Replace(url, "https://", "https://elastic:"+adminPassword+"@", 1), Agency: "jpn", CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	as := map[string]*Index{}
	for _, agency := range []string{"jpn", "mof"} {
		roles, err := Roles(agency)
		if err != nil {
			t.Fatal(err)
		}
		if err := admin.Grant(ctx, roles); err != nil {
			t.Fatal(err)
		}
		for _, r := range roles {
			body, err := r.KeyBody(1)
			if err != nil {
				t.Fatal(err)
			}
			var key struct {
				Encoded string `json:"encoded"`
			}
			if err := json.Unmarshal(ask(t, url, ca, http.MethodPost, "/_security/api_key", body), &key); err != nil || key.Encoded == "" {
				t.Fatalf("the key of %s: %v", r.Name, err)
			}
			ix, err := Open(ctx, Config{URL: url, Agency: agency, CA: ca, APIKey: key.Encoded, Patience: 5 * time.Second})
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			defer ix.Close()
			as[agency+" "+r.Kind] = ix
			// The same key with the other agency's name.
			other := map[string]string{"jpn": "mof", "mof": "jpn"}[agency]
			ix, err = Open(ctx, Config{URL: url, Agency: other, CA: ca, APIKey: key.Encoded, Patience: 5 * time.Second})
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			defer ix.Close()
			as[agency+" "+r.Kind+" at "+other] = ix
		}
	}
	put := func(who, dataset string, n int, may bool) {
		t.Helper()
		r, err := as[who].Put(ctx, []findings.Doc{sample(t, dataset, n)})
		if may && (err != nil || r.Stored+r.Duplicate != 1) || !may && !errors.Is(err, ErrRefused) {
			t.Errorf("%s puts %s: %+v, %v; expected that it may: %v", who, dataset, r, err, may)
		}
	}
	for _, agency := range []string{"jpn", "mof"} {
		put(agency+" sensor", "flow", 1, true)
		put(agency+" sensor", "flow", 1, true) // compared with what is there
		put(agency+" sensor", "alert", 2, true)
		put(agency+" sensor", "hold", 3, false)
		put(agency+" sensor", "retention", 4, false)
		put(agency+" analyst", "review", 5, true)
		put(agency+" analyst", "access", 6, true)
		put(agency+" analyst", "flow", 7, false)
		put(agency+" analyst", "hold", 8, false)
		put(agency+" auditor", "access", 9, true)
		put(agency+" auditor", "review", 10, false)
		put(agency+" keeper", "hold", 11, true)
	}
	for _, kind := range []string{"sensor", "analyst", "auditor", "keeper"} {
		put("jpn "+kind+" at mof", "flow", 20, false)
		put("jpn "+kind+" at mof", "access", 21, false)
	}
	// A name that a pattern of wildcards would take for mof's.
	for _, name := range []string{"saksi-x-mof-jpn-2026.11", "saksi-flow-jpn-mof-2026.11", "saksi-flow-mof-2026.11-jpn-2026.11"} {
		err := as["jpn sensor"].makeIndex(ctx, name, "flow")
		if !errors.Is(err, ErrRefused) {
			t.Errorf("jpn's sensor makes %s: %v", name, err)
		}
	}
	for who, ix := range as {
		ids, err := indextest.All(ctx, ix, "* OR event.dataset:saksi.access")
		want := 6
		if strings.Contains(who, " at ") {
			want = 0
		}
		if err != nil && !errors.Is(err, ErrRefused) || len(ids) != want {
			t.Errorf("%s finds %d documents, expected %d, %v", who, len(ids), want, err)
		}
	}
	remove := findings.Removal{Query: "event.dataset:saksi.flow", Before: indextest.Base.AddDate(1, 0, 0)}
	for _, who := range []string{"jpn sensor", "jpn analyst", "jpn auditor", "jpn keeper at mof"} {
		if n, err := as[who].Remove(ctx, remove); n.Documents != 0 || err == nil && !strings.Contains(who, " at ") {
			t.Errorf("%s removes %+v, %v", who, n, err)
		}
	}
	if n, err := as["jpn keeper"].Remove(ctx, remove); err != nil || n.Documents != 1 || n.Indices != 1 {
		t.Errorf("jpn's keeper removes %+v, %v", n, err)
	}
	if ids, err := indextest.All(ctx, as["mof auditor"], "event.dataset:saksi.flow"); err != nil || len(ids) != 1 {
		t.Errorf("mof has %d flows afterwards, %v", len(ids), err)
	}
	if err := as["jpn keeper"].Grant(ctx, nil); !errors.Is(err, ErrRefused) {
		t.Errorf("a keeper puts the template: %v", err)
	}
	if _, err := Open(ctx, Config{URL: url, Agency: "jpn", CA: ca, APIKey: "d3Jvbmc6a2V5"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a key that is none: %v", err)
	}
}
