package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/evidence"
	"saksi/findings"
	"saksi/forensics/quarantine"
)

// quarantineFlags let a scan store the files that findings are about, encrypted.
type quarantineFlags struct {
	folder string
	to     []string
	most   int64
	box    quarantine.Box

	recipients []age.Recipient
	names      []string
}

func (o *quarantineFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.folder, "quarantine", "", "store the files that findings are about in this `folder`, each as SHA256.age, with a list of them")
	f.StringArrayVar(&o.to, "quarantine-for", nil, "age `recipient` (age1...) who can open them; may be given several times (default: this station)")
	f.Int64Var(&o.most, "quarantine-size", 1024, "`MiB` of one file that is stored at most")
}

// sink gives what is found to the box too, before it is masked.
func (o *quarantineFlags) sink(next findings.Sink) findings.Sink {
	if o.folder == "" {
		return next
	}
	return o.box.Sink(next)
}

func (o *quarantineFlags) check(a *app) (err error) {
	if o.folder == "" && len(o.to) > 0 {
		return usage("--quarantine-for: name the folder by --quarantine")
	}
	if o.most < 1 || o.most > 1<<20 {
		return usage("--quarantine-size %d: expected 1 to %d", o.most, 1<<20)
	}
	o.recipients, o.names, err = a.ageRecipients(o.to, false)
	return err
}

// may reports why the files of a case can't be stored, before anything is read.
func (o *quarantineFlags) may(k *keeper) error {
	if o.folder == "" || k == nil || k.c == nil {
		return nil
	}
	if !filepath.IsAbs(k.c.Where(o.folder)) {
		return usage("--quarantine %s lies in the case, whose files the custody log lists one by one; name a folder outside it", o.folder)
	}
	return caseError(errors.Join(k.c.MayAct(casefile.ActExtract), k.c.MayAct(casefile.ActExport)))
}

// store writes the files; with a case it is in the custody log before and after.
func (o *quarantineFlags) store(ctx context.Context, a *app, flags *forensicsFlags, k *keeper, images []string) error {
	if o.folder == "" {
		return nil
	}
	if ctx.Err() != nil {
		a.warn("nothing was stored in quarantine, since the scan was ended")
		return nil
	}
	to, names, open := o.recipients, o.names, ""
	if len(to) == 0 {
		id, path, err := stationIdentity()
		if err != nil {
			return err
		}
		to, names, open = []age.Recipient{id.Recipient()}, []string{id.Recipient().String()}, "; 'age -d -i "+shellWord(path)+" FILE' opens one"
	}
	record := func(act, why, digest string, detail map[string]string) error {
		if k == nil || k.c == nil {
			return nil
		}
		detail["recipients"] = strings.Join(names, " ")
		return caseError(k.c.Record(context.WithoutCancel(ctx), evidence.Entry{Act: act, Exhibit: strings.Join(k.ids, " "), Why: why, Where: k.c.Where(filepath.Join(o.folder, quarantine.Manifest)), SHA256: digest, Detail: detail}))
	}
	sum, err := o.box.Store(ctx, quarantine.Config{
		To: o.folder, Recipients: to, For: names, Most: o.most << 20, Images: images, Worker: flags.worker(a), Scratch: scratchFile, Warn: a.warn,
		Begin: func(files int) error {
			return record(casefile.ActExtract, "store the files of findings in an encrypted quarantine", "", map[string]string{"files": strconv.Itoa(files)})
		},
	})
	if sum.Stored > 0 {
		err = errors.Join(err, record(casefile.ActExport, "files of findings were stored in an encrypted quarantine; the digest is that of its list", sum.Digest, map[string]string{
			"stored": strconv.Itoa(sum.Stored), "not_stored": strconv.Itoa(sum.Problems), "list": filepath.Base(sum.Manifest),
		}))
	}
	text := fmt.Sprintf("saksi: quarantine %s: %d files stored (%s), %d were there", o.folder, sum.Stored, size(sum.Bytes, "B"), sum.There)
	if sum.Places > 0 {
		text += fmt.Sprintf("; %d findings are about no whole file and have none there", sum.Places)
	}
	if sum.Problems > 0 {
		text += fmt.Sprintf("; %d not stored", sum.Problems)
	}
	fmt.Fprintln(a.stderr, text+open)
	if err == nil && sum.Problems > 0 {
		err = fail(exitIncomplete, fmt.Errorf("%d files of findings are not in quarantine", sum.Problems))
	}
	return err
}

// stationIdentity is what opens the quarantine of this station, made on first use.
func stationIdentity() (*age.X25519Identity, string, error) {
	dir, err := dataDir()
	if err != nil {
		return nil, "", err
	}
	path := filepath.Join(dir, "keys", "quarantine.key")
	list, err := identities(path)
	if err == nil && len(list) == 1 {
		if id, ok := list[0].(*age.X25519Identity); ok {
			return id, path, nil
		}
	}
	if err == nil {
		return nil, "", fmt.Errorf("reading the key of the quarantine: %s holds another kind of key", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("reading the key of the quarantine: %w", err)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, "", fmt.Errorf("keeping the key of the quarantine: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("keeping the key of the quarantine: %w", err)
	}
	_, err = fmt.Fprintf(f, "# public key: %s\n%s\n", id.Recipient(), id)
	return id, path, errors.Join(err, f.Sync(), f.Close())
}
