package suricata

import (
	"fmt"
	"strings"
)

// The grammar of a rule (Suricata user guide, "Rules Format"):
//
//	rule    = action SP proto SP addr SP port SP dir SP addr SP port SP "(" option* ")"
//	dir     = "->" | "<>" | "=>"
//	addr    = ["!"] ( "any" | "$" name | cidr | ip "-" ip | "[" addr ("," addr)* "]" )
//	port    = ["!"] ( "any" | "$" name | n | n ":" [n] | ":" n | "[" port ("," port)* "]" )
//	option  = keyword [":" value] ";"
//
// A ";" in a value is written "\;". Quotes do not protect it.

// field is a piece of a rule with its offset in the rule's text.
type field struct {
	s   string
	off int
}

// option is one keyword with its value, as written. In val, "\;" still stands
// for ";".
type option struct {
	key    field
	val    field
	hasVal bool
}

// parsed is a rule after the grammar and before any keyword is understood.
type parsed struct {
	action, proto field
	src, sport    field
	dir           field
	dst, dport    field
	options       []option
}

var directions = map[string]bool{"->": true, "<>": true, "=>": true}

// maxOptions bounds the options of one rule; ET Open's longest has 80.
const maxOptions = 2048

type scanner struct {
	s   string
	off int
}

func (sc *scanner) space() {
	for sc.off < len(sc.s) && (sc.s[sc.off] == ' ' || sc.s[sc.off] == '\t') {
		sc.off++
	}
}

// word takes what stands up to the next blank; inside brackets blanks belong to it.
func (sc *scanner) word(what string, lists bool) (field, *fault) {
	sc.space()
	start, depth := sc.off, 0
	for ; sc.off < len(sc.s); sc.off++ {
		c := sc.s[sc.off]
		if lists && c == '[' {
			depth++
		}
		if lists && c == ']' {
			if depth--; depth < 0 {
				return field{}, wrong(sc.off, "']' without '['", what)
			}
		}
		if depth == 0 && (c == ' ' || c == '\t' || c == '(') {
			// "! 1.1.1.1": a blank after a negation belongs to the word.
			if lists && c != '(' && sc.off > start && sc.s[sc.off-1] == '!' {
				continue
			}
			break
		}
	}
	if depth > 0 {
		return field{}, wrong(sc.off, "the list is not closed", "']'")
	}
	if sc.off == start {
		return field{}, wrong(start, "the header ends early", what)
	}
	return field{sc.s[start:sc.off], start}, nil
}

// parse applies the grammar to one rule.
func parse(text string) (*parsed, *fault) {
	if len(text) > maxRule {
		return nil, wrong(maxRule, "the rule is too long", fmt.Sprintf("at most %d bytes", maxRule))
	}
	sc := &scanner{s: text}
	p := &parsed{}
	for _, w := range []struct {
		to    *field
		what  string
		lists bool
	}{
		{&p.action, "an action such as alert", false},
		{&p.proto, "a protocol such as tcp or http", false},
		{&p.src, "a source address", true},
		{&p.sport, "a source port", true},
		{&p.dir, "a direction: -> or <>", false},
		{&p.dst, "a destination address", true},
		{&p.dport, "a destination port", true},
	} {
		f, err := sc.word(w.what, w.lists)
		if err != nil {
			if d := p.dir.s; d != "" && !directions[d] { // a word is missing before it
				err = wrong(p.dir.off, fmt.Sprintf("unknown direction %q", d), "-> or <>")
			}
			return p, err
		}
		*w.to = f
	}
	sc.space()
	if sc.off >= len(text) || text[sc.off] != '(' {
		return p, wrong(sc.off, "the options are missing", "'('")
	}
	sc.off++
	return p, sc.options(p)
}

func (sc *scanner) options(p *parsed) *fault {
	for {
		sc.space()
		if sc.off >= len(sc.s) {
			return wrong(len(sc.s), "the rule is not closed", "')'")
		}
		if sc.s[sc.off] == ')' {
			if rest := strings.TrimSpace(sc.s[sc.off+1:]); rest != "" && rest[0] != '#' {
				return wrong(sc.off+1, "text after the rule", "the end of the line")
			}
			return nil
		}
		if len(p.options) == maxOptions {
			return wrong(sc.off, "too many options", fmt.Sprintf("at most %d", maxOptions))
		}
		opt, err := sc.option()
		if err != nil {
			return err
		}
		p.options = append(p.options, opt)
	}
}

func (sc *scanner) option() (option, *fault) {
	start := sc.off
	end := start
	for ; end < len(sc.s); end++ {
		if sc.s[end] == ';' && (end == start || sc.s[end-1] != '\\') {
			break
		}
	}
	if end == len(sc.s) {
		f := wrong(len(sc.s), "the option is not ended", "';'")
		if i := strings.LastIndexByte(sc.s, ')'); i > start {
			f.off = i
		}
		return option{}, f
	}
	raw := sc.s[start:end]
	sc.off = end + 1
	key, val, has := strings.Cut(raw, ":")
	o := option{key: field{strings.TrimRight(key, " \t"), start}, hasVal: has}
	if o.key.s == "" {
		return o, wrong(start, "an option without a keyword", "a keyword")
	}
	if i := strings.IndexFunc(o.key.s, notKeyword); i >= 0 {
		return o, wrong(start+i, fmt.Sprintf("%q can't be part of a keyword", o.key.s[i]), "':' or ';' after the keyword")
	}
	if has {
		lead := len(val) - len(strings.TrimLeft(val, " \t"))
		o.val = field{strings.TrimRight(val[lead:], " \t"), start + len(key) + 1 + lead}
		if strings.HasSuffix(o.val.s, "\\") && strings.HasSuffix(val, " ") {
			o.val.s += " "
		}
	}
	return o, nil
}

func notKeyword(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '-'
}

// quoted takes the quotes off a value, and a "!" before them. Without quotes
// the value is taken as it is.
func (o *option) quoted() (f field, negated bool, err *fault) {
	f = o.val
	if strings.HasPrefix(f.s, "!") {
		negated = true
		t := strings.TrimLeft(f.s[1:], " \t")
		f = field{t, f.off + len(f.s) - len(t)}
	}
	if !strings.HasPrefix(f.s, `"`) {
		return f, negated, nil
	}
	if len(f.s) < 2 || !strings.HasSuffix(f.s, `"`) {
		return f, negated, wrong(f.off+len(f.s), "the quotes are not closed", `'"' before ';'`)
	}
	return field{f.s[1 : len(f.s)-1], f.off + 1}, negated, nil
}

// list cuts a value at commas, with the offset of each part, blanks trimmed.
func (f field) list() []field {
	var out []field
	off := f.off
	for part := range strings.SplitSeq(f.s, ",") {
		t := strings.TrimLeft(part, " \t")
		out = append(out, field{strings.TrimRight(t, " \t"), off + len(part) - len(t)})
		off += len(part) + 1
	}
	return out
}

// words cuts a value at blanks.
func (f field) words() []field {
	var out []field
	for i := 0; i < len(f.s); {
		if f.s[i] == ' ' || f.s[i] == '\t' {
			i++
			continue
		}
		j := i
		for j < len(f.s) && f.s[j] != ' ' && f.s[j] != '\t' {
			j++
		}
		out = append(out, field{f.s[i:j], f.off + i})
		i = j
	}
	return out
}
