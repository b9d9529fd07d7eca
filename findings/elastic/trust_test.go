package elastic

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestTrust proves that only a node with a certificate of the pinned authority
// is spoken to, that the API key reaches it and nobody else, and that a key
// never goes out in the clear.
func TestTrust(t *testing.T) {
	var asked atomic.Int64
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		if !strings.EqualFold(r.Header.Get("Authorization"), "ApiKey a3VuY2k6cmFoc2lh") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"type":"security_exception","reason":"missing authentication credentials"},"status":401}`)
			return
		}
		_, _ = io.WriteString(w, `{"version":{"number":"8.19.0"}}`)
	})
	node := httptest.NewUnstartedServer(answer)
	node.Config.ErrorLog = log.New(io.Discard, "", 0) // a refused handshake is what is tested
	node.StartTLS()
	defer node.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: node.Certificate().Raw})
	const key = "a3VuY2k6cmFoc2lh"
	for _, c := range []struct {
		name string
		cfg  Config
		is   error  // nil and no text: it opens
		text string // of the error
		asks int64
	}{
		{"pinned", Config{URL: node.URL, APIKey: key, CA: ca}, nil, "", 1},
		{"the system's authorities", Config{URL: node.URL, APIKey: key}, ErrUntrusted, "", 0},
		{"a name the certificate has not", Config{URL: strings.Replace(node.URL, "127.0.0.1", "localhost", 1), APIKey: key, CA: ca}, ErrUntrusted, "localhost", 0},
		{"no key", Config{URL: node.URL, CA: ca}, ErrRefused, "missing authentication", 1},
		{"no PEM", Config{URL: node.URL, APIKey: key, CA: []byte("x")}, nil, "expected PEM", 0},
		{"authority without https", Config{URL: "http://127.0.0.1:9", CA: ca}, nil, "not asked by https", 0},
		{"key in the clear", Config{URL: "http://192.0.2.1:9200", APIKey: key}, nil, "in the clear", 0},
		{"key and login", Config{URL: "https://a:rahsia@192.0.2.1:9200", APIKey: key}, nil, "not both", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := asked.Load()
			c.cfg.Agency = "uji"
			ix, err := Open(context.Background(), c.cfg)
			if n := asked.Load() - before; n != c.asks {
				t.Errorf("%d requests reached the node, expected %d", n, c.asks)
			}
			if err == nil {
				if err := ix.Close(); err != nil {
					t.Error(err)
				}
			}
			if c.is == nil && c.text == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.text) {
				t.Fatalf("got %v, expected %v %q", err, c.is, c.text)
			}
			if strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "rahsia") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}
