package proto

import (
	"encoding/binary"
	"fmt"
	"strings"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
	"saksi/sensor/proto/internal/sqlmask"
)

// pgTx is a request of PostgreSQL with its answers, as EVE JSON has it.
type pgTx struct {
	eveTx
	request, response event.Members
	asked, done, told bool
	listing           bool // parameters, the last of the answers
	rows, size        int64
}

// AppendEVE implements EVE.
func (t *pgTx) AppendEVE(m *event.Members) {
	m.Open("pgsql")
	m.Int("tx_id", int64(t.Number()))
	if t.asked {
		m.Open("request")
		m.Add(&t.request)
		m.Close()
	}
	if !t.response.Empty() || t.rows > 0 {
		m.Open("response")
		m.Add(&t.response)
		if t.listing {
			m.End()
		}
		if t.rows > 0 {
			m.Int("data_rows", t.rows)
			m.Int("data_size", t.size)
		}
		m.Close()
	}
	m.Close()
}

// pgEVE gathers requests. state is the kind of message that counts of those
// seen: of a client's upper case, as it came or by what it is.
type pgEVE struct {
	last  uint64
	tx    *pgTx
	state pgState
}

type pgState byte

// States: what came last.
const (
	pgIdle pgState = iota
	pgAsked
	pgWantsPassword // any simple way
	pgWantsSASL
	pgMoreSASL
	pgSASLAsked
	pgAnswering
)

// begin makes a transaction of a request.
func (s *pgEVE) begin(c *Context, state pgState) *event.Members {
	s.flush(c)
	s.last++
	s.tx, s.state = &pgTx{eveTx: eveTx(s.last), asked: true}, state
	return &s.tx.request
}

// settle tells of the transaction if it is done: what comes in the same piece as
// its last answer belongs to it.
func (s *pgEVE) settle(c *Context) {
	if s.tx != nil && s.tx.done {
		s.flush(c)
	}
}

// flush tells of the transaction, if it was not.
func (s *pgEVE) flush(c *Context) {
	if t := s.tx; t != nil && !t.told {
		t.told = true
		c.Record("pgsql", t)
	}
}

// first takes the first message of a client.
func (s *pgEVE) first(c *Context, b []byte) {
	code := binary.BigEndian.Uint32(b[4:])
	m := s.begin(c, pgAsked)
	switch code {
	case pgTLS:
		m.Str("message", "SSL Request")
	case pgCancel:
		m.Str("message", "cancel_request")
		if len(b) >= 12 {
			m.Int("process_id", int64(binary.BigEndian.Uint32(b[8:])))
		}
		s.flush(c)
	case pgGSS:
	default:
		m.Str("protocol_version", fmt.Sprintf("%d.%d", code>>16, code&0xffff))
		s.startup(m, b[8:])
	}
}

// pgParameters are the names of parameters that Suricata writes otherwise.
var pgParameters = map[string]string{"DateStyle": "date_style", "IntervalStyle": "interval_style", "TimeZone": "time_zone"}

func pgParameter(name []byte) string {
	if s := pgParameters[string(name)]; s != "" {
		return s
	}
	return string(name)
}

func (s *pgEVE) startup(m *event.Members, b []byte) {
	m.Open("startup_parameters")
	r := octet.Of(b)
	var others [][2][]byte
	for range maxPGParameters {
		k, v := r.CString(), r.CString()
		if r.Bad() || len(k) == 0 {
			break
		}
		if string(k) == "user" {
			m.Blob("user", v)
		} else {
			others = append(others, [2][]byte{k, v})
		}
	}
	if len(others) > 0 {
		m.Array("optional_parameters")
		for _, x := range others {
			m.Open("")
			m.Blob(pgParameter(x[0]), x[1])
			m.Close()
		}
		m.End()
	}
	m.Close()
}

