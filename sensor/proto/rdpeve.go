package proto

// Messages of RDP as EVE JSON has them: the request and the confirm of X.224,
// the connect request of T.125 with the client's data ([MS-RDPBCGR] section
// 2.2.1.3), that it was answered, and the certificates of TLS.

import (
	"encoding/binary"
	"fmt"
	"strings"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

// rdpTx is a message.
type rdpTx struct {
	eveTx
	members event.Members
}

// AppendEVE implements EVE.
func (t *rdpTx) AppendEVE(m *event.Members) {
	m.Open("rdp")
	m.Int("tx_id", int64(t.Number()))
	m.Add(&t.members)
	m.Close()
}

// rdpEVE numbers the messages.
type rdpEVE struct {
	last         uint64
	certificates bool // were told of
}

// tell makes the record of a message.
func (s *rdpEVE) tell(c *Context, kind string, write func(m *event.Members)) {
	s.last++
	t := &rdpTx{eveTx: eveTx(s.last)}
	t.members.Str("event_type", kind)
	if write != nil {
		write(&t.members)
	}
	c.Record("rdp", t)
}

// rdpBit names a bit.
type rdpBit struct {
	bit  uint32
	name string
}

func rdpFlags(m *event.Members, key string, bits []rdpBit, v uint32) {
	var names []string
	for _, x := range bits {
		if v&x.bit != 0 {
			names = append(names, x.name)
		}
	}
	if len(names) == 0 {
		return
	}
	m.Array(key)
	for _, s := range names {
		m.Str("", s)
	}
	m.End()
}

var (
	rdpAsks     = []rdpBit{{1, "restricted_admin_mode_required"}, {2, "redirected_authentication_mode_required"}, {8, "correlation_info_present"}}
	rdpSupports = []rdpBit{{1, "extended_client_data"}, {2, "dynvc_gfx"}, {8, "restricted_admin"}, {16, "redirected_authentication"}}
	rdpCan      = []rdpBit{
		{1, "support_errinfo_pdf"},
		{2, "want_32bpp_session"},
		{4, "support_statusinfo_pdu"},
		{8, "strong_asymmetric_keys"},
		{0x20, "valid_connection_type"},
		{0x40, "support_monitor_layout_pdu"},
		{0x80, "support_netchar_autodetect"},
		{0x100, "support_dynvc_gfx_protocol"},
		{0x200, "support_dynamic_time_zone"},
		{0x400, "support_heartbeat_pdu"},
	}
	rdpNames    = map[uint32]string{0: "rdp", 1: "ssl", 2: "hybrid", 4: "rds_tls", 8: "hybrid_ex"}
	rdpFailures = map[uint32]string{
		1: "ssl required by server", 2: "ssl not allowed by server", 3: "ssl cert not on server", 4: "inconsistent flags", 5: "hybrid required by server",
		6: "ssl with user auth required by server",
	}
)

// request tells of the request of X.224 behind whose head v stands.
func (s *rdpEVE) request(c *Context, v, cookie []byte) {
	s.tell(c, "initial_request", func(m *event.Members) {
		if len(cookie) > 0 {
			m.Bytes("cookie", cookie)
		}
		if n := rdpNegotiation(v); n != nil && n[0] == 1 {
			rdpFlags(m, "flags", rdpAsks, uint32(n[1]))
		}
	})
}

// confirm tells of the confirm of X.224.
func (s *rdpEVE) confirm(c *Context, v []byte) {
	s.tell(c, "initial_response", func(m *event.Members) {
		n := rdpNegotiation(v)
		if n == nil {
			return
		}
		x := binary.LittleEndian.Uint32(n[4:])
		switch n[0] {
		case 2:
			rdpFlags(m, "server_supports", rdpSupports, uint32(n[1]))
			if name := rdpNames[x]; name != "" {
				m.Str("protocol", name)
			}
		case 3:
			if why := rdpFailures[x]; why != "" {
				m.Int("error_code", int64(x))
				m.Str("reason", why)
			}
		}
	})
}

// connect tells of the connect request whose blocks stand in b, behind a length of
// one or two bytes.
func (s *rdpEVE) connect(c *Context, b []byte) {
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = b[1:]
	}
	s.tell(c, "connect_request", func(m *event.Members) {
		for b = b[min(1, len(b)):]; len(b) >= 4; {
			kind, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
			if n < 4 || n > len(b) {
				break
			}
			switch kind {
			case 0xc001:
				rdpClient(m, b[4:n])
			case 0xc003:
				rdpChannels(m, b[4:n])
			}
			b = b[n:]
		}
	})
}

