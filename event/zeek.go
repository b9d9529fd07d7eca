package event

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// zeekColumn is a column of one of Zeek's logs.
type zeekColumn struct {
	name, typ string
	value     func(e *Event) string // "" is unset
}

// zeekLog is one of Zeek's logs (Zeek documentation, "Zeek Log Formats").
type zeekLog struct {
	dataset string
	columns []zeekColumn
}

// ZeekLogs are the names of the logs that NewZeek writes.
func ZeekLogs() []string {
	names := make([]string, 0, len(zeekLogs))
	for n := range zeekLogs {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Zeek writes events of one data set as one of Zeek's logs, tab-separated with
// its header. It is for one goroutine.
type Zeek struct {
	w     *bufio.Writer
	log   *zeekLog
	last  int64
	asked map[string]*Event // DNS: questions whose answer is not seen yet
	order []string
}

// maxAsked bounds the DNS questions that wait for an answer.
const maxAsked = 1 << 16

// NewZeek writes the head of a log to w: name is Zeek's (conn, dns, http ...)
// or the data set's (flow, tls ...). The caller MUST call Close.
func NewZeek(w io.Writer, name string) (*Zeek, error) {
	name = strings.TrimPrefix(name, "saksi.")
	l := zeekLogs[name]
	if l == nil {
		for n, x := range zeekLogs {
			if x.dataset == "saksi."+name {
				name, l = n, x
			}
		}
	}
	if l == nil {
		return nil, fmt.Errorf("Zeek has no log %q here; expected one of %s", name, strings.Join(ZeekLogs(), ", "))
	}
	z := &Zeek{w: bufio.NewWriter(w), log: l, asked: map[string]*Event{}}
	fmt.Fprintf(z.w, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t%s\n#fields", name)
	for _, c := range l.columns {
		z.w.WriteString("\t" + c.name)
	}
	z.w.WriteString("\n#types")
	for _, c := range l.columns {
		z.w.WriteString("\t" + c.typ)
	}
	return z, z.w.WriteByte('\n')
}

// Takes reports whether e is of the log's data set.
func (z *Zeek) Takes(e *Event) bool {
	d, _ := e.GetStr(EventDataset)
	return d == z.log.dataset
}

// Emit writes e if it belongs to the log.
func (z *Zeek) Emit(e *Event) error {
	if !z.Takes(e) {
		return nil
	}
	switch z.log.dataset {
	case "saksi.dns":
		return z.dns(e)
	case "saksi.flow":
		switch n, _ := e.GetStr(NetworkIANANumber); n {
		case "4", "41", "47", "59": // IP, IPv6 and GRE carry tunnels, which have no row; 59 carries nothing
			return nil
		}
	}
	return z.row(e)
}

func (z *Zeek) row(e *Event) error {
	if t, ok := e.GetTime(Timestamp); ok {
		z.last = max(z.last, t)
	}
	for i, c := range z.log.columns {
		if i > 0 {
			z.w.WriteByte('\t') // the error stays in w
		}
		s := c.value(e)
		switch {
		case s == "":
			s = "-"
		case s == "-":
			s = `\x2d`
		}
		z.w.WriteString(s)
	}
	return z.w.WriteByte('\n')
}

// dns joins a question with its answer, as Zeek does.
func (z *Zeek) dns(e *Event) error {
	flow, _ := e.GetStr(SaksiFlowID)
	id, _ := e.GetStr(DNSID)
	name, _ := e.GetStr(DNSQuestionName)
	key := flow + "/" + id + "/" + strings.ToLower(name)
	if t, _ := e.GetStr(DNSType); t != "answer" {
		if old := z.asked[key]; old != nil { // asked again: Zeek logs each
			delete(z.asked, key)
			if err := z.row(old); err != nil {
				return err
			}
		}
		if len(z.asked) >= maxAsked {
			if err := z.unanswered(maxAsked / 2); err != nil {
				return err
			}
		}
		if len(z.order) >= 2*maxAsked { // most of them are answered
			z.waiting()
		}
		z.asked[key], z.order = e.Clone(), append(z.order, key)
		return nil
	}
	if q := z.asked[key]; q != nil {
		delete(z.asked, key)
		e = e.Clone()
		asked, _ := q.GetTime(Timestamp)
		answered, _ := e.GetTime(Timestamp)
		e.Time(EventStart, asked)
		e.Int(EventDuration, answered-asked)
		e.Time(Timestamp, asked)
	}
	return z.row(e)
}

// unanswered writes the n oldest questions that no answer was seen to.
func (z *Zeek) unanswered(n int) error {
	for _, key := range z.order {
		if q := z.asked[key]; q != nil && n > 0 {
			delete(z.asked, key)
			n--
			if err := z.row(q); err != nil {
				return err
			}
		}
	}
	z.waiting()
	return nil
}

// waiting leaves in order each question that waits, once, where it was asked
// last.
func (z *Zeek) waiting() {
	seen := make(map[string]bool, len(z.asked))
	slices.Reverse(z.order)
	z.order = slices.DeleteFunc(z.order, func(k string) bool {
		if z.asked[k] == nil || seen[k] {
			return true
		}
		seen[k] = true
		return false
	})
	slices.Reverse(z.order)
}

// Close writes what is left.
func (z *Zeek) Close() error {
	if err := z.unanswered(len(z.asked)); err != nil {
		return err
	}
	return z.w.Flush()
}

// zeekText escapes what would break a line, and bytes that are no UTF-8.
func zeekText(s string) string {
	if s == "" {
		return "(empty)"
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r < 0x20 || r == 0x7f || r == utf8.RuneError && n == 1 || r == '\\' {
			b.WriteString(`\x` + hex.EncodeToString([]byte(s[i:i+1])))
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func zeekStr(f Field) func(*Event) string {
	return func(e *Event) string {
		if v, ok := e.Last(f); ok {
			return zeekText(string(v.AppendText(nil)))
		}
		return ""
	}
}

// zeekSet writes an array; a comma in a value is escaped.
func zeekSet(f Field) func(*Event) string {
	return func(e *Event) string {
		list := e.all(f)
		for i, s := range list {
			list[i] = strings.ReplaceAll(zeekText(s), ",", `\x2c`)
		}
		return strings.Join(list, ",")
	}
}

func zeekSeconds(ns int64) string {
	return fmt.Sprintf("%d.%06d", ns/int64(time.Second), ns%int64(time.Second)/1000)
}

func zeekTime(f Field) func(*Event) string {
	return func(e *Event) string {
		if ns, ok := e.GetTime(f); ok {
			return zeekSeconds(ns)
		}
		return ""
	}
}

func zeekBool(f Field) func(*Event) string {
	return func(e *Event) string {
		if v, ok := e.GetBool(f); ok {
			return map[bool]string{true: "T", false: "F"}[v]
		}
		return ""
	}
}

func zeekUnset(*Event) string { return "" }

// zeekUID is a connection's name: ours, in the form of Zeek's.
func zeekUID(e *Event) string {
	if id, ok := e.GetStr(SaksiFlowID); ok && len(id) >= 17 {
		return "C" + id[:17]
	}
	return ""
}

// zeekPort is a port; of ICMP the type, and the one that answers it.
func zeekPort(port, icmp Field) func(*Event) string {
	return func(e *Event) string {
		n, ok := e.GetInt(port)
		if !ok {
			n, ok = e.GetInt(icmp)
		}
		if !ok {
			return "0"
		}
		return strconv.FormatInt(n, 10)
	}
}

// zeekHead are the columns that begin each log but files.
var zeekHead = []zeekColumn{
	{"ts", "time", zeekTime(Timestamp)},
	{"uid", "string", zeekUID},
	{"id.orig_h", "addr", zeekStr(SourceIP)},
	{"id.orig_p", "port", zeekPort(SourcePort, SaksiFlowIcmpType)},
	{"id.resp_h", "addr", zeekStr(DestinationIP)},
	{"id.resp_p", "port", zeekPort(DestinationPort, SaksiFlowIcmpAnswer)},
}
