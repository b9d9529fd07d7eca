package artifact_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestSecrets proves that what is secret in samples is in no record: values of
// cookies, passwords, digests of passwords and keys.
func TestSecrets(t *testing.T) {
	for name, secret := range map[string]string{
		"chrome-cookies.sqlite": "RAHSIA123456", "firefox-cookies.sqlite": "RAHSIA123456", "chrome-logins.sqlite": "RAHSIA1234",
		"sample.shadow": "RAHSIA1234", "sample.passwd": "RAHSIA1234", "sample.private_key": "UkFIU0lB", "sample.bash_history": "RAHSIA1234", "sample.crontab": "RAHSIA1234",
		"sample.service": "RAHSIA1234", "sample.w3c.log": "RAHSIA1234", "sample.launchd.plist": "RAHSIA1234",
	} {
		n := 0
		_, err := artifact.Read(context.Background(), filepath.Join(samples, name), options(t), func(r *artifact.Record, e *event.Event) error {
			n++
			for _, f := range r.Fields {
				if strings.Contains(f.Value, secret) || strings.Contains(f.Value, "524148534941") {
					t.Errorf("%s: %s holds the secret", name, f.Name)
				}
			}
			if strings.Contains(string(e.AppendJSON(nil)), secret) {
				t.Errorf("%s: the event holds the secret", name)
			}
			return nil
		})
		if err != nil || n == 0 {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
	}
}

// TestBeside proves that the write-ahead log beside a database is applied, that
// a rollback journal is told, and that neither is written to.
func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cookies.sqlite")
	c, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	c.SetMaxOpenConns(1)
	for _, s := range []string{
		"PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "CREATE TABLE moz_cookies(id INTEGER PRIMARY KEY, name TEXT, value TEXT, host TEXT, creationTime INTEGER)",
		"PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO moz_cookies VALUES(1,'sesi','x','contoh.test',1795854956000000)",
	} {
		if _, err := c.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(t.TempDir(), "cookies.sqlite")
	for _, ending := range []string{"", "-wal"} { // as they lie while it is open
		b, err := os.ReadFile(path + ending)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+ending, b, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied+"-journal", []byte("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7 and more"), 0o400); err != nil {
		t.Fatal(err)
	}
	var got []string
	sum, err := artifact.Read(context.Background(), copied, options(t), func(r *artifact.Record, _ *event.Event) error {
		got = append(got, r.Get("name")+" "+r.Get("recovered"))
		if r.Placed() {
			t.Error("a row of the log says that it lies in the database")
		}
		return nil
	})
	if err != nil || len(got) != 1 || got[0] != "sesi wal" {
		t.Errorf("%q, %v", got, err)
	}
	if sum.Broken != 1 || !strings.Contains(sum.Problems[0].Text, "rollback journal") {
		t.Errorf("%+v", sum.Problems)
	}
	if left, err := os.ReadDir(filepath.Dir(copied)); err != nil || len(left) != 3 {
		t.Errorf("%d files, %v", len(left), err)
	}
}