func rdpChannels(m *event.Members, b []byte) {
	r := octet.Of(b)
	n := int(r.LE32())
	if n == 0 || n > 31 { // section 2.2.1.3.4
		return
	}
	m.Array("channels")
	for range n {
		name := r.Next(8)
		r.Skip(4)
		if r.Bad() {
			break
		}
		m.Bytes("", trimZero(name))
	}
	m.End()
}

// chain tells of the certificates that TLS carries, by their serial numbers.
func (s *rdpEVE) chain(c *Context, p *tlsParser) {
	list := p.certs[FromServer]
	if s.certificates || len(list) == 0 {
		return
	}
	s.certificates = true
	s.tell(c, "tls_handshake", func(m *event.Members) {
		m.Array("x509_serials")
		for _, x := range list {
			serial := strings.TrimLeft(strings.ToLower(x.Serial), "0")
			if serial == "" {
				serial = "0"
			}
			m.Str("", serial)
		}
		m.End()
	})
}

var (
	rdpVersions = map[uint32]string{
		0x80001: "v4", 0x80004: "v5", 0x80005: "v10.0", 0x80006: "v10.1", 0x80007: "v10.2", 0x80008: "v10.3", 0x80009: "v10.4", 0x8000a: "v10.5",
		0x8000b: "v10.6", 0x8000c: "v10.7",
	}
	rdpDepths    = map[uint16]int64{0xca00: 4, 0xca01: 8, 0xca02: 15, 0xca03: 16, 0xca04: 24}
	rdpKeyboards = map[uint32]string{1: "xt", 2: "ico", 3: "at", 4: "enhanced", 5: "1050", 6: "9140", 7: "jp"}
	rdpHints     = map[byte]string{1: "modem", 2: "low_broadband", 3: "satellite", 4: "high_broadband", 5: "wan", 6: "lan", 7: "autodetect"}
	rdpBuilds    = map[uint32]string{
		528: "Windows NT 3.1", 807: "Windows NT 3.5", 1057: "Windows NT 3.51", 1381: "Windows NT 4.0", 2195: "Windows 2000", 2600: "Windows XP",
		3790: "Windows Server 2003", 6000: "Windows Vista RTM", 6001: "Windows Vista SP1", 6002: "Windows Vista SP2", 7600: "Windows 7 RTM",
		7601: "Windows 7 SP1", 9200: "Windows 8", 9600: "Windows 8.1", 10240: "Windows 10 TH1", 10586: "Windows 10 TH2", 14393: "Windows 10 RS1",
		15063: "Windows 10 RS2", 16299: "Windows 10 RS3", 17134: "Windows 10 RS4", 17763: "Windows 10 RS5",
	}
)

// orUnknown stands for a name that is not known.
func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// rdpClient writes the client's core data (section 2.2.1.3.2); what stands from
// the color depth of its second form on need not be there.
func rdpClient(m *event.Members, b []byte) {
	r := octet.Of(b)
	m.Open("client")
	defer m.Close()
	m.Str("version", orUnknown(rdpVersions[r.LE32()]))
	m.Int("desktop_width", int64(r.LE16()))
	m.Int("desktop_height", int64(r.LE16()))
	depth := rdpDepths[r.LE16()]
	r.Skip(2)
	keyboard, build := r.LE32(), r.LE32()
	name := octet.AppendUTF16(nil, r.Next(32))
	kind, sub, keys := r.LE32(), r.LE32(), r.LE32()
	ime := octet.AppendUTF16(nil, r.Next(64))
	bad := r.Bad()
	if n := rdpDepths[r.LE16()]; n != 0 {
		depth = n
	}
	product := r.LE16()
	hasProduct := !r.Bad()
	serial := r.LE32()
	if n := int64(r.LE16()); n == 4 || n == 8 || n == 15 || n == 16 || n == 24 {
		depth = n
	}
	r.Skip(2)
	can := uint32(r.LE16())
	id := octet.AppendUTF16(nil, r.Next(64))
	hint := r.U8()
	r.Skip(5)
	if depth != 0 {
		m.Int("color_depth", depth)
	}
	m.Str("keyboard_layout", orUnknown(rdpLocale(keyboard)))
	m.Str("build", orUnknown(rdpBuilds[build]))
	if len(name) > 0 {
		m.Bytes("client_name", name)
	}
	if s := rdpKeyboards[kind]; s != "" {
		m.Str("keyboard_type", s)
	}
	if sub != 0 {
		m.Int("keyboard_subtype", int64(sub))
	}
	if keys != 0 {
		m.Int("function_keys", int64(keys))
	}
	if len(ime) > 0 {
		m.Bytes("ime", ime)
	}
	if bad || !hasProduct {
		return
	}
	m.Int("product_id", int64(product))
	if serial != 0 {
		m.Int("serial_number", int64(serial))
	}
	rdpFlags(m, "capabilities", rdpCan, can)
	if len(id) > 0 {
		m.Bytes("id", id)
	}
	if s := rdpHints[hint]; s != "" {
		m.Str("connection_hint", s)
	}
	for _, x := range [...]struct {
		key  string
		size int
	}{
		{"physical_width", 4}, {"physical_height", 4}, {"desktop_orientation", 2}, {"scale_factor", 4}, {"device_scale_factor", 4},
	} {
		n := uint32(0)
		if x.size == 2 {
			n = uint32(r.LE16())
		} else {
			n = r.LE32()
		}
		if r.Bad() {
			break
		}
		m.Int(x.key, int64(n))
	}
}

