package volume

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// lvmNode is a section of LVM2's metadata: values and sections by name
// (lvm.conf(5) has the same form).
type lvmNode struct {
	order  []string
	subs   map[string]*lvmNode
	values map[string][]string
}

func newLVMNode() *lvmNode {
	return &lvmNode{subs: map[string]*lvmNode{}, values: map[string][]string{}}
}

// sub is a section; one that is not there is empty.
func (n *lvmNode) sub(name string) *lvmNode {
	if s := n.subs[name]; s != nil {
		return s
	}
	return newLVMNode()
}

func (n *lvmNode) sections() []string        { return n.order }
func (n *lvmNode) list(name string) []string { return n.values[name] }

func (n *lvmNode) text(name string) string {
	if v := n.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (n *lvmNode) number(name string) int64 { return atoi(n.text(name)) }

// atoi is a number, -1 if it is none.
func atoi(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return v
}

// maxLVMDepth bounds sections in sections.
const maxLVMDepth = 16

// parseLVM reads the text.
func parseLVM(text string) (*lvmNode, error) {
	p := &lvmLexer{s: text}
	root := newLVMNode()
	return root, p.section(root, 0)
}

type lvmLexer struct {
	s  string
	at int
}

// token is the next word, string or sign; "" at the end. A string begins with
// a quotation mark.
func (p *lvmLexer) token() string {
	for p.at < len(p.s) {
		c := p.s[p.at]
		switch {
		case c == '#':
			if i := strings.IndexByte(p.s[p.at:], '\n'); i >= 0 {
				p.at += i
			} else {
				p.at = len(p.s)
			}
		case strings.IndexByte(" \t\r\n", c) >= 0:
			p.at++
		case strings.IndexByte("{}[]=,", c) >= 0:
			p.at++
			return string(c)
		case c == '"':
			from := p.at
			for p.at++; p.at < len(p.s) && p.s[p.at] != '"'; p.at++ {
				if p.s[p.at] == '\\' {
					p.at++
				}
			}
			p.at = min(p.at+1, len(p.s))
			return strings.TrimSuffix(p.s[from:p.at], `"`)
		default:
			from := p.at
			for p.at < len(p.s) && strings.IndexByte(" \t\r\n{}[]=,#\"", p.s[p.at]) < 0 {
				p.at++
			}
			return p.s[from:p.at]
		}
	}
	return ""
}

func (p *lvmLexer) section(n *lvmNode, depth int) error {
	if depth > maxLVMDepth {
		return fmt.Errorf("more than %d sections in sections", maxLVMDepth)
	}
	for {
		name := p.token()
		switch name {
		case "":
			if depth > 0 {
				return errors.New("it ends within a section")
			}
			return nil
		case "}":
			if depth == 0 {
				return fmt.Errorf("a section ends at byte %d that did not begin", p.at)
			}
			return nil
		}
		switch sign := p.token(); sign {
		case "{":
			s := newLVMNode()
			if n.subs[name] == nil {
				n.order = append(n.order, name)
			}
			n.subs[name] = s
			if err := p.section(s, depth+1); err != nil {
				return err
			}
		case "=":
			n.values[name] = p.value()
		default:
			return fmt.Errorf("%q behind %q at byte %d; a section or a value was expected", sign, name, p.at)
		}
	}
}

// value is one value, or those of a list.
func (p *lvmLexer) value() []string {
	first := p.token()
	if first != "[" {
		return []string{strings.TrimPrefix(first, `"`)}
	}
	var list []string
	for {
		switch t := p.token(); t {
		case "", "]":
			return list
		case ",":
		default:
			list = append(list, strings.TrimPrefix(t, `"`))
		}
	}
}
