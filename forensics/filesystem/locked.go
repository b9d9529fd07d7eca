package filesystem

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// method says by what an encrypted volume is encrypted, in brackets behind its
// name; "" where it does not tell.
func method(m Media, head []byte, what string) string {
	text := ""
	switch what {
	case nameBitLocker:
		text = bitLocker(m, head)
	case nameLUKS:
		text = luks(head)
	}
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// Names of encrypted volumes.
const (
	nameBitLocker   = "BitLocker"
	nameLUKS        = "LUKS"
	nameCoreStorage = "Apple CoreStorage (FileVault 2 where it is encrypted, by AES-XTS 128-bit)"
)

// cstring is the text before the first zero.
func cstring(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.ToValidUTF8(string(b), "\ufffd")
}

// luks reads the headers of both versions (cryptsetup, LUKS On-Disk Format
// Specification 1.2.3 and LUKS2 On-Disk Format Specification 1.1.3): numbers
// are big-endian.
func luks(head []byte) string {
	if len(head) < 592 {
		return ""
	}
	uuid := cstring(head[168:208])
	switch binary.BigEndian.Uint16(head[6:]) {
	case 1:
		return fmt.Sprintf("version 1, %s-%s, key of %d bits, hash %s, UUID %s", cstring(head[8:40]), cstring(head[40:72]), binary.BigEndian.Uint32(head[108:])*8, cstring(head[72:104]), uuid)
	case 2:
	default:
		return ""
	}
	text := "version 2"
	if len(head) > 4096 {
		area, _, _ := bytes.Cut(head[4096:min(len(head), 4096+64<<10)], []byte{0})
		var j struct {
			Segments map[string]struct {
				Encryption string `json:"encryption"`
			} `json:"segments"`
			Keyslots map[string]struct {
				KeySize int `json:"key_size"`
				KDF     struct {
					Type string `json:"type"`
				} `json:"kdf"`
			} `json:"keyslots"`
		}
		if json.Unmarshal(area, &j) == nil {
			if s, ok := j.Segments["0"]; ok {
				text += ", " + s.Encryption
			}
			if k, ok := j.Keyslots["0"]; ok {
				text += fmt.Sprintf(", key of %d bits, %s", k.KeySize*8, k.KDF.Type)
			}
			text += fmt.Sprintf(", %d key slots", len(j.Keyslots))
		}
	}
	if label := cstring(head[24:72]); label != "" {
		text += fmt.Sprintf(", label %q", label)
	}
	return text + ", UUID " + uuid
}

// fveMethods are BitLocker's methods (libbde, BitLocker Drive Encryption (BDE)
// format, "Encryption methods"; the last two came with Windows 10).
var fveMethods = map[uint16]string{
	0x8000: "AES-CBC 128-bit with Elephant Diffuser", 0x8001: "AES-CBC 256-bit with Elephant Diffuser", 0x8002: "AES-CBC 128-bit", 0x8003: "AES-CBC 256-bit",
	0x8004: "AES-XTS 128-bit", 0x8005: "AES-XTS 256-bit",
}

// fveProtectors are what protects a volume master key.
var fveProtectors = map[uint16]string{0x0000: "clear key", 0x0100: "TPM", 0x0200: "startup key", 0x0800: "recovery password", 0x2000: "password"}

// Signatures of BitLocker: of its volumes and metadata, and the GUIDs in the
// header of a To Go volume, 4967d63b-2e29-4ad8-8399-f6a339e3d001 and
// 92a84d3b-dd80-4d0e-9e4e-b1e3284eaed8.
const (
	fveSignature = "-FVE-FS-"
	fveUsedSpace = "\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8"
	fveToGo      = "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01"
)

// bitLocker reads the method and the protectors out of the first metadata block
// that is whole. Numbers are little-endian.
func bitLocker(m Media, head []byte) string {
	if len(head) < 512 {
		return ""
	}
	// Windows 7 and later, on NTFS; To Go on FAT; Vista, in clusters.
	at := 176
	if magicAt(head, 3, "MSWIN4.1") {
		at = 440
	}
	places := []int64{}
	for i := range 3 {
		places = append(places, int64(binary.LittleEndian.Uint64(head[at+8*i:])))
	}
	cluster := int64(binary.LittleEndian.Uint16(head[11:])) * int64(head[13])
	places = append(places, int64(binary.LittleEndian.Uint64(head[56:])&0xffffffffff)*cluster)
	for _, off := range places {
		if off <= 0 || off > m.Length-112 {
			continue
		}
		b := make([]byte, min(8<<10, m.Length-off))
		if n, err := m.ReadAt(b, m.Offset+off); n < len(b) && err != io.EOF || string(b[:8]) != fveSignature {
			continue
		}
		meta := b[64:]
		method, ok := fveMethods[binary.LittleEndian.Uint16(meta[36:])]
		if !ok {
			method = fmt.Sprintf("method 0x%04x", binary.LittleEndian.Uint16(meta[36:]))
		}
		if list := fveKeys(meta); len(list) > 0 {
			method += ", protected by " + strings.Join(list, ", ")
		}
		return method
	}
	return ""
}

// fveKeys are the protectors that a metadata block names.
func fveKeys(meta []byte) []string {
	size := min(int(binary.LittleEndian.Uint32(meta)), len(meta))
	var list []string
	for at := int(binary.LittleEndian.Uint32(meta[8:])); at >= 48 && at+8 <= size; {
		n := int(binary.LittleEndian.Uint16(meta[at:]))
		if n < 8 || at+n > size {
			break
		}
		if entry := meta[at : at+n]; binary.LittleEndian.Uint16(entry[2:]) == 2 && n >= 36 { // a volume master key
			kind := binary.LittleEndian.Uint16(entry[8+26:])
			name, ok := fveProtectors[kind]
			if !ok {
				name = fmt.Sprintf("0x%04x", kind)
			}
			list = append(list, name)
		}
		at += n
	}
	return list
}
