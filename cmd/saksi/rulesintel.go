package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"saksi/event"
	"saksi/findings"
	"saksi/internal/infile"
	"saksi/rules"
	"saksi/rules/intel"
)

// isIndicators tells files of indicators in folders, where other files lie too:
// bundles and events by their content, CSV files by a column of values, plain lists
// by their folder, hashes or indicators. Others are read when they are named
// themselves.
func isIndicators(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return intel.IsJSON(path)
	case ".txt":
		folder := filepath.Base(filepath.Dir(path))
		return folder == "hashes" || folder == "indicators"
	case ".csv":
		f, err := infile.Open(path)
		if err != nil {
			return false
		}
		defer f.Close()
		head, _, err := bufio.NewReader(f).ReadLine()
		return err == nil && intel.IsHeader(string(head))
	}
	return false
}

// scanPaths are the rules that files of disks are searched for: YARA, in files
// of any name, and indicators.
func scanPaths(args []string) (yara []string, indicators []string, err error) {
	if args, err = ownPacks(args); err != nil {
		return nil, nil, err
	}
	for _, p := range args {
		st, err := os.Stat(p)
		if err != nil {
			return nil, nil, fail(exitUsage, fmt.Errorf("reading rules: %w", err))
		}
		switch {
		case st.IsDir():
			in, err := findRules([]string{p})
			if err != nil {
				return nil, nil, err
			}
			if len(in.yara)+len(in.intel) == 0 {
				in.yara = []string{p} // who reads it says what is missing
			}
			yara, indicators = append(yara, in.yara...), append(indicators, in.intel...)
		case ruleLanguages[strings.ToLower(filepath.Ext(p))] == rules.Intel:
			indicators = append(indicators, p)
		default:
			yara = append(yara, p)
		}
	}
	return yara, indicators, nil
}

// indicators reads files of indicators and says what is wrong with them; nil when
// there are none.
func (o *ruleFlags) indicators(a *app, paths []string) (*intel.Set, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	set, problems, err := intel.Load(paths)
	if err != nil {
		return nil, fail(exitUsage, err)
	}
	return set, o.told(a, problems)
}

// indicatorsLeft tells what matched and is no finding.
func (a *app) indicatorsLeft(s *intel.Set) {
	if s == nil {
		return
	}
	if n := s.Outside(); n > 0 {
		a.warn(fmt.Sprintf("%d matches are no findings: the event lies outside the validity of its indicator", n))
	}
	if n := s.Beyond(); n > 0 {
		a.warn(fmt.Sprintf("%d matches are no findings: their events hold more indicators than are told", n))
	}
}

// indicatorFindings gives next each event and the indicators it holds, unless it is a
// finding itself; found is told of each.
func indicatorFindings(s *intel.Set, next findings.Sink, found func(f *event.Event)) findings.Sink {
	var f event.Event
	return findings.SinkFunc(func(e *event.Event) error {
		if err := next.Emit(e); err != nil {
			return err
		}
		if kind, _ := e.GetStr(event.EventKind); kind == "alert" {
			return nil
		}
		hits := s.Match(e)
		for i := range hits {
			s.Finding(&f, e, &hits[i])
			found(&f)
			if err := next.Emit(&f); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachIndicator gives f indicators as entries of a catalog, one by one: there may
// be millions.
func eachIndicator(paths []string, f func(e *rules.Entry) error) error {
	entry := func(file string, line int, id string) rules.Entry {
		return rules.Entry{Language: rules.Intel, Ruleset: filepath.Base(file), File: file, Line: line, ID: id}
	}
	problems, err := intel.Each(paths, func(file string, x *intel.Indicator) error {
		e := entry(file, x.Line, x.RuleID())
		e.Name, e.Severity, e.Techniques = x.Name, x.Severity, x.Techniques
		if e.Name == "" {
			e.Name = x.Text()
		}
		return f(&e)
	})
	if err != nil {
		return fail(exitUsage, err)
	}
	for i := range problems {
		if p := &problems[i]; p.Level != rules.Advice {
			e := entry(p.File, p.Line, p.Rule)
			e.Refused = p.Message
			if err := f(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

// indicator shows what a finding says of the indicator it rests on.
func (s *shower) indicator() {
	if !s.e.Has(event.ThreatIndicatorType) {
		return
	}
	s.field("indicator", event.ThreatIndicatorName)
	s.field("matched in", event.SaksiIndicatorMatched)
	s.field("about it", event.ThreatIndicatorDescription)
	s.field("said by", event.ThreatIndicatorProvider)
	s.field("feed", event.ThreatFeedName)
	s.field("reference", event.ThreatIndicatorReference)
	s.field("stands at", event.SaksiIndicatorPlace)
	s.field("confidence", event.ThreatIndicatorConfidence)
	s.field("tlp", event.ThreatIndicatorMarkingTlp)
	s.field("validity", event.SaksiIndicatorValidity)
	s.field("valid from", event.SaksiIndicatorValidFrom)
	s.field("valid until", event.SaksiIndicatorValidUntil)
}
