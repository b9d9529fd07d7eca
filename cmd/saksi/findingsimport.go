package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/findings/intake"
	"saksi/internal/infile"
)

type importOptions struct {
	keep keepFlags
	form string
}

func findingsImport(a *app) *cobra.Command {
	o := &importOptions{}
	o.keep.always = true
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Store what Suricata, Zeek or another system wrote: EVE JSON, logs of Zeek, documents of ECS",
		Long: "A record becomes an event of the data set that Saksi has for the same (EVE: alert, flow, dns, http, tls, fileinfo, ssh, smtp, anomaly; Zeek: conn, dns,\n" +
			"http, ssl, files, ssh, smtp, notice, intel, weird), with observer.product as its origin, and its file and offset as its evidence. Personal data is masked\n" +
			"as everywhere. Records of other kinds are counted by kind; a line that can't be read is told and the rest is read (exit code 3). Importing the same\n" +
			"file again stores nothing twice. Files may be compressed by gzip or Zstandard; offsets are those of what is inside.",
		Example: "  saksi findings import eve.json --index siasatan\n  saksi findings import conn.log dns.log.gz --case kes-17",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	f := c.Flags()
	o.keep.add(c)
	f.StringVar(&o.form, "form", "", "`form` of the files: "+strings.Join(intake.Forms(), ", ")+" (default: found by content)")
	return c
}

func (o *importOptions) run(cmd *cobra.Command, a *app, args []string) (err error) {
	if o.form != "" && !slices.Contains(intake.Forms(), o.form) {
		return usage("--form %s: expected one of %s", o.form, strings.Join(intake.Forms(), ", "))
	}
	r, err := a.rows("file", "form", "lines", "events", "broken", "left_out", "unmapped_fields")
	if err != nil {
		return err
	}
	kept, err := o.keep.keep(cmd, a, "import its records", args, findings.SinkFunc(func(*event.Event) error { return nil }))
	if err != nil {
		return err
	}
	var failed []error
	var broken int64
	for i, path := range kept.paths {
		sum, err := o.file(cmd.Context(), path, kept.sink)
		if sum != nil {
			for _, p := range sum.Problems[:min(len(sum.Problems), 10)] {
				a.warn(fmt.Sprintf("%s: offset %d: %s", path, p.Offset, p.Text))
			}
			if sum.Broken > 10 {
				a.warn(fmt.Sprintf("%s: %d more lines could not be read", path, sum.Broken-10))
			}
			broken += sum.Broken
			if rerr := r.add(args[i], sum.Form, sum.Lines, sum.Events, sum.Broken, counted(sum.LeftOut), counted(sum.Unmapped)); rerr != nil {
				err = errors.Join(err, rerr)
			}
		}
		switch {
		case errors.Is(err, intake.ErrCut): // what was read before is stored
			a.warn(err.Error())
			broken++
		case err != nil:
			failed = append(failed, err)
		}
		if cmd.Context().Err() != nil {
			break
		}
	}
	err = errors.Join(errors.Join(failed...), kept.close(cmd.Context()), r.close())
	if err == nil && broken > 0 {
		return fail(exitIncomplete, fmt.Errorf("not all could be read: %d problems", broken))
	}
	return err
}

// file imports one file.
func (o *importOptions) file(ctx context.Context, path string, sink findings.Sink) (*intake.Summary, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("importing: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("importing: %w", err)
	}
	key, err := evidence.SourceKey(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", path, err)
	}
	r, done, err := inflated(f)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", path, err)
	}
	defer done()
	return intake.Read(ctx, r, intake.Options{Name: filepath.Base(path), Key: key, Form: o.form}, sink.Emit)
}

// maxWindow bounds the memory that a Zstandard frame can ask for, in bytes.
const maxWindow = 128 << 20

// inflated reads what is inside gzip and Zstandard, by their first bytes.
func inflated(f io.ReadSeeker) (io.Reader, func(), error) {
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	switch s := string(head[:n]); {
	case strings.HasPrefix(s, "\x1f\x8b"): // RFC 1952
		z, err := gzip.NewReader(f)
		return z, func() {}, err
	case s == "\x28\xb5\x2f\xfd": // RFC 8878
		z, err := zstd.NewReader(f, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return f, func() {}, nil
}

// counted lists counts by name, in the order of names.
func counted(m map[string]int64) []string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, fmt.Sprintf("%s %d", k, m[k]))
	}
	return list
}
