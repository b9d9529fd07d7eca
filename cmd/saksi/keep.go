package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/sensor"
)

// keepFlags let a command that finds something store it in a case or an index.
type keepFlags struct {
	indexFlags
	key       string
	authority *evidence.Authority // on which it is done; nil for none
	always    bool                // store in the user's index when the flags name none
}

func (o *keepFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.caseID, "case", "", "store what is found in this case `folder`; the inputs are its exhibits (E1, or their paths), and their examination is recorded")
	f.StringVar(&o.index, "index", "", "store what is found in this `folder`, or in the Elasticsearch node of this URL")
	f.StringVar(&o.ca, "index-ca", "", caHelp)
	f.StringVar(&o.agency, "agency", "default", "`name` of the agency, for indexes that several share")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
}

// keeper stores what a command finds: masked, with its controls, first in the
// spool, at the end in the index.
type keeper struct {
	a     *app
	st    *store
	c     *casefile.Case // nil without a case
	where *indexFlags
	next  findings.Sink // what else gets the stored form
	sink  findings.Sink
	paths []string // of the inputs
	ids   []string // of the exhibits that they are, in a case
}

// keep opens the store that the flags name, or returns nil when they name none.
// With a case the inputs must be its exhibits: that they are examined, and why,
// is in the custody log before the first byte is read. Each event is given to
// next in the form in which it is stored. The caller MUST call close.
func (o *keepFlags) keep(cmd *cobra.Command, a *app, why string, inputs []string, next findings.Sink) (*keeper, error) {
	if o.caseID == "" {
		a.recordAround(cmd, o.key, casefile.ActExamine, why, inputs...)
	}
	if o.caseID == "" && o.index == "" && !o.always {
		return nil, nil
	}
	k := &keeper{a: a, where: &o.indexFlags, next: next, paths: inputs}
	ctx := cmd.Context()
	if o.caseID != "" {
		var err error
		if k.c, err = a.openCase(cmd, o.caseID, o.key); err != nil {
			return nil, err
		}
		k.c.Authority = o.authority
		if k.paths, err = k.exhibits(ctx, why, inputs); err != nil {
			return nil, errors.Join(err, k.c.Close())
		}
	}
	var err error
	if k.st, err = o.write(ctx); err == nil {
		k.sink, err = stored(k, k.c)
	}
	if err != nil {
		return nil, errors.Join(err, k.release())
	}
	return k, nil
}

// byPath are the ids of the inputs that are exhibits, by path.
func (k *keeper) byPath() map[string]string {
	m := map[string]string{}
	if k != nil && len(k.ids) == len(k.paths) {
		for i, p := range k.paths {
			m[p] = k.ids[i]
		}
	}
	return m
}

// Emit implements findings.Sink at the end of the chain.
func (k *keeper) Emit(e *event.Event) error {
	if err := k.st.Emit(e); err != nil {
		return err
	}
	return k.next.Emit(e)
}

// exhibits turns ids or paths of exhibits into paths, and records that each is
// examined.
func (k *keeper) exhibits(ctx context.Context, why string, inputs []string) ([]string, error) {
	var paths []string
	for _, in := range inputs {
		x, err := openExhibit(ctx, k.c, k.where.caseID, in, casefile.ActExamine, why)
		if err != nil {
			return nil, err
		}
		paths, k.ids = append(paths, k.c.PathOf(x)), append(k.ids, x.ID)
	}
	return paths, nil
}

// exhibit is the id of the exhibit that an input is, "" if it is none.
func (k *keeper) exhibit(i int) string {
	if k == nil || i >= len(k.ids) {
		return ""
	}
	return k.ids[i]
}

// decrypted records that TLS was decrypted in exhibits of the case.
func (k *keeper) decrypted(ctx context.Context, sum *sensor.Summary, file bool) error {
	if k == nil || k.c == nil || sum.Decrypted == 0 {
		return nil
	}
	secrets := "in the capture"
	if file {
		secrets = "key log"
	}
	var privileged uint64
	for i := range sum.Sources {
		privileged += sum.Sources[i].Privileged
	}
	return caseError(k.c.Record(context.WithoutCancel(ctx), evidence.Entry{
		Act: string(evidence.ActDecrypt), Exhibit: strings.Join(k.ids, " "), Why: "read what is inside TLS",
		Detail: map[string]string{"sessions": strconv.FormatUint(sum.Decrypted, 10), "secrets": secrets, "privileged_packets": strconv.FormatUint(privileged, 10)},
	}))
}

// close brings the index up to what was stored and joins what was seen on the
// wire with what lies on the disk. What ctx ends is in the spool all the same.
func (k *keeper) close(ctx context.Context) (err error) {
	if k == nil {
		return nil
	}
	defer func() { err = errors.Join(err, k.release()) }()
	if ctx.Err() != nil {
		fmt.Fprintf(k.a.stderr, "saksi: what was found is in %s; 'saksi findings push %s' brings it into the index\n", k.st.dir, strings.TrimSpace(k.where.words()))
		return k.st.Flush()
	}
	given, err := k.st.follow(ctx)
	if err != nil {
		return err
	}
	joined, err := k.st.join(ctx, k.sink)
	if err != nil {
		return err
	}
	fmt.Fprintf(k.a.stderr, "saksi: %d documents stored, %d were there already, %d refused; %d files seen on the wire and again on a disk\n", given.Stored, given.Duplicate, given.Dead, joined)
	return nil
}

func (k *keeper) release() error {
	var err error
	if k.st != nil {
		err = k.st.close()
	}
	if k.c != nil {
		err = errors.Join(err, k.c.Close())
	}
	return err
}

// join emits a finding for each file seen on the wire and again on a disk, and
// indexes them.
func (s *store) join(ctx context.Context, sink findings.Sink) (int, error) {
	n, left, err := findings.Crosslink(ctx, s.ix, sink)
	if err != nil {
		return n, err
	}
	if left > 0 {
		return n, fmt.Errorf("joining the wire and the disks: %d files beyond the first were not looked up", left)
	}
	_, err = s.follow(ctx)
	return n, err
}
