package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"saksi/casefile"
	"saksi/event"
	"saksi/evidence"
	"saksi/findings"
	"saksi/findings/mask"
	"saksi/forensics/artifact"
	"saksi/forensics/disk"
	"saksi/forensics/filesystem"
	"saksi/internal/worker"
	"saksi/sensor"
	"saksi/sensor/capture"
	"saksi/sensor/decode"
	"saksi/sensor/scope"
)

// unmaskFlags let 'findings show' read anew what was masked.
type unmaskFlags struct {
	on        bool
	reason    string
	key       string
	authority authorityFlag
}

func (o *unmaskFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&o.on, "unmask", false, "read what was masked in the document anew from its exhibit and print it, nothing else; needs --case, --why, --authority and --as")
	f.StringVar(&o.reason, "why", "", "`reason` for unmasking, for the custody log")
	f.StringVar(&o.key, "key", "", "signing key `file` of the case, whose custody log records that the exhibit is opened (default: this station's own)")
	o.authority.add(c, "unmasking needs one that names the act unmask")
}

// unmasker looks for the values that were masked in a document. Nothing of what
// it finds goes anywhere but to the output.
type unmasker struct {
	e    *event.Event
	key  []byte
	want []string // digests, in the document's order
	got  map[string]mask.Value
	ctx  context.Context
	work worker.Config
	warn func(string)
	auth *evidence.Authority
	// exhibit is the id of what is read.
	exhibit string
	scrap   event.Event
}

// errFound ends reading when there is nothing more to look for.
var errFound = errors.New("all was found")

// unmask checks on what grounds it may be done, records it, and prints the
// values.
func (o *unmaskFlags) unmask(cmd *cobra.Command, a *app, dir string, e *event.Event) (err error) {
	if dir == "" || strings.TrimSpace(o.reason) == "" || o.authority.path == "" {
		return usage("--unmask: --case, --why and --authority are needed: what was masked is read anew from an exhibit, for a reason and on an authority, and both are recorded")
	}
	u := &unmasker{e: e, got: map[string]mask.Value{}, ctx: cmd.Context(), warn: a.warn, work: worker.Config{Path: a.worker, Version: version}}
	for v := range e.Values(event.SaksiMaskedDigest) {
		if !slices.Contains(u.want, v.Str()) {
			u.want = append(u.want, v.Str())
		}
	}
	id, _ := e.GetStr(event.EventID)
	if len(u.want) == 0 {
		return fail(exitFailed, fmt.Errorf("unmasking %.12s: nothing in it was masked", id))
	}
	cs, err := a.openCase(cmd, dir, o.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cs.Close()) }()
	source, _ := e.GetStr(event.SaksiEvidenceKey)
	i := slices.IndexFunc(cs.Exhibits, func(x casefile.Exhibit) bool { return x.SourceKey == source && source != "" })
	if i < 0 {
		return fail(exitFailed, fmt.Errorf("unmasking %.12s: no exhibit of case %s has its source key %q", id, cs.Info.ID, source))
	}
	x := cs.Exhibits[i]
	if u.auth, err = o.authority.read([]evidence.Target{{Exhibit: x.ID}}, evidence.ActUnmask); err != nil {
		return err
	}
	target := evidence.Target{Exhibit: x.ID}
	if u.traffic() {
		target = targetOf(e, x.ID)
	}
	if s := u.auth.Judge(evidence.ActUnmask, &target); s != evidence.Within {
		return authorityError(fmt.Errorf("%w: what finding %.12s is of is %s for %s", evidence.ErrAuthority, id, s, u.auth))
	}
	if u.key, err = maskKey(); err != nil {
		return err
	}
	cs.Authority = u.auth
	f, _, err := cs.OpenExhibitFor(cmd.Context(), x.ID, evidence.Entry{Act: casefile.ActUnmask, Why: o.reason, Detail: map[string]string{
		"finding": id, "fields": strings.Join(u.fields(), " "), "values": strconv.Itoa(len(u.want)),
	}})
	if errors.Is(err, casefile.ErrDuty) {
		return fail(exitTrust, err)
	}
	if err != nil {
		return caseError(err)
	}
	defer f.Close()
	u.exhibit = x.ID
	broken := u.read(cs.PathOf(&x))
	if errors.Is(broken, errFound) {
		broken = nil
	}
	if err := u.print(a, id); broken == nil {
		return err
	}
	return imageError(broken) // what was found before is printed
}

