package collect_test

import (
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"saksi/event"
	"saksi/forensics/artifact"
	"saksi/forensics/collect"
	"saksi/internal/worker"
)

// made runs a tool that makes a volume, which not every system has.
func made(t *testing.T, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path = filepath.Join("/usr/sbin", name); exec.Command("test", "-x", path).Run() != nil {
			t.Skipf("no %s here", name)
		}
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v %s", name, args, err, out)
	}
}

func ownWorker(t *testing.T) worker.Config {
	return worker.Config{Path: self(t), Version: "test", Limits: worker.Limits{Unit: 10 * time.Second}}
}

const artifacts = "../../testdata/artifact"

func copied(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(artifacts, from))
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestHiveInImage proves that within an image a hive that was not written to its
// end is read with the logs beside it, and is then whole.
func TestHiveInImage(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"dirty.hive", "dirty.hive.LOG1", "dirty.hive.LOG2"} {
		copied(t, "hive/"+name, filepath.Join(dir, "root", "config", name))
	}
	image := filepath.Join(dir, "ext2.img")
	made(t, "mke2fs", "-q", "-F", "-t", "ext2", "-d", filepath.Join(dir, "root"), image, "1M")
	logged := 0
	sum, err := collect.Run(context.Background(), collect.Config{Image: image, Volume: -1, Worker: ownWorker(t), Emit: func(r *artifact.Record, e *event.Event) error {
		if r.Get("recovered") == "log" {
			logged++
			if e.Has(event.SaksiEvidenceOffset) {
				t.Errorf("%v has a place in the image; it lies in a log", r.Fields)
			}
		}
		return nil
	}})
	if err != nil || sum.Incomplete() || sum.Artifacts["registry"] != 1 || sum.Artifacts["registry-log"] != 2 || logged == 0 {
		t.Errorf("%d of a log, %+v, %v", logged, sum, err)
	}
}

// TestJournalInImage proves that a change journal within an image takes paths from
// the volume's own table, and that the table is left out, with its size, unless it
// is asked for.
func TestJournalInImage(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "ntfs.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 4<<20); err != nil {
		t.Fatal(err)
	}
	made(t, "mkntfs", "-q", "-F", "-f", "-s", "512", "-p", "0", "-H", "0", "-S", "0", image)
	// A change of a file in $Extend, which is record 11 of every volume.
	b, le := make([]byte, 4096), binary.LittleEndian
	le.PutUint32(b, 80)
	le.PutUint16(b[4:], 2)
	le.PutUint64(b[8:], 40|1<<48)
	le.PutUint64(b[16:], 11|11<<48)
	le.PutUint64(b[32:], 134_000_000_000_000_000)
	le.PutUint32(b[40:], 0x100)
	le.PutUint16(b[56:], 10)
	le.PutUint16(b[58:], 60)
	copy(b[60:], "x\x00.\x00t\x00x\x00t\x00")
	if err := os.WriteFile(filepath.Join(dir, "J"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	made(t, "ntfscp", "-f", image, filepath.Join(dir, "J"), "/J")
	paths := func(cfg collect.Config) (rooted, records int, sum collect.Summary) {
		cfg.Image, cfg.Volume, cfg.Worker = image, -1, ownWorker(t)
		cfg.Emit = func(r *artifact.Record, e *event.Event) error {
			if set, _ := e.GetStr(event.EventDataset); set == "saksi.usnjrnl" {
				records++
				if p := r.Get("path"); p == `\$Extend\x.txt` {
					rooted++
				}
			}
			return nil
		}
		sum, err := collect.Run(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return rooted, records, sum
	}
	rooted, records, sum := paths(collect.Config{})
	if err := os.MkdirAll(filepath.Join(dir, "root"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root", "J"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	ntfs := image
	image = filepath.Join(dir, "ext2.img")
	made(t, "mke2fs", "-q", "-F", "-t", "ext2", "-d", filepath.Join(dir, "root"), image, "1M")
	alone, _, _ := paths(collect.Config{})
	image = ntfs
	if records != 1 || rooted != 1 || alone != 0 || sum.Records["mft"] != 0 || sum.LeftOut["mft"] == 0 || !strings.Contains(sum.Words(), "--all reads them") {
		t.Errorf("%d of %d records have a whole path, %d without the table; %s", rooted, records, alone, sum.Words())
	}
	if _, _, sum := paths(collect.Config{Bulk: true}); sum.Records["mft"] == 0 || sum.LeftOut["mft"] != 0 {
		t.Errorf("with the table: %s", sum.Words())
	}
	if _, _, sum := paths(collect.Config{Kinds: []string{"mft"}}); sum.Records["mft"] == 0 {
		t.Errorf("the table alone: %s", sum.Words())
	}
}
