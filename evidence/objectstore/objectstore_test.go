package objectstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"saksi/evidence"
)

// TestOpenRefuses proves that nothing is spoken to in the clear or without a key,
// and that no error holds a secret.
func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"http://192.0.2.1/b":            "in the clear",
		"http://s3.example/b":           "in the clear",
		"https://a:rahsia@192.0.2.1/b":  "without a login",
		"https://192.0.2.1":             "names no bucket",
		"ftp://192.0.2.1/b":             "https://HOST",
		"https://192.0.2.1/b?x=rahsia1": "https://HOST",
	} {
		_, err := Open(t.Context(), Config{URL: url, KeyID: "k", Secret: "rahsia"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "rahsia") {
			t.Errorf("%s: %v; expected %q", url, err, want)
		}
	}
	if _, err := Open(t.Context(), Config{URL: "https://192.0.2.1/b"}); err == nil || !strings.Contains(err.Error(), "access key") {
		t.Error(err)
	}
}

const keyID, secret = "uji", "rahsia-ujian-sahaja"

// gateway starts versitygw over two folders, and gives its address and the
// folder of the objects.
func gateway(t *testing.T) (address, root string) {
	t.Helper()
	if os.Getenv("SAKSI_INTEROP") == "" {
		t.Skip("compares with versitygw: run by make interop")
	}
	path, err := exec.LookPath("versitygw")
	if err != nil {
		t.Skip("needs versitygw: run scripts/need s3")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	root = t.TempDir()
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--port", address, "posix", "--versioning-dir", t.TempDir(), root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+keyID, "ROOT_SECRET_KEY="+secret)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("versitygw: %s", out.String())
		}
	})
	for range 100 {
		if r, err := http.Get("http://" + address); err == nil {
			_ = r.Body.Close()
			return address, root
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("versitygw does not answer: %s", out.String())
	return "", ""
}

// TestInteropVersity proves on a real server: what is put comes back with its
// digest, in one part and in many; what a retention or a hold keeps can't be
// removed; what was changed in the store is not taken.
func TestInteropVersity(t *testing.T) {
	address, root := gateway(t)
	ctx := t.Context()
	cfg := Config{URL: "http://" + address + "/bukti/agensi", KeyID: keyID, Secret: secret}
	if _, err := Open(ctx, cfg); err == nil || !strings.Contains(err.Error(), "no bucket") {
		t.Errorf("without a bucket: %v", err)
	}
	bare := cfg
	bare.Secret = "wrong"
	admin, err := minio.New(address, &minio.Options{Creds: credentialsOf(cfg), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	for name, locked := range map[string]bool{"bukti": true, "biasa": false} {
		if err := admin.MakeBucket(ctx, name, minio.MakeBucketOptions{ObjectLocking: locked}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(ctx, bare); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong secret: %v", err)
	}
	s, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, n int) string {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o400); err != nil {
			t.Fatal(err)
		}
		return path
	}
	small, large := file("kes 17 (salinan).pcapng", 1000), file("besar.tar", 20<<20)
	until := time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Second)
	a, err := s.Put(ctx, small, Lock{Mode: "COMPLIANCE", Until: until}, nil)
	if err != nil || a.Mode != "COMPLIANCE" || !a.Until.Equal(until) || a.Hold {
		t.Fatalf("%+v, %v", a, err)
	}
	b, err := s.Put(ctx, large, Lock{Hold: true}, nil)
	if err != nil || !b.Hold || b.Size != 20<<20 {
		t.Fatalf("%+v, %v", b, err)
	}
	if again, err := s.Put(ctx, small, Lock{}, nil); err != nil || again.Version != a.Version {
		t.Errorf("put again: %+v, %v; before %+v", again, err, a)
	}
	for _, o := range []*Object{a, b} {
		if err := s.client.RemoveObject(ctx, s.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.Version}); err == nil {
			t.Errorf("the store removed %s, which is locked", o.Key)
		}
	}
	for path, o := range map[string]*Object{small: a, large: b} {
		to := filepath.Join(dir, "back")
		if _, err := s.Get(ctx, o.Digest, to, nil); err != nil {
			t.Fatal(err)
		}
		sum, _, err := evidence.SHA256File(ctx, to, nil)
		if err != nil || sum != o.Digest {
			t.Errorf("%s came back as %s, %v", path, sum, err)
		}
		if _, err := s.Get(ctx, o.Digest, to, nil); !errors.Is(err, os.ErrExist) {
			t.Errorf("it was written over: %v", err)
		}
		_ = os.Remove(to)
	}
	var names []string
	if others, err := s.List(ctx, "", func(o *Object) error { names = append(names, o.Name); return nil }); err != nil || others != 0 || len(names) != 2 {
		t.Errorf("listed %q, %d others, %v", names, others, err)
	}
	if _, err := s.Get(ctx, strings.Repeat("0", 64), filepath.Join(dir, "x"), nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("what is not there: %v", err)
	}
	// Whoever has the store's disk changes a byte.
	stored := filepath.Join(root, "bukti", filepath.FromSlash(a.Key))
	content, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	content[500] ^= 1
	if err := os.Chmod(stored, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stored, content, 0o600); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "changed")
	if _, err := s.Get(ctx, a.Digest, to, nil); !errors.Is(err, evidence.ErrDigest) {
		t.Errorf("what was changed: %v", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was changed is left behind: %v", err)
	}
	// A bucket without object lock does not lock, and that is said.
	cfg.URL = "http://" + address + "/biasa"
	if s, err = Open(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(ctx, small, Lock{Hold: true}, nil); err == nil || !strings.Contains(err.Error(), "not locked") && !strings.Contains(err.Error(), "object lock") {
		t.Errorf("a bucket without object lock: %v", err)
	}
	if o, err := s.Put(ctx, small, Lock{}, nil); err != nil || o.Key != o.Digest+"/"+filepath.Base(small) {
		t.Errorf("%+v, %v", o, err)
	}
}
