package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"saksi/event"
	"saksi/internal/nettest"
	"saksi/sensor/capture"
)

// canNetns tries whether this user may make a network namespace.
func canNetns() bool {
	n, err := nettest.Make()
	if err != nil {
		return false
	}
	n.Remove()
	return true
}

// cmdNetns runs "netns": a network of the script's own, named in $NS, until it
// ends. What is sent on $OUT is received on $IN.
func cmdNetns(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		ts.Fatalf("usage: netns")
	}
	n, err := nettest.Make()
	ts.Check(err)
	ts.Defer(n.Remove)
	ts.Setenv("NS", n.Name)
	ts.Setenv("IN", nettest.In)
	ts.Setenv("OUT", nettest.Out)
}

// liveWait is how long scripts wait for what a live capture does.
const liveWait = 30 * time.Second

// liveCommands are the commands that run, by the script's folder and their name.
type liveCommands struct{ sync.Map }

// cmdLive runs "live NAME saksi ARGS...": the command runs in the network of
// the script, with standard output and error in NAME.out and NAME.err, until
// "stop NAME" or the end of the script.
func cmdLive(live *liveCommands) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) < 2 {
			ts.Fatalf("usage: live NAME COMMAND [ARGS...]")
		}
		c := exec.Command("ip", append([]string{"netns", "exec", ts.Getenv("NS")}, args[1:]...)...)
		c.Dir = ts.MkAbs(".")
		for _, k := range []string{"PATH", "HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "SAKSI_WORKER"} {
			c.Env = append(c.Env, k+"="+ts.Getenv(k))
		}
		out, err := os.Create(ts.MkAbs(args[0] + ".out"))
		ts.Check(err)
		errs, err := os.Create(ts.MkAbs(args[0] + ".err"))
		ts.Check(err)
		c.Stdout, c.Stderr = out, errs
		ts.Check(c.Start())
		ts.Check(out.Close())
		ts.Check(errs.Close())
		live.Store(ts.Getenv("WORK")+args[0], c)
		ts.Defer(func() {
			_ = c.Process.Kill()
			_, _ = c.Process.Wait()
		})
	}
}

// cmdSignal runs "signal NAME HUP" and, with INT or TERM, waits for the end of
// the command, which must be clean.
func cmdSignal(live *liveCommands) func(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM}
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 2 || signals[args[1]] == nil {
			ts.Fatalf("usage: signal NAME HUP|INT|TERM")
		}
		v, ok := live.Load(ts.Getenv("WORK") + args[0])
		if !ok {
			ts.Fatalf("%s does not run", args[0])
		}
		c := v.(*exec.Cmd)
		ts.Check(c.Process.Signal(signals[args[1]]))
		if args[1] == "HUP" {
			return
		}
		kill := time.AfterFunc(liveWait, func() { _ = c.Process.Kill() })
		defer kill.Stop()
		if err := c.Wait(); err != nil {
			ts.Fatalf("%s ended with %v\n%s", args[0], err, ts.ReadFile(args[0]+".err"))
		}
	}
}

// cmdAwait runs "await FILE PATTERN": the file has a line that matches, soon.
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	re := regexp.MustCompile("(?m)" + args[1])
	for end := time.Now().Add(liveWait); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && re.Match(b) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s has no line that matches %q:\n%s", args[0], args[1], b)
		}
	}
}

// cmdSameFindings runs "samefindings A B": two files of NDJSON tell of the same
// flows, protocol events and alerts, whatever their times and sources.
func cmdSameFindings(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samefindings A B")
	}
	a, b := essence(ts, args[0]), essence(ts, args[1])
	for i := range max(len(a), len(b)) {
		x, y := "nothing", "nothing"
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			ts.Fatalf("%s tells of %d things and %s of %d; the first that differ:\n%s\n%s", args[0], len(a), args[1], len(b), x, y)
		}
	}
}

// essenceFields are what a document says of the traffic itself.
var essenceFields = []event.Field{
	event.EventDataset, event.NetworkCommunityID, event.SourceIP, event.SourcePort, event.DestinationIP, event.DestinationPort,
	event.SourceBytes, event.DestinationBytes, event.SourcePackets, event.DestinationPackets, event.SaksiFlowState, event.SaksiFlowHistory,
	event.NetworkProtocol, event.RuleID, event.DNSQuestionName, event.URLOriginal, event.FileHashSHA256,
}

func essence(ts *testscript.TestScript, file string) []string {
	var list []string
	sc := bufio.NewScanner(strings.NewReader(ts.ReadFile(file)))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		e, err := event.Parse(sc.Bytes())
		ts.Check(err)
		if values(e, event.EventDataset) == "saksi.sensor" { // what a live sensor counts of itself, and no traffic
			continue
		}
		var parts []string
		for _, f := range essenceFields {
			parts = append(parts, f.Name()+"="+values(e, f))
		}
		list = append(list, strings.Join(parts, " "))
	}
	ts.Check(sc.Err())
	slices.SortFunc(list, cmp.Compare[string])
	return list
}

// cmdFirstID runs "firstid FILE ID FLOW": the variables are the id and the flow
// id of the first document of NDJSON.
func cmdFirstID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: firstid FILE ID FLOW")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	e, err := event.Parse([]byte(line))
	ts.Check(err)
	ts.Setenv(args[1], values(e, event.EventID))
	ts.Setenv(args[2], values(e, event.SaksiFlowID))
}

// cmdSamePackets runs "samepackets [-notime] A B": two captures hold the same
// packets in the same order.
func cmdSamePackets(ts *testscript.TestScript, neg bool, args []string) {
	times := true
	if len(args) > 0 && args[0] == "-notime" {
		times, args = false, args[1:]
	}
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samepackets [-notime] A B")
	}
	a, b := readPackets(ts, args[0]), readPackets(ts, args[1])
	if len(a) != len(b) {
		ts.Fatalf("%s has %d packets and %s has %d", args[0], len(a), args[1], len(b))
	}
	for i := range a {
		x, y := &a[i], &b[i]
		if !bytes.Equal(x.Data, y.Data) || x.OrigLen != y.OrigLen || x.Link != y.Link || times && x.Time != y.Time {
			ts.Fatalf("packet %d of %s and of %s differ:\n%+v\n%+v", i+1, args[0], args[1], x, y)
		}
	}
}

func readPackets(ts *testscript.TestScript, name string) (list []capture.Packet) {
	r, err := capture.NewReader(name, strings.NewReader(ts.ReadFile(name)))
	ts.Check(err)
	for {
		var b capture.Batch
		err := r.ReadBatch(&b)
		if errors.Is(err, io.EOF) {
			return list
		}
		ts.Check(err)
		list = append(list, b.Packets...)
	}
}

// cmdSameAlerts runs "samealerts A B": the same findings, by their ids, are
// among the documents of two files of NDJSON, and there are some.
func cmdSameAlerts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samealerts A B")
	}
	a, b := alertIDs(ts, args[0]), alertIDs(ts, args[1])
	if len(a) == 0 || !slices.Equal(a, b) {
		ts.Fatalf("%s has %d findings and %s has %d", args[0], len(a), args[1], len(b))
	}
}

func alertIDs(ts *testscript.TestScript, file string) (ids []string) {
	for _, line := range strings.Split(strings.TrimSpace(ts.ReadFile(file)), "\n") {
		e, err := event.Parse([]byte(line))
		ts.Check(err)
		if values(e, event.EventKind) == "alert" {
			ids = append(ids, values(e, event.EventID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
