package notice

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/findings"
)

const nasty = "x\r\nBcc: all@evil.example\r\n\r\n\x1b[31m\u2028"

func doc(n int, rule string, severity int64) findings.Doc {
	e := &event.Event{}
	at := time.Date(2026, 11, 24, 8, n, 0, 0, time.UTC)
	e.Time(event.Timestamp, at.UnixNano())
	e.Str(event.EventKind, "alert")
	e.Str(event.EventDataset, "saksi.alert")
	e.Str(event.RuleID, rule)
	e.Str(event.RuleName, "name of "+rule+nasty)
	e.Int(event.EventSeverity, severity)
	return findings.Doc{ID: e.ID(), Dataset: "alert", Time: at, Body: e.AppendJSON(nil)}
}

func notifier(to Sender) *Notifier {
	return &Notifier{Agency: "contoh", Least: 3, To: to, Where: func(*event.Event) string { return "here" + nasty }, Skip: func(e *event.Event) bool { r, _ := e.GetStr(event.RuleID); return r == "hush" }}
}

// TestWebhook proves that findings are grouped and counted, that what is posted
// is signed, and that nothing is taken when the other side does not take it.
func TestWebhook(t *testing.T) {
	var got []Notice
	status := http.StatusInternalServerError
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		m := hmac.New(sha256.New, []byte("rahsia"))
		m.Write(b)
		if r.Header.Get("X-Saksi-Signature") != "sha256="+hex.EncodeToString(m.Sum(nil)) {
			t.Error("the signature is wrong")
		}
		if status == http.StatusOK {
			var n Notice
			if err := json.Unmarshal(b, &n); err != nil {
				t.Error(err)
			}
			got = append(got, n)
		}
		w.WriteHeader(status)
	}))
	defer s.Close()
	u, err := url.Parse(s.URL + "/hook?token=rahsia2")
	if err != nil {
		t.Fatal(err)
	}
	n := notifier(&Webhook{URL: u, Secret: []byte("rahsia")})
	docs := []findings.Doc{doc(3, "a", 3), doc(1, "a", 4), doc(2, "b", 3), doc(4, "low", 2), doc(5, "hush", 4)}
	for range 2 {
		if r, err := n.Put(context.Background(), docs); err == nil || r.Stored != 0 || strings.Contains(err.Error(), "rahsia") {
			t.Errorf("%+v, %v", r, err)
		}
	}
	status = http.StatusOK
	if r, err := n.Put(context.Background(), docs); err != nil || r.Stored != len(docs) || n.Sent != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(got) != 1 || got[0].N != 3 || got[0].Strict != 1 || len(got[0].Groups) != 2 {
		t.Fatalf("%+v", got)
	}
	if g := got[0].Groups[0]; g.Rule != "a" || g.N != 2 || g.Severity != 4 || g.Last.Sub(g.First) != 2*time.Minute || len(g.IDs) != 2 {
		t.Errorf("the first group is %+v", g)
	}
	if _, err := n.Put(context.Background(), docs[3:]); err != nil || len(got) != 1 {
		t.Errorf("nothing to tell, and %d notices: %v", len(got), err)
	}
	var many []findings.Doc
	for i := range maxGroups + 7 {
		many = append(many, doc(1, fmt.Sprint("r", i), 3))
	}
	if _, err := n.Put(context.Background(), many); err != nil || got[1].N != maxGroups+7 || got[1].More != 7 || len(got[1].Groups) != maxGroups {
		t.Errorf("%v: %d told, %d groups, %d more", err, got[1].N, len(got[1].Groups), got[1].More)
	}
	status = http.StatusFound
	if _, err := n.Put(context.Background(), docs); err == nil {
		t.Error("a redirection counts as taken")
	}
}

// TestMail proves that a message has the headers it should and none that a
// finding smuggles in, and that its text comes back.
func TestMail(t *testing.T) {
	var n Notice
	nt := notifier(senderFunc(func(x *Notice) error { n = *x; return nil }))
	if _, err := nt.Put(context.Background(), []findings.Doc{doc(1, "a", 4)}); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(Mail(&n, "saksi@agensi.example", "csirt@agensi.example", time.Unix(0, 0).UTC())))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || m.Header.Get("To") != "csirt@agensi.example" || len(m.Header) != 9 {
		t.Errorf("the headers are %v", m.Header)
	}
	b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
	if err != nil || !strings.Contains(string(b), "critical  name of a") || strings.ContainsAny(string(b), "\x1b\u2028") || strings.Contains(string(b), "\nBcc") {
		t.Errorf("%v: %q", err, b)
	}
}

