package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"saksi/evidence"
	"saksi/evidence/bundle"
	"saksi/evidence/objectstore"
	"saksi/internal/infile"
)

// bundleFlags say where a sensor gets rules and settings that its center signs.
type bundleFlags struct {
	source, key, name, ca, region string
	every                         time.Duration
}

func (o *bundleFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.source, "bundle", "", "take rules and settings from the signed bundle ('saksi rules pack') in this `file`, folder or https URL, and look for a newer one there; a URL that ends in / is a bucket of an S3 store (https://HOST/BUCKET/PREFIX/), which is listed with the key in SAKSI_STORE_KEY_ID and SAKSI_STORE_SECRET")
	f.StringVar(&o.region, "bundle-region", "", "`name` of the region of the S3 store that holds bundles (default: us-east-1)")
	f.StringVar(&o.key, "bundle-key", "", "public key `file` of who signs bundles (default: the center's, of 'sensor enroll accept')")
	f.StringVar(&o.name, "bundle-name", "sensor", "`name` of the bundles that are taken")
	f.StringVar(&o.ca, "bundle-ca", "", "PEM `file` of the only authority whose certificate the bundles' server may have (default: the system's)")
	f.DurationVar(&o.every, "bundle-every", 5*time.Minute, "how often to look for a newer bundle; SIGHUP looks at once")
}

const (
	// maxFetched bounds a bundle that is fetched, in bytes.
	maxFetched = 1 << 30
	// maxCandidates is how many bundles of a folder are tried, maxSeen how many are remembered.
	maxCandidates, maxSeen = 16, 1024
	fetchTime              = 10 * time.Minute
	// fetchedName begins the name of what is on its way; a bundle's name has no dot.
	fetchedName = ".fetched-"
)

// errUnfit is a bundle that verifies and that this sensor can't use.
var errUnfit = errors.New("this sensor can't use the bundle")

// pushed keeps a sensor's rules and settings at the newest bundle of its center that
// verifies and can be used.
type pushed struct {
	o      *bundleFlags
	a      *app
	flags  *ruleFlags
	pub    *evidence.Public
	dir    string // of bundles
	client *http.Client
	store  *objectstore.Config // an S3 store that is listed; nil for none

	mu             sync.Mutex
	seen           map[string]bool // what was looked at, and whether it was taken
	etag, modified string          // of what was fetched last
}

