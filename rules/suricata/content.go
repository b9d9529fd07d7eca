package suricata

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// maxContent is the longest content, Suricata's own limit is 255 in old
// versions and 64 KiB now.
const maxContent = 65535

// parseContent reads the value of content: text with hexadecimal bytes between
// pipes; ';', '"', ':' and '\' are written after a backslash.
func parseContent(f field) ([]byte, *fault) {
	out := make([]byte, 0, len(f.s))
	hex := false
	hi := -1
	for i := 0; i < len(f.s); i++ {
		c := f.s[i]
		switch {
		case c == '|':
			if hex && hi >= 0 {
				return nil, wrong(f.off+i, "half a byte between pipes", "two hexadecimal digits a byte")
			}
			hex = !hex
		case hex:
			if c == ' ' || c == '\t' {
				continue
			}
			if !isHex(c) {
				return nil, wrong(f.off+i, fmt.Sprintf("%q is not a hexadecimal digit", c), "hexadecimal digits, or '|' to end them")
			}
			v, _ := strconv.ParseUint(f.s[i:i+1], 16, 8)
			if hi < 0 {
				hi = int(v)
				continue
			}
			out = append(out, byte(hi<<4|int(v)))
			hi = -1
		case c == '\\':
			i++
			if i >= len(f.s) || !strings.ContainsRune(`\;":`, rune(f.s[i])) {
				return nil, wrong(f.off+i-1, "a backslash before a character that is not escaped", `\\, \;, \: or \"`)
			}
			out = append(out, f.s[i])
		case c == '"':
			return nil, wrong(f.off+i, "a quote inside the quotes", `\" or |22|`)
		default:
			out = append(out, c)
		}
		if len(out) > maxContent {
			return nil, wrong(f.off+i, "the content is too long", fmt.Sprintf("at most %d bytes", maxContent))
		}
	}
	if hex {
		return nil, wrong(f.off+len(f.s), "the hexadecimal bytes are not closed", "'|'")
	}
	if len(out) == 0 {
		return nil, wrong(f.off, "an empty content", "at least one byte")
	}
	return out, nil
}

func kwContent(b *builder, o *option) *fault {
	if !strings.HasPrefix(strings.TrimPrefix(o.val.s, "!"), `"`) && !strings.Contains(o.val.s, `"`) {
		return wrong(o.val.off, "the content is not quoted", `"text"`)
	}
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	pat, err := parseContent(f)
	if err != nil {
		return err
	}
	b.add(item{kind: itContent, pat: pat, neg: neg, at: o.val.off})
	return nil
}

func kwURIContent(b *builder, o *option) *fault {
	if err := kwContent(b, o); err != nil {
		return err
	}
	return b.moveLast(BufHTTPURI, o)
}

// lastContent is the content a modifier changes.
func (b *builder) lastContent(o *option) (*item, *fault) {
	if b.last == nil {
		return nil, wrong(o.key.off, o.key.s+" without a content before it", "a content")
	}
	return &b.last.items[b.lastAt], nil
}

func kwNocase(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	it.nocase = true
	it.pat = bytes.ToLower(it.pat)
	return nil
}

// number reads an integer, or the name of a variable set before.
func (b *builder) number(f field, lo, hi int64) (num, *fault) {
	s := strings.TrimSpace(f.s)
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		if i, ok := b.vars[s]; ok {
			return num{ref: i + 1}, nil
		}
		return num{}, wrong(f.off, fmt.Sprintf("%q is neither a number nor a variable", s), "a number, or a variable of byte_extract or byte_math")
	}
	if n < lo || n > hi {
		return num{}, wrong(f.off, "the number is out of range", fmt.Sprintf("%d to %d", lo, hi))
	}
	return num{v: n}, nil
}

const maxRelative = 1 << 20 // Suricata's limit of distance and within

func kwDepth(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if it.starts || it.hasDepth {
		return wrong(o.key.off, "depth twice, or with startswith", "one of them")
	}
	it.hasDepth = true
	it.depth, err = b.number(o.val, 0, 65535)
	if err == nil && it.depth.ref == 0 && it.depth.v < int64(len(it.pat)) {
		return wrong(o.val.off, "depth is shorter than the content", fmt.Sprintf("at least %d", len(it.pat)))
	}
	return err
}

func kwOffset(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if it.starts || it.hasOffset {
		return wrong(o.key.off, "offset twice, or with startswith", "one of them")
	}
	it.hasOffset = true
	it.offset, err = b.number(o.val, 0, 65535)
	return err
}

func kwDistance(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if it.starts || it.hasDistance {
		return wrong(o.key.off, "distance twice, or with startswith", "one of them")
	}
	it.hasDistance, it.relative = true, true
	it.distance, err = b.number(o.val, -maxRelative, maxRelative)
	return err
}

