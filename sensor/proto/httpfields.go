package proto

import (
	"bytes"

	"saksi/rules/suricata"
	"saksi/sensor/proto/internal/http"
)

// What rules see of the fields of a head. Fields of HTTP/1 that come several times
// are one to Suricata, their values joined by ", " at the place of the first
// (libhtp, htp_process_request_header_generic); of Content-Length the first stands.

// fewFields is up to how many fields are compared with one another to find those
// that come again.
const fewFields = 24

// fields lists the fields as rules see them.
func (v *httpView) fields() []http.Field {
	all := v.m.head.Fields
	if v.app != suricata.AppHTTP {
		return all
	}
	if v.merged == nil {
		v.merged = mergeFields(all)
	}
	return v.merged
}

func mergeFields(all []http.Field) []http.Field {
	out := all
	var places map[string]int
	if len(all) > fewFields {
		places = map[string]int{}
	}
	copied, joined := false, map[int]bool(nil) // those whose value is ours to add to
	for i, f := range all {
		at := -1
		if places != nil {
			key := string(bytes.ToLower(f.Name))
			if j, ok := places[key]; ok {
				at = j
			} else {
				places[key] = len(out)
				if !copied {
					places[key] = i
				}
			}
		} else {
			for j := range min(i, len(out)) {
				if len(out[j].Name) == len(f.Name) && bytes.EqualFold(out[j].Name, f.Name) {
					at = j
					break
				}
			}
		}
		if at < 0 {
			if copied {
				out = append(out, f)
			}
			continue
		}
		if !copied {
			out, copied, joined = append([]http.Field(nil), all[:i]...), true, map[int]bool{}
		}
		if http.EqualFold(f.Name, "content-length") {
			continue
		}
		x := &out[at]
		if !joined[at] {
			joined[at], x.Value = true, bytes.Clone(x.Value)
		}
		x.Value = append(append(x.Value, ", "...), f.Value...)
	}
	return out
}

// field is the value of one field by its lower-case name, nil when there is none.
func (v *httpView) field(name string) []byte {
	h := &v.m.head
	x := h.Get(name)
	if x == nil || v.app != suricata.AppHTTP || name == "content-length" {
		return x
	}
	if all := h.All(name); len(all) > 1 {
		return bytes.Join(all, []byte(", "))
	}
	return x
}

// start is the first line and the fields. A response's line keeps its end, behind
// which there is another.
func (v *httpView) start() []byte {
	h := &v.m.head
	x := append([]byte(nil), v.line()...)
	x = append(x, "\r\n"...)
	for _, f := range v.fields() {
		x = append(append(append(append(x, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	if len(h.Fields) > 0 {
		x = append(x, "\r\n"...)
	}
	return x
}

// line is the first line; a response's ends as it came.
func (v *httpView) line() []byte {
	h := &v.m.head
	if v.dir == FromServer && v.app == suricata.AppHTTP && h.FieldsAt <= len(h.Raw) {
		if i := bytes.Index(h.Raw[:h.FieldsAt], h.Line); i >= 0 {
			return h.Raw[i:h.FieldsAt]
		}
	}
	return h.Line
}
