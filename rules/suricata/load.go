package suricata

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"saksi/internal/infile"
	"saksi/rules"
)

// Offer says what the caller of an Engine can supply; rules that need more are
// refused. The zero *Offer (nil) offers everything of the contract.
type Offer struct {
	Buffers    []Buffer
	Apps       []AppProto // that are recognized; nil: all
	StreamSize bool
	// DecodeEvents are the names of decoding events, at most 255; Packet.Events
	// tells them by their place.
	DecodeEvents []string
	// StreamEvents are the names of events of TCP streams; the place of a name is
	// its bit in Packet.StreamEvents.
	StreamEvents []string
	// AppEvents are the events that parsers raise, PROTOCOL.EVENT.
	AppEvents []string
	// Never are names of events of each kind, as rules write them, that exist and
	// that nothing read here raises: rules on them run and never match.
	Never []string
}

// app reports whether flows of a protocol that a rule names can be told.
func (o *Offer) app(a AppProto) bool {
	if o == nil || o.Apps == nil || a == AppUnknown {
		return true
	}
	for _, x := range o.Apps {
		if a.covers(x) {
			return true
		}
	}
	return false
}

func (o *Offer) buffer(b Buffer) bool {
	if o == nil {
		return true
	}
	for _, x := range o.Buffers {
		if x == b {
			return true
		}
	}
	return false
}

// Config says how rules are compiled.
type Config struct {
	// Vars overrides variables such as HOME_NET; names without '$'.
	Vars map[string]string
	// Offer limits rules to what the sensor supplies; nil: no limit.
	Offer *Offer
	// DataDir is the folder in which data sets are kept between runs; empty: they
	// last for the run.
	DataDir string
	// Thresholds are files of thresholds and suppression, threshold.config of
	// Suricata's.
	Thresholds []Source
	// Country gives the two letters of an address's country, "" if they are not
	// known, for geoip; nil: nothing does. It is called by several workers.
	Country func(netip.Addr) string
	// Elephant is the rate of an elephant, for flow.elephant; nil: there is none.
	Elephant *FlowRate
	// Magic gives what names files in libmagic's words by their first bytes, or why
	// nothing does, for file.magic; nil: nothing does. It is called when the first
	// rule asks, and what it gives by several workers.
	Magic func() (func(head []byte) string, error)
	// Reputation of addresses, for iprep; nil: there is none.
	Reputation *Reputation
}

// maxFile is the largest file of rules read, in bytes; all of ET Open has 14 MB.
const maxFile = 256 << 20

// ReadFile reads one file of rules.
func ReadFile(path string) (Source, error) {
	data, err := infile.Read(path, maxFile)
	if err != nil {
		return Source{}, fmt.Errorf("reading rules: %w", err)
	}
	return Source{Name: path, Data: data}, nil
}

// LoadFiles reads and compiles files of rules; see Load.
func LoadFiles(paths []string, cfg Config) (*Set, []rules.Problem, error) {
	var srcs []Source
	for _, p := range paths {
		s, err := ReadFile(p)
		if err != nil {
			return nil, nil, err
		}
		srcs = append(srcs, s)
	}
	set, problems := Load(srcs, cfg)
	return set, problems, nil
}

// Load compiles rules. A rule that is wrong, or that cannot be honored exactly,
// does not run and is named among the problems with its position; all others
// run. A rule whose requires names another version asks to be passed over: it
// is no problem, and Entries says why it does not run. The Set is immutable and may be shared by any number of engines.
func Load(srcs []Source, cfg Config) (*Set, []rules.Problem) {
	c := &compiler{
		headers: headers{vars: maps.Clone(defaultVars), cache: map[string]*set{}},
		bits:    names{}, ints: names{}, texts: names{}, sids: map[[2]int64]known{}, older: map[*Rule]*ruleText{}, offered: cfg.Offer,
		datasets: map[string]*dataset{}, dataDir: cfg.DataDir, reputation: cfg.Reputation, country: cfg.Country, magic: cfg.Magic, elephant: cfg.Elephant,
	}
	if c.offered == nil {
		all := &Offer{StreamSize: true}
		for b := range NumBuffers {
			all.Buffers = append(all.Buffers, b)
		}
		c.offered = all
	}
	maps.Copy(c.headers.vars, cfg.Vars)
	s := &Set{bits: c.bits, ints: c.ints, texts: c.texts}
	var problems []rules.Problem
	texts := map[*Rule]*ruleText{} // of rules that change the state of their flow
	for _, src := range srcs {
		splitRules(src, func(t *ruleText) {
			r, err := c.one(t)
			if err == nil {
				if r.writes {
					texts[r] = t
				}
				s.rules = append(s.rules, r)
				return
			}
			id := ""
			if r != nil && r.SID != 0 {
				id = itoa(r.SID)
			}
			if err.skipped {
				s.passed++
			} else {
				problems = append(problems, err.problem(t, id))
			}
			s.refused = append(s.refused, refusedEntry(t, r, err))
		})
	}
	s.rules = slices.DeleteFunc(s.rules, func(r *Rule) bool {
		t := texts[r]
		if t == nil || !r.changesSets() {
			return false
		}
		err := refused(0, "a data set that rules change, in a rule that sets flowbits or flowint")
		problems = append(problems, err.problem(t, itoa(r.SID)))
		s.refused = append(s.refused, refusedEntry(t, r, err))
		return true
	})
	s.rules = slices.DeleteFunc(s.rules, func(r *Rule) bool {
		t := c.older[r]
		if t == nil {
			return false
		}
		err := refused(0, "an older revision of a rule that is given again")
		problems = append(problems, err.problem(t, itoa(r.SID)))
		s.refused = append(s.refused, refusedEntry(t, r, err))
		return true
	})
	for _, src := range cfg.Thresholds {
		problems = append(problems, c.thresholds(src, s.rules)...)
	}
	s.bitNames, s.intNames = s.bits.list(), s.ints.list()
	s.build(cfg.Elephant)
	return s, problems
}

