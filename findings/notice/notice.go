// Package notice tells people of findings by webhook and by mail: grouped by
// rule, with how many, the first and the last. A Notifier follows the spool like
// an index does: a notice that can't be sent is sent later, and none is lost.
package notice

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"saksi/event"
	"saksi/findings"
)

// Limits of one notice.
const (
	maxGroups   = 200
	maxExamples = 5
)

// Notice is what is sent. Its JSON is the body of a webhook.
type Notice struct {
	Agency string   `json:"agency"`
	N      int      `json:"findings"`
	Groups []*Group `json:"groups"`
	More   int      `json:"more,omitempty"` // findings in groups beyond those that are listed
	Strict int      `json:"withheld,omitempty"`
}

// Group is findings of one rule.
type Group struct {
	Rule     string    `json:"rule"`
	Name     string    `json:"name"`
	Severity int64     `json:"severity"` // 1 low to 4 critical
	N        int       `json:"findings"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	IDs      []string  `json:"ids"`   // of the first few
	Where    []string  `json:"where"` // they happened
}

// Sender sends a notice, or says why it could not.
type Sender interface {
	Send(ctx context.Context, n *Notice) error
}

// Notifier takes documents as an index does, and sends what is to be told.
type Notifier struct {
	Agency string
	Least  int64                              // severity from which on is told
	Skip   func(e *event.Event) bool          // suppressed or marked too strictly to leave
	Match  func(e *event.Event) bool          // nil: all findings
	Where  func(e *event.Event) (what string) // it happened
	To     Sender

	Sent    int // notices
	LeftOut int // findings that Skip left out of what was taken
}

// Put implements findings.Writer: all documents are taken, or none when a
// notice could not be sent, so that they come again.
func (n *Notifier) Put(ctx context.Context, docs []findings.Doc) (findings.Result, error) {
	out := &Notice{Agency: n.Agency}
	by := map[string]*Group{}
	for _, d := range docs {
		if d.Dataset != "alert" {
			continue
		}
		e, err := event.Parse(d.Body)
		if err != nil {
			return findings.Result{}, err
		}
		severity, _ := e.GetInt(event.EventSeverity)
		if severity < n.Least || n.Match != nil && !n.Match(e) {
			continue
		}
		if n.Skip(e) {
			out.Strict++
			continue
		}
		n.add(out, by, d, e, severity)
	}
	// The gravest are listed, whatever comes before them.
	slices.SortStableFunc(out.Groups, func(a, b *Group) int { return cmp.Compare(b.Severity, a.Severity) })
	for _, g := range out.Groups[min(len(out.Groups), maxGroups):] {
		out.More += g.N
	}
	out.Groups = out.Groups[:min(len(out.Groups), maxGroups)]
	if out.N > 0 {
		if err := n.To.Send(ctx, out); err != nil {
			return findings.Result{}, fmt.Errorf("sending a notice of %d findings: %w", out.N, err)
		}
		n.Sent++
	}
	n.LeftOut += out.Strict
	return findings.Result{Stored: len(docs)}, nil
}

func (n *Notifier) add(out *Notice, by map[string]*Group, d findings.Doc, e *event.Event, severity int64) {
	out.N++
	rule, _ := e.GetStr(event.RuleID)
	g := by[rule]
	if g == nil {
		name, _ := e.GetStr(event.RuleName)
		g = &Group{Rule: rule, Name: name, First: d.Time, Last: d.Time}
		by[rule] = g
		out.Groups = append(out.Groups, g)
	}
	g.N++
	g.Severity = max(g.Severity, severity)
	if d.Time.Before(g.First) {
		g.First = d.Time
	}
	if d.Time.After(g.Last) {
		g.Last = d.Time
	}
	if len(g.IDs) < maxExamples {
		g.IDs = append(g.IDs, d.ID)
		g.Where = append(g.Where, n.Where(e))
	}
}

var severities = [...]string{"none", "low", "medium", "high", "critical"}

// Text is the notice as a person reads it, without anything that a terminal or a
// mail reader acts on.
func (n *Notice) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d findings, agency %s\n", n.N, line(n.Agency))
	for _, g := range n.Groups {
		fmt.Fprintf(&b, "\n%s  %s (rule %s): %d, %s to %s\n", severities[min(max(g.Severity, 0), 4)], line(g.Name), line(g.Rule), g.N, g.First.UTC().Format(time.RFC3339), g.Last.UTC().Format(time.RFC3339))
		for i, id := range g.IDs {
			fmt.Fprintf(&b, "  saksi findings show %s   %s\n", id[:min(len(id), 12)], line(g.Where[i]))
		}
	}
	if n.More > 0 {
		fmt.Fprintf(&b, "\nand %d findings of further rules\n", n.More)
	}
	if n.Strict > 0 {
		fmt.Fprintf(&b, "\n%d more are left out: suppressed, or marked too strictly to leave\n", n.Strict)
	}
	return b.String()
}

// line keeps a value within its line.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}

// Webhook posts notices as JSON.
type Webhook struct {
	URL    *url.URL
	Secret []byte // nil: unsigned; else X-Saksi-Signature is sha256= and the HMAC of the body in hex
	HTTP   *http.Client
}

// Send implements Sender: any answer but 2xx is an error.
func (w *Webhook) Send(ctx context.Context, n *Notice) error {
	body, err := json.Marshal(n)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if w.Secret != nil {
		m := hmac.New(sha256.New, w.Secret)
		m.Write(body)
		r.Header.Set("X-Saksi-Signature", "sha256="+hex.EncodeToString(m.Sum(nil)))
	}
	h := http.Client{Timeout: 30 * time.Second}
	if w.HTTP != nil {
		h = *w.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a, err := h.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // its URL may hold a secret
			err = u.Err
		}
		return fmt.Errorf("posting to %s: %w", w.URL.Host, err)
	}
	defer a.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(a.Body, 64<<10))
	if a.StatusCode/100 != 2 {
		return fmt.Errorf("posting to %s: %s", w.URL.Host, a.Status)
	}
	return nil
}

// Mail writes a notice as a message (RFC 5322) in plain text.
func Mail(n *Notice, from, to string, at time.Time) []byte {
	subject := fmt.Sprintf("saksi: %d findings", n.N)
	if len(n.Groups) > 0 {
		g := n.Groups[0]
		subject = fmt.Sprintf("saksi: %d findings, %s: %s", n.N, severities[min(max(g.Severity, 0), 4)], line(g.Name))
	}
	if r := []rune(subject); len(r) > 120 {
		subject = string(r[:120])
	}
	body := n.Text()
	sum := sha256.Sum256([]byte(body + at.String()))
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%x@saksi>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		from, to, mime.QEncoding.Encode("utf-8", subject), at.Format(time.RFC1123Z), sum[:16])
	text := base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(body, "\n", "\r\n")))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.Bytes()
}
