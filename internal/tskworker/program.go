package tskworker

import (
	"bytes"
	"encoding/binary"
)

// program names the format of a program that data begins as: what Windows (PE),
// Linux (ELF) or macOS (Mach-O) loads.
func program(data []byte) string {
	switch {
	case len(data) >= 64 && data[0] == 'M' && data[1] == 'Z':
		at := int64(binary.LittleEndian.Uint32(data[60:]))
		if at+4 <= int64(len(data)) && bytes.Equal(data[at:at+4], []byte("PE\x00\x00")) {
			return "PE"
		}
	case len(data) >= 52 && string(data[:4]) == "\x7fELF":
		return "ELF"
	case len(data) >= 28 && (string(data[:4]) == "\xcf\xfa\xed\xfe" || string(data[:4]) == "\xce\xfa\xed\xfe"):
		return "Mach-O"
	}
	return ""
}
