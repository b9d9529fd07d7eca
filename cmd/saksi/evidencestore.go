package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence/objectstore"
)

// storeFlags say which object store a command uses.
type storeFlags struct {
	store, region, ca string
}

func (o *storeFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.store, "store", "", "object store, `https://HOST/BUCKET[/PREFIX]`; its access key is in SAKSI_STORE_KEY_ID and SAKSI_STORE_SECRET")
	f.StringVar(&o.region, "store-region", "", "`name` of the store's region (default: us-east-1)")
	f.StringVar(&o.ca, "store-ca", "", "PEM `file` of the only authority whose certificate the store may have (default: the system's)")
	cobra.CheckErr(c.MarkFlagRequired("store"))
}

func (o *storeFlags) open(ctx context.Context) (*objectstore.Store, error) {
	cfg := objectstore.Config{URL: o.store, Region: o.region, KeyID: envStoreKey.get(), Secret: envStoreSecret.get()}
	if cfg.KeyID == "" || cfg.Secret == "" {
		return nil, usage("the object store needs an access key: set SAKSI_STORE_KEY_ID and SAKSI_STORE_SECRET; arguments are seen by every process")
	}
	if o.ca != "" {
		var err error
		if cfg.CA, err = readCA(o.ca); err != nil {
			return nil, err
		}
	}
	return objectstore.Open(ctx, cfg)
}

func evidenceStore(a *app) *cobra.Command {
	return noun("store", "Keep captures and sealed cases in an S3 store", evidenceStorePut(a), evidenceStoreGet(a), evidenceStoreList(a))
}

func evidenceStorePut(a *app) *cobra.Command {
	o := &storeFlags{}
	ix := &indexFlags{}
	var until, mode string
	var hold, record bool
	c := &cobra.Command{
		Use:   "put FILE...",
		Short: "Store files under their digests, and have the store lock them",
		Long: "A file is stored as DIGEST/NAME below --store and only read. One that is there already is not sent again. --until and --hold have the store itself keep\n" +
			"it (S3 object lock; the bucket must have been made with it): in the mode compliance nobody can remove it before, in governance some can. A\n" +
			"case goes as its archive ('saksi evidence export'). --record keeps what is stored as a document of saksi.object in --index or --case: digest, size,\n" +
			"place and lock travel, never the content.",
		Example: "  saksi evidence store put capture.pcapng --store https://s3.example/bukti --until 2033-12-31 --hold",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			lock := objectstore.Lock{Hold: hold}
			if until != "" {
				var err error
				if lock.Until, err = parseUntil(until); err != nil {
					return err
				}
				switch mode {
				case "compliance", "governance":
					lock.Mode = strings.ToUpper(mode)
				default:
					return usage("--mode %s: expected compliance or governance", mode)
				}
			}
			for _, file := range args {
				if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
					return fail(exitUsage, fmt.Errorf("storing %s: %w", file, errors.Join(err, errors.New("expected a file"))))
				}
			}
			s, err := o.open(cmd.Context())
			if err != nil {
				return err
			}
			r, err := a.rows("file", "sha256", "bytes", "url", "locked", "until", "hold")
			if err != nil {
				return err
			}
			a.recordAround(cmd, "", casefile.ActExport, "store a copy in "+o.store, args...)
			for _, file := range args {
				bar := a.progress("storing", "B")
				x, err := s.Put(cmd.Context(), file, lock, func(n int64) { bar.update(n, 0) })
				bar.finish()
				if err == nil && record {
					err = ix.say(cmd.Context(), objectEvent(s, x))
				}
				if err != nil {
					return errors.Join(evidenceError(err), r.close())
				}
				if err := r.add(file, x.Digest, x.Size, s.URL(x), strings.ToLower(x.Mode), shortTime(x.Until), x.Hold); err != nil {
					return err
				}
			}
			return r.close()
		},
	}
	o.add(c)
	ix.add(c)
	f := c.Flags()
	f.StringVar(&until, "until", "", "`day` or time to which the store keeps it")
	f.StringVar(&mode, "mode", "compliance", "`who` can remove it before: compliance (nobody) or governance (those with the right)")
	f.BoolVar(&hold, "hold", false, "legal hold: the store keeps it until that is taken off")
	f.BoolVar(&record, "record", false, "keep what is stored as a document in --index or --case")
	return c
}

func parseUntil(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			if !t.After(time.Now()) {
				return t, usage("--until %s: that time is over", text)
			}
			return t.UTC(), nil
		}
	}
	return time.Time{}, usage("--until %s: expected a day as 2033-12-31 or a time as 2033-12-31T00:00:00Z", text)
}

// shortTime is a time in a table; "" for none.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// objectEvent is what travels of an object.
func objectEvent(s *objectstore.Store, x *objectstore.Object) *event.Event {
	e := &event.Event{}
	e.Time(event.Timestamp, x.Stored.UnixNano())
	e.Str(event.EventKind, "state")
	e.Str(event.EventDataset, "saksi.object")
	e.Str(event.FileName, x.Name)
	e.Int(event.FileSize, x.Size)
	e.Str(event.FileHashSHA256, x.Digest)
	e.Str(event.SaksiObjectURL, s.URL(x))
	e.Str(event.SaksiObjectVersion, x.Version)
	e.Str(event.SaksiObjectLock, strings.ToLower(x.Mode))
	if !x.Until.IsZero() {
		e.Time(event.SaksiObjectUntil, x.Until.UnixNano())
	}
	e.Bool(event.SaksiObjectHold, x.Hold)
	return e
}

func evidenceStoreGet(a *app) *cobra.Command {
	o := &storeFlags{}
	var to string
	c := &cobra.Command{
		Use:     "get DIGEST",
		Short:   "Fetch a file from the store and prove its digest",
		Long:    "The file is hashed as it comes; one whose SHA-256 is not DIGEST is not left behind, and the exit code is 10. Nothing is overwritten.",
		Example: "  saksi evidence store get 83fd81f2... --store https://s3.example/bukti --file capture.pcapng",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := o.open(cmd.Context())
			if err != nil {
				return err
			}
			bar := a.progress("fetching", "B")
			x, err := s.Get(cmd.Context(), args[0], to, func(n int64) { bar.update(n, 0) })
			bar.finish()
			if err != nil {
				return evidenceError(err)
			}
			if to == "" {
				to = x.Name
			}
			r, err := a.rows("file", "sha256", "bytes", "stored")
			if err != nil {
				return err
			}
			return errors.Join(r.add(filepath.Clean(to), x.Digest, x.Size, shortTime(x.Stored)), r.close())
		},
	}
	o.add(c)
	c.Flags().StringVar(&to, "file", "", "new `file` to write (default: its name in the store)")
	return c
}

func evidenceStoreList(a *app) *cobra.Command {
	o := &storeFlags{}
	c := &cobra.Command{
		Use:   "list [DIGEST]",
		Short: "List what the store keeps",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			digest := ""
			if len(args) == 1 {
				digest = args[0]
			}
			s, err := o.open(cmd.Context())
			if err != nil {
				return err
			}
			r, err := a.rows("sha256", "name", "bytes", "stored")
			if err != nil {
				return err
			}
			others, err := s.List(cmd.Context(), digest, func(x *objectstore.Object) error {
				return r.add(x.Digest, x.Name, x.Size, shortTime(x.Stored))
			})
			if err := errors.Join(err, r.close()); err != nil {
				return err
			}
			if others > 0 {
				a.warn(fmt.Sprintf("%d objects have names that are none of ours and are left out", others))
			}
			return nil
		},
	}
	o.add(c)
	return c
}
