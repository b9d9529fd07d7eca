package search

import "bytes"

func printable(c byte) bool { return c >= 0x20 && c < 0x7f || c == '\n' || c == '\r' || c == '\t' }

// wide calls f for each stretch in which every other byte is zero and those
// between are printable: text in UTF-16, which lies in *text then. A stretch
// that begins after a zero at an odd offset is of the big end first.
func wide(data []byte, text *[]byte, f func(start int, encoding string)) {
	for i := 0; ; {
		z := bytes.IndexByte(data[i:], 0)
		if z < 0 {
			return
		}
		z += i
		start := z + 1
		if z > i && printable(data[z-1]) {
			start = z - 1
		}
		c, b := start, (*text)[:0]
		trailing := false
		for c < len(data) && printable(data[c]) {
			trailing = c+1 < len(data) && data[c+1] == 0
			if !trailing && (start == z-1 || len(b) == 0) && !(start > 0 && data[start-1] == 0) {
				break // its other half is no zero: another character
			}
			b = append(b, data[c])
			c += 2
			if !trailing {
				break
			}
		}
		*text = b
		if len(b) >= shortest {
			// Behind a zero both could be: what begins at an even offset is of the
			// little end, and its last character is not one with half of another.
			switch {
			case start > 0 && data[start-1] == 0 && start%2 == 1:
				f(start-1, UTF16BE)
			case !trailing && len(b) == shortest:
			case !trailing:
				*text = b[:len(b)-1]
				f(start, UTF16LE)
			default:
				f(start, UTF16LE)
			}
			i = min(c, len(data))
			continue
		}
		i = z + 1
	}
}
