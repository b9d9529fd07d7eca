package acquire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ATA commands that only ask, sent as ATA PASS-THROUGH (16) by SG_IO.
//
// INCITS 452 (ATA8-ACS): IDENTIFY DEVICE, READ NATIVE MAX ADDRESS EXT, DEVICE
// CONFIGURATION IDENTIFY; INCITS 529 (ACS-4): GET NATIVE MAX ADDRESS EXT;
// SAT-4: ATA PASS-THROUGH (16), 0x85, and its descriptor in the sense data.
const (
	ataIdentify       = 0xec
	ataReadNativeMax  = 0x27 // EXT
	ataGetNativeMax   = 0x78 // EXT, feature 0
	ataDeviceConfig   = 0xb1
	ataConfigIdentify = 0xc2 // feature of the former

	sgIO         = 0x2285
	sgNone       = -1 // directions
	sgFromDevice = -3
	sgTimeout    = 10_000 // milliseconds
)

// sgHeader is struct sg_io_hdr of <scsi/sg.h> on 64-bit machines.
type sgHeader struct {
	interfaceID  int32
	direction    int32
	cmdLen       uint8
	maxSense     uint8
	iovecs       uint16
	dataLen      uint32
	data         *byte
	cmd          *byte
	sense        *byte
	timeout      uint32
	flags        uint32
	packID       int32
	_            int32
	userPtr      uintptr
	status       uint8
	maskedStatus uint8
	msgStatus    uint8
	senseWritten uint8
	hostStatus   uint16
	driverStatus uint16
	residual     int32
	duration     uint32
	info         uint32
	_            int32
}

// errATA is a command that the device, or what is before it, does not answer.
var errATA = errors.New("the device does not answer ATA commands")

// ata sends one command. With data it reads as many bytes, else it returns the
// LBA that the device answers with.
func ata(f *os.File, command, feature byte, extended bool, data []byte) (lba uint64, err error) {
	var cdb [16]byte
	var sense [32]byte
	cdb[0] = 0x85
	h := sgHeader{interfaceID: 'S', direction: sgNone, cmdLen: 16, maxSense: uint8(len(sense)), cmd: &cdb[0], sense: &sense[0], timeout: sgTimeout}
	if data != nil {
		cdb[1] = 4 << 1 // PIO data-in
		cdb[2] = 0x0e   // from the device, in blocks, by the count
		cdb[6] = byte(len(data) / 512)
		h.direction, h.data, h.dataLen = sgFromDevice, &data[0], uint32(len(data))
	} else {
		cdb[1] = 3 << 1 // no data
		cdb[2] = 0x20   // give the registers back
	}
	if extended {
		cdb[1] |= 1
	}
	cdb[4], cdb[13], cdb[14] = feature, 0x40, command
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), sgIO, uintptr(unsafe.Pointer(&h)))
	runtime.KeepAlive(data)
	switch {
	case errno != 0:
		return 0, fmt.Errorf("%w: %w", errATA, errno)
	case data != nil && (h.status != 0 || h.hostStatus != 0 || h.residual != 0):
		return 0, errATA
	case data != nil:
		return 0, nil
	}
	return senseLBA(sense[:])
}

// senseLBA reads the registers out of an ATA status return descriptor.
func senseLBA(s []byte) (uint64, error) {
	if len(s) < 22 || s[0]&0x7f != 0x72 || s[8] != 0x09 || s[9] < 0x0c {
		return 0, errATA
	}
	d := s[8:]
	if d[13]&0x21 != 0 { // error, device fault
		return 0, errATA
	}
	lba := uint64(d[7]) | uint64(d[9])<<8 | uint64(d[11])<<16
	if d[2]&1 != 0 { // the upper registers are there
		lba |= uint64(d[6])<<24 | uint64(d[8])<<32 | uint64(d[10])<<40
	}
	return lba, nil
}

// identify is what IDENTIFY DEVICE told.
type identify []byte

func (d identify) word(n int) uint16 { return binary.LittleEndian.Uint16(d[2*n:]) }

// sectors is how many the device gives now: words 100-103, or 60-61.
func (d identify) sectors() uint64 {
	if d.word(83)&0xc400 == 0x4400 { // 48-bit addresses, and the word is valid
		if n := uint64(d.word(100)) | uint64(d.word(101))<<16 | uint64(d.word(102))<<32 | uint64(d.word(103))<<48; n > 0 {
			return n
		}
	}
	return uint64(d.word(60)) | uint64(d.word(61))<<16
}

func (d identify) hpa() bool  { return d.word(82)&(1<<10) != 0 }
func (d identify) dco() bool  { return d.word(83)&(1<<11) != 0 }
func (d identify) amax() bool { return d.word(119)&(1<<8) != 0 } // ACS-3 and later
func (d identify) trim() bool { return d.word(169)&1 != 0 }

// text is an ASCII string whose bytes are swapped in pairs.
func (d identify) text(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		for _, c := range []byte{byte(d.word(n) >> 8), byte(d.word(n))} {
			if c >= 0x20 && c < 0x7f {
				b.WriteByte(c)
			}
		}
	}
	return strings.TrimSpace(b.String())
}

// areas asks an ATA device for what it hides. Of others it is not told: a USB
// bridge can lose its device over a command that it does not know.
func (d *blockDevice) areas(f *os.File, i *Info) {
	if i.Partition || i.Transport != "ata" {
		return
	}
	id := make(identify, 512)
	if _, err := ata(f, ataIdentify, 0, false, id); err != nil {
		return
	}
	native := func() (uint64, error) {
		if id.amax() {
			return ata(f, ataGetNativeMax, 0, true, nil)
		}
		return ata(f, ataReadNativeMax, 0, true, nil)
	}
	config := func() ([]byte, error) {
		b := make([]byte, 512)
		_, err := ata(f, ataDeviceConfig, ataConfigIdentify, false, b)
		return b, err
	}
	hidden(id, i, native, config)
}

// hidden says from IDENTIFY DEVICE, the native maximum and the configuration
// what the device hides.
func hidden(id identify, i *Info, native func() (uint64, error), config func() ([]byte, error)) {
	i.Serial = first(id.text(10, 19), i.Serial)
	i.Firmware = first(id.text(23, 26), i.Firmware)
	i.Model = first(id.text(27, 46), i.Model)
	if id.trim() {
		i.TRIM = "supported, the device says: what a system discarded may read as zeros"
	}
	now := id.sectors()
	all := now
	switch {
	case !id.hpa() && !id.amax():
		i.HPA = "the device has no such feature"
	default:
		last, err := native()
		if err != nil {
			i.HPA = notTold
			break
		}
		all = last + 1
		i.HPA = "none: all " + fmt.Sprint(now) + " sectors are given"
		if all > now {
			i.HPA = fmt.Sprintf("THERE IS ONE: %d sectors behind sector %d are hidden and not in the image", all-now, now)
		}
	}
	if !id.dco() {
		i.DCO = "the device has no such feature"
		return
	}
	b, err := config()
	if err != nil {
		i.DCO = notTold
		return
	}
	i.DCO = "none: all sectors are given"
	// Words 3-6: the highest address there can be.
	if n := binary.LittleEndian.Uint64(b[6:]) + 1; n > all {
		i.DCO = fmt.Sprintf("THERE IS ONE: %d sectors behind sector %d are hidden and not in the image", n-all, all)
	}
}
