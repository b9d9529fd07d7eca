package libyara

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"saksi/internal/worker"
	"saksi/rules/yara"
)

// BenchmarkFolder scans the sources of Go in two workers by the rules of the
// corpus, and tells the ratio to `yara -r -p 2` with the same rules, compiling
// included in both.
func BenchmarkFolder(b *testing.B) {
	sources := corpusRules(b)
	tool, err := exec.LookPath("yara")
	if err != nil {
		b.Skip("yara is not installed: nothing to compare with")
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		b.Fatal(err)
	}
	folder := filepath.Join(strings.TrimSpace(string(root)), "src")
	var files []string
	var size int64
	err = filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			size += info.Size()
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	list := filepath.Join(b.TempDir(), "all.yar")
	var all bytes.Buffer
	for _, s := range sources {
		all.Write(s.Text)
		all.WriteByte('\n')
	}
	if err := os.WriteFile(list, all.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	begun := time.Now()
	cmd := exec.Command(tool, "-r", "-p", "2", "-w", list, folder)
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s: %v", tool, err)
	}
	theirs := time.Since(begun)
	b.SetBytes(size)
	for b.Loop() {
		begun := time.Now()
		next := make(chan string)
		var wg sync.WaitGroup
		var mu sync.Mutex
		matched := 0
		p, err := yara.NewPool(b.Context(), worker.Config{Path: self, Version: testVersion}, sources, nil, 2)
		if err != nil {
			b.Fatal(err)
		}
		for range 2 {
			wg.Go(func() {
				for path := range next {
					data, err := os.ReadFile(path)
					if err != nil {
						b.Error(err)
						continue
					}
					m, err := p.Scan(b.Context(), &yara.Content{Path: path, Data: data})
					if err != nil {
						b.Error(err)
					}
					mu.Lock()
					matched += len(m)
					mu.Unlock()
				}
			})
		}
		for _, path := range files {
			next <- path
		}
		close(next)
		wg.Wait()
		if err := p.Close(); err != nil {
			b.Error(err)
		}
		if want := strings.Count(string(out), "\n"); matched != want {
			b.Errorf("%d matches, yara has %d", matched, want)
		}
		b.ReportMetric(theirs.Seconds()/time.Since(begun).Seconds(), "x_yara")
		b.ReportMetric(float64(len(files)), "files")
	}
}
