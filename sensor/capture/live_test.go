package capture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"saksi/internal/nettest"
)

// frames reads the Ethernet frames of captures in testdata.
func frames(t *testing.T, names ...string) (list [][]byte) {
	for _, name := range names {
		f, err := os.Open(filepath.Join("../../testdata/capture", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := NewReader(name, f)
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		for r.ReadBatch(&b) == nil {
			for _, p := range b.Packets {
				if p.Link == 1 && len(p.Data) >= 14 && int(p.OrigLen) == len(p.Data) {
					list = append(list, bytes.Clone(p.Data))
				}
			}
		}
	}
	return list
}

func openLive(t *testing.T, n *nettest.Namespace, cfg LiveConfig) (l *Live) {
	t.Helper()
	err := n.Do(func() (err error) {
		l, err = OpenLive(context.Background(), cfg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// arrived waits until the kernel has taken n frames: on a busy machine it does
// so some time after they were sent.
func arrived(t *testing.T, n int, captures ...*Live) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got := 0
		for _, l := range captures {
			got += int(l.Kernel().Packets)
		}
		if got >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the kernel has taken %d frames of %d", got, n)
		}
	}
}

// collect reads until the capture ends.
func collect(t *testing.T, l *Live) (list []Packet) {
	t.Helper()
	var b Batch
	for {
		err := l.ReadBatch(&b)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range b.Packets {
			p.Data = bytes.Clone(p.Data)
			list = append(list, p)
		}
	}
}

// TestLiveFrames proves that every frame arrives as it was sent, VLAN tags
// included, once, in order, with a time of this moment and numbers from 1.
func TestLiveFrames(t *testing.T) {
	n := nettest.New(t)
	l := openLive(t, n, LiveConfig{Interfaces: []string{nettest.In}, Promiscuous: true})
	want := frames(t, "demo.pcap", "vlan.pcap", "qinq.pcap", "vxlan.pcap", "fragments.pcap")
	before := time.Now()
	send := n.Sender(t, nettest.Out)
	for _, f := range want {
		send(f)
	}
	arrived(t, len(want), l)
	l.Stop()
	after := time.Now()
	got := collect(t, l)
	if len(got) != len(want) {
		t.Fatalf("%d frames came of %d sent; %+v", len(got), len(want), l.Kernel())
	}
	for i, p := range got {
		if !bytes.Equal(p.Data, want[i]) || int(p.OrigLen) != len(want[i]) {
			t.Fatalf("frame %d:\n% x\nwas sent as\n% x", i+1, p.Data, want[i])
		}
		if p.Number != uint64(i+1) || p.Link != 1 || p.Time < before.UnixNano() || p.Time > after.UnixNano() {
			t.Fatalf("frame %d has number %d, link type %d, time %s, not between %s and %s", i+1, p.Number, p.Link, time.Unix(0, p.Time), before, after)
		}
	}
	if s := l.Stats(); s.Packets != uint64(len(want)) || s.Dropped != 0 {
		t.Errorf("statistics: %+v", s)
	}
}

// TestLiveFilter proves that a filter in the kernel keeps what it keeps in a
// file, although the kernel takes VLAN tags off before it runs.
func TestLiveFilter(t *testing.T) {
	n := nettest.New(t)
	// As tcpdump -dd 'udp' gives it, for IPv4 alone.
	code, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x800, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 23, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 17, SkipTrue: 1},
		bpf.RetConstant{Val: maxPacket},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, _ := bpf.Disassemble(code)
	vm, err := bpf.NewVM(list)
	if err != nil {
		t.Fatal(err)
	}
	f := &Filter{expression: "ip and udp", programs: map[LinkType]*program{1: {code: code, vm: vm}}}
	l := openLive(t, n, LiveConfig{Interfaces: []string{nettest.In}, Filter: f})
	send := n.Sender(t, nettest.Out)
	var want [][]byte
	for _, b := range frames(t, "demo.pcap", "vlan.pcap", "qinq.pcap") {
		send(b)
		if k, err := vm.Run(b); err == nil && k > 0 {
			want = append(want, b)
		}
	}
	arrived(t, len(want), l) // and those the kernel can't judge
	l.Stop()
	got := collect(t, l)
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d frames passed, %d do in a file", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].Data, want[i]) {
			t.Fatalf("frame %d differs from what passes in a file", i)
		}
	}
}

// TestLiveLoopback proves that a frame on the loopback interface comes once,
// not once as sent and once as received.
func TestLiveLoopback(t *testing.T) {
	n := nettest.New(t)
	l := openLive(t, n, LiveConfig{Interfaces: []string{"lo"}})
	send := n.Sender(t, "lo")
	want := frames(t, "dns.pcap")
	for _, f := range want {
		send(f)
	}
	arrived(t, 2*len(want), l)
	l.Stop()
	if got := collect(t, l); len(got) != len(want) {
		t.Fatalf("%d frames came of %d sent", len(got), len(want))
	}
}

// TestLiveDrops proves that what the kernel drops for want of room is counted,
// and that nothing else is missing.
func TestLiveDrops(t *testing.T) {
	n := nettest.New(t)
	l := openLive(t, n, LiveConfig{Interfaces: []string{nettest.In}, Buffer: 2 << 20})
	send := n.Sender(t, nettest.Out)
	frame := make([]byte, 1500)
	const sent = 5000
	for range sent {
		send(frame)
	}
	arrived(t, sent, l)
	l.Stop()
	got := collect(t, l)
	k := l.Kernel()
	if k.Dropped == 0 || k.Packets != sent || uint64(len(got))+k.Dropped != sent {
		t.Fatalf("%d frames came of %d sent; %+v", len(got), sent, k)
	}
}

// TestLiveQuiet proves that an interface without traffic gives empty batches
// whose clock goes on, and that an interface that goes away ends the capture
// with an error.
func TestLiveQuiet(t *testing.T) {
	n := nettest.New(t)
	l := openLive(t, n, LiveConfig{Interfaces: []string{nettest.In}})
	var b Batch
	before := time.Now()
	for range 3 {
		if err := l.ReadBatch(&b); err != nil || len(b.Packets) > 0 {
			t.Fatalf("%d packets, error %v", len(b.Packets), err)
		}
	}
	if b.Clock < before.UnixNano() || b.Clock > time.Now().UnixNano() {
		t.Fatalf("clock %s at %s", time.Unix(0, b.Clock), time.Now())
	}
	if err := exec.Command("ip", "-n", n.Name, "link", "del", nettest.In).Run(); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		var err error
		if derr := n.Do(func() error { err = l.ReadBatch(&b); return nil }); derr != nil {
			t.Fatal(derr)
		}
		if errors.Is(err, ErrInterface) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the interface is gone and the capture goes on")
}

// TestLiveWrong proves that what can't be captured from is named.
func TestLiveWrong(t *testing.T) {
	n := nettest.New(t)
	err := n.Do(func() error {
		_, err := OpenLive(context.Background(), LiveConfig{Interfaces: []string{"tiada0"}})
		return err
	})
	if !errors.Is(err, ErrInterface) {
		t.Errorf("an unknown interface: %v", err)
	}
	if _, err := OpenLive(context.Background(), LiveConfig{}); !errors.Is(err, ErrInterface) {
		t.Errorf("no interface: %v", err)
	}
}
