package elastic

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"saksi/findings"
	"saksi/findings/indextest"
)

// balancer passes connections on to the first node that takes them, as what
// stands before a cluster does.
type balancer struct {
	net.Listener
	nodes []string
	last  atomic.Pointer[string] // the node of the newest connection
}

func balance(t *testing.T, nodes []string) *balancer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{Listener: l, nodes: nodes}
	go b.run()
	return b
}

func (b *balancer) run() {
	for {
		c, err := b.Accept()
		if err != nil {
			return
		}
		go b.pass(c)
	}
}

func (b *balancer) pass(c net.Conn) {
	defer c.Close()
	for _, n := range b.nodes {
		to, err := net.DialTimeout("tcp", n, time.Second)
		if err != nil {
			continue
		}
		defer to.Close()
		b.last.Store(&n)
		go func() { _, _ = io.Copy(to, c); _ = to.(*net.TCPConn).CloseWrite() }()
		_, _ = io.Copy(c, to)
		return
	}
}

func freePorts(t *testing.T, n int) (list []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		list = append(list, l.Addr().(*net.TCPAddr).Port)
	}
	return list
}

// inSync waits until every shard has its copy on a second node.
func inSync(t *testing.T, url string) {
	t.Helper()
	r, err := http.Get(url + "/_cluster/health?wait_for_status=green&wait_for_nodes=3&wait_for_no_initializing_shards=true&timeout=120s")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("the three nodes have not copied the shards in two minutes: %s, %s, %v", r.Status, b, err)
	}
}

// TestElasticCluster proves that of what is put into three nodes nothing is lost
// and nothing stands twice when the node that takes it is killed under load.
func TestElasticCluster(t *testing.T) {
	node(t) // only where nodes are wanted
	docs := indextest.Docs(20_000)
	if os.Getenv("SAKSI_SOAK") != "" {
		docs = indextest.Docs(100_000)
	}
	ports := freePorts(t, 3)
	var seeds, dirs, urls []string
	for _, p := range ports {
		seeds = append(seeds, fmt.Sprintf("127.0.0.1:%d", p))
		dirs = append(dirs, t.TempDir())
	}
	urls = make([]string, 3)
	var wg sync.WaitGroup
	for i := range 3 {
		t.Cleanup(func() {
			if _, err := os.Stat(filepath.Join(dirs[i], "pid")); err == nil {
				esnode(t, nil, "stop", dirs[i])
			}
		})
		wg.Go(func() {
			urls[i] = esnode(t, []string{"ESNODE_HEAP=256m"}, "start", "--port", "0", "--data", dirs[i],
				"--set", fmt.Sprintf("node.name=n%d", i+1), "--set", "cluster.name=three", "--set", fmt.Sprintf("transport.port=%d", ports[i]),
				"--set", "discovery.seed_hosts="+strings.Join(seeds, ","), "--set", "cluster.initial_master_nodes=n1,n2,n3")
		})
	}
	wg.Wait()
	if t.Failed() || t.Skipped() {
		return
	}
	var nodes []string
	for _, u := range urls {
		nodes = append(nodes, strings.TrimPrefix(u, "http://"))
	}
	front := balance(t, nodes)
	defer front.Close()
	ix, err := Open(t.Context(), Config{URL: "http://" + front.Addr().String(), Agency: "tiga", Patience: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	kill := func(address string) {
		dir := dirs[slices.Index(nodes, address)]
		b, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Error(err)
			return
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
	}
	var sent, stored, duplicate int
	killed := make(chan struct{})
	for batch := range slices.Chunk(docs, 2000) {
		if sent == len(docs)/2000/3*2000 { // while the next are under way
			inSync(t, urls[0]) // what one node alone has is gone with it, by design
			go func() {
				defer close(killed)
				time.Sleep(50 * time.Millisecond)
				kill(*front.last.Load())
			}()
		}
		r, err := ix.Put(t.Context(), batch)
		if err != nil || len(r.Dead) > 0 {
			t.Fatalf("after %d documents: %+v, %v", sent, r, err)
		}
		sent += len(batch)
		stored += r.Stored
		duplicate += r.Duplicate
	}
	<-killed
	if stored+duplicate != sent {
		t.Errorf("%d sent, %d stored, %d duplicate", sent, stored, duplicate)
	}
	have, err := indextest.All(t.Context(), ix, "")
	if err != nil {
		t.Fatal(err)
	}
	want := make([]string, len(docs))
	for i := range docs {
		want[i] = docs[i].ID
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%d documents are there, expected %d; the same ones: %v", len(have), len(want), slices.Equal(slices.Compact(slices.Clone(have)), want))
	}
	t.Logf("%d documents through %s, killed under load: %d stored, %d there already", sent, nodes[0], stored, duplicate)
	// Again: all of it is there.
	var again findings.Result
	for batch := range slices.Chunk(docs, 2000) {
		r, err := ix.Put(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		again.Stored, again.Duplicate, again.Dead = again.Stored+r.Stored, again.Duplicate+r.Duplicate, append(again.Dead, r.Dead...)
	}
	if again.Stored != 0 || again.Duplicate != len(docs) || len(again.Dead) != 0 {
		t.Errorf("put again: %d stored, %d duplicate, %d dead", again.Stored, again.Duplicate, len(again.Dead))
	}
}
