package asset

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// AppendSignature appends how a system opens a TCP connection, from the IP
// header's time to live and the TCP header of a SYN: the time to live it
// began with, the window (as a multiple of the segment size where it is one),
// the window scale and the order of the options, separated by colons, such as
// "64:mss*44:7:mss,sok,ts,nop,ws". It appends nothing if the options are broken.
func AppendSignature(dst []byte, ttl uint8, tcp []byte) []byte {
	start := len(dst)
	if len(tcp) < 20 {
		return dst
	}
	first := 255
	for _, n := range [...]int{32, 64, 128} {
		if int(ttl) <= n {
			first = n
			break
		}
	}
	window := int(binary.BigEndian.Uint16(tcp[14:]))
	mss, scale := 0, -1
	var order [40]byte
	n := 0
	for b := tcp[20:]; len(b) > 0 && n < len(order); {
		kind := b[0]
		order[n] = kind
		n++
		if kind == 0 {
			break
		}
		if kind == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return dst[:start]
		}
		switch {
		case kind == 2 && b[1] == 4:
			mss = int(binary.BigEndian.Uint16(b[2:]))
		case kind == 3 && b[1] == 3:
			scale = int(b[2])
		}
		b = b[b[1]:]
	}
	dst = strconv.AppendInt(dst, int64(first), 10)
	dst = append(dst, ':')
	if mss > 0 && window%mss == 0 && window > 0 {
		dst = append(dst, "mss*"...)
		window /= mss
	}
	dst = strconv.AppendInt(dst, int64(window), 10)
	dst = append(dst, ':')
	if scale >= 0 {
		dst = strconv.AppendInt(dst, int64(scale), 10)
	}
	dst = append(dst, ':')
	for i, kind := range order[:n] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if int(kind) < len(optionNames) && optionNames[kind] != "" {
			dst = append(dst, optionNames[kind]...)
		} else {
			dst = strconv.AppendInt(dst, int64(kind), 10)
		}
	}
	return dst
}

// optionNames are TCP's options by number (IANA "TCP Option Kind Numbers").
var optionNames = [...]string{0: "eol", 1: "nop", 2: "mss", 3: "ws", 4: "sok", 5: "sack", 8: "ts"}

// stacks are the ways of TCP implementations. The order in which each writes its
// options is fixed in its source (Linux net/ipv4/tcp_output.c, FreeBSD and macOS
// tcp_output.c, OpenBSD tcp_output.c); Windows' were seen in captures whose hosts name
// themselves. An empty window or scale matches any.
var stacks = []struct {
	ttl, window, scale, options string
	name, version, typ          string
}{
	{"128", "64240", "8", "mss,nop,ws,nop,nop,sok", "Windows", "10 or later", "windows"},
	{"128", "mss*44", "8", "mss,nop,ws,nop,nop,sok", "Windows", "10 or later", "windows"},
	{"128", "65535", "8", "mss,nop,ws,nop,nop,sok", "Windows", "10 or later", "windows"},
	{"128", "8192", "8", "mss,nop,ws,nop,nop,sok", "Windows", "7 to 8.1", "windows"},
	{"128", "8192", "2", "mss,nop,ws,nop,nop,sok", "Windows", "Vista to 8.1", "windows"},
	{"128", "", "", "mss,nop,ws,nop,nop,sok", "Windows", "", "windows"},
	{"128", "", "", "mss,nop,nop,sok", "Windows", "", "windows"},
	{"128", "", "", "mss,nop,ws,nop,nop,ts,nop,nop,sok", "Windows", "", "windows"},
	{"128", "", "", "mss,nop,ws,sok,ts", "Windows", "", "windows"},
	{"64", "mss*4", "", "mss,sok,ts,nop,ws", "Linux", "2.4 or 2.6", "linux"},
	{"64", "mss*10", "", "mss,sok,ts,nop,ws", "Linux", "3", "linux"},
	{"64", "mss*20", "", "mss,sok,ts,nop,ws", "Linux", "3.11 to 4.18", "linux"},
	{"64", "mss*44", "", "mss,sok,ts,nop,ws", "Linux", "4.19 or later", "linux"},
	{"64", "mss*45", "", "mss,sok,ts,nop,ws", "Linux", "4.19 or later", "linux"},
	{"64", "", "", "mss,sok,ts,nop,ws", "Linux", "", "linux"},
	{"64", "", "", "mss,nop,nop,sok,nop,ws", "Linux", "", "linux"},
	{"64", "", "", "mss,nop,nop,ts,nop,ws", "Linux", "", "linux"},
	{"64", "", "", "mss,nop,ws,nop,nop,ts,sok,eol,eol", "macOS or iOS", "", "macos"},
	{"64", "", "", "mss,nop,ws,nop,nop,ts,sok,eol", "macOS or iOS", "", "macos"},
	{"64", "", "", "mss,nop,ws,sok,ts", "FreeBSD", "", "unix"},
	{"64", "", "", "mss,nop,nop,sok,nop,ws,nop,nop,ts", "OpenBSD", "", "unix"},
	{"64", "", "", "mss,nop,ws,sok,nop,nop,nop,nop,ts", "NetBSD", "", "unix"},
}

// systemOfSYN names the system that opens connections so.
func systemOfSYN(signature string) (name, version, typ string) {
	p := strings.SplitN(signature, ":", 4)
	if len(p) != 4 {
		return "", "", ""
	}
	for _, s := range stacks {
		if s.ttl == p[0] && s.options == p[3] && (s.window == "" || s.window == p[1]) && (s.scale == "" || s.scale == p[2]) {
			return s.name, s.version, s.typ
		}
	}
	return "", "", ""
}
