package artifact_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"saksi/event"
	"saksi/forensics/artifact"
)

// TestPlistSecrets proves that a value whose name says that it is a secret is in
// no record, and that a value that is cut is told.
func TestPlistSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my.agent.plist")
	text := `<?xml version="1.0"?><plist version="1.0"><dict><key>EnvironmentVariables</key><dict>` +
		`<key>AWS_SECRET_ACCESS_KEY</key><string>RAHSIA1</string><key>HOME</key><string>/Users/ali</string></dict>` +
		`<key>Password</key><data>UkFIU0lB</data><key>Tokens</key><array><string>RAHSIA2</string></array>` +
		`<key>Note</key><string>` + strings.Repeat("n", 20_000) + `</string></dict></plist>`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	sum, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, e *event.Event) error {
		n++
		all := string(e.AppendJSON(nil))
		if strings.Contains(all, "RAHSIA") || strings.Contains(all, "UkFIU0lB") || !strings.Contains(all, "/Users/ali") {
			t.Errorf("the event is %.2000s", all)
		}
		for _, name := range []string{"EnvironmentVariables.AWS_SECRET_ACCESS_KEY", "Password", "Tokens.0"} {
			if got := r.Get(name); got != "****" {
				t.Errorf("%s is %q", name, got)
			}
		}
		return nil
	})
	if err != nil || n != 1 || sum.Broken != 1 || !strings.Contains(sum.Problems[0].Text, "1 values are longer") {
		t.Errorf("%d records, %v %v", n, sum.Problems, err)
	}
}

// TestHistorySecrets proves that what a command or a unit sets as a secret is
// masked, by whatever name it is usually set.
func TestHistorySecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".bash_history")
	text := "export AWS_SECRET_ACCESS_KEY=RAHSIA1\nDB_PASS=RAHSIA2 ./run\nS3_PRIVATE_KEY='RAHSIA 3' x\nMYSQL_PASSWD=RAHSIA4 x\nBYPASS=open x\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var all string
	_, err := artifact.Read(context.Background(), path, options(t), func(r *artifact.Record, e *event.Event) error {
		all += string(e.AppendJSON(nil))
		return nil
	})
	if err != nil || strings.Contains(all, "RAHSIA") || !strings.Contains(all, "BYPASS=open") || strings.Count(all, "****") < 4 {
		t.Errorf("%v: %s", err, all)
	}
}

// TestTaskFull proves that values of a task that are left out are told, once.
func TestTaskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "task")
	text := `<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><RegistrationInfo>` +
		strings.Repeat("<Author>ali</Author>", 3000) + `</RegistrationInfo></Task>`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	sum, err := artifact.Read(context.Background(), path, options(t), func(*artifact.Record, *event.Event) error { n++; return nil })
	if err != nil || n == 0 || sum.Broken != 1 || !strings.Contains(sum.Problems[0].Text, "the rest is left out") {
		t.Errorf("%d records, %d problems: %v %v", n, sum.Broken, sum.Problems, err)
	}
}

// TestProfileSecrets proves that what networks, sessions and caches keep as a secret is in
// no record.
func TestProfileSecrets(t *testing.T) {
	for _, name := range []string{"sample.nmconnection", "sample.wlan.xml", "sample.sessionstore.jsonlz4", "sample.recently-used.xbel", "sample.cache2"} {
		n := 0
		_, err := artifact.Read(context.Background(), filepath.Join(samples, name), options(t), func(r *artifact.Record, e *event.Event) error {
			n++
			all := string(e.AppendJSON(nil))
			for _, secret := range []string{"kata-laluan", "laluan", "rahsia", "geheim"} {
				if strings.Contains(all, secret) {
					t.Errorf("%s: %q is in %s", name, secret, all)
				}
			}
			return nil
		})
		if err != nil || n == 0 {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
	}
}
