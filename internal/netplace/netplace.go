// Package netplace reads tables that tell of networks: whose they are (number and
// name of the autonomous system) or where (country, latitude and longitude). The tables
// are a site's own; none is built in.
package netplace

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Place is what a table tells of a network.
type Place struct {
	Number    uint32 // of the autonomous system; 0 for none
	Name      string // of its organization, or of the place
	Country   string
	Latitude  float64 // degrees north
	Longitude float64 // degrees east
	Located   bool    // whether the table tells latitude and longitude
}

// maxRows and maxNames bound what is kept of a table.
const (
	maxRows  = 8 << 20
	maxNames = 64 << 20
)

type row struct {
	first, last netip.Addr
	place       int32
}

// Table leads from an address to its network's place.
type Table struct {
	rows   []row
	places []Place
	index  map[Place]int32
	names  int // bytes
}

// Read reads a table: with a header, CSV that has network (or first and last, or
// start_ip and end_ip) and some of autonomous_system_number,
// autonomous_system_organization, latitude, longitude, country, name, as the
// free tables of MaxMind and IPinfo have them; without one, the lines of iptoasn.com:
// first, last, number, country, name, parted by tabs. Errors name the line. Of
// networks within others the smallest counts.
func Read(name string, r io.Reader) (*Table, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading networks of %s: %w", name, err)
	}
	t := &Table{index: map[Place]int32{}}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	c := csv.NewReader(b)
	c.ReuseRecord, c.LazyQuotes = true, true
	columns := strings.Split("first\tlast\tautonomous_system_number\tcountry\tautonomous_system_organization", "\t")
	if bytes.Count(line, []byte("\t")) >= 4 {
		c.Comma = '\t'
	} else if columns, err = c.Read(); err != nil {
		return nil, fmt.Errorf("reading networks of %s: line 1: %w", name, err)
	}
	at, err := columnsOf(columns)
	if err != nil {
		return nil, fmt.Errorf("reading networks of %s: line 1: %w", name, err)
	}
	c.FieldsPerRecord = len(columns)
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = t.add(at, rec)
		}
		if err != nil {
			n, _ := c.FieldPos(0)
			return nil, fmt.Errorf("reading networks of %s: line %d: %w", name, n, err)
		}
	}
	t.index = nil
	// Larger networks stand before those within them.
	slices.SortStableFunc(t.rows, func(a, b row) int { return cmp.Or(a.first.Compare(b.first), b.last.Compare(a.last)) })
	return t, nil
}

// names of the columns that are read, each with its others.
var columnNames = [][]string{
	{"network", "cidr"},
	{"first", "start_ip", "start"},
	{"last", "end_ip", "end"},
	{"autonomous_system_number", "asn"},
	{"autonomous_system_organization", "as_name", "name", "org"},
	{"country", "country_code", "country_iso_code"},
	{"latitude", "lat"},
	{"longitude", "lng", "lon"},
}

// Places of columnNames.
const (
	colNetwork = iota
	colFirst
	colLast
	colNumber
	colName
	colCountry
	colLatitude
	colLongitude
)

func columnsOf(columns []string) (at [8]int, err error) {
	for i, names := range columnNames {
		at[i] = slices.IndexFunc(columns, func(c string) bool {
			return slices.Contains(names, strings.ToLower(strings.Trim(c, " \ufeff")))
		})
	}
	if at[colNetwork] < 0 && (at[colFirst] < 0 || at[colLast] < 0) {
		return at, errors.New("expected a column network, or first and last")
	}
	if at[colNumber] < 0 && at[colName] < 0 && at[colCountry] < 0 && at[colLatitude] < 0 {
		return at, errors.New("expected a column autonomous_system_number, name, country, or latitude and longitude")
	}
	return at, nil
}

func (t *Table) add(at [8]int, rec []string) error {
	get := func(c int) string {
		if at[c] < 0 {
			return ""
		}
		return strings.TrimSpace(rec[at[c]])
	}
	var r row
	if at[colNetwork] >= 0 {
		p, err := netip.ParsePrefix(get(colNetwork))
		if err != nil {
			return err
		}
		r.first, r.last = p.Masked().Addr(), lastOf(p)
	} else {
		var err error
		if r.first, err = netip.ParseAddr(get(colFirst)); err != nil {
			return err
		}
		if r.last, err = netip.ParseAddr(get(colLast)); err != nil {
			return err
		}
	}
	if r.first.Zone() != "" || r.last.Zone() != "" || r.first.Is4() != r.last.Is4() || r.last.Less(r.first) {
		return fmt.Errorf("%s to %s is no range", r.first, r.last)
	}
	p := Place{Name: get(colName), Country: get(colCountry)}
	if s := strings.TrimPrefix(strings.ToUpper(get(colNumber)), "AS"); s != "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return fmt.Errorf("number of an autonomous system: %w", err)
		}
		p.Number = uint32(n)
	}
	if lat, long := get(colLatitude), get(colLongitude); lat != "" && long != "" {
		var err, err2 error
		p.Latitude, err = strconv.ParseFloat(lat, 64)
		p.Longitude, err2 = strconv.ParseFloat(long, 64)
		if err != nil || err2 != nil || !(p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180) {
			return fmt.Errorf("%q, %q is no place on the earth", lat, long)
		}
		p.Located = true
	}
	i, ok := t.index[p]
	if !ok {
		i = int32(len(t.places))
		p.Name, p.Country = strings.Clone(p.Name), strings.Clone(p.Country) // the record is used again
		if t.names += len(p.Name) + len(p.Country); t.names > maxNames {
			return fmt.Errorf("names of more than %d bytes", maxNames)
		}
		t.places, t.index[p] = append(t.places, p), i
	}
	if r.place = i; len(t.rows) == maxRows {
		return fmt.Errorf("more than %d networks", maxRows)
	}
	t.rows = append(t.rows, r)
	return nil
}

func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// nested bounds how far a search goes back for a network around an address.
const nested = 128

// Of is what the table tells of an address.
func (t *Table) Of(a netip.Addr) (Place, bool) {
	a = a.Unmap()
	i, _ := slices.BinarySearchFunc(t.rows, a, func(r row, a netip.Addr) int {
		if r.first.Compare(a) <= 0 {
			return -1
		}
		return 1
	})
	for j := i - 1; j >= 0 && j >= i-nested; j-- {
		if r := &t.rows[j]; r.last.Compare(a) >= 0 && r.first.Is4() == a.Is4() {
			return t.places[r.place], true
		}
	}
	return Place{}, false
}

// Len is the number of networks.
func (t *Table) Len() int { return len(t.rows) }
