package acquire

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes files and links below a folder.
func tree(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(filepath.Join(dir, to), p)
		} else {
			err = os.WriteFile(p, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// usbDisk is a machine with a disk behind a USB write blocker: a partition of
// it is mounted, another holds LVM.
func usbDisk(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	const disk = "sys/devices/pci0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
	tree(t, dir, map[string]string{
		"sys/dev/block/8:16":                  "-> " + disk,
		"sys/dev/block/8:17":                  "-> " + disk + "/sdb1",
		"sys/dev/block/8:18":                  "-> " + disk + "/sdb2",
		disk + "/dev":                         "8:16\n",
		disk + "/removable":                   "0\n",
		disk + "/stat":                        "  10 0 80 1 42 0 336 5 0 0 0\n",
		disk + "/queue/logical_block_size":    "512\n",
		disk + "/queue/physical_block_size":   "4096\n",
		disk + "/queue/discard_max_bytes":     "2147450880\n",
		disk + "/queue/discard_granularity":   "512\n",
		disk + "/device/vendor":               "Tableau \n",
		disk + "/device/model":                "T8U             \n",
		disk + "/device/rev":                  "0001\n",
		disk + "/device/vpd_pg80":             "\x00\x80\x00\x08WD-12345",
		disk + "/sdb1/dev":                    "8:17\n",
		disk + "/sdb1/partition":              "1\n",
		disk + "/sdb1/stat":                   "  10 0 80 1 7 0 336 5 0 0 0\n",
		disk + "/sdb2/dev":                    "8:18\n",
		disk + "/sdb2/partition":              "2\n",
		disk + "/sdb2/holders/dm-0":           "-> sys/devices/virtual/block/dm-0",
		"sys/devices/virtual/block/dm-0/dev":  "254:0\n",
		"sys/devices/pci0/usb2/2-1/idVendor":  "13d7\n",
		"sys/devices/pci0/usb2/2-1/serial":    "BRIDGE-1\n",
		"sys/devices/pci0/usb2/2-1/product":   "Forensic Bridge\n",
		"sys/devices/virtual/block/loop9/dev": "7:9\n",
		"sys/dev/block/7:9":                   "-> sys/devices/virtual/block/loop9",
		"udev/b8:16":                          "S:disk\nE:ID_WWN=0x5000c500a1b2c3d4\nE:ID_SERIAL_SHORT=other\n",
		"proc/self/mountinfo":                 "22 1 0:21 / /proc rw - proc proc rw\n30 1 8:17 / /mnt/a\\040b ro,relatime shared:1 - vfat /dev/none rw\n31 1 254:0 / /srv rw - ext4 /dev/none rw\nshort line\n",
		"proc/swaps":                          "Filename Type Size Used Priority\n/dev/none partition 1 0 -2\n",
	})
	return &host{sys: filepath.Join(dir, "sys"), proc: filepath.Join(dir, "proc"), udev: filepath.Join(dir, "udev")}
}

// TestDeviceInfo reads what sysfs, procfs and udev tell.
func TestDeviceInfo(t *testing.T) {
	h := usbDisk(t)
	i := h.device(unix.Mkdev(8, 16)).info()
	for _, c := range []struct{ name, got, want string }{
		{"vendor", i.Vendor, "Tableau"},
		{"model", i.Model, "T8U"},
		{"serial", i.Serial, "WD-12345"},
		{"firmware", i.Firmware, "0001"},
		{"wwn", i.WWN, "0x5000c500a1b2c3d4"},
		{"transport", i.Transport, "usb"},
		{"mounted", strings.Join(i.Protection.Mounted, "|"), "/mnt/a b (vfat, read-only)|/srv (ext4, read-write)"},
		{"blocker", i.Protection.Blocker, "seen: Tableau T8U Forensic Bridge (by its name)"},
		{"trim", i.TRIM, "supported (512 bytes at least): what a system discarded may read as zeros"},
		{"hpa", i.HPA, notTold},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, expected %q", c.name, c.got, c.want)
		}
	}
	if i.LogicalSector != 512 || i.PhysicalSector != 4096 || i.Partition {
		t.Errorf("%+v", i)
	}
	p := h.device(unix.Mkdev(8, 18))
	if i := p.info(); !i.Partition || !slices.Equal(i.Protection.Holders, []string{"dm-0"}) || len(i.Protection.Mounted) != 1 || i.Serial != "WD-12345" {
		t.Errorf("a partition: %+v", i)
	}
	if n := h.device(unix.Mkdev(8, 17)).writes(); n != 7 {
		t.Errorf("writes of a partition: %d", n)
	}
	for dev, want := range map[bool]int{true: 4, false: 2} {
		if set := p.family(dev); len(set) != want {
			t.Errorf("family(%v): %v", dev, set)
		}
	}
	// What sysfs does not know says so and fails nothing.
	i = h.device(unix.Mkdev(9, 9)).info()
	if i.TRIM != notTold || i.HPA != notTold || i.DCO != notTold || i.LogicalSector != 512 || len(i.Protection.Mounted) > 0 {
		t.Errorf("an unknown device: %+v", i)
	}
	if i := h.device(unix.Mkdev(7, 9)).info(); i.Transport != "loop" || !strings.HasPrefix(i.Protection.Blocker, "none") {
		t.Errorf("a loop device: %+v", i)
	}
}

// TestHidden: what IDENTIFY DEVICE and the commands behind it tell.
func TestHidden(t *testing.T) {
	id := func(words map[int]uint16) identify {
		d := make(identify, 512)
		for n, v := range words {
			binary.LittleEndian.PutUint16(d[2*n:], v)
		}
		return d
	}
	serial := map[int]uint16{10: 'A'<<8 | 'B', 11: '1'<<8 | ' ', 27: 'D'<<8 | 'i', 28: 's'<<8 | 'k'}
	with := func(more map[int]uint16) identify {
		w := map[int]uint16{83: 0x4400, 100: 1000}
		for _, m := range []map[int]uint16{serial, more} {
			for k, v := range m {
				w[k] = v
			}
		}
		return id(w)
	}
	config := func(last uint64) func() ([]byte, error) {
		b := make([]byte, 512)
		binary.LittleEndian.PutUint64(b[6:], last)
		return func() ([]byte, error) { return b, nil }
	}
	native := func(last uint64) func() (uint64, error) { return func() (uint64, error) { return last, nil } }
	fails := errors.New("no")
	for _, c := range []struct {
		name     string
		id       identify
		native   func() (uint64, error)
		config   func() ([]byte, error)
		hpa, dco string
	}{
		{"neither feature", with(nil), nil, nil, "the device has no such feature", "the device has no such feature"},
		{"nothing hidden", with(map[int]uint16{82: 1 << 10, 83: 0x4400 | 1<<11}), native(999), config(999), "none: all 1000 sectors are given", "none: all sectors are given"},
		{"a protected area", with(map[int]uint16{82: 1 << 10}), native(1499), nil, "THERE IS ONE: 500 sectors behind sector 1000 are hidden and not in the image", "the device has no such feature"},
		{"an overlay", with(map[int]uint16{82: 1 << 10, 83: 0x4400 | 1<<11}), native(1499), config(1999), "THERE IS ONE: 500 sectors behind sector 1000 are hidden and not in the image", "THERE IS ONE: 500 sectors behind sector 1500 are hidden and not in the image"},
		{"newer command", with(map[int]uint16{119: 1 << 8}), native(1000), nil, "THERE IS ONE: 1 sectors behind sector 1000 are hidden and not in the image", "the device has no such feature"},
		{"no answer", with(map[int]uint16{82: 1 << 10, 83: 0x4400 | 1<<11}), func() (uint64, error) { return 0, fails }, func() ([]byte, error) { return nil, fails }, notTold, notTold},
	} {
		i := Info{Serial: "from sysfs", Model: "from sysfs"}
		hidden(c.id, &i, c.native, c.config)
		if i.HPA != c.hpa || i.DCO != c.dco || i.Serial != "AB1" || i.Model != "Disk" {
			t.Errorf("%s: %q, %q, %q, %q", c.name, i.HPA, i.DCO, i.Serial, i.Model)
		}
	}
	if n := id(map[int]uint16{60: 7, 61: 1}).sectors(); n != 1<<16|7 {
		t.Errorf("28-bit sectors: %d", n)
	}
}

// TestSenseLBA: the registers in an ATA status return descriptor (SAT-4, 12.2.7).
func TestSenseLBA(t *testing.T) {
	s := []byte{0x72, 0, 0, 0, 0, 0, 0, 14, 0x09, 0x0c, 1, 0, 0, 0, 0x44, 0x11, 0x55, 0x22, 0x66, 0x33, 0x40, 0x50}
	if n, err := senseLBA(s); err != nil || n != 0x665544332211 {
		t.Errorf("%#x, %v", n, err)
	}
	s[10] = 0
	if n, err := senseLBA(s); err != nil || n != 0x332211 {
		t.Errorf("28 bits: %#x, %v", n, err)
	}
	s[21] = 0x51 // error
	if _, err := senseLBA(s); !errors.Is(err, errATA) {
		t.Error("an error is not one")
	}
	for _, bad := range [][]byte{nil, s[:10], append([]byte{0x70}, s[1:]...)} {
		if _, err := senseLBA(bad); !errors.Is(err, errATA) {
			t.Errorf("% x: %v", bad, err)
		}
	}
}

// TestOpenRefuses names what no source can be.
func TestOpenRefuses(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{t.TempDir(): "is a folder", fifo: "is a pipe", "/dev/full": "character device", "/nonexistent/x": "no such file"} {
		if s, err := Open(path, nil); s != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, []byte("some"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	link := filepath.Join(t.TempDir(), "y")
	if err := os.Link(file, link); err != nil {
		t.Skip(err)
	}
	for _, to := range []string{file, link} {
		if _, err := Run(t.Context(), s, Options{To: to, Form: Raw}); !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), "is the source itself") {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if _, err := Run(t.Context(), s, Options{To: "/dev/full", Form: Raw}); !errors.Is(err, ErrUsage) {
		t.Errorf("to a device: %v", err)
	}
}
