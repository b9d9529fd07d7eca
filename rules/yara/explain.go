package yara

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"saksi/internal/wire"
	"saksi/internal/worker"
	"saksi/rules"
)

// Verdict is how one rule was decided on a content.
type Verdict struct {
	Rule, Namespace string
	Matched, Global bool
	Strings         []Places // in the order of the rule; of the rule asked about
}

// Places is where one string of a rule is.
type Places struct {
	Name string
	At   []String
	More bool // more than MaxStrings
}

// WriteVerdict encodes a verdict for the socket.
func WriteVerdict(w *wire.Writer, v *Verdict) {
	w.String(v.Rule)
	w.String(v.Namespace)
	w.Bool(v.Matched)
	w.Bool(v.Global)
	w.Uint(uint64(len(v.Strings)))
	for i := range v.Strings {
		p := &v.Strings[i]
		w.String(p.Name)
		w.Uint(uint64(len(p.At)))
		for _, s := range p.At {
			w.Int(s.Offset)
			w.Uint(uint64(s.Length))
			w.Bytes(s.Data)
		}
		w.Bool(p.More)
	}
}

// ReadVerdict decodes a verdict; the reader's error says whether it is whole.
func ReadVerdict(r *wire.Reader) Verdict {
	v := Verdict{Rule: r.String(), Namespace: r.String(), Matched: r.Bool(), Global: r.Bool()}
	for n := r.Uint(); n > 0 && r.Err() == nil; n-- {
		p := Places{Name: r.String()}
		for m := r.Uint(); m > 0 && r.Err() == nil; m-- {
			p.At = append(p.At, String{Name: p.Name, Offset: r.Int(), Length: int(r.Uint()), Data: append([]byte(nil), r.Bytes()...)})
		}
		p.More = r.Bool()
		v.Strings = append(v.Strings, p)
	}
	return v
}

// Public gives sources in which no rule is private, so that Explain tells of
// those, too.
func Public(sources []Source) []Source {
	out := slices.Clone(sources)
	for i := range out {
		text := bytes.Clone(out[i].Text)
		for _, span := range Split(text) {
			s := splitter{text: text[:span.End], at: span.Start}
			for span.Private && s.at < len(s.text) {
				if s.skip() {
					continue
				}
				at := s.at
				switch s.word() {
				case "private":
					copy(text[at:], "       ")
				case "global":
				default:
					s.at = len(s.text)
				}
			}
		}
		out[i].Text = text
	}
	return out
}

