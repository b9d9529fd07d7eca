package export

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"saksi/event"
)

// mispTypes are types and categories of attributes by kind.
var mispTypes = map[string][2]string{
	thingIP: {"ip-dst", "Network activity"}, thingDomain: {"domain", "Network activity"}, thingURL: {"url", "Network activity"}, thingHost: {"hostname", "Network activity"},
	thingSHA256: {"sha256", "Payload delivery"}, thingSHA1: {"sha1", "Payload delivery"}, thingMD5: {"md5", "Payload delivery"}, thingFile: {"filename", "Payload delivery"},
	thingJA3: {"ja3-fingerprint-md5", "Network activity"}, thingMail: {"email-src", "Payload delivery"}, thingUser: {"target-user", "Targeting data"},
}

// mispRules are the types of attributes for rules by their language.
var mispRules = map[string]string{"suricata": "snort", "sigma": "sigma", "yara": "yara"}

// mispThreats are MISP's levels: 1 high, 2 medium, 3 low, 4 undefined.
var mispThreats = [...]string{"4", "3", "2", "1", "1"}

// maxAttributes bounds one event; what more there was is counted and said in it.
const maxAttributes = 100_000

type mispAttribute struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"type"`
	Category  string    `json:"category"`
	Value     string    `json:"value"`
	ToIDS     bool      `json:"to_ids"`
	Comment   string    `json:"comment"`
	FirstSeen string    `json:"first_seen,omitempty"`
	LastSeen  string    `json:"last_seen,omitempty"`
	Timestamp string    `json:"timestamp"`
	Tag       []mispTag `json:"Tag,omitempty"`

	first, last int64
	n           int
	rules       []string
}

type mispTag struct {
	Name string `json:"name"`
}

type mispOrg struct {
	Name string `json:"name"`
	UUID string `json:"uuid"`
}

type mispEvent struct {
	UUID         string           `json:"uuid"`
	Info         string           `json:"info"`
	Date         string           `json:"date"`
	ThreatLevel  string           `json:"threat_level_id"`
	Analysis     string           `json:"analysis"`     // 0: initial
	Distribution string           `json:"distribution"` // 0: one's own organization only
	Published    bool             `json:"published"`
	Timestamp    string           `json:"timestamp"`
	Orgc         mispOrg          `json:"Orgc"`
	Tag          []mispTag        `json:"Tag"`
	Attribute    []*mispAttribute `json:"Attribute"`
}

// misp gathers findings into one event.
type misp struct {
	w           io.Writer
	o           Options
	list        []*mispAttribute
	byKey       map[string]*mispAttribute
	tags        map[string]bool
	tagList     []mispTag
	tlp         int
	worst       int
	first, last int64
	ids         uuid.UUID
	findings    int
	beyond      int // attributes that no longer had a place
}

func newMISP(w io.Writer, o Options) (Writer, error) {
	return &misp{w: w, o: o, byKey: map[string]*mispAttribute{}, tags: map[string]bool{}, tlp: -1}, nil
}

func (m *misp) tag(name string) {
	if !m.tags[name] && len(m.tags) < maxSeries {
		m.tags[name] = true
		m.tagList = append(m.tagList, mispTag{name})
	}
}

// tlpOrder is the Traffic Light Protocol from the least strict on.
var tlpOrder = []string{"clear", "green", "amber", "amber+strict", "red"}

// Emit implements findings.Sink.
func (m *misp) Emit(e *event.Event) error {
	at, _ := e.GetTime(event.Timestamp)
	if m.findings == 0 || at < m.first {
		m.first = at
	}
	if m.findings == 0 || at > m.last {
		m.last = at
	}
	m.findings++
	m.worst = max(m.worst, severity(e))
	id := str(e, event.EventID)
	m.ids = uuid.NewSHA1(m.ids, []byte(id))
	tlp := tlpOf(e)
	if tlp == "white" {
		tlp = "clear"
	}
	for i, name := range tlpOrder {
		if name == tlp {
			m.tlp = max(m.tlp, i)
		}
	}
	for _, t := range techniquesOf(e) {
		if t[1] != "" {
			m.tag(`misp-galaxy:mitre-attack-pattern="` + strings.ReplaceAll(t[1], `"`, "'") + " - " + t[0] + `"`)
		} else {
			m.tag("attack:" + t[0])
		}
	}
	for _, c := range texts(e, event.SaksiControl) {
		m.tag("control:" + c)
	}
	r := ruleOf(e)
	for _, t := range things(e) {
		kind := mispTypes[t.kind]
		if t.kind == thingIP && t.role == "source" {
			kind[0] = "ip-src"
		}
		// A digest that a rule found is worth looking for elsewhere; whose an
		// address is no rule says.
		m.add(kind, t.value, at, r.name, kind[1] == "Payload delivery" && t.kind != thingFile && t.kind != thingMail)
	}
	if kind := mispRules[r.language]; kind != "" && r.text != "" {
		m.add([2]string{kind, "External analysis"}, r.text, at, r.name, true)
	}
	return nil
}

func (m *misp) add(kind [2]string, value string, at int64, rule string, ids bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return
	}
	key := kind[0] + "\x00" + value
	a := m.byKey[key]
	if a == nil {
		if len(m.list) == maxAttributes {
			m.beyond++
			return
		}
		a = &mispAttribute{UUID: uuid.NewSHA1(ownSpace, []byte("misp\x00"+m.o.Agency+"\x00"+key)).String(), Type: kind[0], Category: kind[1], Value: value, ToIDS: ids, first: at, last: at}
		m.byKey[key] = a
		m.list = append(m.list, a)
	}
	a.n++
	a.first, a.last = min(a.first, at), max(a.last, at)
	if rule != "" && len(a.rules) < maxRules && !contains(a.rules, rule) {
		a.rules = append(a.rules, rule)
	}
}

// mispTime is the form of first_seen and last_seen.
func mispTime(at int64) string {
	return time.Unix(0, at).UTC().Format("2006-01-02T15:04:05.000000+00:00")
}

// Close implements Writer.
func (m *misp) Close() error {
	if m.o.Classification != "" {
		m.tag(`saksi:classification="` + m.o.Classification + `"`)
	}
	if m.tlp >= 0 {
		m.tag("tlp:" + tlpOrder[m.tlp])
	}
	for _, a := range m.list {
		a.FirstSeen, a.LastSeen, a.Timestamp = mispTime(a.first), mispTime(a.last), itoa(a.last/int64(time.Second))
		a.Comment = fmt.Sprintf("findings: %d; %s", a.n, strings.Join(a.rules, "; "))
	}
	info := m.o.Title
	if m.beyond > 0 {
		info += fmt.Sprintf(" (%d attributes left out: more than %d)", m.beyond, maxAttributes)
	}
	out := mispEvent{
		UUID: uuid.NewSHA1(ownSpace, m.ids[:]).String(), Info: info, Date: time.Unix(0, m.first).UTC().Format(time.DateOnly), ThreatLevel: mispThreats[m.worst],
		Analysis: "0", Distribution: "0", Timestamp: itoa(m.last / int64(time.Second)), Orgc: mispOrg{m.o.Agency, uuid.NewSHA1(ownSpace, []byte("org\x00"+m.o.Agency)).String()},
		Tag: m.tagList, Attribute: m.list,
	}
	if out.Tag == nil {
		out.Tag = []mispTag{}
	}
	if out.Attribute == nil {
		out.Attribute = []*mispAttribute{}
	}
	return writeJSON(m.w, map[string]any{"Event": out})
}

// LeftOut implements Writer.
func (m *misp) LeftOut() int { return 0 }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
