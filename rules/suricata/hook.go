package suricata

import (
	"fmt"
	"slices"
	"strings"
)

// hooks are the states of transactions at which a rule may ask to be looked at,
// PROTOCOL:HOOK in the place of the protocol (Suricata user guide, "Rules
// Format", explicit hooks). A parser offers what a state has when it is complete,
// so that the side is all that a hook adds.
var hooks = map[string][]string{
	"http1": {
		"request_started", "request_line", "request_headers", "request_body", "request_trailer", "request_complete",
		"response_started", "response_line", "response_headers", "response_body", "response_trailer", "response_complete",
	},
	"tls": {
		"client_in_progress", "client_hello_done", "client_cert_done", "client_handshake_done", "client_finished",
		"server_in_progress", "server_hello", "server_cert_done", "server_hello_done", "server_handshake_done", "server_finished",
	},
	"ssh": {
		"request_in_progress", "request_banner_wait_eol", "request_banner_done", "request_finished",
		"response_in_progress", "response_banner_wait_eol", "response_banner_done", "response_finished",
	},
}

var anyHook = []string{"request_started", "request_complete", "response_started", "response_complete"}

func (b *builder) hook(name, hook string) *fault {
	off := b.p.proto.off + len(name) + 1
	if _, ok := appNames[name]; !ok {
		return b.packetHook(off, hook)
	}
	known := hooks[name]
	if known == nil {
		known = anyHook
	}
	if !slices.Contains(known, hook) {
		return wrong(off, fmt.Sprintf("unknown hook %q", hook), strings.Join(known, ", "))
	}
	b.r.dir = toServer
	if strings.HasPrefix(hook, "response") || strings.HasPrefix(hook, "server") {
		b.r.dir = toClient
	}
	b.hooked = true
	return nil
}

// packetHook is a place in the way of packets: flow_start means the first packet
// of each direction of a flow, all every packet.
func (b *builder) packetHook(off int, hook string) *fault {
	switch hook {
	case "all":
	case "flow_start":
		b.r.checks = append(b.r.checks, check{op: ckFlowStart, at: off})
	case "pre_flow", "pre_stream":
		return refused(off, "the hook "+hook+", which is of firewalls")
	default:
		return wrong(off, fmt.Sprintf("unknown hook %q", hook), "flow_start or all")
	}
	b.noStream, b.byPacket = true, true
	return nil
}
