package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/sensor/capture"
	"saksi/sensor/record"
)

type sensorExtractOptions struct {
	indexFlags
	key         string
	flow        string
	community   string
	finding     string
	bpf         string
	from, until string
	authority   authorityFlag
}

func sensorExtract(a *app) *cobra.Command {
	o := &sensorExtractOptions{}
	c := &cobra.Command{
		Use:   "extract CAPTURE|FOLDER... --to FILE",
		Short: "Write the packets of a flow or a finding, out of captures or a ring",
		Long: "Reads captures, folders of captures, and rings of 'saksi sensor run --ring', and writes to FILE exactly the packets that meet\n" +
			"everything given: pcapng if its name ends so, else pcap, with times in nanoseconds. A ring is looked up by its indexes where a\n" +
			"Community ID is known: from --community-id, or for --flow from the flow's event when --case or --index is given.\n" +
			"With --case, inputs may be exhibits (E1), and the extraction is entered in the custody log with the file's SHA-256.\n" +
			"With --authority nothing is written if one of the packets is not covered; those that it marks as privileged are left out and counted.",
		Example: "  saksi sensor extract /var/lib/saksi/ring --community-id 1:xUqZ0tSF2mIVFOjv6bFvAB3dHkE= --to flow.pcap\n" +
			"  saksi sensor extract E1 --case kes-17 --finding 3fa9c1d2 --to finding.pcap\n" +
			"  saksi sensor extract office.pcap --bpf 'udp port 53' --from 2026-11-24T08:46:00Z --until 2026-11-24T08:47:00Z --to dns.pcap",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, a, args) },
	}
	o.add(c)
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "signing key `file` of the case (default: this station's own)")
	f.StringVar(&o.flow, "flow", "", "packets of the flow of this `id` (Saksi.flow.id)")
	f.StringVar(&o.community, "community-id", "", "packets of flows of this Community `ID`")
	f.StringVar(&o.finding, "finding", "", "the packets that the finding of this `id` rests on")
	f.StringVar(&o.bpf, "bpf", "", "packets that this `expression` of pcap-filter(7) matches")
	f.StringVar(&o.from, "from", "", "packets from this `time` on, such as 2026-11-24T08:46:29.5Z")
	f.StringVar(&o.until, "until", "", "packets up to this `time`")
	o.authority.add(c, "what it does not cover is refused")
	return c
}

var (
	flowPattern      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	communityPattern = regexp.MustCompile(`^1:[A-Za-z0-9+/]{27}=$`)
)

// selection is what the flags mean, less what needs an index.
func (o *sensorExtractOptions) selection(ctx context.Context, a *app) (*record.Selection, error) {
	s := &record.Selection{Flow: o.flow, Community: o.community}
	if o.flow != "" && !flowPattern.MatchString(o.flow) {
		return nil, usage("--flow is %q; expected 32 hex digits, as Saksi.flow.id has them", o.flow)
	}
	if o.community != "" && !communityPattern.MatchString(o.community) {
		return nil, usage("--community-id is %q; expected one of version 1, such as 1:xUqZ0tSF2mIVFOjv6bFvAB3dHkE=", o.community)
	}
	if o.flow+o.community+o.finding+o.bpf+o.from+o.until == "" {
		return nil, failHint(exitUsage, errors.New("nothing says which packets are meant"), "give --flow, --community-id, --finding, --bpf, --from or --until")
	}
	if a.to == "" {
		return nil, failHint(exitUsage, errors.New("no output file is named"), "give --to FILE.pcap or FILE.pcapng")
	}
	for _, t := range []struct {
		flag, value string
		to          *int64
	}{{"--from", o.from, &s.From}, {"--until", o.until, &s.Until}} {
		if t.value == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, t.value)
		if err != nil {
			return nil, usage("%s is %q; expected a time such as 2026-11-24T08:46:29Z", t.flag, t.value)
		}
		*t.to = at.UnixNano()
	}
	var err error
	s.Filter, err = a.filter(ctx, o.bpf)
	return s, err
}