// targetOf is what a document is of, as an authority judges it.
func targetOf(e *event.Event, exhibit string) evidence.Target {
	t := evidence.Target{Exhibit: exhibit}
	t.Src, _ = e.GetAddr(event.SourceIP)
	t.Dst, _ = e.GetAddr(event.DestinationIP)
	src, ok := e.GetInt(event.SourcePort)
	dst, dok := e.GetInt(event.DestinationPort)
	t.SrcPort, t.DstPort, t.NoPorts = uint16(src), uint16(dst), !ok && !dok
	for _, f := range []event.Field{event.DNSQuestionName, event.TLSClientServerName, event.URLDomain} {
		for v := range e.Values(f) {
			t.Names = append(t.Names, strings.ToLower(strings.TrimSuffix(v.Str(), ".")))
		}
	}
	if ns, ok := e.GetTime(event.Timestamp); ok {
		t.Time = time.Unix(0, ns)
	}
	return t
}

// see takes what of an event was masked in the document.
func (u *unmasker) see(e *event.Event) {
	for _, v := range mask.Values(u.key, e) {
		if _, have := u.got[v.Digest]; !have && slices.Contains(u.want, v.Digest) {
			u.got[v.Digest] = v
		}
	}
}

func (u *unmasker) done() error {
	if len(u.got) == len(u.want) {
		return errFound
	}
	return u.ctx.Err()
}

// bytes looks at content as it lies on the wire or on the disk.
func (u *unmasker) bytes(b []byte) {
	u.scrap.Reset()
	u.scrap.Str(event.Message, string(b))
	u.see(&u.scrap)
}

// within reports whether the authority covers what an event of traffic is of. The
// document says so of itself, and may have been made up.
func (u *unmasker) within(e *event.Event) bool {
	t := targetOf(e, u.exhibit)
	return u.auth.Judge(evidence.ActUnmask, &t) == evidence.Within
}

// Emit implements findings.Sink for what is read anew.
func (u *unmasker) Emit(e *event.Event) error {
	if !u.traffic() || u.within(e) {
		u.see(e)
	}
	return u.done()
}

// traffic reports whether the document is of packets.
func (u *unmasker) traffic() bool {
	return u.e.Has(event.SaksiEvidencePacket) && !u.e.Has(event.FileInode)
}

// read reads the exhibit anew by what the document's kind of source is.
func (u *unmasker) read(path string) error {
	switch {
	case u.e.Has(event.FileInode):
		return u.disk(path)
	case u.traffic():
		return u.capture(path)
	}
	_, err := artifact.Read(u.ctx, path, artifact.Options{Worker: u.work}, func(_ *artifact.Record, e *event.Event) error { return u.Emit(e) })
	return err
}

// capture decodes the capture again and looks at its events, at carved files, and
// last at the document's own packets.
func (u *unmasker) capture(path string) error {
	cfg := sensor.Config{Sources: []sensor.Source{{Path: path, Exhibit: u.exhibit}}, Workers: 1, Authority: u.auth, Sink: u}
	if u.e.Has(event.FileHashSHA256) {
		cfg.Rules.Files = []sensor.FileScanner{u}
	}
	_, err := sensor.Read(u.ctx, cfg)
	if err != nil && !errors.Is(err, sensor.ErrIncomplete) {
		return err
	}
	if u.auth.PrivilegedHosts() {
		return nil // whose packets they are, only decoding tells
	}
	filter, dec := scope.New(u.auth, evidence.ActUnmask, u.exhibit), decode.New(decode.FragLimits{})
	return eachPacket(u.ctx, path, packetsOf(u.e, 0), func(p *capture.Packet, _ string) error {
		if filter.Frame(dec.Decode(nil, p.Number, p.Time, uint16(p.Link), p.Data), dec.Held(), "", p.Time) == evidence.Within {
			u.bytes(p.Data)
		}
		return u.done()
	})
}

// ScanFile implements sensor.FileScanner.
func (u *unmasker) ScanFile(_ context.Context, f *sensor.File, _ findings.Sink) error {
	if sum, _ := u.e.GetStr(event.FileHashSHA256); sum == f.SHA256 && u.within(f.Event) {
		for _, m := range u.matches() {
			if end := m.at + m.length; end <= int64(len(f.Content)) {
				u.bytes(f.Content[m.at:end])
			}
		}
	}
	return nil
}

