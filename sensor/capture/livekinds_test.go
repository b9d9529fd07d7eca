package capture

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"saksi/internal/nettest"
)

// tun makes a tun device in the namespace; IP packets written to the
// descriptor are received on it.
func tun(t *testing.T, n *nettest.Namespace, name string) (fd int) {
	t.Helper()
	err := n.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		r, err := unix.NewIfreq(name)
		if err != nil {
			return err
		}
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
	})
	if err != nil {
		t.Skipf("needs a tun device, which this machine does not give: %v", err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// TestLiveTun proves that a tun device gives IP packets without a link header,
// and that an interface of a kind that is not decoded is named.
func TestLiveTun(t *testing.T) {
	n := nettest.New(t)
	fd := tun(t, n, "uji0")
	if err := unix.IoctlSetInt(fd, unix.TUNSETLINK, unix.ARPHRD_CAN); err != nil {
		t.Fatal(err)
	}
	err := n.Do(func() error {
		_, err := OpenLive(context.Background(), LiveConfig{Interfaces: []string{"uji0"}})
		return err
	})
	if !errors.Is(err, ErrInterface) || !strings.Contains(err.Error(), "hardware type 280") {
		t.Errorf("a CAN bus: %v", err)
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETLINK, unix.ARPHRD_NONE); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ip", "-n", n.Name, "link", "set", "uji0", "up").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l := openLive(t, n, LiveConfig{Interfaces: []string{"uji0"}})
	var want [][]byte
	for _, f := range frames(t, "dns.pcap") {
		if f[12] == 8 && f[13] == 0 { // IPv4, without its link header
			want = append(want, f[14:])
			if _, err := unix.Write(fd, f[14:]); err != nil {
				t.Fatal(err)
			}
		}
	}
	arrived(t, len(want), l)
	l.Stop()
	got := collect(t, l)
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d packets came of %d sent", len(got), len(want))
	}
	for i, p := range got {
		if p.Link != 101 || !bytes.Equal(p.Data, want[i]) {
			t.Fatalf("packet %d: link type %d, % x", i, p.Link, p.Data)
		}
	}
}

// TestLiveFanout proves that two captures of one group share an interface: no
// frame comes to both, none to neither, and each flow goes to one.
func TestLiveFanout(t *testing.T) {
	n := nettest.New(t)
	cfg := LiveConfig{Interfaces: []string{nettest.In}, Fanout: 4711}
	a, b := openLive(t, n, cfg), openLive(t, n, cfg)
	send := n.Sender(t, nettest.Out)
	want := frames(t, "demo.pcap")
	for _, f := range want {
		send(f)
	}
	arrived(t, len(want), a, b)
	a.Stop()
	b.Stop()
	got, more := collect(t, a), collect(t, b)
	if len(got)+len(more) != len(want) || len(got) == 0 || len(more) == 0 {
		t.Errorf("%d and %d frames came of %d sent", len(got), len(more), len(want))
	}
}

// TestLiveTwo proves that the frames of two interfaces come as one capture, in
// the order of their times, each with its interface.
func TestLiveTwo(t *testing.T) {
	n := nettest.New(t)
	l := openLive(t, n, LiveConfig{Interfaces: []string{nettest.In, nettest.Out}})
	send, back := n.Sender(t, nettest.Out), n.Sender(t, nettest.In)
	want := frames(t, "dns.pcap")
	for i, f := range want {
		if i%2 == 0 {
			send(f)
		} else {
			back(f)
		}
	}
	arrived(t, 2*len(want), l)
	l.Stop()
	got := collect(t, l)
	if len(got) != 2*len(want) { // each is seen as sent and as received
		t.Fatalf("%d frames came of %d sent", len(got), len(want))
	}
	seen := [2]int{}
	for i, p := range got {
		seen[p.Iface]++
		if i > 0 && p.Time < got[i-1].Time {
			t.Errorf("frame %d is older than the one before", i+1)
		}
	}
	if seen[0] != len(want) || seen[1] != len(want) {
		t.Errorf("frames by interface: %v", seen)
	}
}
