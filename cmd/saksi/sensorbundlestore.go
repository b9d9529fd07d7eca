package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"saksi/evidence/objectstore"
)

// listing prepares the listing of an S3 store. It is opened each time that a bundle is
// looked for: a store that is down leaves the bundle before in force.
func (p *pushed) listing() error {
	c := &objectstore.Config{URL: strings.TrimRight(p.o.source, "/"), Region: p.o.region, KeyID: envStoreKey.get(), Secret: envStoreSecret.get()}
	if c.KeyID == "" || c.Secret == "" {
		return usage("--bundle %s: an S3 store is listed with an access key: set SAKSI_STORE_KEY_ID and SAKSI_STORE_SECRET", p.o.shown())
	}
	if p.o.ca != "" {
		var err error
		if c.CA, err = readCA(p.o.ca); err != nil {
			return err
		}
	}
	p.store = c
	return nil
}

// listed gives the bundles of an S3 store with the highest serials, the highest first: those
// before one that was taken, and of the others only what was not looked at.
func (p *pushed) listed(ctx context.Context) (list []candidate, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	s, err := objectstore.Open(ctx, *p.store)
	if err != nil {
		return nil, err
	}
	n := newest[*objectstore.Object]{name: p.o.name}
	if err := s.Files(ctx, func(o *objectstore.Object) error { n.add(o.Name, o); return nil }); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			for _, x := range list {
				x.done()
			}
			list = nil
		}
	}()
	for _, o := range n.list() {
		id := o.Key + " " + o.Version + " " + o.Tag
		if good, looked := p.seen[id]; good {
			return append(list, candidate{id: id, done: func() {}}), nil
		} else if looked {
			continue
		}
		f, err := os.CreateTemp(p.dir, fetchedName+"*")
		if err != nil {
			return list, err
		}
		list = append(list, candidate{f.Name(), id, func() { _ = os.Remove(f.Name()) }, o.Key})
		if err := errors.Join(s.Read(ctx, o.Key, f, maxFetched), f.Close()); err != nil {
			return list, err
		}
		if len(list) == 2 { // the others when these two are of no use
			break
		}
	}
	return list, nil
}

// newest gathers bundles of a name.
type newest[T any] struct {
	name  string
	found []serialOf[T]
}

type serialOf[T any] struct {
	serial int64
	file   string
	what   T
}

// add takes what a file is, if its name is that of a bundle.
func (n *newest[T]) add(file string, what T) {
	m := bundleFile.FindStringSubmatch(file)
	if m == nil || m[1] != n.name {
		return
	}
	serial, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return
	}
	n.found = append(n.found, serialOf[T]{serial, file, what})
	if len(n.found) >= 2*maxCandidates+maxSeen { // a store may list any number
		n.cut()
	}
}

func (n *newest[T]) cut() {
	slices.SortStableFunc(n.found, func(a, b serialOf[T]) int {
		return cmp.Or(cmp.Compare(b.serial, a.serial), cmp.Compare(a.file, b.file))
	})
	n.found = n.found[:min(len(n.found), maxCandidates)]
}

// list is the highest serials, the highest first.
func (n *newest[T]) list() (list []T) {
	n.cut()
	for _, x := range n.found {
		list = append(list, x.what)
	}
	return list
}
