package tskworker

import (
	"encoding/binary"
	"math"

	"saksi/internal/archive"
)

// Kinds of content that are told beside those of archives, see kind.
const (
	kindLUKS1  = "luks1"
	kindLUKS2  = "luks2"
	kindRandom = "random"
)

// headers are the beginnings of formats whose content may look random, and of those
// that names of other formats hide.
var headers = []struct {
	at          int
	magic, kind string
}{
	{0, "\xff\xd8\xff", "jpeg"},
	{0, "\x89PNG\r\n\x1a\n", "png"},
	{0, "GIF8", "gif"},
	{0, "RIFF", "riff"},
	{0, "II*\x00", "tiff"},
	{0, "MM\x00*", "tiff"},
	{4, "ftyp", "mp4"},
	{4, "moov", "mp4"},
	{4, "mdat", "mp4"},
	{0, "\x1aE\xdf\xa3", "matroska"},
	{0, "OggS", "ogg"},
	{0, "fLaC", "flac"},
	{0, "ID3", "mp3"},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"},
	{0, "FLV\x01", "flv"},
	{0, "\x00\x00\x01\xba", "mpeg"},
	{0, "\x00\x00\x01\xb3", "mpeg"},
	{0, "%PDF-", "pdf"},
	{0, "SQLite format 3\x00", "sqlite"},
	{0, "wOFF", "woff"},
	{0, "wOF2", "woff"},
	{0, "\x1f\x9d", "compress"},
	{0, "PK\x03\x04", "zip"},
	{0, "PK\x05\x06", "zip"},
	{0, "\x1f\x8b\x08", "gzip"},
	{0, "BZh", "bzip2"},
	{0, "\xfd7zXZ\x00", "xz"},
	{0, "\x28\xb5\x2f\xfd", "zstd"},
	{0, "7z\xbc\xaf\x27\x1c", "7z"},
	{0, "Rar!\x1a\x07", "rar"},
	{0, "MSCF", "cab"},
	{0, "\x04\x22\x4d\x18", "lz4"},
	{0, "LZIP", "lzip"},
	{0, "\x5d\x00\x00", "lzma"},
	{0, "hsqs", "squashfs"},
	{0, "QFI\xfb", "qcow2"},
	{0, "KDMV", "vmdk"},
	{0, "conectix", "vhd"},
	{0, "vhdxfile", "vhdx"},
	{0, "EVF\t\r\n\xff\x00", "ewf"},
	{0, "MSWIM\x00\x00\x00", "wim"},
	{0, "age-encryption.org/", "age"},
	{0, "Salted__", "openssl"},
	{0, "-----BEGIN ", "pem"},
	{0, "\x03\xd9\xa2\x9a", "keepass"},
	{0, "-FVE-FS-", "bitlocker"},
	{3, "-FVE-FS-", "bitlocker"},
}

// kind names what content begins as, by its header; "" where no header is known.
func kind(p []byte) string {
	if len(p) >= 592 && string(p[:6]) == "LUKS\xba\xbe" {
		switch binary.BigEndian.Uint16(p[6:]) {
		case 1:
			return kindLUKS1
		case 2:
			return kindLUKS2
		}
	}
	if k := archive.Kind(p); k != "" {
		return k
	}
	for i := range headers {
		if h := &headers[i]; len(p) >= h.at+len(h.magic) && string(p[h.at:h.at+len(h.magic)]) == h.magic {
			return h.kind
		}
	}
	if len(p) > 4 && p[0] == 0xff && p[1]&0xe0 == 0xe0 && p[1] != 0xff && p[2]>>4 != 0xf && p[2]>>4 != 0 { // a frame of MPEG audio
		return "mp3"
	}
	return ""
}

// What may be a container without a header: of at least so many bytes, and so near
// to evenly spread bytes that of random ones fewer than one in a thousand is farther
// off: Pearson's chi-square of 256 values, 255 expected.
const (
	leastRandom = 64 << 10
	chiLow      = 180
	chiHigh     = 341
)

// spread counts how often each byte stands in content.
type spread struct {
	n   [256]int64
	sum int64
}

func (s *spread) add(p []byte) {
	var odd [256]int64 // a second table, for speed
	i := 0
	for ; i+1 < len(p); i += 2 {
		s.n[p[i]]++
		odd[p[i+1]]++
	}
	if i < len(p) {
		s.n[p[i]]++
	}
	for k, n := range odd {
		s.n[k] += n
	}
	s.sum += int64(len(p))
}

// chi is chi-square against evenly spread bytes, entropy is in bits a byte.
func (s *spread) chi() (chi, entropy float64) {
	want := float64(s.sum) / 256
	for _, n := range s.n {
		d := float64(n) - want
		chi += d * d / want
		if n > 0 {
			p := float64(n) / float64(s.sum)
			entropy -= p * math.Log2(p)
		}
	}
	return chi, entropy
}

func (s *spread) random() bool {
	if s.sum == 0 {
		return false
	}
	chi, _ := s.chi()
	return chi >= chiLow && chi <= chiHigh
}

// mayHide reports whether content of a size, which begins so, may be a container
// without a header.
func mayHide(size int64, first []byte) bool {
	if size < leastRandom || size%512 != 0 {
		return false
	}
	var s spread
	s.add(first[:min(len(first), leastRandom)])
	return s.random()
}
