package event

import (
	"strings"
	"time"
)

// counts writes what both sides sent, by the detail if it is there.
func (w *eve) counts(e *Event) {
	for _, c := range [...]struct {
		key         string
		detail, own Field
	}{
		{"pkts_toserver", SaksiEveToserverPackets, SourcePackets},
		{"pkts_toclient", SaksiEveToclientPackets, DestinationPackets},
		{"bytes_toserver", SaksiEveToserverBytes, SourceBytes},
		{"bytes_toclient", SaksiEveToclientBytes, DestinationBytes},
	} {
		if e.Has(c.detail) {
			w.number(c.key, e, c.detail)
		} else {
			w.number(c.key, e, c.own)
		}
	}
	if e.Has(SaksiEveFlowStart) {
		w.time("start", e, SaksiEveFlowStart)
	} else {
		w.time("start", e, EventStart)
	}
}

// eveReasons are the reasons for which a flow ends.
var eveReasons = map[string]string{"timeout": "timeout", "closed": "timeout", "end_of_capture": "shutdown", "evicted": "forced", "reused": "tcp_reuse"}

func (w *eve) flow(e *Event) {
	w.open("flow")
	w.counts(e)
	w.time("end", e, EventEnd)
	start, _ := e.GetTime(EventStart)
	end, _ := e.GetTime(EventEnd)
	w.num("age", end/int64(time.Second)-start/int64(time.Second))
	back, _ := e.GetInt(DestinationPackets)
	state, _ := e.GetStr(SaksiFlowState)
	transport, _ := e.GetStr(NetworkTransport)
	w.str("state", eveState(transport, state, back))
	reason, _ := e.GetStr(SaksiFlowEndReason)
	if reason = eveReasons[reason]; reason == "" {
		reason = "unknown"
	}
	w.str("reason", reason)
	if alerted, ok := e.GetBool(SaksiEveAlerted); ok {
		w.boolean("alerted", alerted)
	}
	w.number("tx_cnt", e, SaksiEveTxCount)
	w.close()
	if transport == "tcp" {
		w.tcp(e, state)
	}
}

// eveTCPStates are Suricata's states of a TCP session by Zeek's of the
// connection (Zeek, "conn.log", conn_state).
var eveTCPStates = map[string]string{
	"S0": "syn_sent", "S1": "established", "S2": "close_wait", "S3": "fin_wait2", "SF": "closed", "REJ": "closed", "RSTO": "closed", "RSTR": "closed",
	"RSTOS0": "closed", "RSTRH": "closed", "SH": "fin_wait1", "SHR": "syn_recv", "OTH": "established",
}

// eveTCPFlags name the flags of TCP, in Suricata's order.
var eveTCPFlags = []struct {
	key string
	bit int64
}{{"syn", 2}, {"fin", 1}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32}, {"ecn", 64}, {"cwr", 128}}

func (w *eve) tcp(e *Event, state string) {
	ts, ok := e.GetInt(SaksiEveTcpFlagsTs)
	if !ok {
		return
	}
	tc, _ := e.GetInt(SaksiEveTcpFlagsTc)
	hex := func(n int64) string { return string("0123456789abcdef"[n>>4&15]) + string("0123456789abcdef"[n&15]) }
	w.open("tcp")
	w.str("tcp_flags", hex(ts|tc))
	w.str("tcp_flags_ts", hex(ts))
	w.str("tcp_flags_tc", hex(tc))
	for _, f := range eveTCPFlags {
		if (ts|tc)&f.bit != 0 {
			w.boolean(f.key, true)
		}
	}
	w.str("state", eveTCPStates[state])
	history, _ := e.GetStr(SaksiFlowHistory) // G and g are gaps
	if strings.Contains(history, "G") {
		w.boolean("ts_gap", true)
	}
	if strings.Contains(history, "g") {
		w.boolean("tc_gap", true)
	}
	w.close()
}

// eveState is Suricata's state of a flow by Zeek's.
func eveState(transport, zeek string, back int64) string {
	if transport != "tcp" {
		if back > 0 {
			return "established"
		}
		return "new"
	}
	switch zeek {
	case "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH":
		return "closed"
	case "S0", "SH", "SHR":
		return "new"
	}
	return "established"
}

func (w *eve) file(e *Event) {
	switch {
	case e.Has(SaksiEveApp):
		w.app(e)
	case e.Has(HTTPRequestMethod):
		w.http(e)
	case e.Has(EmailMessageID) || e.Has(EmailFromAddress):
		w.smtp(e)
	}
	w.open("fileinfo")
	w.fileInfo(e)
	w.close()
}

// fileInfo writes the members that tell of a file.
func (w *eve) fileInfo(e *Event) {
	name, _ := e.GetStr(FileName)
	if path, ok := e.GetStr(URLPath); ok {
		name = path
	}
	if p, _ := e.GetStr(NetworkProtocol); p == "smb" && name != "" && name[0] != '\\' {
		name = `\` + name // a path from the share's root
	}
	w.str("filename", name)
	why, partial := e.GetStr(SaksiFileIncomplete)
	if e.Has(SaksiFileMagic) {
		w.field("magic", e, SaksiFileMagic)
	} else {
		w.field("magic", e, FileMimeType)
	}
	w.boolean("gaps", why == "gap")
	state := "CLOSED"
	if partial {
		state = "TRUNCATED"
	}
	w.str("state", state)
	w.field("md5", e, FileHashMD5)
	w.field("sha1", e, FileHashSHA1)
	w.field("sha256", e, FileHashSHA256)
	w.boolean("stored", false)
	if e.Has(FileSize) {
		w.number("size", e, FileSize)
	} else {
		w.num("size", 0)
	}
	w.number("tx_id", e, SaksiEveTxID)
}
