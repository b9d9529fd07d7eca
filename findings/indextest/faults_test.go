package indextest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"saksi/findings"
	"saksi/findings/elastic"
	"saksi/findings/local"
	"saksi/findings/spool"
	"saksi/internal/soak"
)

// kinds are the faults of one round; those that stand twice are more frequent.
var kinds = []string{
	"kill pusher", "kill node", "disk full", "429", "503", "500", "some 429", "cut before", "cut half", "cut after", "cut answer",
	"kill pusher", "kill pusher", "kill pusher", "kill pusher", "kill node", "disk full", "429", "some 429", "cut after",
}

const (
	// envFaultSeeds is how many seeds a full run tries, each with all faults.
	envFaultSeeds = "SAKSI_FAULT_SEEDS"
	// What a full run does, and an ordinary one: each kind of fault once.
	fullFaults, fullDocuments = 200, 1_000_000
	someFaults, someDocuments = 11, 10_000
	// stuck is how long a pusher may get on with nothing.
	stuck = 5 * time.Minute
)

// TestIntegrationSoakFaults proves delivery: whatever is killed, refuses, breaks
// off or is full, in any order, afterwards each index holds exactly what the spool
// has and neither refused, once and with the same body, and of every document
// it is known what became of it.
func TestIntegrationSoakFaults(t *testing.T) {
	full := os.Getenv("SAKSI_SOAK") == "1"
	if !full && os.Getenv("SAKSI_TEST_ES") == "" {
		t.Skip("starts and kills an Elasticsearch node: run by make integration, and in full by make soak")
	}
	faults, documents, seeds := someFaults, someDocuments, 1
	if full {
		faults, documents = fullFaults, fullDocuments
		if v := os.Getenv(envFaultSeeds); v != "" {
			var err error
			if seeds, err = strconv.Atoi(v); err != nil || seeds < 1 {
				t.Fatalf("%s: %q is no number of seeds", envFaultSeeds, v)
			}
		}
	}
	soak.Run(t, soak.Config{Full: seeds, Limit: 2 * time.Hour}, func(r *rand.Rand) error {
		f := &faultRun{t: t, r: r, total: documents, done: map[string]int{}, proxy: &proxy{met: map[string]int{}}}
		return f.run(faults)
	})
}

// faultRun is one run: a pusher, a node behind a proxy, and what is known of both.
type faultRun struct {
	t     *testing.T
	r     *rand.Rand
	total int
	dir   string // of the spool
	tmpfs bool   // dir is a file system of its own
	node  string // folder of the node
	proxy *proxy
	url   string
	done  map[string]int

	cmd    *exec.Cmd
	ended  chan error
	said   *tail
	acked  atomic.Int64
	failed atomic.Pointer[string] // a line of the pusher that does not add up

	n     int          // documents read again in the spool
	place spool.Cursor // behind them
	lines atomic.Int64 // of the pusher: it gets on
}

func (f *faultRun) run(faults int) error {
	if err := f.begin(); err != nil {
		return err
	}
	begun := time.Now()
	if err := f.push(); err != nil {
		return err
	}
	defer func() { _ = f.cmd.Process.Kill() }()
	for i := range faults {
		at := int64(i)*int64(f.total)/int64(faults) + f.r.Int64N(int64(f.total)/int64(faults))
		if err := f.await(at); err != nil {
			return err
		}
		kind := kinds[i%len(kinds)]
		f.done[kind]++
		if err := f.fault(kind); err != nil {
			return fmt.Errorf("fault %d, %s, after %d documents: %w", i+1, kind, f.acked.Load(), err)
		}
	}
	if err := f.finish(); err != nil {
		return err
	}
	for kind, n := range f.done {
		if _, ok := f.proxy.met[kind]; ok {
			continue
		}
		if faults == fullFaults && n > 0 && !strings.HasPrefix(kind, "kill") && kind != "disk full" || len(f.proxy.met) == 0 {
			return fmt.Errorf("no request met %q: the run proves nothing of it", kind)
		}
	}
	f.t.Logf("%d documents, %d faults %v (requests that met one: %v) in %.0f s; disk full of %s", f.n, faults, f.done, f.proxy.met,
		time.Since(begun).Seconds(), map[bool]string{true: "a file system of its own", false: "a limit of the process"}[f.tmpfs])
	return nil
}

// begin starts the node and the proxy, and makes a small disk where it may.
func (f *faultRun) begin() error {
	f.dir, f.node = f.t.TempDir(), f.t.TempDir()
	size := 64<<20 + int64(f.total)*4<<10
	if unix.Mount("tmpfs", f.dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)) == nil {
		f.tmpfs = true
		f.t.Cleanup(func() {
			if err := unix.Unmount(f.dir, 0); err != nil {
				f.t.Error(err)
			}
		})
	}
	if err := f.startNode(); err != nil {
		return err
	}
	f.t.Cleanup(func() { _ = exec.Command("../../scripts/esnode", "stop", f.node).Run() })
	srv := httptest.NewServer(f.proxy)
	f.t.Cleanup(srv.Close)
	f.url = srv.URL
	return nil
}

