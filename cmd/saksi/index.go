package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/findings"
	"saksi/findings/elastic"
	"saksi/findings/local"
	"saksi/findings/spool"
	"saksi/internal/infile"
)

// indexFlags say which index a command uses.
type indexFlags struct {
	index  string
	login  *url.Userinfo // of index, kept apart so that no message shows it
	ca     string
	caseID string
	agency string
}

const caHelp = "PEM `file` of the only authority whose certificate an Elasticsearch node may have (default: the system's)"

func (o *indexFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.index, "index", "", "`folder` of an index, or the URL of an Elasticsearch node (default: the case's, then the user's)")
	f.StringVar(&o.ca, "index-ca", "", caHelp)
	f.StringVar(&o.caseID, "case", "", "case `folder`")
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
}

// folder is where the index and the spool stand. The spool is always a folder;
// the index may be a URL, without the login that it was given with.
func (o *indexFlags) folder() (index, spoolDir string, err error) {
	if isURL(o.index) {
		u, err := url.Parse(o.index)
		if err != nil {
			return "", "", usage("--index: expected http://HOST:PORT or https://HOST:PORT") // the error would quote a password
		}
		if u.User != nil {
			o.login, u.User = u.User, nil
			o.index = u.String()
		}
	}
	switch {
	case o.caseID != "":
		if _, err := casefile.ReadInfo(o.caseID); err != nil {
			return "", "", caseError(err)
		}
		index, spoolDir = filepath.Join(o.caseID, casefile.IndexDir), filepath.Join(o.caseID, casefile.SpoolDir)
	case o.index != "" && !isURL(o.index):
		index, spoolDir = o.index, filepath.Join(o.index, "spool")
	default:
		dir, err := dataDir()
		if err != nil {
			return "", "", err
		}
		index, spoolDir = filepath.Join(dir, "index"), filepath.Join(dir, "spool")
	}
	if o.index != "" {
		index = o.index
	}
	return index, spoolDir, nil
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

// read opens the index for searching.
func (o *indexFlags) read(ctx context.Context) (findings.Index, error) {
	where, _, err := o.folder()
	if err != nil {
		return nil, err
	}
	if isURL(where) {
		ix, err := o.remote(ctx, where)
		return ix, readError(err)
	}
	ix, err := local.OpenReadOnly(ctx, where)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, failHint(exitFailed, fmt.Errorf("there is no index in %s", where), "name one by --index or --case; 'saksi demo' makes one to try")
	}
	return ix, err
}

// remote connects to an Elasticsearch node.
func (o *indexFlags) remote(ctx context.Context, where string) (findings.Index, error) {
	ix, err := o.connect(ctx, where)
	if err != nil { // not a nil of another type
		return nil, err
	}
	return ix, nil
}

func (o *indexFlags) connect(ctx context.Context, where string) (*elastic.Index, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, usage("--index: expected http://HOST:PORT or https://HOST:PORT")
	}
	u.User = o.login
	cfg := elastic.Config{URL: u.String(), Agency: o.agency, APIKey: envIndexKey.get()}
	if o.ca != "" {
		if cfg.CA, err = readCA(o.ca); err != nil {
			return nil, err
		}
	}
	ix, err := elastic.Open(ctx, cfg)
	if errors.Is(err, elastic.ErrUntrusted) {
		return nil, failHint(exitTrust, err, "name the certificate of the authority that made the node's by --index-ca FILE; of Elasticsearch's own it is config/certs/http_ca.crt")
	}
	return ix, err
}

// maxCA bounds a file of certificates, in bytes.
const maxCA = 1 << 20

func readCA(path string) ([]byte, error) {
	b, err := infile.Read(path, maxCA)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the node's authority: %w", err)
	}
	return b, nil
}

// reach tries an index that is a URL, before anything is made.
func (o *indexFlags) reach(ctx context.Context) error {
	where, _, err := o.folder()
	if err != nil || !isURL(where) {
		return err
	}
	ix, err := o.remote(ctx, where)
	if err != nil {
		return failHint(exitFailed, err, "nothing was done; check the address and that the node runs, or leave --index out")
	}
	return ix.Close()
}

// readError says what to do when a node that is searched does not answer.
func readError(err error) error {
	if errors.Is(err, elastic.ErrUnreachable) || errors.Is(err, elastic.ErrRefused) {
		return failHint(exitFailed, err, "check the address and that the node runs; a case has an index of its own: leave --index out and name it by --case DIR")
	}
	return err
}

// indexError says what to do when a node does not answer or refuses.
func indexError(err error) error {
	var coded *exitError
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, elastic.ErrUnreachable):
		return failHint(exitFailed, err, "check the address and that the node runs; nothing is lost: what is in the spool stays there until 'saksi findings push' delivers it")
	case errors.Is(err, elastic.ErrRefused):
		return failHint(exitFailed, err, "look into the node's log; nothing is lost: what is in the spool stays there until 'saksi findings push' delivers it")
	}
	return err
}

// follower names an index in the spool, which keeps a place for each.
func (o *indexFlags) follower(where string) string {
	_, host, _ := strings.Cut(where, "://")
	return "elastic-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.TrimRight(host, "/")) + "-" + o.agency
}

// store is a spool and the index that follows it.
type store struct {
	*spool.Writer
	dir  string
	name string
	ix   findings.Index
	// count gives what counts a delivery; nil for none.
	count func() func(spool.Delivery)
}

// open opens the index for writing, as a follower of the spool. One that is
// empty, because it was lost or is new, follows the spool from its beginning,
// whatever its place there was.
func (o *indexFlags) open(ctx context.Context, spoolDir string) (name string, ix findings.Index, err error) {
	where, _, err := o.folder()
	if err != nil {
		return "", nil, err
	}
	name = "local"
	if isURL(where) {
		name = o.follower(where)
		ix, err = o.remote(ctx, where)
		err = indexError(err)
	} else {
		ix, err = local.Open(ctx, where)
	}
	if err != nil {
		return "", nil, err
	}
	p, err := ix.Search(ctx, findings.Request{Size: 1})
	if err == nil && p.Total == 0 {
		err = spool.Rewind(spoolDir, name)
	}
	if err != nil {
		return "", nil, errors.Join(indexError(err), ix.Close())
	}
	return name, ix, nil
}

// write opens the spool and its index for writing.
func (o *indexFlags) write(ctx context.Context) (*store, error) {
	_, spoolDir, err := o.folder()
	if err != nil {
		return nil, err
	}
	w, err := spool.Create(spoolDir)
	if err != nil {
		return nil, err
	}
	name, ix, err := o.open(ctx, spoolDir)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &store{Writer: w, dir: spoolDir, name: name, ix: ix}, nil
}

// follow commits the spool and brings the index up to it.
func (s *store) follow(ctx context.Context) (spool.Delivery, error) {
	if err := s.Flush(); err != nil {
		return spool.Delivery{}, err
	}
	var progress func(spool.Delivery)
	if s.count != nil {
		progress = s.count()
	}
	d, err := spool.Follow(ctx, s.dir, s.name, s.ix, progress)
	return d, indexError(err)
}

func (s *store) close() error { return errors.Join(s.ix.Close(), s.Writer.Close()) }
