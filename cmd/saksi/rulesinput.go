package main

import (
	"bufio"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"slices"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/artifact"
	"saksi/forensics/scan"
	"saksi/internal/infile"
	"saksi/internal/worker"
	"saksi/rules/pack"
	"saksi/rules/sigma"
	"saksi/rules/yara"
	"saksi/sensor"
)

// maxScanned bounds a file that YARA looks at as it is, in bytes.
const maxScanned = 256 << 20

// ruleInput is a file that rules are run on.
type ruleInput struct {
	path string
	kind string // of pack; empty: its content decides
	year int    // of the first record of a log without years
	// record is given each record of a log before it is matched, and says
	// whether it is; nil for all.
	record func(r *artifact.Record, e *event.Event) bool
	// content is given the content of a file instead of a scan by YARA; nil for
	// the scan.
	content func(ctx context.Context, data []byte) error
}

// inputKinds are the kinds an input of explain and profile can be said to be.
var inputKinds = []string{pack.Capture, pack.Log, pack.Plain, pack.Events}

// captureMagics begin captures, and what may hold one: pcap of both byte orders
// and resolutions, pcapng, gzip and Zstandard.
var captureMagics = []string{"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a", "\x1f\x8b\x08", "\x28\xb5\x2f\xfd"}

// isCapture tells a capture by how it begins.
func isCapture(path string) (bool, error) {
	f, err := infile.Open(path)
	if err != nil {
		return false, fmt.Errorf("reading the input: %w", err)
	}
	defer f.Close()
	head := make([]byte, 4)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("reading the input: %w", err)
	}
	return slices.ContainsFunc(captureMagics, func(m string) bool { return n >= len(m) && string(head[:len(m)]) == m }), nil
}

// errNoRules is returned when no rule looks at an input of its kind.
var errNoRules = errors.New("no rule that runs looks at such an input")

// run runs the rules on an input as 'sensor read', 'forensics parse' and
// 'forensics scan' would, and gives the findings to alerts. The error is
// sensor.ErrIncomplete, or joined with it, when part of the input could not be
// read.
func (s *ruleSets) run(ctx context.Context, w worker.Config, in *ruleInput, alerts findings.Sink) error {
	if in.kind == "" || in.kind == pack.Capture {
		is, err := isCapture(in.path)
		if err != nil {
			return err
		}
		if is || in.kind != "" {
			return s.capture(ctx, in, alerts)
		}
	}
	if in.kind == pack.Image {
		return s.image(ctx, w, in, alerts)
	}
	if s.sigma != nil && (in.kind == pack.Events || in.kind == "" && isEvents(in.path)) {
		return s.events(in, alerts)
	}
	looked := false
	var incomplete error
	if (s.sigma != nil || s.intel != nil) && in.kind != pack.Plain {
		err := s.log(ctx, w, in, alerts)
		switch {
		case err == nil, errors.Is(err, sensor.ErrIncomplete):
			looked, incomplete = true, err
		case !errors.Is(err, artifact.ErrUnknown) || in.kind == pack.Log:
			return err
		}
	}
	if (s.yara != nil || s.intel != nil) && in.kind != pack.Log {
		if err := s.file(ctx, in, alerts); err != nil {
			return err
		}
		looked = true
	}
	if !looked {
		return fmt.Errorf("%s: %w", in.path, errNoRules)
	}
	return incomplete
}

// isEvents tells a file of our events by its first line.
func isEvents(path string) bool {
	f, err := infile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	line := bufio.NewScanner(f)
	if !line.Scan() {
		return false
	}
	_, err = event.Parse(line.Bytes())
	return err == nil
}

// maxEvent bounds one line of a file of events, in bytes.
const maxEvent = 4 << 20

