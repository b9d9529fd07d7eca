package export

import (
	"encoding/json"
	"io"
	"time"

	"saksi/event"
)

// hiveAlert is InputAlert of TheHive 5.
type hiveAlert struct {
	Type        string           `json:"type"`
	Source      string           `json:"source"`
	SourceRef   string           `json:"sourceRef"`
	Title       string           `json:"title"`
	Description string           `json:"description"`
	Severity    int              `json:"severity"` // 1 low to 4 critical
	Date        int64            `json:"date"`     // Unix time in milliseconds
	Tags        []string         `json:"tags"`
	TLP         int              `json:"tlp"` // 0 clear, 1 green, 2 amber, 3 amber+strict, 4 red
	PAP         int              `json:"pap"`
	Observables []hiveObservable `json:"observables"`
	Procedures  []hiveProcedure  `json:"procedures,omitempty"`
}

type hiveObservable struct {
	Type    string   `json:"dataType"`
	Data    string   `json:"data"`
	Message string   `json:"message,omitempty"`
	Tags    []string `json:"tags,omitempty"`
}

type hiveProcedure struct {
	Pattern string `json:"patternId"`
	Date    int64  `json:"occurDate"`
}

// hiveTypes are data types of TheHive by kind.
var hiveTypes = map[string]string{
	thingIP: "ip", thingDomain: "domain", thingURL: "url", thingSHA256: "hash", thingSHA1: "hash", thingMD5: "hash", thingFile: "filename",
	thingMail: "mail", thingHost: "hostname", thingJA3: "other", thingUser: "other",
}

var hiveTLP = map[string]int{"clear": 0, "white": 0, "green": 1, "amber": 2, "amber+strict": 3, "red": 4}

func newTheHive(w io.Writer, o Options) (Writer, error) {
	return &lines{w: w, append: func(e *event.Event, dst []byte) []byte {
		b, err := json.Marshal(hive(e, o))
		if err != nil {
			return dst
		}
		return append(dst, b...)
	}}, nil
}

func hive(e *event.Event, o Options) hiveAlert {
	at, _ := e.GetTime(event.Timestamp)
	ms := at / int64(time.Millisecond)
	a := hiveAlert{
		Type: "saksi", Source: o.Agency, SourceRef: str(e, event.EventID), Title: plain(title(e), false), Description: hiveText(e),
		Severity: max(1, severity(e)), Date: ms, Tags: []string{}, TLP: 2, PAP: 2, Observables: []hiveObservable{},
	}
	if a.Source == "" {
		a.Source = "saksi"
	}
	if n, ok := hiveTLP[tlpOf(e)]; ok {
		a.TLP = n
	}
	for _, c := range texts(e, event.SaksiControl) {
		a.Tags = append(a.Tags, "control:"+c)
	}
	if o.Classification != "" {
		a.Tags = append(a.Tags, "classification:"+o.Classification)
	}
	for _, t := range techniquesOf(e) {
		a.Tags = append(a.Tags, "attack:"+t[0])
		a.Procedures = append(a.Procedures, hiveProcedure{t[0], ms})
	}
	for _, t := range things(e) {
		x := hiveObservable{Type: hiveTypes[t.kind], Data: t.value, Message: t.role}
		if x.Type == "other" {
			x.Tags = []string{t.kind}
		}
		a.Observables = append(a.Observables, x)
	}
	return a
}

// hiveText is the description: TheHive shows it as Markdown, so what findings
// say stands in a block of code.
func hiveText(e *event.Event) string {
	var b []byte
	for _, l := range [][2]string{
		{"rule", str(e, event.RuleName)},
		{"rule id", str(e, event.RuleID)},
		{"where", place(e)},
		{"case", str(e, event.SaksiCase)},
		{"exhibit", str(e, event.SaksiExhibit)},
		{"evidence", str(e, event.SaksiEvidenceCommand)},
	} {
		if l[1] != "" {
			b = append(b, "    "+l[0]+": "+plain(l[1], false)+"\n"...)
		}
	}
	return string(b)
}