// rdpLocales are the locales met most, by their identifiers ([MS-LCID] section 2.2).
const rdpLocales = `0401 ar-SA 0402 bg-BG 0403 ca-ES 0404 zh-TW 0405 cs-CZ 0406 da-DK 0407 de-DE 0408 el-GR 0409 en-US 040a es-ES_tradnl 040b fi-FI
040c fr-FR 040d he-IL 040e hu-HU 040f is-IS 0410 it-IT 0411 ja-JP 0412 ko-KR 0413 nl-NL 0414 nb-NO 0415 pl-PL 0416 pt-BR 0417 rm-CH 0418 ro-RO 0419 ru-RU
041a hr-HR 041b sk-SK 041c sq-AL 041d sv-SE 041e th-TH 041f tr-TR 0420 ur-PK 0421 id-ID 0422 uk-UA 0423 be-BY 0424 sl-SI 0425 et-EE 0426 lv-LV 0427 lt-LT
0428 tg-Cyrl-TJ 0429 fa-IR 042a vi-VN 042b hy-AM 042c az-Latn-AZ 042d eu-ES 042f mk-MK 0432 tn-ZA 0434 xh-ZA 0435 zu-ZA 0436 af-ZA 0437 ka-GE 0439 hi-IN
043a mt-MT 043e ms-MY 043f kk-KZ 0440 ky-KG 0441 sw-KE 0443 uz-Latn-UZ 0444 tt-RU 0445 bn-IN 0446 pa-IN 0447 gu-IN 0449 ta-IN 044a te-IN 044b kn-IN
044c ml-IN 044e mr-IN 0450 mn-MN 0452 cy-GB 0453 km-KH 0454 lo-LA 0455 my-MM 0456 gl-ES 045b si-LK 045e am-ET 0461 ne-NP 0463 ps-AF 0464 fil-PH
0801 ar-IQ 0804 zh-CN 0807 de-CH 0809 en-GB 080a es-MX 080c fr-BE 0810 it-CH 0813 nl-BE 0814 nn-NO 0816 pt-PT 081a sr-Latn-CS 081d sv-FI 082c az-Cyrl-AZ
083e ms-BN 0845 bn-BD 0c01 ar-EG 0c04 zh-HK 0c07 de-AT 0c09 en-AU 0c0a es-ES 0c0c fr-CA 0c1a sr-Cyrl-CS 1001 ar-LY 1004 zh-SG 1007 de-LU 1009 en-CA
100a es-GT 100c fr-CH 1401 ar-DZ 1404 zh-MO 1407 de-LI 1409 en-NZ 140a es-CR 140c fr-LU 1801 ar-MA 1809 en-IE 180a es-PA 1c01 ar-TN 1c09 en-ZA 1c0a es-DO
2001 ar-OM 200a es-VE 2401 ar-YE 240a es-CO 2801 ar-SY 280a es-PE 2c01 ar-JO 2c0a es-AR 3001 ar-LB 300a es-EC 3401 ar-KW 3409 en-PH 340a es-CL 3801 ar-AE
380a es-UY 3c01 ar-BH 3c09 en-HK 3c0a es-PY 4001 ar-QA 4009 en-IN 400a es-BO 4409 en-MY 440a es-SV 4809 en-SG 480a es-HN 4c0a es-NI 500a es-PR 540a es-US`

func rdpLocale(n uint32) string {
	if n > 0xffff {
		return ""
	}
	want := fmt.Sprintf("%04x", n)
	list := strings.Fields(rdpLocales)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i] == want {
			return list[i+1]
		}
	}
	return ""
}
