package quarantine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"saksi/event"
	"saksi/findings"
	"saksi/forensics/quarantine"
	"saksi/forensics/scan"
	"saksi/internal/archive"
	"saksi/internal/libyara"
	"saksi/internal/search"
	"saksi/internal/tskworker"
	"saksi/internal/worker"
)

// TestMain makes this test binary the worker too.
func TestMain(m *testing.M) {
	if !worker.Serving(os.Args[1:]) {
		os.Exit(m.Run())
	}
	h := tskworker.Handlers()
	maps.Copy(h, libyara.Handlers())
	if err := worker.Serve(os.Args[1:], "test", h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const (
	demo  = "../../testdata/image/demo.E01"
	flags = "../../testdata/image/flags.qcow2"
)

func ownWorker(t *testing.T) worker.Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return worker.Config{Path: self, Version: "test", Limits: worker.Limits{Unit: 10 * time.Second}}
}

// scanned gives the box of a scan.
func scanned(t *testing.T, images ...string) *quarantine.Box {
	t.Helper()
	box := &quarantine.Box{}
	_, err := scan.Run(context.Background(), scan.Config{
		Images: images, Rules: []string{"../../testdata/rules/demo.yar"}, Flags: true, Volume: -1, Worker: ownWorker(t), Enter: archive.DefaultLimits, Search: search.Config{Keywords: []string{"rahsia"}},
		Sink: box.Sink(findings.SinkFunc(func(*event.Event) error { return nil })),
	})
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// TestStore proves that each file of a finding, live, deleted, a stream or a member of
// an archive, is stored once, opens to the bytes with its digest, and is listed.
func TestStore(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var warned []string
	cfg := quarantine.Config{
		To: filepath.Join(t.TempDir(), "q"), Recipients: []age.Recipient{id.Recipient()}, For: []string{"lab"}, Most: 1 << 30, Images: []string{demo, flags}, Worker: ownWorker(t),
		Scratch: func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "") }, Warn: func(s string) { warned = append(warned, s) },
	}
	box := scanned(t, demo, flags)
	sum, err := box.Store(context.Background(), cfg)
	if err != nil || sum.Problems > 0 || len(warned) > 0 || sum.Stored < 12 {
		t.Fatalf("%+v %q %v", sum, warned, err)
	}
	lines := manifest(t, sum.Manifest)
	if len(lines) != sum.Stored {
		t.Errorf("%d lines for %d files", len(lines), sum.Stored)
	}
	kinds := map[string]bool{}
	for _, l := range lines {
		plain, packed := opened(t, filepath.Join(cfg.To, l.SHA256+".age"), id)
		if digest(plain) != l.SHA256 || digest(packed) != l.Encrypted || int64(len(plain)) != l.Size {
			t.Errorf("%s: it opens to %s of %d bytes, it is %s", l.Path, digest(plain), len(plain), digest(packed))
		}
		if len(l.Rules) == 0 || l.Source == "" || l.Inode == "" || l.For[0] != "lab" {
			t.Errorf("%+v", l)
		}
		kinds["stream"] = kinds["stream"] || l.Stream == "alat.exe"
		kinds["member"] = kinds["member"] || l.Member == "rahsia.txt"
	}
	if !kinds["stream"] || !kinds["member"] {
		t.Errorf("stored are %v", kinds)
	}
	again, err := scanned(t, demo, flags).Store(context.Background(), cfg)
	if err != nil || again.Stored != 0 || again.There != sum.Stored {
		t.Errorf("again: %+v %v", again, err)
	}
	// What a run that was killed leaves: a part, and a list whose last line is torn.
	last := lines[len(lines)-1]
	b, err := os.ReadFile(sum.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(sum.Manifest, b[:len(b)-20], 0o600), os.WriteFile(filepath.Join(cfg.To, last.SHA256+".age.part"), []byte("torn"), 0o600)); err != nil {
		t.Fatal(err)
	}
	again, err = scanned(t, demo, flags).Store(context.Background(), cfg)
	if err != nil || again.Stored != 1 || again.There != sum.Stored-1 {
		t.Errorf("after a kill: %+v %v", again, err)
	}
	if plain, _ := opened(t, filepath.Join(cfg.To, last.SHA256+".age"), id); digest(plain) != last.SHA256 {
		t.Errorf("after a kill %s opens to %s", last.SHA256, digest(plain))
	}
	if parts, _ := filepath.Glob(filepath.Join(cfg.To, "*.part")); len(parts) > 0 {
		t.Errorf("%q are left", parts)
	}
}

// TestRefused proves that what is too large, an image that changed or is gone, and an
// act that can't be recorded store nothing, and that it is told.
func TestRefused(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../testdata/image/ext4.raw")
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "ext4.raw")
	if err := os.WriteFile(image, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var at int64
	box := &quarantine.Box{}
	_, err = scan.Run(context.Background(), scan.Config{
		Images: []string{image}, Search: search.Config{Regexps: []string{"(?s)^.{100}"}}, Volume: -1, Worker: ownWorker(t),
		Sink: box.Sink(findings.SinkFunc(func(e *event.Event) error {
			if n, ok := e.GetInt(event.SaksiEvidenceOffset); ok && at == 0 {
				at = n
			}
			return nil
		})),
	})
	if err != nil || at == 0 {
		t.Fatal(at, err)
	}
	for _, c := range []struct {
		name   string
		change func(*quarantine.Config)
		told   string
		fails  bool
	}{
		{"large", func(c *quarantine.Config) { c.Most = 10 }, "more than 10 bytes", false},
		{"gone", func(c *quarantine.Config) { c.Images = []string{filepath.Join(t.TempDir(), "gone")} }, "no such file", false},
		{"record", func(c *quarantine.Config) { c.Begin = func(int) error { return errors.New("no entry") } }, "", true},
		{"changed", func(c *quarantine.Config) {
			b[at+50] ^= 1
			if err := os.WriteFile(image, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "", false},
	} {
		var warned []string
		cfg := quarantine.Config{
			To: filepath.Join(t.TempDir(), "q"), Recipients: []age.Recipient{id.Recipient()}, Most: 1 << 30, Images: []string{image}, Worker: ownWorker(t), Warn: func(s string) { warned = append(warned, s) },
		}
		c.change(&cfg)
		sum, err := box.Store(context.Background(), cfg)
		if (err != nil) != c.fails || !c.fails && sum.Problems == 0 || !strings.Contains(strings.Join(warned, "\n"), c.told) {
			t.Errorf("%s: %+v %q %v", c.name, sum, warned, err)
		}
		files, _ := filepath.Glob(filepath.Join(cfg.To, "*.age*"))
		if len(files) != sum.Stored || c.fails && len(files) > 0 {
			t.Errorf("%s: %d files for %d stored", c.name, len(files), sum.Stored)
		}
	}
}

func manifest(t *testing.T, path string) (lines []quarantine.Line) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	for {
		var l quarantine.Line
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
}

func opened(t *testing.T, path string, id age.Identity) (plain, packed []byte) {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(strings.NewReader(string(packed)), id)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return plain, packed
}

func digest(b []byte) string {
	d := sha256.Sum256(b)
	return hex.EncodeToString(d[:])
}
