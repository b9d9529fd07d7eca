package artifact_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

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
