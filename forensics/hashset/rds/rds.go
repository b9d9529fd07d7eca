// Package rds reads the reference data set of NIST's National Software Reference
// Library (NSRL RDS v3), a database of SQLite, for hashset.Build. It is no evidence but
// reference data with digests that NIST publishes, so it is read in this process, read-only,
// without what a database may bring to run.
package rds

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

// Read is a hashset.RDS.
func Read(ctx context.Context, path, column string, f func(text []byte) error) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&immutable=1&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, `SELECT "`+column+`" FROM FILE`)
	if err != nil {
		return fmt.Errorf("an NSRL RDS v3 database has a table FILE with a column %s: %w", column, err)
	}
	defer func() { _ = rows.Close() }()
	for n := int64(1); rows.Next(); n++ {
		var text sql.RawBytes
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("row %d of FILE: %w", n, err)
		}
		if err := f(text); err != nil {
			return err
		}
	}
	return rows.Err()
}