// open reads the flags; nil without a source.
func (o *bundleFlags) open(a *app, flags *ruleFlags) (*pushed, error) {
	if o.source == "" {
		return nil, nil
	}
	if o.every < time.Second {
		return nil, usage("--bundle-every %s: expected a second or more", o.every)
	}
	if o.key == "" {
		return nil, failHint(exitTrust, fmt.Errorf("taking bundles from %s: no public key was given", o.shown()), "name that of your center by --bundle-key, or enroll this sensor ('saksi sensor enroll')")
	}
	p := &pushed{o: o, a: a, flags: flags, seen: map[string]bool{}}
	var err error
	if p.pub, err = evidence.LoadPublic(o.key); err != nil {
		return nil, evidenceError(err)
	}
	if p.dir, err = dataDir(); err != nil {
		return nil, err
	}
	p.dir = filepath.Join(p.dir, "bundles")
	if isURL(o.source) {
		if err := p.dial(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// shown is the source without what a URL may hold of secrets.
func (o *bundleFlags) shown() string {
	if u, err := url.Parse(o.source); err == nil && isURL(o.source) {
		return u.Scheme + "://" + u.Host + u.EscapedPath()
	}
	return o.source
}

func (p *pushed) dial() error {
	u, err := url.Parse(p.o.source)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
		return usage("--bundle: expected a file, a folder or https://HOST/PATH")
	}
	if strings.HasSuffix(u.Path, "/") && strings.Trim(u.Path, "/") != "" {
		return p.listing()
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	if p.o.ca != "" {
		b, err := readCA(p.o.ca)
		if err != nil {
			return err
		}
		t.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(b) {
			return fail(exitTrust, fmt.Errorf("--bundle-ca: %s holds no certificate in PEM", p.o.ca))
		}
	}
	p.client = &http.Client{Transport: t, Timeout: fetchTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return nil
}

// begin takes the newest bundle before anything is captured. Where that fails, the one that
// is installed is used; with none there is nothing to begin with.
func (p *pushed) begin(ctx context.Context) error {
	old, err := filepath.Glob(filepath.Join(p.dir, fetchedName+"*"))
	for _, file := range old { // what a crash left
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return fmt.Errorf("taking a bundle from %s: %w", p.o.shown(), err)
	}
	_, err = p.update(ctx)
	folder := filepath.Join(p.dir, p.o.name)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !exists(filepath.Join(folder, "manifest.json")) {
		if err == nil {
			err = fmt.Errorf("there is no bundle %s in %s", p.o.name, p.o.shown())
		}
		return bundleError(err)
	}
	if err != nil {
		p.a.warn(fmt.Sprintf("%s; the bundle in %s stays in force", printable(err.Error()), folder))
	}
	p.flags.bundle = folder
	return nil
}

// serial is that of the bundle in force; 0 for none.
func (p *pushed) serial() int64 {
	if p == nil {
		return 0
	}
	b, err := infile.Read(filepath.Join(p.flags.bundle, "manifest.json"), bundle.MaxManifest)
	var m struct {
		Serial int64 `json:"serial"`
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		p.a.warn(fmt.Sprintf("asking which bundle is in force: %s", printable(err.Error())))
	}
	return m.Serial
}

// follow looks for a newer bundle until ctx ends, and has the rules read again for each.
func (p *pushed) follow(ctx context.Context, l *liveRules) {
	t := time.NewTicker(p.o.every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if p.look(ctx) {
				l.reload(ctx)
			}
		}
	}
}

// look takes a newer bundle, if there is one, and says so.
func (p *pushed) look(ctx context.Context) bool {
	changed, err := p.update(ctx)
	if err != nil && ctx.Err() == nil {
		p.a.warn(printable(err.Error()) + "; the bundle before stays in force")
	}
	return changed
}

// update installs the newest bundle of the source that was not looked at before, verifies,
// is not older, and can be used. One that is refused is said once, and does not hide one before it.
func (p *pushed) update(ctx context.Context) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list, err := p.fetch(ctx)
	if err != nil {
		return false, fmt.Errorf("taking a bundle from %s: %w", p.o.shown(), err)
	}
	defer func() {
		for _, x := range list {
			x.done()
		}
	}()
	if len(p.seen) > maxSeen {
		clear(p.seen)
	}
	var refused []error
	for _, x := range list {
		if good, looked := p.seen[x.id]; good {
			break
		} else if looked {
			continue
		}
		r, err := bundle.InstallChecked(ctx, x.file, p.dir, p.pub, func(m *bundle.Manifest, folder string) error { return p.check(ctx, m, folder) }, nil)
		if err != nil && x.name != "" {
			err = fmt.Errorf("%s: %w", x.name, err)
		}
		switch {
		case err == nil:
			p.seen[x.id] = true
			fmt.Fprintf(p.a.stderr, "saksi: bundle %s, serial %d, %s\n", r.Name, r.Serial, r.Status)
			changed = r.Status != bundle.Already
		case errors.Is(err, errUnfit), errors.Is(err, bundle.ErrDamaged), errors.Is(err, bundle.ErrDowngrade), errors.Is(err, evidence.ErrTrust), errors.Is(err, evidence.ErrSignature):
			p.seen[x.id] = false
			refused = append(refused, err)
			continue
		default: // a full disk, another import: it is tried again
			p.etag, p.modified = "", ""
			refused = append(refused, err)
		}
		break
	}
	return changed, errors.Join(refused...)
}

// check compiles what a bundle holds before it takes the place of the one in force.
func (p *pushed) check(ctx context.Context, m *bundle.Manifest, folder string) error {
	if m.Name != p.o.name {
		return fmt.Errorf("%w: it is called %s; expected %s (--bundle-name)", errUnfit, m.Name, p.o.name)
	}
	flags := *p.flags
	flags.bundle = folder
	sets, err := flags.compile(ctx, p.a)
	if err != nil {
		return fmt.Errorf("%w: serial %d: %w", errUnfit, m.Serial, err)
	}
	n := sets.running()
	if err := sets.close(); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: serial %d: no rule of it runs", errUnfit, m.Serial)
	}
	return nil
}

// candidate is a bundle that may be taken.
type candidate struct {
	file, id string // id tells it from others
	done     func()
	name     string // of what was fetched, for what is said of it; "" is the file's own
}

// fetch gives the bundles of the source, the newest first; none when it is known to be the
// one of last time.
func (p *pushed) fetch(ctx context.Context) ([]candidate, error) {
	switch {
	case p.store != nil:
		return p.listed(ctx)
	case p.client != nil:
		return p.download(ctx)
	}
	st, err := os.Stat(p.o.source)
	if err != nil {
		return nil, err
	}
	files := []string{p.o.source}
	if st.IsDir() {
		if files, err = newestBundles(p.o.source, p.o.name); err != nil {
			return nil, err
		}
	}
	var list []candidate
	for _, file := range files {
		if st, err = os.Stat(file); err != nil {
			return nil, err
		}
		if !st.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is a pipe or a device; expected a file", file)
		}
		list = append(list, candidate{file, fmt.Sprintf("%s %d %d", file, st.Size(), st.ModTime().UnixNano()), func() {}, ""})
	}
	return list, nil
}

var bundleFile = regexp.MustCompile(`^saksi-bundle-([a-z0-9-]+)-([0-9]{1,16})\.tar\.gz$`)

// newestBundles are the bundles of a name with the highest serials, by the names that
// 'rules pack' gives, the highest first.
func newestBundles(dir, name string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	n := newest[string]{name: name}
	for _, x := range list {
		n.add(x.Name(), filepath.Join(dir, x.Name()))
	}
	return n.list(), nil
}

func (p *pushed) download(ctx context.Context) ([]candidate, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.o.source, nil)
	if err != nil {
		return nil, errors.New("the URL can't be used")
	}
	if p.etag != "" {
		r.Header.Set("If-None-Match", p.etag)
	} else if p.modified != "" {
		r.Header.Set("If-Modified-Since", p.modified)
	}
	a, err := p.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // its URL may hold a secret
			err = u.Err
		}
		return nil, err
	}
	defer a.Body.Close()
	switch a.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return nil, nil
	default:
		return nil, fmt.Errorf("the server answers %s", a.Status)
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(p.dir, fetchedName+"*")
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(a.Body, maxFetched+1))
	if err == nil && n > maxFetched {
		err = fmt.Errorf("it has more than %d bytes", maxFetched)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	p.etag, p.modified = a.Header.Get("ETag"), a.Header.Get("Last-Modified")
	return []candidate{{file: f.Name(), id: hex.EncodeToString(sum.Sum(nil)), done: func() { _ = os.Remove(f.Name()) }}}, nil
}
