package suricata

import "strings"

// magicChain is the transformation of a file's content into its name in libmagic's
// words; the rule is refused by why there is none.
func (b *builder) magicChain(o *option) ([]transform, *fault) {
	if b.c.magic == nil {
		return nil, refused(o.key.off, o.key.s+" without libmagic, which saksi-worker has")
	}
	if b.c.magicName == nil {
		if b.c.magicName, b.c.magicErr = b.c.magic(); b.c.magicErr != nil {
			b.c.magic = func() (func([]byte) string, error) { return nil, b.c.magicErr }
		}
	}
	if b.c.magicErr != nil {
		return nil, refused(o.key.off, o.key.s+": "+b.c.magicErr.Error())
	}
	return []transform{{op: trMagic, magic: b.c.magicName}}, nil
}

// kwFileMagicBuffer takes file.magic, the sticky buffer (Suricata user guide,
// "filemagic").
func kwFileMagicBuffer(b *builder, o *option) *fault {
	chain, err := b.magicChain(o)
	if err != nil {
		return err
	}
	b.dropCurrent()
	b.last, b.prev = nil, nil
	b.cur, b.sticky = b.listFor(BufFileData, chain), true
	return nil
}

// kwFileMagic takes filemagic:"TEXT", which the name has anywhere, of either case.
func kwFileMagic(b *builder, o *option) *fault {
	chain, err := b.magicChain(o)
	if err != nil {
		return err
	}
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	pat, err := parseContent(f)
	if err != nil {
		return err
	}
	l := b.listFor(BufFileData, chain)
	l.items = append(l.items, item{kind: itContent, pat: []byte(strings.ToLower(string(pat))), neg: neg, nocase: true, at: o.val.off})
	return nil
}

// ofMagic reports whether a list looks at the name of a file.
func (l *list) ofMagic() bool { return len(l.transforms) > 0 && l.transforms[0].op == trMagic }

// FileMagic tells what a file is by its first bytes, in libmagic's words; nil
// unless a rule asks.
func (s *Set) FileMagic() func(head []byte) string { return s.magic }