func kwWithin(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if it.starts || it.hasWithin {
		return wrong(o.key.off, "within twice, or with startswith", "one of them")
	}
	it.hasWithin, it.relative = true, true
	it.within, err = b.number(o.val, 1, maxRelative)
	if err == nil && it.within.ref == 0 && it.within.v < int64(len(it.pat)) {
		return wrong(o.val.off, "within is shorter than the content", fmt.Sprintf("at least %d", len(it.pat)))
	}
	return err
}

func kwStartsWith(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if it.hasDepth || it.hasOffset || it.relative {
		return wrong(o.key.off, "startswith with depth, offset, distance or within", "startswith alone")
	}
	it.starts, it.hasDepth = true, true
	it.depth = num{v: int64(len(it.pat))}
	return nil
}

func kwEndsWith(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err == nil {
		it.endswith = true
	}
	return err
}

// kwFastPattern takes fast_pattern, fast_pattern:only and fast_pattern:OFFSET,LENGTH.
// Which content is looked for first never changes what matches.
func kwFastPattern(b *builder, o *option) *fault {
	it, err := b.lastContent(o)
	if err != nil {
		return err
	}
	if o.hasVal && o.val.s != "only" {
		parts := o.val.list()
		if len(parts) != 2 || !digits(parts[0].s) || !digits(parts[1].s) {
			return wrong(o.val.off, "fast_pattern takes no such value", "only, or offset,length")
		}
	}
	it.fast = true
	return nil
}

func kwRawBytes(b *builder, o *option) *fault {
	_, err := b.lastContent(o)
	return err
}

func kwPCRE(b *builder, o *option) *fault {
	f, neg, err := o.quoted()
	if err != nil {
		return err
	}
	body, fl, err := parsePCRE(f)
	if err != nil {
		return err
	}
	l := b.cur
	// file.data and the response's body are one buffer to Suricata.
	if fl.buf == BufHTTPResponseBody && b.sticky && b.cur.buf == BufFileData {
		fl.buf = BufPayload
	}
	if fl.buf != BufPayload {
		if b.sticky && l.buf != fl.buf {
			return wrong(o.val.off, "pcre names a buffer inside another sticky buffer", "no buffer letter, or pkt_data before")
		}
		l = b.listFor(fl.buf, nil)
	}
	l.items = append(l.items, item{kind: itPCRE, neg: neg, relative: fl.relative, at: o.val.off})
	b.prev = l
	b.pcres = append(b.pcres, pendingPCRE{l, len(l.items) - 1, body, fl})
	return nil
}

func kwIsDataAt(b *builder, o *option) *fault {
	f, neg := o.val, false
	if strings.HasPrefix(f.s, "!") {
		neg = true
		f = field{f.s[1:], f.off + 1}
	}
	parts := f.list()
	it := item{kind: itIsDataAt, neg: neg, at: o.val.off}
	for _, p := range parts[1:] {
		switch p.s {
		case "relative":
			it.relative = true
		case "rawbytes":
		default:
			return wrong(p.off, fmt.Sprintf("%q is no option of isdataat", p.s), "relative or rawbytes")
		}
	}
	var err *fault
	it.offset, err = b.number(parts[0], 0, 65535)
	if err != nil {
		return err
	}
	b.add(it)
	return nil
}

func kwBsize(b *builder, o *option) *fault {
	if !b.sticky {
		return wrong(o.key.off, "bsize without a sticky buffer", "a buffer such as http.uri before it")
	}
	c, err := parseUint(o.val, 64)
	if err != nil {
		return err
	}
	b.add(item{kind: itSize, size: c, at: o.val.off})
	return nil
}

func kwAbsent(b *builder, o *option) *fault {
	if !b.sticky {
		return wrong(o.key.off, "absent without a sticky buffer", "a buffer such as http.referer before it")
	}
	if o.hasVal && o.val.s != "or_else" {
		return wrong(o.val.off, fmt.Sprintf("%q is no option of absent", o.val.s), "or_else or nothing")
	}
	b.cur.absent, b.cur.orElse = true, o.hasVal
	return nil
}

// kwURILen takes urilen: a comparison, then raw or norm.
func kwURILen(b *builder, o *option) *fault {
	f, _, err := o.quoted()
	if err != nil {
		return err
	}
	if strings.HasPrefix(o.val.s, "!") {
		f = o.val
	}
	parts := f.list()
	buf := BufHTTPURI
	if len(parts) > 1 {
		switch parts[1].s {
		case "raw":
			buf = BufHTTPURIRaw
		case "norm":
		default:
			return wrong(parts[1].off, fmt.Sprintf("%q is no option of urilen", parts[1].s), "raw or norm")
		}
	}
	c, err := parseUint(parts[0], 16)
	if err != nil {
		return err
	}
	l := b.listFor(buf, nil)
	l.items = append(l.items, item{kind: itSize, size: c, at: o.val.off})
	return nil
}
