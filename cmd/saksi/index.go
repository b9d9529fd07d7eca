package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/findings"
	"saksi/findings/local"
	"saksi/findings/spool"
)

// indexFlags say which index a command uses.
type indexFlags struct {
	index  string
	caseID string
	agency string
}

func (o *indexFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.index, "index", "", "`folder` of an index, or the URL of an Elasticsearch node (default: the case's, then the user's)")
	f.StringVar(&o.caseID, "case", "", "case `folder`")
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
}

// folder is where the local index and the spool stand.
func (o *indexFlags) folder() (index, spoolDir string, err error) {
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
	ix, err := local.OpenReadOnly(ctx, where)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failHint(exitFailed, fmt.Errorf("there is no index in %s", where), "name one by --index or --case; 'saksi demo' makes one to try")
	}
	return ix, err
}

// store is a spool and the index that follows it.
type store struct {
	*spool.Writer
	dir  string
	name string
	ix   findings.Index
}

// write opens the spool and its index for writing.
func (o *indexFlags) write(ctx context.Context) (*store, error) {
	where, spoolDir, err := o.folder()
	if err != nil {
		return nil, err
	}
	w, err := spool.Create(spoolDir)
	if err != nil {
		return nil, err
	}
	ix, err := local.Open(ctx, where)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &store{Writer: w, dir: spoolDir, name: "local", ix: ix}, nil
}

// follow commits the spool and brings the index up to it.
func (s *store) follow(ctx context.Context) (spool.Delivery, error) {
	if err := s.Flush(); err != nil {
		return spool.Delivery{}, err
	}
	return spool.Follow(ctx, s.dir, s.name, s.ix, nil)
}

func (s *store) close() error { return errors.Join(s.ix.Close(), s.Writer.Close()) }
