package proto

import (
	"strings"
	"testing"

	"saksi/event"
)

// TestMailEVE proves what is told of the inside of a message, broken ones too.
func TestMailEVE(t *testing.T) {
	for _, c := range []struct{ name, message, want string }{
		{
			"folded, several, addresses of the web last first",
			"From: Ali <ali@a.example>\r\nTo: b@a.example,\r\n c@a.example\r\nCC: d@a.example\r\nSubject: =?utf-8?q?x?=\r\n\r\nlihat http://satu.example/a <http://DUA.example>\r\n",
			`"smtp":{},"email":{"from":"Ali \u003cali@a.example\u003e","to":["b@a.example","c@a.example"],"cc":["d@a.example"],"status":"PARSE_DONE","url":["DUA.example","satu.example/a"],"subject":"=?utf-8?q?x?="}`,
		},
		{
			"parts within parts",
			"Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nhttp://x.example\r\n--c--\r\n--b\r\nContent-Type: image/png; name=a.png\r\n\r\n--b\r\nContent-Disposition: attachment; filename=\"b;c.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\naHR0cDovL3kuZXhhbXBsZQ==\r\n--b--\r\n",
			`"smtp":{},"email":{"status":"PARSE_DONE","attachment":["a.png","b;c.bin"],"url":["y.example","x.example"]}`,
		},
		{"a boundary that never comes", "Content-Type: multipart/mixed; boundary=b\r\n\r\nhttp://x\r\n", `"smtp":{},"email":{"status":"PARSE_DONE"}`},
		{"a field without a value, no body", "Content-Type: multipart/mixed; boundary=\r\nTo:", `"smtp":{},"email":{"to":[""],"status":"PARSE_DONE"}`},
		{"nothing", "", `"smtp":{},"email":{"status":"PARSE_DONE"}`},
	} {
		var x mailEVE
		x.read([]byte(c.message))
		var m event.Members
		x.AppendEVE(&m)
		if have := m.String(); have != c.want {
			t.Errorf("%s: %s, expected %s", c.name, have, c.want)
		}
	}
	var x mailEVE
	x.read([]byte(strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 1000) + strings.Repeat("http://a\r\n", 1000)))
	if len(x.urls) > maxMailURLs || len(x.attachments) > maxMailParts {
		t.Errorf("%d addresses and %d attachments of a hostile message", len(x.urls), len(x.attachments))
	}
}
