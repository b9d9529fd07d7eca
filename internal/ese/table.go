package ese

import (
	"cmp"
	"fmt"
	"slices"
)

// Types of columns (JET_coltyp).
const (
	Bit           = 1
	UnsignedByte  = 2
	Short         = 3
	Long          = 4
	Currency      = 5
	Single        = 6
	Double        = 7
	DateTime      = 8
	Binary        = 9
	Text          = 10
	LongBinary    = 11
	LongText      = 12
	UnsignedLong  = 14
	LongLong      = 15
	GUID          = 16
	UnsignedShort = 17
)

// sizes of fixed columns by their type, bytes.
var sizes = map[uint32]int{
	Bit: 1, UnsignedByte: 1, Short: 2, Long: 4, Currency: 8, Single: 4, Double: 8, DateTime: 8, UnsignedLong: 4, LongLong: 8, GUID: 16, UnsignedShort: 2,
}

// Column is a column of a table.
type Column struct {
	Name     string
	ID       uint32 // to 127 fixed, to 255 variable, above tagged
	Type     uint32 // 0 of a column that was deleted
	CodePage uint32 // of text
	size     int
	offset   int // in a record, of a fixed column
	derived  bool
}

// Table is a table of the catalog.
type Table struct {
	Name    string
	Columns []Column
	object  uint32
	root    uint32
	long    uint32 // root of its long values, 0 for none
	longID  uint32
	parent  string         // its template
	byID    map[uint32]int // places in Columns; of derived ones the highest bit is set
	byName  map[string]int
}

// Column finds a column by its name, or nil.
func (t *Table) Column(name string) *Column {
	if i, ok := t.byName[name]; ok {
		return &t.Columns[i]
	}
	return nil
}

// The catalog and its copy.
const (
	catalogPage, catalogObject = 4, 2
	shadowPage, shadowObject   = 24, 3
)

// catalog is the table that tells of all others.
func catalog(root, object uint32) *Table {
	t := &Table{Name: "MSysObjects", root: root, object: object, Columns: []Column{
		{Name: "ObjidTable", ID: 1, Type: Long},
		{Name: "Type", ID: 2, Type: Short},
		{Name: "Id", ID: 3, Type: Long},
		{Name: "ColtypOrPgnoFDP", ID: 4, Type: Long},
		{Name: "SpaceUsage", ID: 5, Type: Long},
		{Name: "Flags", ID: 6, Type: Long},
		{Name: "PagesOrLocale", ID: 7, Type: Long},
		{Name: "RootFlag", ID: 8, Type: Bit},
		{Name: "RecordOffset", ID: 9, Type: Short},
		{Name: "Name", ID: 128, Type: Text},
		{Name: "TemplateTable", ID: 130, Type: Text},
	}}
	t.place()
	return t
}

// place finds out where in a record the fixed columns lie.
func (t *Table) place() {
	slices.SortStableFunc(t.Columns, func(a, b Column) int { return cmp.Compare(a.ID, b.ID) })
	at := 4
	t.byID, t.byName = make(map[uint32]int, len(t.Columns)), make(map[string]int, len(t.Columns))
	for i := range t.Columns {
		c := &t.Columns[i]
		key := c.ID
		if c.derived {
			key |= 1 << 31
		}
		t.byID[key] = i
		if _, twice := t.byName[c.Name]; !twice {
			t.byName[c.Name] = i
		}
		if c.ID > 127 {
			continue
		}
		if n := sizes[c.Type]; n > 0 {
			c.size = n
		}
		// What the catalog says is where a column lies unless it says the same of all.
		c.offset = max(c.offset, at)
		at = c.offset + c.size
	}
}

// Tables reads the catalog, or its copy where that can't be read.
func (d *DB) Tables() ([]*Table, error) {
	if rest := d.size % int64(d.PageSize); rest != 0 {
		d.Problem(d.size-rest, fmt.Sprintf("the file ends within a page, after %d of its %d bytes", rest, d.PageSize))
	}
	list, err := d.tables(catalog(catalogPage, catalogObject))
	if err == nil && len(list) == 0 {
		d.Problem((catalogPage+1)*int64(d.PageSize), "the catalog names no table; its copy is read")
		list, err = d.tables(catalog(shadowPage, shadowObject))
	}
	return list, err
}

func (d *DB) tables(from *Table) ([]*Table, error) {
	var list []*Table
	byObject := map[uint32]*Table{}
	columns := 0
	full := false
	err := d.Rows(from, func(r *Row) error {
		if r.Deleted {
			return nil
		}
		object, kind := uint32(r.Int("ObjidTable")), r.Int("Type")
		t := byObject[object]
		switch {
		case kind == 1:
			if len(list) >= maxTables {
				full = true
				return nil
			}
			t = &Table{Name: r.Text("Name"), object: object, root: uint32(r.Int("ColtypOrPgnoFDP")), parent: r.Text("TemplateTable")}
			if byObject[object] != nil {
				d.Problem(r.Offset, fmt.Sprintf("the catalog names the table %.60q with the number of another", t.Name))
				return nil
			}
			byObject[object] = t
			list = append(list, t)
		case t == nil:
			d.Problem(r.Offset, fmt.Sprintf("the catalog tells of table %d, which it does not name", object))
		case kind == 2:
			if columns++; columns > maxColumns {
				full = true
				return nil
			}
			t.Columns = append(t.Columns, Column{
				Name: r.Text("Name"), ID: uint32(r.Int("Id")), Type: uint32(r.Int("ColtypOrPgnoFDP")), CodePage: uint32(r.Int("PagesOrLocale")),
				size: int(uint16(r.Int("SpaceUsage"))), offset: int(uint16(r.Int("RecordOffset"))),
			})
		case kind == 4:
			t.long, t.longID = uint32(r.Int("ColtypOrPgnoFDP")), uint32(r.Int("Id"))
		}
		return nil
	})
	if full {
		d.Problem((int64(from.root)+1)*int64(d.PageSize), fmt.Sprintf("the catalog has more than %d tables or %d columns; the others are not read", maxTables, maxColumns))
	}
	for _, t := range list {
		if t.parent == "" {
			continue
		}
		i := slices.IndexFunc(list, func(o *Table) bool { return o.Name == t.parent && o.parent == "" })
		if i < 0 {
			d.Problem((int64(from.root)+1)*int64(d.PageSize), fmt.Sprintf("the table %.60q is made from %.60q, which is not there", t.Name, t.parent))
			continue
		}
		if columns += len(list[i].Columns); columns > maxColumns {
			break
		}
		for _, c := range list[i].Columns {
			c.derived = c.ID > 255
			t.Columns = append(t.Columns, c)
		}
	}
	for _, t := range list {
		t.place()
	}
	return list, err
}

// Rows gives the rows of a table in the order of its key, once: pages that were
// read are not read again. A row is valid until f returns.
func (d *DB) Rows(t *Table, f func(*Row) error) error {
	return d.walk(t.root, t.object, func(p *page, n *node) error {
		if p.flags&(pageSpace|pageIndex|pageLong) != 0 {
			d.Problem(p.at+36, fmt.Sprintf("page %d of the table %.60q holds no rows", p.number, t.Name))
			return nil
		}
		r := Row{Offset: n.at, Deleted: n.flags&nodeDeleted != 0, db: d, table: t, b: n.data}
		if !r.parse(p.flags&pageNew != 0) {
			if !r.Deleted { // of those the bytes may be overwritten
				d.Problem(n.at, fmt.Sprintf("a row of the table %.60q is damaged", t.Name))
			}
			return nil
		}
		return f(&r)
	})
}
