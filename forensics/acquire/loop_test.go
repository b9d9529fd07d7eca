package acquire

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// loop makes a file of the bytes a block device, and skips the test where that
// can't be.
func loop(t *testing.T, data []byte, flags, sector uint32) (dev, file string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no loop devices here: %v", err)
	}
	defer control.Close()
	file = filepath.Join(t.TempDir(), "backing")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	back, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	for range 20 { // another process may take the one that was free
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			t.Skipf("no free loop device: %v", err)
		}
		dev = fmt.Sprintf("/dev/loop%d", n)
		f, err := os.OpenFile(dev, os.O_RDWR, 0)
		if err != nil {
			t.Skipf("no loop device: %v", err)
		}
		err = unix.IoctlLoopConfigure(int(f.Fd()), &unix.LoopConfig{Fd: uint32(back.Fd()), Size: sector, Info: unix.LoopInfo64{Flags: flags}})
		if errors.Is(err, unix.EBUSY) {
			_ = f.Close()
			continue
		}
		if err != nil {
			t.Skipf("no loop device: %v", err)
		}
		t.Cleanup(func() {
			if _, err := unix.IoctlRetInt(int(f.Fd()), unix.LOOP_CLR_FD); err != nil {
				t.Error(err)
			}
			_ = f.Close()
		})
		return dev, file
	}
	t.Skip("every free loop device was taken by others")
	return "", ""
}