func (f *faultRun) startNode() error {
	out, err := exec.Command("../../scripts/esnode", "start", "--port", "0", "--data", f.node).Output()
	if err != nil {
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			err = fmt.Errorf("%w: %s", err, ee.Stderr)
		}
		return fmt.Errorf("starting the node: %w", err)
	}
	f.proxy.mu.Lock()
	f.proxy.node = strings.TrimSpace(string(out))
	f.proxy.mu.Unlock()
	return nil
}

// killNode kills it as a power cut does.
func (f *faultRun) killNode() error {
	b, err := os.ReadFile(filepath.Join(f.node, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		return fmt.Errorf("killing the node: %w", err)
	}
	for unix.Kill(pid, 0) == nil && !zombie(pid) {
		time.Sleep(10 * time.Millisecond)
	}
	return os.Remove(filepath.Join(f.node, "pid"))
}

// zombie tells a process that has ended and that nobody waited for.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

// push starts the pusher where the spool ends.
func (f *faultRun) push() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.cmd = exec.Command(self, pusher, f.dir, f.url, fmt.Sprintf("%d:%d", f.place.Segment, f.place.Offset), strconv.Itoa(f.n), strconv.Itoa(f.total))
	f.said = &tail{}
	f.cmd.Stderr = f.said
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := f.cmd.Start(); err != nil {
		return err
	}
	cmd := f.cmd
	f.ended = make(chan error, 1)
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			f.line(sc.Text())
		}
		f.ended <- cmd.Wait()
	}()
	return nil
}

// line takes what the pusher says.
func (f *faultRun) line(s string) {
	f.lines.Add(1)
	var n, sent, stored, duplicate, dead int64
	if _, err := fmt.Sscanf(s, "c %d", &n); err == nil {
		f.acked.Store(n)
		return
	}
	if _, err := fmt.Sscanf(s[min(2, len(s)):], "%d %d %d %d", &sent, &stored, &duplicate, &dead); err != nil || sent != stored+duplicate+dead {
		f.failed.CompareAndSwap(nil, &s)
	}
}

// await waits until so many documents are committed.
func (f *faultRun) await(n int64) error {
	had, since := f.lines.Load(), time.Now()
	for f.acked.Load() < n {
		select {
		case err := <-f.ended:
			return fmt.Errorf("the pusher ended after %d documents: %w: %s", f.acked.Load(), err, f.said)
		case <-time.After(2 * time.Millisecond):
		}
		if now := f.lines.Load(); now != had {
			had, since = now, time.Now()
		}
		if time.Since(since) > stuck {
			return fmt.Errorf("nothing went on for %s after %d documents: %s", stuck, f.acked.Load(), f.said)
		}
	}
	return nil
}

func (f *faultRun) fault(kind string) error {
	switch kind {
	case "kill pusher":
		time.Sleep(time.Duration(f.r.IntN(200)) * time.Millisecond)
		if err := f.cmd.Process.Kill(); err != nil {
			return err
		}
		<-f.ended
		if err := f.recovered(); err != nil {
			return err
		}
		return f.push()
	case "kill node":
		if err := f.killNode(); err != nil {
			return err
		}
		return f.startNode()
	case "disk full":
		return f.fillDisk()
	}
	f.proxy.fail(kind, 1+f.r.IntN(4))
	return nil
}

// fillDisk leaves the pusher no room for a while.
func (f *faultRun) fillDisk() error {
	wait := func() { time.Sleep(time.Duration(100+f.r.IntN(900)) * time.Millisecond) }
	if !f.tmpfs { // a write that goes beyond the limit is cut there, as on a full disk
		var old unix.Rlimit
		if err := unix.Prlimit(f.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &old); err != nil {
			return err
		}
		if err := unix.Prlimit(f.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(f.r.IntN(1 << 20)), Max: old.Max}, nil); err != nil {
			return err
		}
		wait()
		return unix.Prlimit(f.cmd.Process.Pid, unix.RLIMIT_FSIZE, &old, nil)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(f.dir, &st); err != nil {
		return err
	}
	path := filepath.Join(f.dir, "filler")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	// It leaves some bytes, so that writes are torn too; the pusher may be quicker.
	for room := int64(st.Bavail)*st.Bsize - int64(f.r.IntN(1<<20)); room > 0; room -= 1 << 20 {
		if err = unix.Fallocate(int(file.Fd()), 0, 0, room); err == nil {
			break
		}
	}
	wait()
	return errors.Join(err, file.Close(), os.Remove(path))
}

