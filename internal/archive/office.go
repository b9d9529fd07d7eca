package archive

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"saksi/internal/compound"
)

// openCompound enters a compound file: its streams, and the source of its
// macros.
func openCompound(l *level) error {
	bad := ""
	f, err := compound.Open(bytes.NewReader(l.data), int64(len(l.data)), func(off int64, text string) {
		if bad == "" {
			bad = fmt.Sprintf("at byte %d: %s", off, text)
		}
	})
	if err != nil {
		return err
	}
	if bad != "" {
		l.w.problem(l.path, Damaged, bad)
	}
	paths := f.Paths()
	var modules map[string]int64
	type stream struct {
		b   []byte
		why string
	}
	dirs := map[int]stream{}
	read := func(i int) stream {
		d, err := f.Read(&f.Entries[i])
		if err != nil {
			return stream{d.B, err.Error()}
		}
		return stream{b: d.B}
	}
	for i := range f.Entries {
		if e := &f.Entries[i]; e.Type == compound.Stream && strings.EqualFold(e.Name, "dir") {
			dirs[i] = read(i)
			if text, _ := expand(dirs[i].b); len(text) > 0 {
				modules = vbaModules(text, modules)
			}
		}
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		if e.Type != compound.Stream || e.Size == 0 {
			continue
		}
		d, ok := dirs[i]
		if !ok {
			d = read(i)
		}
		if text := encryptedOffice(e.Name, d.b); text != "" {
			l.w.problem(l.path, Encrypted, text)
		}
		if err := l.whole(paths[i], d.b, d.why); err != nil {
			return err
		}
		if err := l.macro(paths[i], e.Name, d.b, modules); err != nil {
			return err
		}
	}
	return nil
}

// encryptedOffice says that a stream shows its document to be encrypted.
func encryptedOffice(name string, b []byte) string {
	switch name {
	case "EncryptedPackage": // [MS-OFFCRYPTO] 2.3.4
		return "the document is encrypted"
	case "WordDocument": // [MS-DOC] 2.5.2: bit fEncrypted of FibBase
		if len(b) >= 12 && binary.LittleEndian.Uint16(b) == 0xa5ec && b[11]&1 != 0 {
			return "the document is encrypted"
		}
	case "Workbook", "Book": // [MS-XLS] 2.4.117: FilePass, near the beginning
		for at, n := 0, 0; at+4 <= len(b) && n < 64; n++ {
			id, size := binary.LittleEndian.Uint16(b[at:]), int(binary.LittleEndian.Uint16(b[at+2:]))
			if id == 0x2f {
				return "the workbook is encrypted"
			}
			if id == 0x0a {
				break
			}
			at += 4 + size
		}
	}
	return ""
}

// macro gives the source of a module of macros.
func (l *level) macro(path, name string, b []byte, modules map[string]int64) error {
	off, ok := modules[strings.ToLower(name)]
	if !ok {
		// A project whose directory is broken: each source begins with the same word.
		if i := bytes.Index(b, []byte("\x00Attribut\x00e ")); i >= 3 {
			off, ok = int64(i-3), true
		}
	}
	if !ok || off >= int64(len(b)) || b[off] != 1 {
		return nil
	}
	text, err := expand(b[off:])
	why := ""
	if err != nil {
		why = err.Error()
	}
	if len(text) == 0 {
		return nil
	}
	return l.whole(path+".vba", text, why)
}

// maxMacro bounds the source of a module of macros, in bytes.
const maxMacro = 16 << 20

// expand unpacks a compressed container ([MS-OVBA] 2.4.1). With an error it gives
// what came before it.
func expand(b []byte) (out []byte, err error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, fmt.Errorf("it doesn't begin as a compressed container")
	}
	for at := 1; at+2 <= len(b); {
		h := binary.LittleEndian.Uint16(b[at:])
		if h>>12&7 != 3 {
			return out, fmt.Errorf("no chunk begins at byte %d", at)
		}
		end := min(at+int(h&0xfff)+3, len(b))
		chunk := b[at+2 : end]
		at = end
		if len(out) > maxMacro {
			return out, fmt.Errorf("it unpacks to more than %d bytes", maxMacro)
		}
		if h>>15 == 0 {
			out = append(out, chunk...)
			continue
		}
		start := len(out)
		for i := 0; i < len(chunk); {
			flags := chunk[i]
			i++
			for bit := 0; bit < 8 && i < len(chunk); bit++ {
				if flags>>bit&1 == 0 {
					out = append(out, chunk[i])
					i++
					continue
				}
				if i+2 > len(chunk) {
					return out, fmt.Errorf("the chunk that ends at byte %d is cut", end)
				}
				token := binary.LittleEndian.Uint16(chunk[i:])
				i += 2
				bits := 4
				for 1<<bits < len(out)-start {
					bits++
				}
				if bits > 12 {
					return out, fmt.Errorf("the chunk that ends at byte %d unpacks to more than 4096 bytes", end)
				}
				length, back := int(token&(0xffff>>bits))+3, int(token>>(16-bits))+1
				if back > len(out)-start {
					return out, fmt.Errorf("the chunk that ends at byte %d refers to what lies before it", end)
				}
				for range length {
					out = append(out, out[len(out)-back])
				}
			}
		}
	}
	return out, nil
}

// vbaModules adds the places of source in the streams of modules, by their names
// in lower case, from a directory of macros ([MS-OVBA] 2.3.4.2).
func vbaModules(d []byte, to map[string]int64) map[string]int64 {
	if to == nil {
		to = map[string]int64{}
	}
	name := ""
	for at := 0; at+6 <= len(d); {
		id, size := binary.LittleEndian.Uint16(d[at:]), int64(binary.LittleEndian.Uint32(d[at+2:]))
		if id == 0x09 { // PROJECTVERSION says 4 and has 6
			size = 6
		}
		at += 6
		if size > int64(len(d)-at) {
			break
		}
		v := d[at : at+int(size)]
		at += int(size)
		switch id {
		case 0x1a: // stream name, in the project's code page
			name = string(v)
		case 0x32: // stream name in UTF-16
			var u []uint16
			for i := 0; i+2 <= len(v); i += 2 {
				u = append(u, binary.LittleEndian.Uint16(v[i:]))
			}
			if len(u) > 0 {
				name = string(utf16.Decode(u))
			}
		case 0x31:
			if len(v) == 4 {
				to[strings.ToLower(name)] = int64(binary.LittleEndian.Uint32(v))
			}
		}
	}
	return to
}
