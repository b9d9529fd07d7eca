package yara

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"saksi/internal/wire"
	"saksi/rules"
)

// Alone gives the text of a file with one of its rules left, and what that
// rests on: the rules its condition names, and global ones. Lines keep their
// numbers.
func Alone(text []byte, name string) []byte {
	spans := Split(text)
	keep := map[string]bool{name: true}
	for todo := []string{name}; len(todo) > 0; todo = todo[1:] {
		for _, s := range spans {
			if s.Name != todo[0] {
				continue
			}
			_, condition := sections(text[s.Start:s.End])
			for _, w := range words(condition) {
				if !keep[w] && slices.ContainsFunc(spans, func(o Span) bool { return o.Name == w }) {
					keep[w] = true
					todo = append(todo, w)
				}
			}
		}
	}
	out := bytes.Clone(text)
	for _, s := range spans {
		if !keep[s.Name] && !s.Global {
			Blank(out, s)
		}
	}
	return out
}

// Profile tells what each rule that runs costs on a content, compiled and
// scanned alone, since libyara does not tell rules of one scan apart. The time
// is that of the scan, with what every scan costs.
func (c *Client) Profile(ctx context.Context, in *Content, costs map[string]*rules.Cost) error {
	bad := map[string]bool{}
	for i := range c.compiled.Problems {
		if p := &c.compiled.Problems[i]; p.Level != rules.Advice {
			bad[p.File+"\x00"+p.Rule] = true
		}
	}
	for _, src := range c.compiled.sources {
		if bad[src.Namespace+"\x00"] && len(Split(src.Text)) == 0 {
			continue
		}
		for _, span := range Split(src.Text) {
			if span.Private || bad[src.Namespace+"\x00"+span.Name] {
				continue
			}
			if err := c.profileRule(ctx, src, span.Name, in, costs); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Client) profileRule(ctx context.Context, src Source, name string, in *Content, costs map[string]*rules.Cost) error {
	if c.w == nil || !c.w.Alive() {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	text := Alone(src.Text, name)
	if len(text) > maxPart {
		return fmt.Errorf("profiling %s of %s: its file has more than %d bytes; split it", name, src.Namespace, maxPart)
	}
	var head wire.Writer
	head.String(src.Namespace)
	head.Bytes(text)
	head.String(name)
	key := src.Namespace + "\x00" + name
	cost := costs[key]
	if cost == nil {
		cost = &rules.Cost{ID: name, Name: name, Language: rules.YARA}
		costs[key] = cost
	}
	err := c.content(ctx, OpProfile, head.B, in, func(frame []byte) error {
		r := wire.Reader{B: frame}
		matched := r.Bool()
		ns := r.Uint()
		cost.Tried++
		cost.Evaluated++
		if matched {
			cost.Matched++
		}
		cost.Time += time.Duration(min(ns, uint64(time.Hour)))
		return r.Err()
	})
	if died(err) || refused(err) {
		// What breaks on this rule alone is its cost, not the end of the others.
		cost.Tried++
		return nil
	}
	if err != nil {
		return fmt.Errorf("profiling %s on %s: %w", name, filepath.Base(in.Path), err)
	}
	return nil
}
