package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
)

// parseByTokens reads a document by the tokens of encoding/json; Parse must take and refuse the
// same.
func parseByTokens(line []byte) (*Event, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	e := &Event{}
	t, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("reading a document: %w", err)
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("reading a document: it starts with %v, expected an object", t)
	}
	if err := parseObject(d, e, "", 0); err != nil {
		return nil, fmt.Errorf("reading a document at offset %d: %w", d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("reading a document: more follows it at offset %d", d.InputOffset())
	}
	return e, nil
}

func parseObject(d *json.Decoder, e *Event, prefix string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name := prefix + t.(string) // a JSON object's key is always a string
		t, err = d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'):
			if err := parseObject(d, e, name+".", depth+1); err != nil {
				return err
			}
		case json.Delim('['):
			for d.More() {
				t, err := d.Token()
				if err != nil {
					return err
				}
				if err := setToken(e, name, t); err != nil {
					return err
				}
			}
			if _, err := d.Token(); err != nil {
				return err
			}
		default:
			if err := setToken(e, name, t); err != nil {
				return err
			}
		}
	}
	_, err := d.Token()
	return err
}

func setToken(e *Event, name string, t json.Token) error {
	f, ok := Lookup(name)
	if !ok {
		return fmt.Errorf("unknown field %s", name)
	}
	var s string
	switch v := t.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case bool:
		s = strconv.FormatBool(v)
	default:
		return fmt.Errorf("field %s: expected %s, found %v", name, f.Type(), t)
	}
	return e.SetText(f, s)
}

// sameAsTokens holds Parse to parseByTokens.
func sameAsTokens(t *testing.T, b []byte) {
	t.Helper()
	x, errX := Parse(b)
	y, errY := parseByTokens(b)
	if (errX == nil) != (errY == nil) {
		t.Fatalf("%.300q: %v; encoding/json: %v", b, errX, errY)
	}
	if errX == nil && !bytes.Equal(x.AppendJSON(nil), y.AppendJSON(nil)) {
		t.Fatalf("%.300q: %s; encoding/json: %s", b, x.AppendJSON(nil), y.AppendJSON(nil))
	}
}

// TestParseAsJSON proves that Parse takes and refuses what encoding/json does, and reads
// the same from it.
func TestParseAsJSON(t *testing.T) {
	for _, s := range []string{
		``, ` `, `{`, `}`, `[]`, `null`, `{}`, " {\t} \r\n", `{}{}`, `{} x`, `{,}`, `{"message"}`, `{"message":}`, `{"message":"a",}`, `{"message":"a" "event":{}}`,
		`{"message":"a"}`, `{"message" : "a" }`, `{"message":1}`, `{"message":true}`, `{"message":null}`, `{"message":nul}`, `{"message":truer}`, `{"message":[]}`, `{"message":[}`,
		`{"message":["a","b"]}`, `{"message":["a",]}`, `{"message":[,"a"]}`, `{"message":["a" "b"]}`, `{"message":[["a"]]}`, `{"message":[{}]}`, `{"message":{}}`, `{"message":{"x":1}}`,
		`{"tags":"x","tags":"y"}`, `{"event.kind":"event"}`, `{"event":{"kind":"event"}}`, `{"event":{"kind.x":"event"}}`, `{"event":{"sequence":1,"severity":"2"}}`,
		`{"event":{"sequence":01}}`, `{"event":{"sequence":-}}`, `{"event":{"sequence":1.0}}`, `{"event":{"sequence":1e2}}`, `{"event":{"sequence":+1}}`, `{"event":{"sequence":1-1}}`, `{"event":{"sequence":9223372036854775808}}`,
		`{"event":{"sequence":-0}}`, `{"event":{"sequence":.5}}`, `{"event":{"sequence":1.}}`, `{"message":1.50}`, `{"message":-1E+3}`, `{"message":1E}`,
		`{"message":"\u0041\n\"\\\/"}`, `{"message":"\ud83d\ude00"}`, `{"message":"\ud83d"}`, `{"message":"\x"}`, `{"message":"\u12"}`, `{"message":"a`, `{"message":"a\`, `{"message":"a\"`, `{"mess\u0061ge":"a"}`,
		"{\"message\":\"a\x01\"}", "{\"message\":\"a\x00\"}", "{\"message\":\"\xff\"}", "{\"message\":\"\xc3\xa9\"}", "{\"mess\xffage\":\"a\"}", "{\"message\":\"\xed\xa0\x80\\n\"}", "\xef\xbb\xbf{}", "{\"message\":\"a\"}\x00",
		`{"@timestamp":"2026-11-24T08:00:00Z"}`, `{"@timestamp":"24 November"}`, `{"source":{"ip":"192.0.2.1"}}`, `{"source":{"ip":"x"}}`, `{"no":{"such":1}}`, `{"message":"a"}/**/`, `{'message':"a"}`, `{"":1}`, `{"event":{"":1}}`,
		strings.Repeat(`{"event":`, 16) + `1`, strings.Repeat(`{"event":`, 17), strings.Repeat(`{"event":`, 400), strings.Repeat(`{"a":`, 10) + `{}` + strings.Repeat(`}`, 10), strings.Repeat(`{"a":`, 17) + `{}` + strings.Repeat(`}`, 17), strings.Repeat(`{"a":`, 16) + `{}` + strings.Repeat(`}`, 16),
	} {
		sameAsTokens(t, []byte(s))
	}
	line := sample().AppendJSON(nil)
	for i := range line {
		sameAsTokens(t, line[:i])
		for _, c := range []byte("\"\\{}[],:0a \x00\x80") {
			b := bytes.Clone(line)
			b[i] = c
			sameAsTokens(t, b)
		}
	}
}

// FuzzParseAsJSON is TestParseAsJSON for whatever comes.
func FuzzParseAsJSON(f *testing.F) {
	f.Add(sample().AppendJSON(nil))
	f.Add([]byte(`{"event":{"kind":[["x"]]},"message":"\ud83d","tags":[1,true]}`))
	f.Fuzz(func(t *testing.T, b []byte) { sameAsTokens(t, b) })
}
