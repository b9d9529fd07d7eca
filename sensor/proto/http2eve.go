package proto

import (
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/http"
)

// http2Faults are Suricata's names of the error codes (RFC 9113 section 7).
var http2Faults = [...]string{
	"NOERROR", "PROTOCOLERROR", "INTERNALERROR", "FLOWCONTROLERROR", "SETTINGSTIMEOUT", "STREAMCLOSED", "FRAMESIZEERROR",
	"REFUSEDSTREAM", "CANCEL", "COMPRESSIONERROR", "CONNECTERROR", "ENHANCEYOURCALM", "INADEQUATESECURITY", "HTTP11REQUIRED",
}

// http2SettingNames are Suricata's names of the settings (RFC 9113 section 6.5.2).
var http2SettingNames = [...]string{
	1: "SETTINGSHEADERTABLESIZE", 2: "SETTINGSENABLEPUSH", 3: "SETTINGSMAXCONCURRENTSTREAMS", 4: "SETTINGSINITIALWINDOWSIZE",
	5: "SETTINGSMAXFRAMESIZE", 6: "SETTINGSMAXHEADERLISTSIZE",
}

// http2Told is what frames of one direction of a stream say of it, for EVE JSON.
type http2Told struct {
	settings []byte // as sent
	fault    uint32
	failed   bool // fault was told
	weight   byte
	weighed  bool   // weight was told
	several  string // what was told more than once
}

// fail notes an error code.
func (t *http2Told) fail(code uint32) {
	if t.failed {
		t.again("error_code")
		return
	}
	t.fault, t.failed = code, true
}

// weigh notes a priority.
func (t *http2Told) weigh(n byte) {
	if t.weighed {
		t.again("priority")
		return
	}
	t.weight, t.weighed = n, true
}

func (t *http2Told) again(what string) {
	if t.several == "" {
		t.several = what
	}
}

func (t *http2Told) append(m *event.Members) {
	if len(t.settings) >= 6 {
		m.Array("settings")
		for b := t.settings; len(b) >= 6 && !m.Full(); b = b[6:] {
			id := binary.BigEndian.Uint16(b)
			if id == 0 || int(id) >= len(http2SettingNames) {
				continue
			}
			m.Open("")
			m.Str("settings_id", http2SettingNames[id])
			m.Int("settings_value", int64(binary.BigEndian.Uint32(b[2:])))
			m.Close()
		}
		m.End()
	}
	if t.failed {
		if t.fault < uint32(len(http2Faults)) {
			m.Str("error_code", http2Faults[t.fault])
		} else {
			m.Str("error_code", strconv.FormatUint(uint64(t.fault), 10))
		}
	}
	if t.weighed {
		m.Int("priority", int64(t.weight))
	}
	if t.several != "" {
		m.Str("has_multiple", t.several)
	}
}

// http2Frame is a frame of the connection, a transaction by itself.
type http2Frame struct {
	eveTx
	stream uint32
	told   [2]http2Told
}

// AppendEVE implements EVE.
func (t *http2Frame) AppendEVE(m *event.Members) {
	m.Open("http")
	m.Str("version", "2")
	appendHTTP2(m, t.stream, &t.told)
	m.Close()
}

func appendHTTP2(m *event.Members, stream uint32, told *[2]http2Told) {
	m.Open("http2")
	m.Int("stream_id", int64(stream))
	for i, way := range [2]string{"request", "response"} {
		m.Open(way)
		told[i].append(m)
		m.Close()
	}
	m.Close()
}

// Number implements EVE.
func (t *httpTx) Number() uint64 { return t.id }

// AppendEVE implements EVE: of HTTP/2.
func (t *httpTx) AppendEVE(m *event.Members) {
	m.Open("http")
	m.Str("version", "2")
	common := map[string][]byte{}
	for _, x := range [...]struct {
		key string
		h   *http.Head
	}{{"request_headers", &t.req.head}, {"response_headers", &t.rsp.head}} {
		if len(x.h.Fields) == 0 {
			continue
		}
		m.Array(x.key)
		for _, f := range x.h.Fields {
			if m.Full() {
				break
			}
			m.Open("")
			m.Blob("name", f.Name)
			if !secretField[string(f.Name)] {
				m.Blob("value", f.Value)
			}
			m.Close()
			common[string(f.Name)] = f.Value
		}
		m.End()
	}
	if common[":authority"] == nil {
		common[":authority"] = common["host"]
	}
	for _, k := range [...][2]string{{":method", "http_method"}, {":path", "url"}, {":authority", "hostname"}, {"user-agent", "http_user_agent"}} {
		if v := common[k[0]]; v != nil {
			m.Blob(k[1], v)
		}
	}
	for _, k := range [...][2]string{{"content-length", "length"}, {":status", "status"}} {
		if n, err := strconv.ParseInt(string(common[k[0]]), 10, 64); err == nil && n >= 0 {
			m.Int(k[1], n)
		}
	}
	appendHTTP2(m, t.stream, &t.frames)
	m.Close()
}

// secretField are the fields of HTTP whose values prove who somebody is.
var secretField = map[string]bool{"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true}
