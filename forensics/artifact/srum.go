package artifact

import (
	"fmt"
	"strconv"
	"strings"

	"saksi/event"
	"saksi/internal/ese"
)

// SRUM, the System Resource Usage Monitor (SRUDB.dat): what each program of each
// user sent, received, read and wrote, hour by hour for a month or two, whether or
// not the program is still there.

func init() {
	register(Format{
		Name: "srum",
		Doc: "SRUDB.dat of Windows 8 to 11: network usage, connections, resources of programs, push notifications, energy and time in use, each with its program " +
			"and its user's SID; the time is when the hour's sum was written",
		Reference: "Y. Khatri, Forensic implications of System Resource Usage Monitor (SRUM) data; J. Metz, ESE database format",
		Detect:    ese.Detect,
		Probe:     isESE("srum"),
		Parse:     parseSRUM,
		Event:     eventSRUM,
		Samples:   []string{"SRUDB.dat"},
		Hostile:   []string{"SRUDB.dat cut=9000", "SRUDB.dat @52=02"},
	})
}

// srumTables are the providers of SRUM by the names of their tables.
var srumTables = map[string]string{
	"{973F5D5C-1D90-4944-BE8E-24B94231A174}":   "network-usage",
	"{DD6636C4-8929-4683-974E-22C046A43763}":   "network-connection",
	"{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}":   "program-resources",
	"{D10CA2FE-6FCF-4F6D-848E-B2E99266FA86}":   "push-notification",
	"{5C8CF1C7-7257-4F13-B223-970EF5939312}":   "program-timeline",
	"{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}":   "energy-usage",
	"{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}LT": "energy-usage-long-term",
	"{DA73FB89-2BEA-4DDC-86B8-6E048C6DA477}":   "energy-estimate",
	"{7ACBBAA3-D029-4BE4-9A7A-0885927F1D8F}":   "vfu",
	"{17F4D97B-F26A-5E79-3A82-90040A47D13D}":   "volume",
	"{841A7317-3805-518B-C2EA-AD224CB4AF84}":   "disk",
	"{DC3D3B50-BB90-5066-FA4E-A5F90DD8B677}":   "processor",
	"{EEE2F477-0659-5C47-EF03-6D6BEFD441B3}":   "network-sum",
}

// interfaceTypes are those of an interface's LUID (IANA ifType).
var interfaceTypes = map[uint64]string{
	1: "other", 6: "ethernet", 23: "ppp", 24: "loopback", 71: "wireless", 131: "tunnel", 243: "mobile", 244: "mobile",
}

// srumNames are the programs and users that rows name by number.
type srumNames struct {
	names map[int64]string
	bytes int
	full  bool
}

// maxSRUMNames bounds their text, in bytes.
const maxSRUMNames = 64 << 20

func parseSRUM(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	ids := srumNames{names: map[int64]string{}}
	if err := d.rows("SruDbIdMapTable", func(r *ese.Row) *Record { ids.take(d, r); return nil }); err != nil {
		return err
	}
	told := []string{"SruDbIdMapTable"}
	for _, t := range d.list {
		kind := srumTables[strings.ToUpper(t.Name)]
		if kind == "" {
			if !strings.HasPrefix(t.Name, "{") {
				continue
			}
			kind = "provider"
		}
		told = append(told, t.Name)
		err := d.rows(t.Name, func(r *ese.Row) *Record {
			rec := record(kind, r.Time("TimeStamp"))
			if kind == "provider" {
				rec.add("table", t.Name)
			}
			if id := r.Int("AppId"); id != 0 {
				rec.add("program", ids.name(id))
			}
			if id := r.Int("UserId"); id != 0 {
				rec.add("user", ids.name(id))
			}
			if luid := uint64(r.Int("InterfaceLuid")); luid != 0 {
				rec.add("interface_type", firstOf(interfaceTypes[luid>>48], strconv.FormatUint(luid>>48, 10)))
			}
			for _, n := range []string{"ConnectStartTime", "EndTime"} {
				rec.add(snake(n), timeField(r.Time(n)))
			}
			addColumns(rec, r, snake, "TimeStamp", "AppId", "UserId", "ConnectStartTime", "EndTime")
			return rec
		})
		if err != nil {
			return err
		}
	}
	return d.others(told...)
}

// take keeps a name: a SID, or a program as UTF-16.
func (s *srumNames) take(d *eseDatabase, r *ese.Row) {
	b := r.Bytes("IdBlob")
	name := ""
	if r.Int("IdType") == 3 {
		if name = sidText(b); name == "" && len(b) > 0 {
			name = fmt.Sprintf("%x", b)
		}
	} else {
		name = strings.TrimRight(utf16All(b), "\x00")
	}
	if s.bytes += len(name) + 64; s.bytes > maxSRUMNames {
		if !s.full {
			s.full = true
			d.problem(Problem{r.Offset, fmt.Sprintf("the names of programs have more than %d bytes; the others are told by number", maxSRUMNames)})
		}
		return
	}
	if old := s.names[r.Int("IdIndex")]; old == "" || !r.Deleted {
		s.names[r.Int("IdIndex")] = name
	}
}

// name is a name by its number; a number where there is none.
func (s *srumNames) name(id int64) string {
	return firstOf(s.names[id], "#"+strconv.FormatInt(id, 10))
}

// srumProgram is the file of a program as SRUM names it: "!!name!time!size!..."
// is how one is named whose path was not known.
func srumProgram(s string) string {
	if rest, ok := strings.CutPrefix(s, "!!"); ok {
		s, _, _ = strings.Cut(rest, "!")
	}
	return s
}

func eventSRUM(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	program := srumProgram(r.Get("program"))
	switch kind {
	case "network-usage", "network-connection", "network-sum":
		e.Str(event.EventCategory, "network")
	default:
		e.Str(event.EventCategory, "process")
	}
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "srum-"+kind)
	if strings.HasPrefix(program, `\`) || strings.Contains(program, `:\`) {
		e.Str(event.ProcessExecutable, program)
	}
	e.Str(event.ProcessName, base(program))
	if u := r.Get("user"); strings.HasPrefix(u, "S-1-") {
		e.Str(event.UserID, u)
	}
	if kind == "network-usage" {
		putNumber(e, event.SourceBytes, r.Get("bytes_sent"))
		putNumber(e, event.DestinationBytes, r.Get("bytes_recvd"))
	}
	e.Str(event.Message, strings.TrimSpace(kind+" "+base(program)))
	putData(r, e)
}
