// Package nettest gives tests a network of their own: a namespace with a veth
// pair, In and Out, over which captures are replayed. Start with New. It needs
// root, or what it stands for, and iproute2.
package nettest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// Ends of the pair: what is sent on Out is received on In.
const (
	In  = "saksi-in"
	Out = "saksi-out"
)

// Namespace is a network namespace that lasts as long as its test.
type Namespace struct{ Name string }

var count atomic.Int64

// setup quiets the namespace and makes the pair. Frames up to 65,535 bytes
// pass; nothing is sent by the kernel itself.
const setup = `set -e
ip netns add "$1"
ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
ip -n "$1" link set lo up
ip -n "$1" link add ` + Out + ` type veth peer name ` + In + `
ip -n "$1" link set ` + Out + ` mtu 65535 arp off up
ip -n "$1" link set ` + In + ` mtu 65535 arp off up
`

// New makes a namespace, or skips the test where that is not allowed.
func New(t testing.TB) *Namespace {
	t.Helper()
	n, err := Make()
	if err != nil {
		t.Skipf("needs a network namespace with a veth pair, which this machine or user does not give: %v", err)
	}
	t.Cleanup(func() { n.Remove() })
	return n
}

// Make is New outside of a test; the caller calls Remove.
func Make() (*Namespace, error) {
	n := &Namespace{Name: "saksi-test-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(count.Add(1), 10)}
	out, err := exec.Command("bash", "-c", setup, "setup", n.Name).CombinedOutput()
	if err != nil {
		n.Remove()
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return n, nil
}

// Remove deletes the namespace.
func (n *Namespace) Remove() { _ = exec.Command("ip", "netns", "del", n.Name).Run() }

// Do calls f inside the namespace and returns its error.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		ns, err := os.Open("/run/netns/" + n.Name)
		if err == nil {
			err = errors.Join(unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET), ns.Close())
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	return <-done
}

// Sender opens a function that sends frames on an interface.
func (n *Namespace) Sender(t testing.TB, name string) (send func(frame []byte)) {
	t.Helper()
	var fd int
	err := n.Do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		index, err := ifindex(fd, name)
		if err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return func(frame []byte) {
		for {
			_, err := unix.Write(fd, frame)
			if errors.Is(err, unix.ENOBUFS) || errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				t.Fatalf("sending a frame of %d bytes: %v", len(frame), err)
			}
			return
		}
	}
}

func ifindex(fd int, name string) (int, error) {
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}
