package proto

import (
	"fmt"
	"strings"
	"testing"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// TestHTTPFields proves what rules see of fields that come several times, few and
// many of them, and of the end of a response's first line.
func TestHTTPFields(t *testing.T) {
	for _, more := range []int{0, fewFields} {
		head := "HTTP/1.1 200 OK\r\n"
		fields := []http.Field{}
		for _, f := range []string{"Set-Cookie: a=1", "Server: x", "set-cookie: b=2", "Content-Length: 3", "Content-Length: 4", "SERVER: y"} {
			name, value, _ := strings.Cut(f, ": ")
			fields = append(fields, http.Field{Name: []byte(name), Value: []byte(value)})
		}
		rest, names := "", ""
		for i := range more {
			name := fmt.Sprintf("X-%d", i)
			fields = append(fields, http.Field{Name: []byte(name), Value: []byte("v")})
			rest, names = rest+name+": v\r\n", names+name+"\r\n"
		}
		v := &httpView{app: suricata.AppHTTP, dir: FromServer, m: &httpMessage{head: http.Head{
			Raw: []byte(head), Line: []byte("HTTP/1.1 200 OK"), FieldsAt: len(head), Fields: fields,
		}}}
		for b, want := range map[suricata.Buffer]string{
			suricata.BufHTTPResponseLine: "HTTP/1.1 200 OK\r\n",
			suricata.BufHTTPCookie:       "a=1, b=2",
			suricata.BufHTTPServer:       "x, y",
			suricata.BufHTTPContentLen:   "3",
			suricata.BufHTTPHeaderNames:  "\r\nSet-Cookie\r\nServer\r\nContent-Length\r\n" + names + "\r\n",
			suricata.BufHTTPHeader:       "Server: x, y\r\nContent-Length: 3\r\n" + rest,
			suricata.BufHTTPStart:        "HTTP/1.1 200 OK\r\n\r\nSet-Cookie: a=1, b=2\r\nServer: x, y\r\nContent-Length: 3\r\n" + rest + "\r\n",
		} {
			if v.NBuf(b) != 1 || string(v.BufAt(b, 0)) != want {
				t.Errorf("%d more fields: %v is %q, expected %q", more, b, v.BufAt(b, 0), want)
			}
		}
		if n := v.NBuf(suricata.BufHTTPResponseHeader); n != 3+more {
			t.Errorf("%d fields, expected %d", n, 3+more)
		}
	}
}
