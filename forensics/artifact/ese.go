package artifact

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"saksi/event"
	"saksi/internal/ese"
)

// What the artifacts that are databases of ESE share, and databases of ESE that
// are none of them: their tables counted, their rows as they are.

func init() {
	register(Format{
		Name: "ese",
		Doc: "databases of the Extensible Storage Engine (.edb, .dat, .mdb) that are no artifact of their own: each table with its columns and rows counted, " +
			"and each row by the names of its columns; rows that were deleted and are still there are marked recovered",
		Reference: "J. Metz, Extensible Storage Engine (ESE) Database File (EDB) format",
		Detect:    ese.Detect,
		Probe:     isESE(""),
		Parse:     parseESE,
		Event:     eventESE,
		Samples:   []string{"sample.edb"},
		Hostile: []string{
			"sample.edb cut=700", "sample.edb cut=9000", "sample.edb @236=01", "sample.edb @12344=ffff", "sample.edb @10274=ff0f", "sample.edb @52=02000000",
		},
	})
}

// eseKinds are artifacts by the tables that tell them.
var eseKinds = []struct {
	name   string
	tables []string
}{
	{"srum", []string{"SruDbIdMapTable"}},
	{"webcache", []string{"Containers", "Container_1"}},
	{"file-history", []string{"namespace", "string", "backupset"}},
	{"ntds", []string{"datatable", "sd_table"}},
	{"bits", []string{"Jobs", "Files"}},
	{"user-access-log", []string{"CLIENTS", "ROLE_ACCESS"}},
	{"user-access-roles", []string{"ROLE_IDS", "SYSTEM_IDENTITY"}},
	{"windows-search", []string{"SystemIndex_PropertyStore"}},
	{"windows-search", []string{"SystemIndex_0A"}},
}

// isESE is a Probe: the database is of the kind; "" is of none.
func isESE(kind string) func(Input) bool {
	return func(in Input) bool {
		d, err := openESE(in, nil, func(Problem) {})
		if err != nil {
			return kind == "" // which says why
		}
		return d.kind() == kind
	}
}

// eseDatabase is one under work.
type eseDatabase struct {
	*ese.DB
	list    []*ese.Table
	tables  map[string]*ese.Table
	emit    func(*Record) error
	problem func(Problem)
}

func openESE(in Input, emit func(*Record) error, problem func(Problem)) (*eseDatabase, error) {
	db, err := ese.Open(in, in.Size)
	if err != nil {
		return nil, err
	}
	db.Problem = func(off int64, text string) { problem(Problem{off, text}) }
	d := &eseDatabase{DB: db, tables: map[string]*ese.Table{}, emit: emit, problem: problem}
	if db.Damaged != nil {
		problem(Problem{0, db.Damaged.Error()})
	}
	if d.list, err = db.Tables(); err != nil {
		return nil, err
	}
	for _, t := range d.list {
		if d.tables[t.Name] == nil {
			d.tables[t.Name] = t
		}
	}
	if db.State != ese.Clean {
		problem(Problem{52, fmt.Sprintf("the database was left in the state %q: what its transaction logs hold is not in it, and not read", db.StateName())})
	}
	return d, nil
}

func (d *eseDatabase) kind() string {
	for _, k := range eseKinds {
		if !slices.ContainsFunc(k.tables, func(n string) bool { return d.tables[n] == nil }) {
			return k.name
		}
	}
	return ""
}

// rows gives the rows of a table, if there is such a table, each as the record
// that f makes of it; nil for none.
func (d *eseDatabase) rows(table string, f func(*ese.Row) *Record) error {
	t := d.tables[table]
	if t == nil {
		return nil
	}
	return d.Rows(t, func(r *ese.Row) error {
		rec := f(r)
		if rec == nil {
			return nil
		}
		rec.Offset = r.Offset
		if r.Deleted {
			rec.add("recovered", "deleted")
		}
		if r.Cut {
			rec.add("truncated", "row")
		}
		return d.emit(rec)
	})
}

// others counts the tables that were not told otherwise.
func (d *eseDatabase) others(told ...string) error {
	for _, t := range d.list {
		if eseSystem(t.Name) || slices.Contains(told, t.Name) {
			continue
		}
		n := 0
		if err := d.Rows(t, func(*ese.Row) error { n++; return nil }); err != nil {
			return err
		}
		r := record("table", 0)
		r.add("table", t.Name)
		r.add("rows", strconv.Itoa(n))
		if err := d.emit(r); err != nil {
			return err
		}
	}
	return nil
}

// eseSystem tells the engine's own tables.
func eseSystem(name string) bool { return strings.HasPrefix(strings.ToLower(name), "msys") }

// maxESEValue bounds what is shown of a value that no artifact knows, in bytes.
const maxESEValue = 2048

// addColumns adds all columns of a row but those left out.
func addColumns(rec *Record, r *ese.Row, name func(string) string, but ...string) {
	r.Present(func(c *ese.Column) {
		if c.Type == 0 || slices.Contains(but, c.Name) || len(rec.Fields) >= maxFields-8 {
			return
		}
		v := strings.Join(r.Values(c), "; ")
		if len(v) > maxESEValue {
			v, r.Cut = strings.ToValidUTF8(v[:maxESEValue], ""), true
		}
		rec.add(name(c.Name), v)
	})
}

func parseESE(in Input, emit func(*Record) error, problem func(Problem)) error {
	d, err := openESE(in, emit, problem)
	if err != nil {
		return err
	}
	head := record("database", 0)
	head.add("state", d.StateName())
	head.add("page_size", strconv.Itoa(d.PageSize))
	head.add("version", fmt.Sprintf("0x%x revision %d", d.Version, d.Revision))
	if !d.Created.IsZero() {
		head.Time = d.Created.UnixNano()
	}
	head.add("computer", d.Computer)
	if err := emit(head); err != nil {
		return err
	}
	for _, t := range d.list {
		if eseSystem(t.Name) {
			continue
		}
		n := 0
		err := d.rows(t.Name, func(r *ese.Row) *Record {
			n++
			rec := record("row", 0)
			rec.add("table", t.Name)
			addColumns(rec, r, func(s string) string { return s })
			return rec
		})
		if err != nil {
			return err
		}
		r := record("table", 0)
		r.add("table", t.Name)
		r.add("columns", strconv.Itoa(len(t.Columns)))
		r.add("rows", strconv.Itoa(n))
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

func eventESE(r *Record, e *event.Event) {
	kind := r.Get("record")
	e.Str(event.EventModule, "windows")
	e.Str(event.HostOSType, "windows")
	e.Str(event.EventCategory, "file")
	e.Str(event.EventType, "info")
	e.Str(event.EventAction, "ese-"+kind)
	e.Str(event.Message, strings.TrimSpace(kind+" "+r.Get("table")))
	putData(r, e)
}

// snake writes a name of a column as fields are written: "BytesRecvd" is "bytes_recvd".
func snake(s string) string {
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		if unicode.IsUpper(c) && i > 0 && (!unicode.IsUpper(runes[i-1]) && runes[i-1] != '_' || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// sidText writes a security identifier ([MS-DTYP] 2.4.2.2), "" for none.
func sidText(b []byte) string {
	if len(b) < 8 || b[0] != 1 || int(b[1]) > 15 || len(b) < 8+4*int(b[1]) {
		return ""
	}
	s := fmt.Sprintf("S-1-%d", binary.BigEndian.Uint64(b[:8])&(1<<48-1))
	for i := range int(b[1]) {
		s += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(b[8+4*i:]))
	}
	return s
}