// ignoreFileLimit has a write beyond the limit fail rather than end the process.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }

// recovered reads what a killed pusher left, from where the last reading ended:
// all that was acknowledged, in order, each once; and of what an index was given,
// by its place in the spool, the index lost nothing.
func (f *faultRun) recovered() error {
	for {
		docs, next, err := spool.Read(f.dir, f.place, 8<<20)
		if err != nil {
			return err
		}
		if len(docs) == 0 {
			break
		}
		for _, d := range docs {
			if want := numbered(f.n); d.ID != want.ID || string(d.Body) != string(want.Body) {
				return fmt.Errorf("document %d of the spool is another one: %s", f.n, d.Body)
			}
			f.n++
		}
		f.place = next
	}
	if int64(f.n) < f.acked.Load() {
		return fmt.Errorf("%d documents are in the spool, %d were acknowledged", f.n, f.acked.Load())
	}
	return f.each(func(name string, ix findings.Index) error {
		pending, err := spool.Pending(f.dir, name)
		if err != nil {
			return err
		}
		passed := f.n - int(pending)
		p, err := ix.Search(context.Background(), findings.Request{Size: 1})
		if err != nil {
			return err
		}
		if least := int64(passed - passed/refusedEvery); p.Total < least || p.Total > int64(f.n-f.n/refusedEvery) {
			return fmt.Errorf("%d documents are in the index; %d are in the spool, of which %d were sent", p.Total, f.n, passed)
		}
		return nil
	})
}

// each calls do with both indices, without the proxy.
func (f *faultRun) each(do func(name string, ix findings.Index) error) error {
	ctx := context.Background()
	f.proxy.mu.Lock()
	node := f.proxy.node
	f.proxy.mu.Unlock()
	res, err := http.Post(node+"/saksi-*/_refresh", "application/json", nil)
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	for _, x := range []struct {
		name string
		open func() (findings.Index, error)
	}{
		{"l", func() (findings.Index, error) { return local.Open(ctx, filepath.Join(f.dir, "index")) }},
		{"e", func() (findings.Index, error) {
			return elastic.Open(ctx, elastic.Config{URL: node, Agency: "faults"})
		}},
	} {
		ix, err := x.open()
		if err == nil {
			err = errors.Join(do(x.name, ix), ix.Close())
		}
		if err != nil {
			return fmt.Errorf("index %s: %w", x.name, err)
		}
	}
	return nil
}

// finish lets the pusher end and holds each index against the spool.
func (f *faultRun) finish() error {
	if err := f.await(int64(f.total)); err != nil {
		return err
	}
	select {
	case err := <-f.ended:
		if err != nil {
			return fmt.Errorf("the pusher: %w: %s", err, f.said)
		}
	case <-time.After(stuck):
		return fmt.Errorf("the pusher does not end: %s", f.said)
	}
	if s := f.failed.Load(); s != nil {
		return fmt.Errorf("a delivery does not add up: %s", *s)
	}
	if err := f.recovered(); err != nil {
		return err
	}
	if f.n != f.total {
		return fmt.Errorf("%d documents are in the spool, %d were written", f.n, f.total)
	}
	seed := maphash.MakeSeed()
	want := map[string]uint64{}
	for n := range f.total {
		if d := numbered(n); !refused(n) {
			want[d.ID] = maphash.Bytes(seed, d.Body)
		}
	}
	letters, err := spool.Letters(f.dir)
	if err != nil {
		return err
	}
	dead := map[string]int{}
	for _, l := range letters {
		dead[l.Index]++
	}
	return f.each(func(name string, ix findings.Index) error {
		pending, err := spool.Pending(f.dir, name)
		if err != nil {
			return err
		}
		seen := make(map[string]bool, len(want))
		for r := (findings.Request{Size: 10_000}); ; {
			p, err := ix.Search(context.Background(), r)
			if err != nil {
				return err
			}
			for _, d := range p.Docs {
				if h, ok := want[d.ID]; !ok || h != maphash.Bytes(seed, d.Body) {
					return fmt.Errorf("document %s is not one of the spool: %s", d.ID, d.Body)
				}
				if seen[d.ID] {
					return fmt.Errorf("document %s is there twice", d.ID)
				}
				seen[d.ID] = true
			}
			if r.After = p.Next; p.Next == "" {
				break
			}
		}
		if lost := len(want) - len(seen); lost != 0 || pending != 0 || len(seen)+dead[name]+int(pending) != f.total {
			return fmt.Errorf("%d documents of %d are lost: %d stored + %d dead + %d pending", lost, f.total, len(seen), dead[name], pending)
		}
		return nil
	})
}

// tail keeps the end of what a process says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-4<<10):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