// request takes a message of a client. What proves who somebody is stays out.
func (s *pgEVE) request(c *Context, kind byte, b []byte) {
	switch kind {
	case 'p':
		switch s.state {
		case pgWantsPassword:
			s.begin(c, pgAsked)
		case pgWantsSASL:
			m := s.begin(c, pgSASLAsked)
			r := octet.Of(b)
			m.Bytes("sasl_authentication_mechanism", r.CString())
		case pgSASLAsked, pgMoreSASL:
			s.begin(c, pgAsked)
		}
	case 'Q':
		r := octet.Of(b)
		text := r.CString()
		if !c.Payload {
			text = sqlmask.Append(nil, text, false)
		}
		s.begin(c, pgAsked).Blob("simple_query", text)
	case 'X':
		s.begin(c, pgIdle).Str("message", "terminate")
		s.flush(c)
	}
}

// tls takes the answer to a request for TLS.
func (s *pgEVE) tls(c *Context, accepted bool) {
	if s.tx != nil {
		s.tx.response.Bool("ssl_accepted", accepted)
		s.flush(c)
	}
}

// pgAnswers are the requests of authentication by their names.
var pgAnswers = map[uint32]string{
	0: "authentication_ok", 3: "authentication_cleartext_password", 5: "authentication_md5_password", 9: "authentication_sspi",
	10: "authentication_sasl", 11: "authentication_sasl_continue",
}

// answer takes a message of the server.
func (s *pgEVE) answer(c *Context, kind byte, b []byte) {
	if s.tx == nil {
		s.last++
		s.tx = &pgTx{eveTx: eveTx(s.last)}
	}
	t, r := s.tx, octet.Of(b)
	m := &t.response
	if t.told || m.Full() {
		return
	}
	if kind != 'S' && t.listing {
		m.End()
		t.listing = false
	}
	if kind != 'D' && t.rows > 0 {
		m.Int("data_rows", t.rows)
		m.Int("data_size", t.size)
		t.rows, t.size = 0, 0
	}
	if s.state != pgIdle {
		s.state = pgAnswering
	}
	switch kind {
	case 'R':
		n := r.BE32()
		switch name := pgAnswers[n]; {
		case n == 5 || n == 9:
			m.Blob(name, r.Rest())
		case name != "":
			m.Str("message", name)
		}
		switch n {
		case 3, 5:
			s.state = pgWantsPassword
		case 10:
			s.state = pgWantsSASL
		case 11:
			s.state = pgMoreSASL
		case 12:
		default:
			return
		}
		t.done = true
	case 'S':
		if !t.listing {
			m.Array("parameter_status")
			t.listing = true
		}
		name := r.CString()
		m.Open("")
		m.Blob(pgParameter(name), r.CString())
		m.Close()
	case 'E', 'N':
		pgFields(c, m, b)
	case 'K':
		m.Int("process_id", int64(r.BE32()))
	case 'T':
		m.Int("field_count", int64(r.BE16()))
	case 'D':
		t.rows++
		for range min(int(r.BE16()), maxPGColumns) {
			if n := int32(r.BE32()); n >= 0 {
				t.size += int64(n)
				r.Skip(int(n))
			}
		}
	case 'C':
		m.Blob("command_completed", r.CString())
	case 'A':
		m.Int("pid", int64(r.BE32()))
		m.Blob("channel_name", r.CString())
		if v := r.CString(); c.Payload {
			m.Blob("payload", v)
		}
	case 'Z':
		t.done = true
	}
}

// maxPGColumns bounds the columns of a row that are counted.
const maxPGColumns = 1664

// pgFieldNames are the fields of errors and notices by their letters. Those that
// quote statements or data are told only with what messages carry.
var pgFieldNames = map[byte]string{
	'S': "severity_localizable", 'V': "severity_non_localizable", 'C': "code", 'M': "message", 'D': "detail", 'H': "hint", 'P': "position",
	'p': "internal_position", 'q': "internal_query", 'W': "where", 's': "schema_name", 't': "table_name", 'c': "column_name", 'd': "data_type_name",
	'n': "constraint_name", 'F': "file", 'L': "line", 'R': "routine",
}

func pgFields(c *Context, m *event.Members, b []byte) {
	r := octet.Of(b)
	for range 32 {
		k, v := r.U8(), r.CString()
		if r.Bad() || k == 0 {
			break
		}
		if name := pgFieldNames[k]; name != "" && (c.Payload || strings.IndexByte("MDHqW", k) < 0) {
			m.Blob(name, v)
		}
	}
}
