package proto

// RTSP, RFC 2326 and RFC 7826: as HTTP, with "RTSP/1.0" or "RTSP/2.0" and other
// methods; between messages there may be "$", a channel, a length (2) and data.
// One event a request with its status.

import (
	"bytes"
	"strconv"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "rtsp", Doc: "Real Time Streaming Protocol", Reference: "RFC 2326, RFC 7826",
		Transport: TCP, Ports: []uint16{554, 8554},
		Detect: func(p *Probe) Verdict {
			line, _, ok := bytes.Cut(p.Data[:min(len(p.Data), 1024)], []byte("\r\n"))
			switch {
			case bytes.HasPrefix(line, []byte("RTSP/1.0 ")) || bytes.HasPrefix(line, []byte("RTSP/2.0 ")):
				return Yes
			case ok && (bytes.HasSuffix(line, []byte(" RTSP/1.0")) || bytes.HasSuffix(line, []byte(" RTSP/2.0"))):
				return Yes
			case !ok && len(line) < 1024 && bytes.Contains(line, []byte(" rtsp://")):
				return More
			}
			return No
		},
		New:     func(Transport) Parser { return &rtsp{} },
		Samples: []string{"rtsp.txt"}, Hostile: []string{"rtsp_hostile.txt"},
	})
}

type rtsp struct {
	segmenter
	noRest
	waiting []rtspRequest
}

type rtspRequest struct {
	method, url, agent, seq, user []byte
	packets                       Packets
}

// maxRTSPRequests bounds requests that wait for their answers.
const maxRTSPRequests = 32

// Data implements Parser.
func (p *rtsp) Data(c *Context, dir Dir, b []byte) Result { return p.data(c, dir, b, p) }

func (p *rtsp) size(_ Dir, b []byte) (n, hold int64) {
	switch {
	case b[0] == '\r' || b[0] == '\n':
		return 1, 1
	case b[0] == '$': // media within the connection
		if len(b) < 4 {
			return 0, 0
		}
		return 4 + int64(b[2])<<8 + int64(b[3]), 4
	}
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		if len(b) > maxHeld {
			return -1, 0
		}
		return 0, 0
	}
	body := int64(0)
	if v := sipField(b[:i+2], "content-length", ""); v != nil {
		k, err := strconv.ParseInt(string(v), 10, 32)
		if err != nil || k < 0 {
			return -1, 0
		}
		body = k
	}
	return int64(i) + 4 + body, int64(i) + 4
}

func (p *rtsp) take(c *Context, _ Dir, b []byte, _ int64) Result {
	if b[0] == '$' || len(b) < 8 {
		return 0
	}
	line, fields, _ := bytes.Cut(b, []byte("\r\n"))
	seq := sipField(fields, "cseq", "")
	if bytes.HasPrefix(line, []byte("RTSP/")) {
		f := bytes.SplitN(line, []byte(" "), 3)
		if len(f) < 2 {
			return 0
		}
		status, _ := strconv.Atoi(string(f[1][:min(len(f[1]), 3)]))
		for i := range p.waiting {
			if bytes.Equal(p.waiting[i].seq, seq) {
				p.waiting[i].packets.Add(c.Number)
				p.emit(c, i, status)
				break
			}
		}
		return 0
	}
	f := bytes.SplitN(line, []byte(" "), 3)
	if len(f) < 3 {
		return Broken
	}
	q := rtspRequest{method: dbText(f[0]), url: withoutPassword(dbText(f[1])), agent: dbText(sipField(fields, "user-agent", "")), seq: dbText(seq)}
	if _, u, ok := bytes.Cut(sipField(fields, "authorization", ""), []byte(`username="`)); ok {
		u, _, _ = bytes.Cut(u, []byte(`"`))
		q.user = dbText(u)
	}
	q.packets.Add(c.Number)
	if len(p.waiting) >= maxRTSPRequests {
		p.emit(c, 0, 0)
	}
	p.waiting = append(p.waiting, q)
	return 0
}

// emit tells of a request; status is 0 if it had no answer.
func (p *rtsp) emit(c *Context, i, status int) {
	q := &p.waiting[i]
	e := c.Begin("saksi.rtsp", q.packets.List())
	e.Str(event.EventAction, "request")
	e.Bytes(event.SaksiTextCommand, q.method)
	e.Bytes(event.URLOriginal, q.url)
	e.Bytes(event.UserAgentOriginal, q.agent)
	e.Bytes(event.UserName, q.user)
	e.Bytes(event.RelatedUser, q.user)
	if status != 0 {
		e.Str(event.SaksiTextReply, strconv.Itoa(status))
		outcome(e, status < 400)
	}
	c.Emit(e)
	p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
}

// Gap implements Parser.
func (p *rtsp) Gap(_ *Context, dir Dir, n uint32) bool { return p.gap(dir, n) }

// Close implements Parser.
func (p *rtsp) Close(c *Context) {
	for len(p.waiting) > 0 {
		p.emit(c, 0, 0)
	}
}
