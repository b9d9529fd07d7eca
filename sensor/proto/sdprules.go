package proto

import (
	"bytes"

	"saksi/rules/suricata"
)

// sdpLines are the buffers of lines of a session description (RFC 8866 section
// 5), before its first media and behind it.
var sdpLines = map[byte]suricata.Buffer{
	'o': suricata.BufSDPOrigin, 's': suricata.BufSDPSessionName, 'i': suricata.BufSDPSessionInfo, 'u': suricata.BufSDPURI, 'e': suricata.BufSDPEmail,
	'p': suricata.BufSDPPhone, 'c': suricata.BufSDPConnection, 'b': suricata.BufSDPBandwidth, 't': suricata.BufSDPTime, 'r': suricata.BufSDPRepeat,
	'z': suricata.BufSDPTimezone, 'k': suricata.BufSDPKey, 'a': suricata.BufSDPAttribute,
}

var sdpMediaLines = map[byte]suricata.Buffer{
	'i': suricata.BufSDPMediaInfo, 'c': suricata.BufSDPMediaConnection, 'k': suricata.BufSDPMediaKey, 'b': suricata.BufSDPBandwidth, 'a': suricata.BufSDPAttribute,
}

// maxSDPLines bounds the lines of a description that rules see.
const maxSDPLines = 512

// sdp adds a session description to what rules see of a message.
func sdp(t *bufTx, body []byte) {
	names, n := sdpLines, 0
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\r\n")
		if n++; n > maxSDPLines {
			return
		}
		if len(line) < 2 || line[1] != '=' {
			continue
		}
		if line[0] == 'm' {
			names = sdpMediaLines
			t.add(suricata.BufSDPMedia, line[2:])
			continue
		}
		if b, ok := names[line[0]]; ok {
			t.add(b, line[2:])
		}
	}
}