// lookUp adds to the selection what the index knows: the packets of the
// finding, the Community ID and source of the flow. That packets are taken out is
// put on record in any case.
func (o *sensorExtractOptions) lookUp(ctx context.Context, a *app, s *record.Selection) error {
	if o.finding == "" && (o.flow == "" || o.caseID == "" && o.index == "") {
		return o.look(ctx, a, nil, "extract", o.what(), -1)
	}
	ix, err := o.read(ctx)
	if err != nil {
		return err
	}
	defer ix.Close()
	if err := o.look(ctx, a, ix, "extract", o.what(), -1); err != nil {
		return err
	}
	if o.finding != "" {
		e, err := lookup(ctx, ix, o.finding)
		if err != nil {
			return err
		}
		for v := range e.Values(event.SaksiEvidencePacket) {
			s.Numbers = append(s.Numbers, uint64(v.Int()))
		}
		if len(s.Numbers) == 0 {
			return fail(exitUsage, fmt.Errorf("the finding %s rests on no packets", o.finding))
		}
		slices.Sort(s.Numbers)
		s.Numbers = slices.Compact(s.Numbers)
		key, _ := e.GetStr(event.SaksiEvidenceKey)
		s.Key = strings.Clone(key)
		return nil
	}
	p, err := ix.Search(ctx, findings.Request{Query: "event.dataset:saksi.flow AND Saksi.flow.id:" + o.flow, Size: 1})
	if err != nil || len(p.Docs) == 0 {
		return err // a flow that goes on has no event yet
	}
	e, err := event.Parse(p.Docs[0].Body)
	if err != nil {
		return err
	}
	key, _ := e.GetStr(event.SaksiEvidenceKey)
	s.Key = strings.Clone(key)
	if community, ok := e.GetStr(event.NetworkCommunityID); ok && s.Community == "" {
		s.Community = strings.Clone(community)
	}
	return nil
}

func (o *sensorExtractOptions) run(cmd *cobra.Command, a *app, args []string) (err error) {
	ctx := cmd.Context()
	sel, err := o.selection(ctx, a)
	if err != nil {
		return err
	}
	if sel.Authority, err = o.authority.read(nil, evidence.ActExtract); err != nil {
		return err
	}
	if err := o.lookUp(ctx, a, sel); err != nil {
		return err
	}
	why := "extract " + o.what()
	var c *casefile.Case
	var exhibits []string
	if o.caseID != "" {
		if c, err = a.openCase(cmd, o.caseID, o.key); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		c.Authority = sel.Authority
		if err := c.MayAct(casefile.ActExport); err != nil {
			return err
		}
		if args, exhibits, err = openExhibits(ctx, c, why, args, sel); err != nil {
			return err
		}
	}
	if c == nil {
		a.recordAround(cmd, o.key, casefile.ActExamine, why, args...)
	}
	x, err := a.extract(ctx, args, sel)
	if err != nil {
		return err
	}
	if c != nil {
		if err := c.Record(ctx, evidence.Entry{
			Act: casefile.ActExport, Exhibit: strings.Join(exhibits, " "), SHA256: x.sha256, SourceKey: strings.Join(x.report.Sources, " "), Where: c.Where(a.to), Why: why,
			Detail: map[string]string{
				"packets": strconv.FormatUint(x.report.Packets, 10), "bytes": strconv.FormatInt(x.size, 10),
				"privileged": strconv.FormatUint(x.report.Privileged, 10),
			},
		}); err != nil {
			return caseError(err)
		}
	}
	fmt.Fprintf(a.stderr, "saksi: %d packets in %s, sha256 %s; %d files read, %d of them by their index\n", x.report.Packets, a.to, x.sha256, x.report.Files, x.report.Indexed)
	if x.report.Privileged > 0 {
		a.warn(fmt.Sprintf("packets left out as privileged: %d", x.report.Privileged))
	}
	if len(x.report.Problems) > 0 {
		return fail(exitIncomplete, fmt.Errorf("extracting: %w", errors.Join(x.report.Problems...)))
	}
	return nil
}

// what says in words which packets are meant, for the custody log.
func (o *sensorExtractOptions) what() string {
	var parts []string
	for _, f := range []struct{ name, value string }{
		{"finding", o.finding}, {"flow", o.flow}, {"community id", o.community}, {"filter", o.bpf}, {"from", o.from}, {"until", o.until},
	} {
		if f.value != "" {
			parts = append(parts, f.name+" "+f.value)
		}
	}
	return strings.Join(parts, ", ")
}

