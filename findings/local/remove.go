package local

import (
	"context"
	"encoding/hex"
	"fmt"

	"saksi/findings"
)

// Remove removes documents; see findings.Remover. Their bytes are overwritten in
// the pages they stood in; Compact gives the room back to the disk.
func (ix *Index) Remove(ctx context.Context, r findings.Removal) (findings.Removed, error) {
	var out findings.Removed
	for {
		q, err := r.Gone(ctx)
		if err != nil {
			return out, err
		}
		p, err := ix.Search(ctx, findings.Request{Query: q, Size: maxPage})
		if err != nil || len(p.Docs) == 0 {
			return out, err
		}
		n, err := ix.remove(ctx, p.Docs)
		out.Documents += n
		if err != nil {
			return out, err
		}
		if n == 0 {
			return out, fmt.Errorf("removing from the index %s: %d documents that it finds are not there: %w", ix.dir, len(p.Docs), findings.ErrCorrupt)
		}
	}
}

// remove deletes documents in one transaction.
func (ix *Index) remove(ctx context.Context, docs []findings.Doc) (int64, error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.db == nil {
		return 0, errClosed
	}
	if ix.lock == nil {
		return 0, fmt.Errorf("index %s was opened for reading only", ix.dir)
	}
	conn, err := ix.db.Conn(ctx)
	if err != nil {
		return 0, ix.wrap("removing from the index", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA secure_delete=ON"); err != nil {
		return 0, ix.wrap("removing from the index", err)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return 0, ix.wrap("removing from the index", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var n int64
	for _, d := range docs {
		id, err := hex.DecodeString(d.ID)
		if err != nil {
			return 0, fmt.Errorf("removing from the index %s: id %q: %w", ix.dir, d.ID, findings.ErrCorrupt)
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM fts WHERE rowid IN (SELECT row FROM doc WHERE id=?)", id); err != nil {
			return 0, ix.wrap("removing from the index", err)
		}
		r, err := tx.ExecContext(ctx, "DELETE FROM doc WHERE id=?", id)
		if err != nil {
			return 0, ix.wrap("removing from the index", err)
		}
		k, err := r.RowsAffected()
		if err != nil {
			return 0, err
		}
		n += k
	}
	if err := tx.Commit(); err != nil {
		return 0, ix.wrap("removing from the index", err)
	}
	return n, nil
}

// Compact writes the index anew without the room of what was removed, and
// empties its journal. It needs as much free room as the index has.
func (ix *Index) Compact(ctx context.Context) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if ix.db == nil {
		return errClosed
	}
	for _, s := range []string{"INSERT INTO fts(fts) VALUES('optimize')", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if _, err := ix.db.ExecContext(ctx, s); err != nil {
			return ix.wrap("compacting the index", err)
		}
	}
	return nil
}
