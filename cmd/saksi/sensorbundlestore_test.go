package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"saksi/evidence"
	"saksi/evidence/bundle"
)

// versity starts versitygw over a folder and gives its address.
func versity(t *testing.T, key, secret string) string {
	t.Helper()
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("asks versitygw: run by make interop")
	}
	path, err := exec.LookPath("versitygw")
	if err != nil {
		t.Skip("needs versitygw: run scripts/need s3")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--port", address, "posix", t.TempDir())
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+key, "ROOT_SECRET_KEY="+secret)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	for range 100 {
		if r, err := http.Get("http://" + address); err == nil {
			_ = r.Body.Close()
			return address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("versitygw does not answer")
	return ""
}

// TestInteropBundleStore proves that a sensor finds the newest bundle by listing an S3
// store, among other files and whatever folder it lies in, takes it once, passes over one that was
// forged under a higher serial, and keeps what is in force when the store is gone.
func TestInteropBundleStore(t *testing.T) {
	address := versity(t, "uji", "rahsia-ujian-sahaja")
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	key := filepath.Join(t.TempDir(), "center.key")
	pub, err := evidence.GenerateKey(key, evidence.KeyECDSA, nil)
	if err != nil {
		t.Fatal(err)
	}
	center, err := evidence.LoadSigner(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := minio.New(address, &minio.Options{Creds: credentials.NewStaticV4("uji", "rahsia-ujian-sahaja", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.MakeBucket(t.Context(), "pusat", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) {
		t.Helper()
		if _, err := admin.PutObject(t.Context(), "pusat", name, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	pack := func(serial int64) []byte {
		t.Helper()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "rules"), 0o700); err != nil {
			t.Fatal(err)
		}
		rule := fmt.Sprintf("alert tcp any any -> any any (msg:\"serial %d\"; content:\"abc\"; sid:1;)\n", serial)
		if err := os.WriteFile(filepath.Join(dir, "rules", "r.rules"), []byte(rule), 0o600); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := bundle.Pack(t.Context(), &b, dir, "sensor", serial, time.Date(2026, 11, 24, 8, 0, int(serial), 0, time.UTC), center, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	a := &app{stderr: &bytes.Buffer{}}
	o := &bundleFlags{source: "http://" + address + "/pusat/sensor/", key: pub, name: "sensor", every: time.Minute}
	if _, err := o.open(a, &ruleFlags{}); err == nil || !strings.Contains(err.Error(), "SAKSI_STORE_KEY_ID") {
		t.Errorf("without a key: %v", err)
	}
	t.Setenv("SAKSI_STORE_KEY_ID", "uji")
	t.Setenv("SAKSI_STORE_SECRET", "rahsia-ujian-sahaja")
	p, err := o.open(a, &ruleFlags{})
	if err != nil {
		t.Fatal(err)
	}
	step := func(name string, changed bool, want, serial string) {
		t.Helper()
		got, err := p.update(t.Context())
		text := ""
		if err != nil {
			text = err.Error()
		}
		if got != changed || want == "" && err != nil || !strings.Contains(text, want) || strings.Contains(text, "rahsia") {
			t.Errorf("%s: changed %t, %q; expected %t, %q", name, got, text, changed, want)
		}
		if left, err := filepath.Glob(filepath.Join(p.dir, fetchedName+"*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
		b, err := os.ReadFile(filepath.Join(p.dir, "sensor", "rules", "r.rules"))
		if serial != "" && (err != nil || !strings.Contains(string(b), "serial "+serial+`"`)) {
			t.Errorf("%s: %q, %v; expected serial %s", name, b, err, serial)
		}
	}
	step("an empty store", false, "", "")
	put("sensor/saksi-bundle-sensor-2.tar.gz", pack(2))
	put("sensor/saksi-bundle-other-9.tar.gz", pack(9))
	put("elsewhere/saksi-bundle-sensor-8.tar.gz", pack(8))
	for i := range 30 { // more than one looks at
		put(fmt.Sprintf("sensor/notes-%02d.txt", i), []byte("x"))
	}
	step("the first", true, "", "2")
	step("the same", false, "", "2")
	put("sensor/"+strings.Repeat("ab", 32)+"/saksi-bundle-sensor-10.tar.gz", pack(10)) // as 'evidence store put' puts it
	put("sensor/saksi-bundle-sensor-4.tar.gz", pack(4))
	step("a higher serial, below a digest", true, "", "10")
	forged := pack(12)
	forged[len(forged)/2] ^= 1
	put("sensor/saksi-bundle-sensor-12.tar.gz", forged)
	put("sensor/saksi-bundle-sensor-11.tar.gz", pack(11))
	step("a forged one does not hide the one before", true, "sensor/saksi-bundle-sensor-12.tar.gz: ", "11")
	step("it is said once", false, "", "11")
	if err := admin.RemoveObject(t.Context(), "pusat", "sensor/saksi-bundle-sensor-11.tar.gz", minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	step("the newest is gone", false, "", "11")
	o.source = "http://" + address + "/tiada/"
	if p, err = o.open(a, &ruleFlags{}); err != nil {
		t.Fatal(err)
	}
	step("no bucket", false, "no bucket", "11")
}