// openExhibits turns exhibits among inputs into their paths, and records that
// each is examined. A ring is no exhibit, and stays as it is.
func openExhibits(ctx context.Context, c *casefile.Case, why string, inputs []string, sel *record.Selection) (paths, ids []string, err error) {
	sel.Exhibits = map[string]string{}
	for _, in := range inputs {
		x, err := findExhibit(c, in)
		if err != nil {
			return nil, nil, err
		}
		if x == nil {
			paths = append(paths, in)
			continue
		}
		f, x, err := c.OpenExhibit(ctx, x.ID, casefile.ActExamine, why)
		if err != nil {
			return nil, nil, caseError(err)
		}
		if err := f.Close(); err != nil {
			return nil, nil, err
		}
		paths, ids = append(paths, c.PathOf(x)), append(ids, x.ID)
		sel.Exhibits[c.PathOf(x)] = x.ID
	}
	return paths, ids, nil
}

// extracted is a file of packets that was written.
type extracted struct {
	report record.Report
	sha256 string
	size   int64
}

// output makes the file of --to, which must not be there.
func (a *app) output() (*os.File, error) {
	f, err := os.OpenFile(a.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, failHint(exitUsage, fmt.Errorf("opening the output: %w", err), "--to never overwrites a file; name a new one")
	}
	if err != nil {
		return nil, fail(exitUsage, fmt.Errorf("opening the output: %w", err))
	}
	return f, nil
}

// extract writes the packets that are meant to the file of --to. It is made
// with the first of them: a folder that is read may be the one it comes to.
func (a *app) extract(ctx context.Context, paths []string, sel *record.Selection) (x extracted, err error) {
	if _, err := os.Lstat(a.to); err == nil {
		_, err = a.output()
		return x, err
	}
	var f *os.File
	var w *capture.Writer
	sum := sha256.New()
	defer func() {
		if f == nil {
			return
		}
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(a.to))
		}
	}()
	x.report, err = record.Extract(ctx, paths, sel, func(p *capture.Packet) error {
		if f == nil {
			var err error
			if f, err = a.output(); err != nil {
				return err
			}
			w = capture.NewWriter(io.MultiWriter(f, sum), a.to, toolName())
		}
		return w.Write(p)
	})
	err = authorityError(err)
	if errors.Is(err, capture.ErrLinkTypes) || errors.Is(err, record.ErrInput) || errors.Is(err, fs.ErrNotExist) {
		err = fail(exitUsage, err)
	}
	if err != nil {
		return x, err
	}
	if f == nil && x.report.Privileged > 0 {
		return x, fail(exitFailed, fmt.Errorf("all %d packets that are meant are privileged: nothing was written", x.report.Privileged))
	}
	if f == nil {
		return x, failHint(exitFailed, errors.Join(append([]error{errors.New("no packet is meant: nothing was written")}, x.report.Problems...)...), "%s", nothing(sel))
	}
	if err := errors.Join(w.Close(), f.Sync()); err != nil {
		return x, fmt.Errorf("writing %s: %w", a.to, err)
	}
	st, err := f.Stat()
	if err != nil {
		return x, err
	}
	x.size, x.sha256 = st.Size(), hex.EncodeToString(sum.Sum(nil))
	return x, nil
}

// nothing says why no packet may have been found.
func nothing(sel *record.Selection) string {
	if sel.Key != "" {
		return "the packets are those of the source with key " + sel.Key + "; name its capture, or the ring that has not let go of them"
	}
	return "check id, times and filter; 'saksi findings search' shows flows with their ids"
}

// findExhibit finds the exhibit that an input names by id or path; nil if none.
func findExhibit(c *casefile.Case, in string) (*casefile.Exhibit, error) {
	abs, err := filepath.Abs(in)
	if err != nil {
		return nil, err
	}
	for i := range c.Exhibits {
		x := &c.Exhibits[i]
		p, err := filepath.Abs(c.PathOf(x))
		if err != nil {
			return nil, err
		}
		if x.ID == in || p == abs {
			return x, nil
		}
	}
	return nil, nil
}
