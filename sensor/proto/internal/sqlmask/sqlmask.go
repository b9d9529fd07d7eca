// Package sqlmask takes the literals out of SQL: what a statement does remains,
// personal data and passwords in it do not.
package sqlmask

// Limit is the longest text returned.
const Limit = 2048

// Append appends a statement with every literal as "?", comments left out and
// white space as single blanks. quoted says that double quotes enclose
// literals, as in MySQL, and not names. A literal without end reaches to the
// end.
func Append(dst, q []byte, quoted bool) []byte {
	end := len(dst) + Limit
	blank := false
	for i := 0; i < len(q) && len(dst) < end; {
		c := q[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0:
			blank = true
			i++
			continue
		case c == '-' && i+1 < len(q) && q[i+1] == '-', c == '#' && quoted:
			for i < len(q) && q[i] != '\n' {
				i++
			}
			blank = true
			continue
		case c == '/' && i+1 < len(q) && q[i+1] == '*':
			i += 2
			for i < len(q) && !(q[i] == '/' && q[i-1] == '*') {
				i++
			}
			i++
			blank = true
			continue
		}
		if blank && len(dst) > 0 {
			dst = append(dst, ' ')
		}
		blank = false
		switch {
		case c == '\'' || c == '"' && quoted:
			i = literal(q, i+1, c)
			dst = append(dst, '?')
		case c == '"' || c == '`': // a name
			k := literal(q, i+1, c)
			dst = append(dst, q[i:min(k, i+Limit)]...)
			i = k
		case c == '$' && !quoted && dollar(q, i) > 0:
			i = dollar(q, i)
			dst = append(dst, '?')
		case digit(c):
			for i < len(q) && (word(q[i]) || q[i] == '.') {
				i++
			}
			dst = append(dst, '?')
		case word(c):
			k := i
			for i < len(q) && word(q[i]) {
				i++
			}
			if i < len(q) && q[i] == '\'' && i-k <= 2 { // N'...', x'...', E'...'
				continue
			}
			dst = append(dst, q[k:min(i, k+Limit)]...)
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst[:min(len(dst), end)]
}

// literal returns the offset behind a literal that ends with c, which is
// doubled or behind a backslash within it.
func literal(q []byte, i int, c byte) int {
	for i < len(q) {
		switch {
		case q[i] == '\\' && c != '`':
			i++
		case q[i] == c:
			if i+1 >= len(q) || q[i+1] != c {
				return i + 1
			}
			i++
		}
		i++
	}
	return len(q)
}

// dollar returns the offset behind a literal in dollar signs, as PostgreSQL
// has it, or 0.
func dollar(q []byte, at int) int {
	k := at + 1
	for k < len(q) && q[k] != '$' {
		if !word(q[k]) {
			return 0
		}
		k++
	}
	if k >= len(q) || k > at+1 && digit(q[at+1]) {
		return 0
	}
	tag := string(q[at : k+1])
	for i := k + 1; i+len(tag) <= len(q); i++ {
		if string(q[i:i+len(tag)]) == tag {
			return i + len(tag)
		}
	}
	return len(q)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func word(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '@' || c >= 0x80
}
