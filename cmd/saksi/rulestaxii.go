package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/internal/infile"
	"saksi/rules/taxii"
)

type taxiiOptions struct {
	collection string
	after      string
	login      string
	ca         string
}

func rulesTaxii(a *app) *cobra.Command {
	o := &taxiiOptions{}
	c := &cobra.Command{
		Use:   "taxii URL",
		Short: "List the collections of a TAXII 2.1 server, or fetch one as indicators",
		Long: "URL is that of the server's discovery or of an API root. Without --collection its collections are listed; with one, what was added to it\n" +
			"(after --added-after, else all) is written to --to as a bundle of STIX 2.1, which --rules takes. The login stands in a file, as USER:PASSWORD\n" +
			"or as 'Bearer TOKEN', and is sent to that server alone.",
		Example: "  saksi rules taxii https://taxii.example/taxii2/ --login taxii.login\n" +
			"  saksi rules taxii https://taxii.example/api1/ --login taxii.login --collection 91a7b528-80eb-42ed-a74d-c6fbd5a26116 --to feed.json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), a, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.collection, "collection", "", "`id` or title of the collection to fetch")
	f.StringVar(&o.after, "added-after", "", "fetch only what was added after this `time` (RFC 3339)")
	f.StringVar(&o.login, "login", "", "`file` with the login, readable by its owner alone")
	f.StringVar(&o.ca, "ca", "", "PEM `file` of the only authorities the server's certificate may come from (default: the system's)")
	return c
}

func (o *taxiiOptions) run(ctx context.Context, a *app, where string) error {
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return usage("expected https://HOST/PATH") // the error would quote a password
	}
	if u.User != nil {
		return usage("a login in the URL is seen by everyone on this machine; put it into a file and name that by --login")
	}
	if o.after != "" {
		if _, err := time.Parse(time.RFC3339, o.after); err != nil {
			return usage("--added-after: %w", err)
		}
	}
	c := &taxii.Client{URL: u}
	if c.HTTP, err = o.client(); err != nil {
		return err
	}
	if c.Login, err = readLogin(o.login); err != nil {
		return err
	}
	if o.login != "" && u.Scheme == "http" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1" {
		return usage("a login is not sent in clear: the URL must begin with https://")
	}
	list, elsewhere, err := c.Collections(ctx)
	if err != nil {
		return taxiiError(err)
	}
	for _, e := range elsewhere {
		a.warn(fmt.Sprintf("the API root %s is on another host and was left out; name it by itself", oneLine(e)))
	}
	if o.collection == "" {
		return a.printCollections(list)
	}
	for _, x := range list {
		if x.ID == o.collection || x.Title == o.collection {
			return o.fetch(ctx, a, c, x)
		}
	}
	return failHint(exitFailed, fmt.Errorf("the server has no collection %q", o.collection), "leave --collection out to list them")
}

func (a *app) printCollections(list []taxii.Collection) error {
	r, err := a.rows("id", "title", "can_read", "api_root", "description")
	if err != nil {
		return err
	}
	for _, x := range list {
		if err := r.add(x.ID, x.Title, x.CanRead, x.Root, x.Description); err != nil {
			return err
		}
	}
	return r.close()
}

// fetch writes the bundle, or leaves no file.
func (o *taxiiOptions) fetch(ctx context.Context, a *app, c *taxii.Client, x taxii.Collection) error {
	if !x.CanRead {
		return fail(exitFailed, fmt.Errorf("the server does not let us read collection %q", x.ID))
	}
	w, done, err := a.open()
	if err != nil {
		return err
	}
	f, err := c.Fetch(ctx, x, o.after, w)
	if err = errors.Join(taxiiError(err), done()); err != nil {
		if a.to != "" {
			err = errors.Join(err, os.Remove(a.to))
		}
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: %d objects in %d pages", f.Objects, f.Pages)
	if f.Newest != "" {
		fmt.Fprintf(a.stderr, "; what is newer next time: --added-after %s", oneLine(f.Newest))
	}
	fmt.Fprintln(a.stderr)
	return nil
}

func (o *taxiiOptions) client() (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if o.ca != "" {
		pem, err := infile.Read(o.ca, maxCA)
		if err != nil {
			return nil, fail(exitTrust, fmt.Errorf("reading --ca: %w", err))
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fail(exitTrust, fmt.Errorf("reading --ca: %s holds no certificate in PEM", o.ca))
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t, Timeout: 5 * time.Minute}, nil
}

// readLogin reads a login; without a path there is none.
func readLogin(path string) (l taxii.Login, err error) {
	if path == "" {
		return l, nil
	}
	line, err := ownFirstLine(path)
	if err != nil {
		return l, err
	}
	if t, ok := strings.CutPrefix(line, "Bearer "); ok {
		return taxii.Login{Token: strings.TrimSpace(t)}, nil
	}
	var ok bool
	if l.User, l.Password, ok = strings.Cut(line, ":"); !ok || l.User == "" {
		return l, fail(exitTrust, fmt.Errorf("reading the login: %s holds neither USER:PASSWORD nor 'Bearer TOKEN' in its first line", path))
	}
	return l, nil
}

// ownFirstLine reads the first line of a file that nobody else can read.
func ownFirstLine(path string) (string, error) {
	f, err := infile.Open(path)
	if err != nil {
		return "", fail(exitTrust, fmt.Errorf("reading the login: %w", err))
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fail(exitTrust, fmt.Errorf("reading the login: %w", err))
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o077 != 0 {
		return "", failHint(exitTrust, fmt.Errorf("the login file %s can be read by others, or is no file", path), "only its owner may read it: chmod 600 %s", shellWord(path))
	}
	s := bufio.NewScanner(f)
	s.Scan()
	if err := s.Err(); err != nil {
		return "", fail(exitTrust, fmt.Errorf("reading the login: %w", err))
	}
	line := strings.TrimSpace(s.Text())
	if line == "" {
		return "", fail(exitTrust, fmt.Errorf("reading the login: %s has nothing in its first line", path))
	}
	return line, nil
}

func taxiiError(err error) error {
	switch {
	case errors.Is(err, taxii.ErrDenied):
		return failHint(exitTrust, err, "name a file with the login by --login")
	case errors.Is(err, taxii.ErrAbsent):
		return failHint(exitFailed, err, "the URL must be that of discovery (often /taxii2/) or of an API root")
	}
	return err
}
