package elastic

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// ErrUntrusted is returned when the node's certificate is not from an
// authority that is trusted, or not for the node's name. Nothing was sent.
var ErrUntrusted = errors.New("the node's certificate is not trusted")

// checkKey refuses an API key that would travel in the clear.
func (c Config) checkKey(u *url.URL) error {
	switch {
	case c.APIKey == "":
		return nil
	case u.User != nil:
		return errors.New("an Elasticsearch node is given an API key or a login, not both: leave one out")
	case u.Scheme == "https":
		return nil
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("the API key would go to %s in the clear: use https", u.Host)
}

// pinned makes a transport that takes certificates of the authorities in ca
// alone; without ca, those of the system.
func pinned(u *url.URL, ca []byte) (http.RoundTripper, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if ca == nil {
		return t, nil
	}
	if u.Scheme != "https" {
		return nil, fmt.Errorf("an authority's certificate was given for %s, which is not asked by https", u.Host)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("reading the certificate of the node's authority: there is none in it; expected PEM (-----BEGIN CERTIFICATE-----)")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	t.ForceAttemptHTTP2 = true
	return t, nil
}

// trustError marks what a later try won't overcome.
func trustError(err error) error {
	var verify *tls.CertificateVerificationError
	if errors.As(err, &verify) {
		return fmt.Errorf("%w: %w", ErrUntrusted, verify.Err)
	}
	return err
}