type senderFunc func(*Notice) error

func (f senderFunc) Send(_ context.Context, n *Notice) error { return f(n) }

// TestSMTP proves that a server on this machine gets the message.
func TestSMTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	said := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		var all strings.Builder
		fmt.Fprint(c, "220 mel\r\n")
		data := false
		for {
			s, err := r.ReadString('\n')
			if err != nil {
				break
			}
			all.WriteString(s)
			switch {
			case data && s == ".\r\n":
				data = false
				fmt.Fprint(c, "250 ok\r\n")
			case data:
			case strings.HasPrefix(s, "DATA"):
				data = true
				fmt.Fprint(c, "354 go\r\n")
			case strings.HasPrefix(s, "QUIT"):
				fmt.Fprint(c, "221 bye\r\n")
				said <- all.String()
				return
			default:
				fmt.Fprint(c, "250 ok\r\n")
			}
		}
		said <- all.String()
	}()
	s := &SMTP{Server: l.Addr().String(), From: "saksi@agensi.example", To: "csirt@agensi.example"}
	if err := s.Send(context.Background(), &Notice{Agency: "contoh", N: 1}); err != nil {
		t.Fatal(err)
	}
	if got := <-said; !strings.Contains(got, "RCPT TO:<csirt@agensi.example>") || !strings.Contains(got, "Subject: saksi: 1 findings") {
		t.Errorf("the server heard %q", got)
	}
	if err := (&SMTP{Server: "nowhere"}).Send(context.Background(), &Notice{}); err == nil || errors.Is(err, ErrClear) {
		t.Errorf("a server without a port: %v", err)
	}
}

// TestSMTPClear proves that a server that is not this machine's loopback and
// offers no TLS is told nothing.
func TestSMTPClear(t *testing.T) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLoopback() || n.IP.To4() == nil {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort(n.IP.String(), "0"))
		if err != nil {
			continue
		}
		defer l.Close()
		heard := make(chan string, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			fmt.Fprint(c, "220 mel\r\n")
			r := bufio.NewReader(c)
			s, _ := r.ReadString('\n')
			fmt.Fprint(c, "250 mel\r\n")
			more, _ := io.ReadAll(r)
			heard <- s + string(more)
		}()
		s := &SMTP{Server: l.Addr().String(), From: "a@b.example", To: "c@d.example", User: "saksi", Password: "rahsia"}
		if err := s.Send(context.Background(), &Notice{N: 1}); !errors.Is(err, ErrClear) {
			t.Errorf("it gives %v", err)
		}
		if got := <-heard; strings.Contains(got, "AUTH") || strings.Contains(got, "MAIL") {
			t.Errorf("the server heard %q", got)
		}
		return
	}
	t.Skip("this machine has no address but loopback")
}

// TestManyRules: a grave finding is listed behind any number of rules that are not.
func TestManyRules(t *testing.T) {
	var docs []findings.Doc
	for i := range maxGroups + 5 {
		docs = append(docs, doc(i%60, fmt.Sprintf("r%d", i), 3))
	}
	docs = append(docs, doc(1, "grave", 4))
	var got *Notice
	n := notifier(senderFunc(func(n *Notice) error { got = n; return nil }))
	if _, err := n.Put(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	if len(got.Groups) != maxGroups || got.Groups[0].Rule != "grave" || got.More != 6 || got.N != maxGroups+6 {
		t.Errorf("%d groups, the first of %s, %d more of %d", len(got.Groups), got.Groups[0].Rule, got.More, got.N)
	}
}

// TestSMTPQuit: a server that takes a message and then hangs up has taken it.
func TestSMTPQuit(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		fmt.Fprint(c, "220 x\r\n")
		for data := false; ; {
			line, err := r.ReadString('\n')
			switch {
			case err != nil || strings.HasPrefix(line, "QUIT"):
				return
			case data && line != ".\r\n":
				continue
			case strings.HasPrefix(line, "DATA"):
				data = true
				fmt.Fprint(c, "354 x\r\n")
				continue
			}
			data = false
			fmt.Fprint(c, "250 x\r\n")
		}
	}()
	s := &SMTP{Server: l.Addr().String(), From: "a@x.example", To: "b@x.example"}
	if err := s.Send(t.Context(), &Notice{N: 1}); err != nil {
		t.Errorf("it is sent again: %v", err)
	}
}
