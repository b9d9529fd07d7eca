package proto

import "bytes"

// maxLine bounds a line of the text protocols; RFC 5321 section 4.5.3.1 allows
// 512 to 1,000 bytes, real peers send more.
const maxLine = 16 << 10

// nextLine takes one line, without its end, off the head of b. used is 0 when
// there is no whole line yet; ok is false when there can't be one.
func nextLine(b []byte) (line []byte, used int, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, 0, len(b) <= maxLine
	}
	return bytes.TrimRight(b[:i], "\r"), i + 1, true
}

// verb parts a command line into its upper-case verb, at most eight letters,
// and its argument.
func verb(line []byte) (string, []byte) {
	word, arg, _ := bytes.Cut(line, []byte(" "))
	var up [8]byte
	if len(word) > len(up) {
		return "", arg
	}
	for i, c := range word {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c < 'A' || c > 'Z' {
			return "", arg
		}
		up[i] = c
	}
	return string(up[:len(word)]), bytes.TrimSpace(arg)
}

// replyCode reads the code of a reply line of SMTP or FTP and whether it is the
// last of its reply.
func replyCode(line []byte) (code int, last, ok bool) {
	if len(line) < 3 || !digits(line[:3]) {
		return 0, false, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	return code, len(line) == 3 || line[3] != '-', true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
