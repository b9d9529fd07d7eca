package proto

import "bytes"

// RESP, the Redis serialization protocol: a client sends arrays of bulk
// strings, "*N\r\n$LEN\r\nCOMMAND\r\n".

func init() {
	register(&Entry{
		Name: "redis", Doc: "Redis serialization protocol", Reference: "https://redis.io/docs/latest/develop/reference/protocol-spec/",
		Transport: TCP, Ports: []uint16{6379},
		First: []string{"*"},
		Detect: func(p *Probe) Verdict {
			b := p.Data
			head, rest, ok := bytes.Cut(b, []byte("\r\n"))
			if !ok {
				if len(b) < 8 {
					return More
				}
				return No
			}
			if len(head) < 2 || len(head) > 8 || !digits(head[1:]) {
				return No
			}
			size, _, ok := bytes.Cut(rest, []byte("\r\n"))
			switch {
			case !ok && len(rest) < 8:
				return More
			case ok && len(size) > 1 && size[0] == '$' && digits(size[1:]):
				return Yes
			}
			return No
		},
		Samples: []string{"redis.txt"}, Hostile: []string{"short.txt"},
	})
}

func digits(b []byte) bool {
	for _, c := range b {
		if !digit(c) {
			return false
		}
	}
	return len(b) > 0
}