// Explain tells why each rule of this name (there is one in each file that has
// it) matches a content or not: each string and where it is, the rules and
// variables that the condition names, and the condition. The values of modules
// are libyara's own and not told. The client's sources should be Public.
func (c *Client) Explain(ctx context.Context, rule string, in *Content) ([]rules.Trial, error) {
	if c.w == nil || !c.w.Alive() {
		if err := c.start(ctx); err != nil {
			return nil, err
		}
	}
	var head wire.Writer
	head.String(rule)
	var list []Verdict
	err := c.content(ctx, OpExplain, head.B, in, func(frame []byte) error {
		r := wire.Reader{B: frame}
		v := ReadVerdict(&r)
		if len(list) >= c.compiled.Rules {
			return fmt.Errorf("%w: more verdicts than the %d rules", worker.ErrProtocol, c.compiled.Rules)
		}
		list = append(list, v)
		return r.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("scanning %s (%d bytes): %w", filepath.Base(in.Path), len(in.Data), err)
	}
	var out []rules.Trial
	for i := range list {
		if v := &list[i]; v.Rule == rule {
			out = append(out, c.trial(v, list, in))
		}
	}
	return out, nil
}

// trial tells one verdict in the words of the rule's text.
func (c *Client) trial(v *Verdict, all []Verdict, in *Content) rules.Trial {
	path, size := in.Path, len(in.Data)
	t := rules.Trial{Where: fmt.Sprintf("file %s, %d bytes, rule of %s", path, size, v.Namespace), Found: v.Matched}
	texts, condition := c.parts(v)
	for _, o := range all {
		if o.Global && o.Namespace == v.Namespace && o.Rule != v.Rule && !o.Matched {
			t.Conditions = append(t.Conditions, rules.Condition{Text: "global rule " + o.Rule, Outcome: rules.Unmet, Seen: "no rule of its file matches without it"})
		}
	}
	t.Conditions = append(t.Conditions, rules.Condition{Text: "condition: " + oneSpace(condition), Outcome: outcome(v.Matched)})
	for i := range v.Strings {
		p := &v.Strings[i]
		cond := rules.Condition{Text: p.Name, Outcome: outcome(len(p.At) > 0), Seen: "nowhere", Depth: 1}
		if len(texts) == len(v.Strings) {
			cond.Text = texts[i]
		}
		if len(p.At) > 0 {
			cond.Seen = p.seen()
		}
		t.Conditions = append(t.Conditions, cond)
	}
	values := map[string]string{"filesize": strconv.Itoa(size), "filename": filepath.Base(path), "filepath": path, "extension": filepath.Ext(path), "exhibit": in.Exhibit}
	told := map[string]bool{}
	for _, w := range words(condition) {
		if told[w] {
			continue
		}
		told[w] = true
		if value, ok := values[w]; ok {
			t.Conditions = append(t.Conditions, rules.Condition{Text: w, Outcome: rules.Met, Seen: value, Depth: 1})
		}
		for _, o := range all {
			if o.Rule == w && o.Namespace == v.Namespace && w != v.Rule {
				t.Conditions = append(t.Conditions, rules.Condition{Text: "rule " + w, Outcome: outcome(o.Matched), Depth: 1})
			}
		}
	}
	return t
}

func outcome(ok bool) rules.Outcome {
	if ok {
		return rules.Met
	}
	return rules.Unmet
}

// maxTold is how many places of a string are told.
const maxTold = 4

func (p *Places) seen() string {
	var list []string
	for _, s := range p.At[:min(len(p.At), maxTold)] {
		list = append(list, fmt.Sprintf("at %d: %s", s.Offset, strconv.QuoteToASCII(string(s.Data))))
	}
	if n := len(p.At) - maxTold; n > 0 {
		more := ""
		if p.More {
			more = "+"
		}
		list = append(list, fmt.Sprintf("and %d%s more", n, more))
	}
	return strings.Join(list, ", ")
}

// parts are the texts of a rule's strings and its condition, from its source.
func (c *Client) parts(v *Verdict) (texts []string, condition string) {
	for _, src := range c.compiled.sources {
		if src.Namespace != v.Namespace {
			continue
		}
		for _, span := range Split(src.Text) {
			if span.Name == v.Rule {
				return sections(src.Text[span.Start:span.End])
			}
		}
	}
	return nil, ""
}

// sections takes the strings and the condition out of the text of one rule.
func sections(text []byte) (texts []string, condition string) {
	s := splitter{text: text}
	section, begin := "", 0
	end := func(at int) { // of a string
		if section == "strings" && begin > 0 {
			texts = append(texts, oneSpace(string(text[begin:at])))
		}
		begin = 0
	}
	for s.at < len(text) {
		if section != "condition" && s.skip() {
			continue
		}
		at := s.at
		w := s.word()
		if w == "" {
			if section == "strings" && text[at] == '$' {
				end(at)
				begin = at
			}
			s.step()
			continue
		}
		if w != "meta" && w != "strings" && w != "condition" || section == "condition" {
			continue
		}
		rest := bytes.TrimLeft(text[s.at:], " \t\r\n")
		if len(rest) == 0 || rest[0] != ':' || begin > 0 && w != "condition" {
			continue
		}
		end(at)
		section = w
		if w == "condition" {
			body := text[len(text)-len(rest)+1:]
			if i := bytes.LastIndexByte(body, '}'); i >= 0 {
				body = body[:i]
			}
			return texts, string(body)
		}
	}
	return texts, ""
}

func oneSpace(s string) string { return strings.Join(strings.Fields(s), " ") }

// words are the names in a condition that are no strings, members or numbers.
func words(condition string) []string {
	return strings.FieldsFunc(condition, func(r rune) bool {
		return r != '_' && r != '$' && r != '#' && r != '@' && r != '!' && r != '.' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
	})
}
