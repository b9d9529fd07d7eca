package acquire

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// host is where a machine tells of its devices: sysfs, procfs and udev's
// database (Linux, Documentation/ABI/testing/sysfs-block; proc(5)).
type host struct{ sys, proc, udev string }

var thisHost = &host{sys: "/sys", proc: "/proc", udev: "/run/udev/data"}

// blockDevice is one in sysfs.
type blockDevice struct {
	h     *host
	rdev  uint64
	dir   string // of the device
	whole string // of the disk; the same unless it is a partition
}

func rdevOf(st os.FileInfo) (uint64, error) {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the system does not tell its device number")
	}
	return sys.Rdev, nil
}

func devName(dev uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
}

func (h *host) device(rdev uint64) *blockDevice {
	d := &blockDevice{h: h, rdev: rdev}
	link := filepath.Join(h.sys, "dev/block", devName(rdev))
	if dir, err := filepath.EvalSymlinks(link); err == nil {
		d.dir, d.whole = dir, dir
		if _, err := os.Stat(filepath.Join(dir, "partition")); err == nil {
			d.whole = filepath.Dir(dir)
		}
	}
	return d
}

// attr is the text of a file, "" when there is none.
func attr(path ...string) string {
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(string(b), "\x00", ""), "\ufffd"))
}

// first is the first text that is not empty.
func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// info is what sysfs, procfs and udev tell.
func (d *blockDevice) info() Info {
	i := Info{Kind: KindDevice, LogicalSector: 512, HPA: notTold, DCO: notTold, TRIM: notTold}
	i.Protection.Blocker = "none that the machine names; one that hides itself is not seen"
	if d.dir == "" {
		return i
	}
	w := d.whole
	i.Partition = d.dir != d.whole
	udev := d.udev()
	usb := d.usb()
	i.Vendor = first(attr(w, "device/vendor"), attr(usb, "manufacturer"))
	i.Model = first(attr(w, "device/model"), attr(w, "device/name"), attr(usb, "product"), udev["ID_MODEL"])
	i.Serial = first(attr(w, "device/serial"), attr(w, "serial"), d.page80(), udev["ID_SERIAL_SHORT"], attr(usb, "serial"))
	i.Firmware = first(attr(w, "device/firmware_rev"), attr(w, "device/rev"), attr(w, "device/fwrev"))
	i.WWN = first(attr(w, "wwid"), attr(w, "device/wwid"), udev["ID_WWN"])
	i.Transport = d.transport()
	i.Removable = attr(w, "removable") == "1"
	i.BackingFile = attr(w, "loop/backing_file")
	i.Protection.Mounted, i.Protection.Swap, i.Protection.Holders = d.mounted(), d.swaps(), d.holders()
	if n, err := strconv.Atoi(attr(w, "queue/logical_block_size")); err == nil && validSector(n) {
		i.LogicalSector = n
	}
	i.PhysicalSector, _ = strconv.Atoi(attr(w, "queue/physical_block_size"))
	i.TRIM = trim(attr(w, "queue/discard_max_bytes"), attr(w, "queue/discard_granularity"))
	if b := blocker(i.Vendor, i.Model, attr(usb, "manufacturer"), attr(usb, "product")); b != "" {
		i.Protection.Blocker = b
	}
	return i
}

func validSector(n int) bool { return n == 512 || n == 1024 || n == 2048 || n == 4096 }

// notTold is said of what the device does not tell.
const notTold = "not told"

// trim says whether the device takes TRIM or UNMAP, as the kernel knows.
func trim(most, granularity string) string {
	n, err := strconv.ParseUint(most, 10, 64)
	switch {
	case err != nil:
		return notTold
	case n == 0:
		return "the kernel sees no support"
	}
	return "supported (" + granularity + " bytes at least): what a system discarded may read as zeros"
}

// blockers are names that write blockers give themselves.
var blockers = []string{"tableau", "wiebetech", "write block", "writeblock", "ultrablock", "ultradock", "forensic", "fastbloc", "logicube", "digital intelligence"}

// blocker names the write blocker that one of the names is of.
func blocker(names ...string) string {
	all := strings.ToLower(strings.Join(names, " "))
	for _, b := range blockers {
		if strings.Contains(all, b) {
			return "seen: " + strings.Join(slices.Compact(slices.DeleteFunc(names, func(s string) bool { return s == "" })), " ") + " (by its name)"
		}
	}
	return ""
}

// udev is its database entry of the disk.
func (d *blockDevice) udev() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(attr(d.h.udev, "b"+attr(d.whole, "dev"))) {
		if k, v, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "E:"), "="); ok {
			m[k] = v
		}
	}
	return m
}

// usb is the folder of the USB device it is behind, "" if none.
func (d *blockDevice) usb() string {
	for dir := d.whole; len(dir) > len(d.h.sys); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "idVendor")); err == nil {
			return dir
		}
	}
	return "/nonexistent"
}

// page80 is the serial number of SCSI's vital product data: a page's head of
// four bytes, then text (SPC-4, 7.8.15).
func (d *blockDevice) page80() string {
	b, err := os.ReadFile(filepath.Join(d.whole, "device/vpd_pg80"))
	if err != nil || len(b) < 4 {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(string(b[4:]), "\x00", ""), ""))
}