// events matches the rules of Sigma on events of ours, one JSON document a line.
func (s *ruleSets) events(in *ruleInput, alerts findings.Sink) error {
	f, err := infile.Open(in.path)
	if err != nil {
		return fmt.Errorf("reading the input: %w", err)
	}
	defer f.Close()
	var finding event.Event
	emit := func(r *sigma.Rule, e *event.Event) error {
		r.Finding(&finding, e)
		return alerts.Emit(&finding)
	}
	cor := s.sigma.NewCorrelator(emit)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxEvent)
	for n := 1; lines.Scan(); n++ {
		e, err := event.Parse(lines.Bytes())
		if err != nil {
			return fmt.Errorf("reading %s, line %d: %w", in.path, n, err)
		}
		for _, rule := range s.sigma.MatchEvent(e) {
			if !rule.Silent {
				if err := emit(rule, e); err != nil {
					return err
				}
			}
			if rule.Feeds() {
				h := s.sigma.HitEvent(rule, e)
				if err := cor.Add(&h, e); err != nil {
					return err
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", in.path, err)
	}
	if cor == nil {
		return nil
	}
	return cor.Close()
}

func (s *ruleSets) capture(ctx context.Context, in *ruleInput, alerts findings.Sink) error {
	cfg := sensor.Config{Workers: 1, Sources: []sensor.Source{{Path: in.path}}, Rules: s.forSensor(), Sink: alertsOnly(alerts)}
	_, err := sensor.Read(ctx, cfg)
	return err
}

// alertsOnly lets findings pass.
func alertsOnly(next findings.Sink) findings.Sink {
	return findings.SinkFunc(func(e *event.Event) error {
		if kind, _ := e.GetStr(event.EventKind); kind != "alert" {
			return nil
		}
		return next.Emit(e)
	})
}

// log matches the rules of Sigma and indicators on the records of a log.
func (s *ruleSets) log(ctx context.Context, w worker.Config, in *ruleInput, alerts findings.Sink) error {
	var finding event.Event
	emit := func(r *sigma.Rule, e *event.Event) error {
		r.Finding(&finding, e)
		return alerts.Emit(&finding)
	}
	var cor *sigma.Correlator
	if s.sigma != nil {
		cor = s.sigma.NewCorrelator(emit)
	}
	sum, err := artifact.Read(ctx, in.path, artifact.Options{Worker: w, Year: in.year}, func(r *artifact.Record, e *event.Event) error {
		if in.record != nil && !in.record(r, e) {
			return nil
		}
		if s.intel != nil {
			if err := indicatorFindings(s.intel, alertsOnly(alerts), func(*event.Event) {}).Emit(e); err != nil {
				return err
			}
		}
		if s.sigma == nil {
			return nil
		}
		for _, rule := range s.sigma.Match(r) {
			if !rule.Silent {
				if err := emit(rule, e); err != nil {
					return err
				}
			}
			if rule.Feeds() {
				h := s.sigma.HitRecord(rule, r, r.Time)
				if err := cor.Add(&h, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil && sum.Records == 0 {
		return err
	}
	if cor != nil {
		if cerr := cor.Close(); cerr != nil {
			return cerr
		}
	}
	if err == nil && sum.Broken > 0 {
		err = fmt.Errorf("reading %s: %d problems, the first at offset %d: %s", in.path, sum.Broken, sum.Problems[0].Offset, sum.Problems[0].Text)
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: %w", sensor.ErrIncomplete, err)
	}
	return err
}

// file scans a file as it is by YARA, and looks for indicators in its digests
// and name.
func (s *ruleSets) file(ctx context.Context, in *ruleInput, alerts findings.Sink) error {
	data, err := infile.Read(in.path, maxScanned)
	if err != nil {
		return fmt.Errorf("reading the input: %w", err)
	}
	if in.content != nil {
		return in.content(ctx, data)
	}
	if s.intel != nil {
		if err := indicatorFindings(s.intel, alertsOnly(alerts), func(*event.Event) {}).Emit(fileEvent(in.path, data)); err != nil {
			return err
		}
	}
	if s.yara == nil {
		return nil
	}
	matches, err := s.yara.Scan(ctx, &yara.Content{Path: in.path, Data: data})
	if err != nil {
		return err
	}
	for i := range matches {
		var e event.Event
		e.Str(event.EventKind, "alert")
		matches[i].Event(&e)
		if err := alerts.Emit(&e); err != nil {
			return err
		}
	}
	return nil
}

// fileEvent is the event of a file as it is.
func fileEvent(path string, data []byte) *event.Event {
	e := &event.Event{}
	e.Str(event.EventKind, "event")
	e.Str(event.EventDataset, "saksi.entry")
	e.Str(event.FileName, filepath.Base(path))
	e.Int(event.FileSize, int64(len(data)))
	for _, x := range []struct {
		field event.Field
		hash  hash.Hash
	}{{event.FileHashMD5, md5.New()}, {event.FileHashSHA1, sha1.New()}, {event.FileHashSHA256, sha256.New()}} {
		x.hash.Write(data)
		e.Str(x.field, hex.EncodeToString(x.hash.Sum(nil)))
	}
	return e
}

// image scans the files of a disk image by YARA and for indicators.
func (s *ruleSets) image(ctx context.Context, w worker.Config, in *ruleInput, alerts findings.Sink) error {
	if s.yara == nil && s.intel == nil {
		return fmt.Errorf("%s: %w", in.path, errNoRules)
	}
	cfg := scan.Config{Images: []string{in.path}, Rules: s.paths.yara, Intel: s.intel, Volume: -1, Worker: w, Sink: alertsOnly(alerts), Warn: func(string) {}, Cache: s.paths.cache}
	sum, err := scan.Run(ctx, cfg)
	if err == nil && sum.Incomplete() {
		err = fmt.Errorf("%w: %s", sensor.ErrIncomplete, incompleteWords(&sum))
	}
	return err
}
