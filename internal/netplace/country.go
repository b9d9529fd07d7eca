package netplace

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"

	"saksi/internal/infile"
)

// Countries leads from an address to its country.
type Countries struct {
	db    *maxminddb.Reader
	table *Table
}

// maxDatabase bounds a database of countries, in bytes.
const maxDatabase = 1 << 30

// metadataMark begins the metadata of a MaxMind DB, within the last 128 KiB of the
// file (MaxMind DB File Format Specification 2.0, "Binary Search Tree").
const metadataMark = "\xab\xcd\xefMaxMind.com"

// OpenCountries reads a file of networks with their countries: a MaxMind DB, such
// as GeoLite2-Country.mmdb, or a table that Read takes with a column country.
// Errors name the file. The file is read whole, so that what happens to it later
// changes nothing.
func OpenCountries(path string) (*Countries, error) {
	f, err := infile.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading countries: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDatabase+1))
	if err == nil && len(data) > maxDatabase {
		err = fmt.Errorf("it has more than %d bytes", maxDatabase)
	}
	if err != nil {
		return nil, fmt.Errorf("reading countries of %s: %w", path, err)
	}
	if !bytes.Contains(data[max(0, len(data)-128<<10):], []byte(metadataMark)) {
		t, err := Read(path, bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		return &Countries{table: t}, nil
	}
	db, err := maxminddb.OpenBytes(data)
	if err != nil {
		return nil, fmt.Errorf("reading countries of %s: %w", path, err)
	}
	return &Countries{db: db}, nil
}

// Country gives the two letters of ISO 3166 of an address's country, "" if the file
// does not tell them.
func (c *Countries) Country(a netip.Addr) string {
	if c.table != nil {
		p, _ := c.table.Of(a)
		return p.Country
	}
	var code string
	if c.db.Lookup(a.Unmap()).DecodePath(&code, "country", "iso_code") != nil {
		return ""
	}
	return code
}