func (d *blockDevice) transport() string {
	for _, t := range []struct{ part, name string }{
		{"/usb", "usb"}, {"/nvme", "nvme"}, {"/mmc_host", "mmc"}, {"/ata", "ata"}, {"/virtio", "virtio"}, {"/virtual/block/loop", "loop"}, {"/virtual/block/", "virtual"}, {"/host", "scsi"},
	} {
		if strings.Contains(d.whole, t.part) {
			return t.name
		}
	}
	return ""
}

// writes is how many writes to the device the kernel has counted (sysfs stat,
// field 5), -1 where it has not.
func (d *blockDevice) writes() int64 {
	f := strings.Fields(attr(d.dir, "stat"))
	if len(f) < 5 {
		return -1
	}
	n, err := strconv.ParseInt(f[4], 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// family are the device numbers of the disk, its partitions and what lies on
// them. With all unset, of what the source itself is.
func (d *blockDevice) family(all bool) map[string]bool {
	set := map[string]bool{devName(d.rdev): true}
	var add func(dir string, depth int)
	add = func(dir string, depth int) {
		if n := attr(dir, "dev"); n != "" {
			set[n] = true
		}
		list, err := os.ReadDir(dir)
		if err != nil || depth > 8 {
			return
		}
		for _, e := range list {
			if _, err := os.Stat(filepath.Join(dir, e.Name(), "partition")); err == nil {
				add(filepath.Join(dir, e.Name()), depth+1)
			}
		}
		held, err := os.ReadDir(filepath.Join(dir, "holders"))
		if err != nil {
			return
		}
		for _, e := range held {
			if p, err := filepath.EvalSymlinks(filepath.Join(dir, "holders", e.Name())); err == nil {
				add(p, depth+1)
			}
		}
	}
	switch {
	case d.dir == "":
	case all:
		add(d.whole, 0)
	default:
		add(d.dir, 0)
	}
	return set
}

func (d *blockDevice) holders() []string {
	var list []string
	held, err := os.ReadDir(filepath.Join(d.dir, "holders"))
	if err != nil {
		return nil
	}
	for _, e := range held {
		list = append(list, e.Name())
	}
	return list
}

// mount is a line of mountinfo (proc(5)).
type mount struct{ dev, point, options, fs, source string }

func (h *host) mounts() []mount {
	var list []mount
	for line := range strings.Lines(attr(h.proc, "self/mountinfo")) {
		f := strings.Fields(line)
		sep := slices.Index(f, "-")
		if sep < 6 || len(f) < sep+3 {
			continue
		}
		list = append(list, mount{f[2], unoctal(f[4]), f[5], f[sep+1], unoctal(f[sep+2])})
	}
	return list
}

// unoctal undoes \040 and its like.
func unoctal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// on lists the mounts of a set of devices. A file system such as Btrfs has a
// number of its own, so what is mounted counts too.
func (h *host) on(set map[string]bool) []mount {
	var list []mount
	for _, m := range h.mounts() {
		if set[m.dev] || set[devOf(m.source)] {
			list = append(list, m)
		}
	}
	return list
}

// devOf is the device number of a device file, "" if it is none.
func devOf(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Type() != os.ModeDevice {
		return ""
	}
	rdev, err := rdevOf(st)
	if err != nil {
		return ""
	}
	return devName(rdev)
}

func (d *blockDevice) mounted() []string {
	var list []string
	for _, m := range d.h.on(d.family(false)) {
		mode := "read-write"
		if slices.Contains(strings.Split(m.options, ","), "ro") {
			mode = "read-only"
		}
		list = append(list, fmt.Sprintf("%s (%s, %s)", m.point, m.fs, mode))
	}
	return list
}

func (d *blockDevice) swaps() []string {
	set := d.family(false)
	var list []string
	for line := range strings.Lines(attr(d.h.proc, "swaps")) {
		if f := strings.Fields(line); len(f) > 0 && set[devOf(unoctal(f[0]))] {
			list = append(list, unoctal(f[0]))
		}
	}
	return list
}

// holds reports whether a folder lies on the disk, a partition of it or what
// lies on them, and by which mount.
func (d *blockDevice) holds(dir string) (string, bool) {
	st, err := os.Stat(dir)
	if err != nil {
		return "", false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return "", false
	}
	set := d.family(true)
	if set[devName(sys.Dev)] {
		return dir, true
	}
	for _, m := range d.h.on(set) {
		if mst, err := os.Stat(m.point); err == nil {
			if msys, ok := mst.Sys().(*syscall.Stat_t); ok && msys.Dev == sys.Dev {
				return m.point, true
			}
		}
	}
	return "", false
}

func ioctlSize(fd int) (int64, error) {
	var n uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0, errno
	}
	return int64(n), nil
}

// askDevice asks the kernel what it knows of an open block device.
func askDevice(f *os.File, i *Info) {
	fd := int(f.Fd())
	if n, err := unix.IoctlGetInt(fd, unix.BLKSSZGET); err == nil && validSector(n) {
		i.LogicalSector = n
	}
	if n, err := unix.IoctlGetInt(fd, unix.BLKPBSZGET); err == nil {
		i.PhysicalSector = n
	}
	i.Protection.DeviceFlag = notTold
	if n, err := unix.IoctlGetInt(fd, unix.BLKROGET); err == nil {
		i.Protection.DeviceFlag = "read-write"
		if n != 0 {
			i.Protection.DeviceFlag = "read-only"
		}
	}
}