// TestLoopDevice acquires real block devices of both sector sizes and sees
// what the kernel says of them.
func TestLoopDevice(t *testing.T) {
	data := media(6<<20 + 8192)
	for _, c := range []struct {
		flags, sector uint32
		flag          string
	}{{unix.LO_FLAGS_READ_ONLY, 512, "read-only"}, {0, 4096, "read-write"}} {
		dev, file := loop(t, data, c.flags, c.sector)
		s, err := Open(dev, nil)
		if err != nil {
			t.Fatal(err)
		}
		i := s.Info
		if i.Kind != KindDevice || i.Bytes != int64(len(data)) || i.LogicalSector != int(c.sector) || i.BackingFile != file || i.Transport != "loop" {
			t.Errorf("%s: %+v", dev, i)
		}
		if i.Protection.DeviceFlag != c.flag || !strings.Contains(i.Protection.Opened, "O_EXCL") || len(i.Protection.Mounted) > 0 {
			t.Errorf("%s: %+v", dev, i.Protection)
		}
		for name, o := range map[string]Options{"disk.raw": {Form: Raw}, "disk.E01": {Form: E01, Compression: "fast", SegmentSize: MaxSegment, Hashes: Hashes}} {
			rec, err := Run(t.Context(), s, options(t, name, o))
			if err != nil {
				t.Fatalf("%s to %s: %v", dev, name, err)
			}
			if got := readBack(t, rec); !bytes.Equal(got, data) {
				t.Errorf("%s to %s: the image differs", dev, name)
			}
			if w := rec.Source.Protection.Writes; w == nil || *w != 0 {
				t.Errorf("%s: writes %v", dev, w)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLoopBadSectors: a real device whose end gives I/O errors, because its
// backing file was cut.
func TestLoopBadSectors(t *testing.T) {
	data := media(5 << 20)
	dev, file := loop(t, data, 0, 512)
	s, err := Open(dev, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const left = 4<<20 + 512*7
	if err := os.Truncate(file, left); err != nil {
		t.Fatal(err)
	}
	o := options(t, "disk.raw", Options{Form: Raw})
	o.Retries = 1
	rec, err := Run(t.Context(), s, o)
	if !errors.Is(err, ErrUnreadable) || errors.Is(err, ErrPartial) {
		t.Fatal(err)
	}
	want := slices.Clone(data)
	clear(want[left:])
	if got := readBack(t, rec); !bytes.Equal(got, want) {
		t.Error("the image differs")
	}
	if u := rec.Unreadable; len(u) != 1 || u[0] != (Range{left, int64(len(data)) - left}) {
		t.Errorf("unreadable: %v", u)
	}
}

// TestLoopShrinks: a real device that gets smaller while it is open.
func TestLoopShrinks(t *testing.T) {
	data := media(5 << 20)
	dev, file := loop(t, data, 0, 512)
	s, err := Open(dev, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const left = 3<<20 + 512*9
	if err := os.Truncate(file, left); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(dev)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := unix.IoctlRetInt(int(f.Fd()), unix.LOOP_SET_CAPACITY); err != nil {
		t.Skipf("the loop device does not change its size: %v", err)
	}
	rec, err := Run(t.Context(), s, options(t, "disk.E01", Options{Form: E01, Compression: "fast", SegmentSize: MaxSegment, Hashes: Hashes}))
	if !errors.Is(err, ErrPartial) || rec == nil {
		t.Fatal(err)
	}
	if got := readBack(t, rec); !bytes.Equal(got, data[:left]) {
		t.Errorf("%d bytes are there, expected %d", len(got), left)
	}
}

// TestLoopMounted: a mounted device is named as such, and an image is not
// written onto it.
func TestLoopMounted(t *testing.T) {
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		t.Skip("no mkfs.ext4 here")
	}
	dev, _ := loop(t, make([]byte, 8<<20), 0, 512)
	if out, err := exec.Command(mkfs, "-q", dev).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := t.TempDir()
	if err := unix.Mount(dev, dir, "ext4", 0, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	s, err := Open(dev, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := s.Info.Protection
	if len(p.Mounted) != 1 || p.Mounted[0] != dir+" (ext4, read-write)" || strings.Contains(p.Opened, "O_EXCL") {
		t.Errorf("%+v", p)
	}
	_, err = Run(t.Context(), s, Options{To: filepath.Join(dir, "x.raw"), Form: Raw})
	if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "lies on the disk that is to be acquired") {
		t.Errorf("an image on its own source: %v", err)
	}
}

// TestDeviceMapper reads through the error and flakey targets.
func TestDeviceMapper(t *testing.T) {
	dmsetup, err := exec.LookPath("dmsetup")
	if err != nil {
		t.Skip("no dmsetup here; the file reader that fails stands in (TestBadSectors)")
	}
	out, err := exec.Command(dmsetup, "targets").CombinedOutput()
	if err != nil {
		t.Skip("the kernel has no device-mapper; the file reader that fails stands in (TestBadSectors)")
	}
	data := media(4 << 20)
	for _, c := range []struct {
		target, table string
		bad           []Range
	}{
		{"error", "0 2048 linear %[1]s 0\n2048 8 error\n2056 6136 linear %[1]s 2056\n", []Range{{1 << 20, 4096}}},
		{"flakey", "0 4096 linear %[1]s 0\n4096 4096 flakey %[1]s 4096 0 3600\n", []Range{{2 << 20, 2 << 20}}},
	} {
		if !slices.Contains(strings.Fields(string(out)), c.target) {
			t.Logf("the kernel has no %s target; the file reader that fails stands in (TestBadSectors)", c.target)
			continue
		}
		dev, _ := loop(t, data, 0, 512)
		name := fmt.Sprintf("saksi-test-%d-%s", os.Getpid(), c.target)
		cmd := exec.Command(dmsetup, "create", name)
		cmd.Stdin = strings.NewReader(fmt.Sprintf(c.table, dev))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Cleanup(func() {
			if out, err := exec.Command(dmsetup, "remove", "--retry", name).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		s, err := Open("/dev/mapper/"+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := Run(t.Context(), s, options(t, "disk.raw", Options{Form: Raw}))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !errors.Is(err, ErrUnreadable) {
			t.Fatal(err)
		}
		want := slices.Clone(data)
		for _, r := range c.bad {
			clear(want[r.Offset : r.Offset+r.Bytes])
		}
		if !slices.Equal(rec.Unreadable, c.bad) || !bytes.Equal(readBack(t, rec), want) {
			t.Errorf("%s: unreadable %v, expected %v", c.target, rec.Unreadable, c.bad)
		}
	}
}

// TestDiskFull: the image is valid up to where the disk was full, and the
// acquisition goes on when there is room.
func TestDiskFull(t *testing.T) {
	data := media(9 << 20)
	partial := 0
	for name, o := range kinds() {
		for _, room := range []string{"64k", "1100k", "5m"} {
			dir := t.TempDir()
			if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+room); err != nil {
				t.Skipf("mounting a file system in memory: %v", err)
			}
			func() {
				defer func() {
					if err := unix.Unmount(dir, 0); err != nil {
						t.Error(err)
					}
				}()
				o := options(t, name, o)
				o.To, o.every = filepath.Join(dir, name), 1
				rec, err := Run(t.Context(), (&failing{data: data}).source(t), o)
				if err == nil { // it fits, small or with holes
					readBack(t, rec)
					return
				}
				if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
					t.Fatalf("%s in %s: %v", name, room, err)
				}
				if rec == nil {
					if list, _ := os.ReadDir(dir); len(list) > 0 || room == "5m" {
						t.Errorf("%s in %s: %v: nothing was kept, and %v is left", name, room, err, list)
					}
					return
				}
				partial++
				got := readBack(t, rec)
				if !errors.Is(err, ErrPartial) || !errors.Is(err, ErrWriting) || len(got) == 0 || !bytes.Equal(got, data[:len(got)]) || rec.Digests["sha256"] != digest(got) {
					t.Errorf("%s in %s: %d bytes are there: %v", name, room, len(got), err)
				}
				if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=64m"); err != nil {
					t.Fatal(err)
				}
				o.Resume = true
				if rec, err = Run(t.Context(), (&failing{data: data}).source(t), o); err != nil || !bytes.Equal(readBack(t, rec), data) {
					t.Errorf("%s in %s, with more room: %v", name, room, err)
				}
			}()
		}
	}
	if partial < 5 {
		t.Errorf("the disk was full %d times", partial)
	}
}
