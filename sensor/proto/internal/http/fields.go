package http

import (
	"bytes"

	"golang.org/x/net/http2/hpack"
)

// FieldsHead writes the fields of HTTP/2 as a head of HTTP/1 and parses it. Its Raw is nil if
// the pseudo-header fields that make a start line are missing.
func FieldsHead(list []hpack.HeaderField, response bool) (h Head) {
	var method, path, authority, status string
	var rest []byte
	host := false
	for _, f := range list {
		switch f.Name {
		case ":method":
			method = f.Value
		case ":path":
			path = f.Value
		case ":authority":
			authority = f.Value
		case ":status":
			status = f.Value
		case "":
		default:
			if f.Name[0] == ':' {
				continue
			}
			host = host || f.Name == "host"
			rest = append(append(append(append(rest, f.Name...), ": "...), f.Value...), "\n"...)
		}
	}
	var raw []byte
	switch {
	case response && status != "":
		raw = append(append(raw, "HTTP/2 "...), status...)
	case !response && method != "":
		if path == "" { // CONNECT
			path = authority
		}
		raw = append(append(append(append(raw, method...), ' '), path...), " HTTP/2"...)
	default:
		return h
	}
	if authority != "" && !host {
		raw = append(append(raw, "\nhost: "...), authority...)
	}
	raw = append(append(append(raw, '\n'), rest...), '\n')
	raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), []byte(" ")), []byte("\n"), []byte("\r\n"))
	if !ParseHead(&h, raw, response) {
		return Head{}
	}
	return h
}