func refusedEntry(t *ruleText, r *Rule, err *fault) rules.Entry {
	line, _ := t.pos(0)
	e := rules.Entry{Language: rules.Suricata, Ruleset: ruleset(t.file), File: t.file, Line: line}
	if r != nil {
		e = r.Entry()
	}
	e.Refused = err.msg
	return e
}

// one compiles one rule. What the options name is read even when the rule is
// refused, so that problems carry the sid.
func (c *compiler) one(t *ruleText) (*Rule, *fault) {
	p, err := parse(t.text)
	if err != nil {
		return peek(t, p), err
	}
	if len(p.options) == 0 {
		return nil, wrong(len(t.text)-1, "a rule without options", "sid:N; at least")
	}
	r, err := c.compile(t, p)
	if err != nil {
		return peek(t, p), err
	}
	id := [2]int64{r.GID, r.SID}
	line, _ := t.pos(0)
	at := fmt.Sprintf("%s:%d", t.file, line)
	if other, ok := c.sids[id]; ok && r.Rev > other.rule.Rev { // as in Suricata, the newer one runs
		c.older[other.rule] = other.text
	} else if ok {
		for i := range p.options {
			if p.options[i].key.s == "sid" {
				err = wrong(p.options[i].val.off, "sid used twice", "a sid of its own")
			}
		}
		return r, err.detail(fmt.Sprintf("sid %d was used before, at %s", r.SID, other.at))
	}
	c.sids[id] = known{at, r, t}
	return r, nil
}

// peek reads who a refused rule is.
func peek(t *ruleText, p *parsed) *Rule {
	line, _ := t.pos(0)
	r := &Rule{File: t.file, Line: line}
	if p == nil {
		return r
	}
	b := &builder{r: r}
	for i := range p.options {
		switch o := &p.options[i]; o.key.s {
		case "sid", "msg", "metadata", "classtype":
			if o.hasVal && o.val.s != "" {
				_ = keywords[o.key.s].f(b, o)
			}
		}
	}
	if r.Severity == 0 {
		r.Severity = rules.SeverityByPriority(b.classPriority)
	}
	return r
}

// Set is a compiled set of rules.
type Set struct {
	rules   []*Rule
	refused []rules.Entry
	bits    names // of flow bits and counters, for Reload
	texts   names
	// bitNames and intNames are the names by their numbers.
	bitNames, intNames []string
	ints               names
	passed             int
	traced             []*Rule
	profile            *Profile
	index
}

// Rules gives the rules that run, in the order of evaluation. The caller MUST
// NOT change them.
func (s *Set) Rules() []*Rule { return s.rules }

// DecodeEvents reports whether a rule looks at decoding events.
func (s *Set) DecodeEvents() bool { return len(s.events) > 0 }

// StreamEvents reports whether a rule looks at events of TCP streams.
func (s *Set) StreamEvents() bool { return len(s.streamEvents) > 0 }

// FlowBytes reports whether a rule looks at the bytes of a flow.
func (s *Set) FlowBytes() bool { return s.flowBytes }

// Wants reports whether a rule looks at a buffer.
func (s *Set) Wants(b Buffer) bool { return s.wanted[b] }

// Len is the number of rules that run.
func (s *Set) Len() int { return len(s.rules) }

// Passed is the number of rules that say themselves, by requires, that they are
// not for this version.
func (s *Set) Passed() int { return s.passed }

// Entries lists every rule, those that run and those refused.
func (s *Set) Entries() []rules.Entry {
	out := make([]rules.Entry, 0, len(s.rules)+len(s.refused))
	for _, r := range s.rules {
		out = append(out, r.Entry())
	}
	return append(out, s.refused...)
}

// Checksums reports whether rules look at checksums, so that packets with a wrong
// one are to be shown too.
func (s *Set) Checksums() bool { return s != nil && len(s.sums) > 0 }