// match is where matched bytes stand in a file.
type match struct{ at, length int64 }

// maxMatch bounds the bytes of a match that are read anew.
const maxMatch = 1 << 20

// matches are the places of the document's matches: "name@offset+length:...".
func (u *unmasker) matches() []match {
	var list []match
	for v := range u.e.Values(event.SaksiEvidenceMatch) {
		head, _, _ := strings.Cut(v.Str()[strings.LastIndexByte(v.Str(), '@')+1:], ":")
		off, length, _ := strings.Cut(head, "+")
		at, err := strconv.ParseInt(off, 10, 64)
		n, lerr := strconv.ParseInt(length, 10, 64)
		if err == nil && lerr == nil && at >= 0 && n > 0 && at <= at+n {
			list = append(list, match{at, min(n, maxMatch)})
		}
	}
	return list
}

// disk reads the document's file, where it matched, and the names in its volume.
func (u *unmasker) disk(path string) error {
	im, err := disk.Open(u.ctx, path, u.work)
	if err != nil {
		return err
	}
	defer im.Source.Close()
	defer im.Close()
	volume, _ := u.e.GetInt(event.SaksiFileVolume)
	inode, _ := u.e.GetStr(event.FileInode)
	ref, err := filesystem.ParseInode(inode)
	if err != nil {
		return fmt.Errorf("the document's inode %q: %w", inode, err)
	}
	ref.Stream, _ = u.e.GetStr(event.SaksiFileStream)
	for _, m := range u.matches() {
		var b limited
		if _, _, err := im.CopyRange(u.ctx, int(volume), ref, m.at, m.length, &b); err != nil {
			return err
		}
		u.bytes(b)
	}
	if err := u.done(); err != nil {
		return err
	}
	_, err = im.Walk(u.ctx, int(volume), filesystem.WalkConfig{Deleted: true, Orphans: true}, func(en *filesystem.Entry, _ *filesystem.Problem) error {
		if en == nil || len(u.got) == len(u.want) {
			return u.ctx.Err()
		}
		u.scrap.Reset()
		name := en.Path
		if en.Stream != "" {
			name += ":" + en.Stream
		}
		u.scrap.Str(event.FilePath, name)
		if i := strings.LastIndexByte(en.Path, '/'); i >= 0 {
			u.scrap.Str(event.FileDirectory, en.Path[:i])
			u.scrap.Str(event.FileName, en.Path[i+1:])
		}
		u.see(&u.scrap)
		return nil
	})
	return err
}

// limited keeps what is written to it, up to maxMatch.
type limited []byte

func (l *limited) Write(b []byte) (int, error) {
	if len(*l)+len(b) > maxMatch {
		return 0, io.ErrShortBuffer
	}
	*l = append(*l, b...)
	return len(b), nil
}

// fields are the names of the document's masked fields, each once.
func (u *unmasker) fields() []string {
	var list []string
	for v := range u.e.Values(event.SaksiMasked) {
		if !slices.Contains(list, v.Str()) {
			list = append(list, v.Str())
		}
	}
	return list
}

// field is the field of the document that a value stood in. One that was found
// in bytes of the exhibit stood in matched bytes, if any were masked, else in one
// of those that were.
func (u *unmasker) field(v mask.Value) string {
	all := u.fields()
	for _, f := range []event.Field{v.Field, event.SaksiEvidenceMatch} {
		if slices.Contains(all, f.Name()) {
			return f.Name()
		}
	}
	return strings.Join(all, " ")
}

// print shows the values that were found again, and says how many were not.
func (u *unmasker) print(a *app, id string) error {
	r, err := a.rows("field", "value")
	if err != nil {
		return err
	}
	for _, d := range u.want {
		if v, ok := u.got[d]; ok {
			if err := r.add(u.field(v), v.Text); err != nil {
				return err
			}
		}
	}
	if err := r.close(); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "saksi: %d of %d masked values of %.12s read anew from exhibit %s; the custody log says so\n", len(u.got), len(u.want), id, u.exhibit)
	if n := len(u.want) - len(u.got); n > 0 {
		return failHint(exitIncomplete, fmt.Errorf("unmasking %.12s: %d of %d values were not found again", id, n, len(u.want)),
			"they were masked with another station's key, lie inside TLS, or are privileged")
	}
	return nil
}
