package archive

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

// Packing of a folder of a cabinet ([MS-CAB] 2.2, typeCompress).
const (
	cabStored = 0
	cabMSZIP  = 1
)

// cabFolder reads the blocks of a folder one after the other.
type cabFolder struct {
	data   []byte
	at     int // of the next block
	blocks int
	skip   int // reserved bytes of each block
	kind   int
	out    []byte // of the last block, not read yet
	window []byte // of the blocks before, 32 KiB
}

func (c *cabFolder) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.blocks == 0 {
			return 0, io.EOF
		}
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

func (c *cabFolder) next() error {
	c.blocks--
	if c.at+8+c.skip > len(c.data) {
		return fmt.Errorf("a block at byte %d lies beyond the file's end", c.at)
	}
	packed, size := int(binary.LittleEndian.Uint16(c.data[c.at+4:])), int(binary.LittleEndian.Uint16(c.data[c.at+6:]))
	from := c.at + 8 + c.skip
	if from+packed > len(c.data) {
		return fmt.Errorf("the block at byte %d has %d bytes and reaches beyond the file's end", c.at, packed)
	}
	b := c.data[from : from+packed]
	if size == 0 {
		return errors.New("it goes on in another cabinet")
	}
	if c.kind == cabMSZIP {
		if len(b) < 2 || string(b[:2]) != "CK" {
			return fmt.Errorf("the block at byte %d doesn't begin as MSZIP does", c.at)
		}
		out := make([]byte, size)
		if _, err := io.ReadFull(flate.NewReaderDict(bytes.NewReader(b[2:]), c.window), out); err != nil {
			return fmt.Errorf("the block at byte %d: %w", c.at, err)
		}
		b = out
	}
	c.at = from + packed
	c.out = b
	c.window = append(c.window, b...)
	c.window = c.window[max(0, len(c.window)-32<<10):]
	return nil
}

// openCab enters a cabinet ([MS-CAB] 2.1): stored folders and those of MSZIP.
func openCab(l *level) error {
	d := l.data
	if len(d) < 36 {
		return errors.New("its header is cut")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(d[at:])) }
	folders, files, flags, at := u16(26), u16(28), u16(30), 36
	skipFolder, skipData := 0, 0
	if flags&4 != 0 {
		if len(d) < 40 {
			return errors.New("its header is cut")
		}
		at, skipFolder, skipData = 40+u16(36), int(d[38]), int(d[39])
	}
	for range 2 * (flags&1 + flags>>1&1) { // names of the cabinets before and behind
		n := bytes.IndexByte(d[min(at, len(d)):], 0)
		if n < 0 {
			return errors.New("its header is cut")
		}
		at += n + 1
	}
	list := make([]*cabFolder, 0, folders)
	for range folders {
		if at+8 > len(d) {
			return fmt.Errorf("its list of folders ends beyond the file, at byte %d", at)
		}
		list = append(list, &cabFolder{data: d, at: int(binary.LittleEndian.Uint32(d[at:])), blocks: u16(at + 4), kind: u16(at+6) & 15, skip: skipData})
		at += 8 + skipFolder
	}
	type file struct {
		name      string
		off, size int64
	}
	in := make([][]file, folders)
	at = int(binary.LittleEndian.Uint32(d[16:]))
	for range files {
		if at+17 > len(d) {
			return fmt.Errorf("its list of files ends beyond the file, at byte %d", at)
		}
		n := bytes.IndexByte(d[at+16:], 0)
		if n < 0 {
			return fmt.Errorf("the name at byte %d has no end", at+16)
		}
		f := file{string(d[at+16 : at+16+n]), int64(binary.LittleEndian.Uint32(d[at+4:])), int64(binary.LittleEndian.Uint32(d[at:]))}
		folder := u16(at + 8)
		at += 17 + n
		if folder >= folders { // 0xfffd and above: in another cabinet
			if err := l.left(f.name, Unsupported, "it lies in another cabinet, too"); err != nil {
				return err
			}
			continue
		}
		in[folder] = append(in[folder], f)
	}
	for i, c := range list {
		if len(in[i]) == 0 {
			continue
		}
		if c.kind != cabStored && c.kind != cabMSZIP {
			for _, f := range in[i] {
				if err := l.left(f.name, Unsupported, fmt.Sprintf("it is packed by method %d of cabinets, which is not known", c.kind)); err != nil {
					return err
				}
			}
			continue
		}
		err := l.parts(c, func(data []byte, why, kind string) error {
			for _, f := range in[i] {
				text := why
				from, to := min(f.off, int64(len(data))), min(f.off+f.size, int64(len(data)))
				if to-from == f.size {
					text = ""
				} else if text == "" {
					text = fmt.Sprintf("it says it has %d bytes; %d are there", f.size, to-from)
				}
				path := l.sub(f.name)
				if err := l.count(path); err != nil {
					return err
				}
				if err := l.give(path, data[from:to], -1, text, kind); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
