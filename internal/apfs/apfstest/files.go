package apfstest

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zlib"

	"saksi/internal/lzfse"
)

// Files are files of every kind, packed in every way; samples is the folder of
// internal/lzfse's samples, which Apple's encoder packed.
func Files(samples string) []File {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			panic(err)
		}
		return b
	}
	unpacked := func(name string, size int) []byte {
		b := make([]byte, size)
		if n, err := lzfse.Decode(b, read(name)); n < size || err != nil {
			panic(err)
		}
		return b
	}
	text := unpacked("text.lzfse", 95536)
	small := unpacked("small.lzfse", 1000)
	vn := read("small.lzfse") // one block of LZVN
	vn = vn[12 : 12+le.Uint32(vn[8:])]
	deflate := func(b []byte) []byte {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		if _, err := w.Write(b); err != nil {
			panic(err)
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		return out.Bytes()
	}
	attr := func(kind int, content, packed []byte) []byte {
		return join([]byte("fpmc"), u32(kind), u64(uint64(len(content))), packed)
	}
	plain := func(b []byte) []byte { return append([]byte{0xff}, b...) }
	// Pieces behind a table of their offsets, and behind that of a resource.
	short := func(pieces ...[]byte) []byte {
		at := 4 * (len(pieces) + 1)
		head, body := u32(at), []byte(nil)
		for _, p := range pieces {
			body = append(body, p...)
			head = append(head, u32(at+len(body))...)
		}
		return append(head, body...)
	}
	long := func(pieces ...[]byte) []byte {
		table, body := u32(len(pieces)), []byte(nil)
		for _, p := range pieces {
			table = join(table, u32(4+8*len(pieces)+len(body)), u32(len(p)))
			body = append(body, p...)
		}
		all := append(table, body...)
		head := make([]byte, 256)
		binary.BigEndian.PutUint32(head, 256)
		binary.BigEndian.PutUint32(head[4:], uint32(256+4+len(all)))
		binary.BigEndian.PutUint32(head[8:], uint32(4+len(all)))
		return join(head, binary.BigEndian.AppendUint32(nil, uint32(len(all))), all, make([]byte, 50))
	}
	noise := make([]byte, 50000)
	for i := range noise {
		noise[i] = byte(i*i>>3) ^ byte(i>>7)
	}
	clear(noise[2*Block : 4*Block]) // a hole
	first, second := text[:65536], text[65536:]
	return []File{
		{Path: "/satu.txt", Content: []byte("fail pertama\n")},
		{Path: "/folder/"},
		{Path: "/folder/noise.bin", Content: noise},
		{Path: "/folder/dalam/"},
		{Path: "/folder/dalam/kosong"},
		{Path: "/pautan", Link: "folder/noise.bin"},
		{Path: "/zlib", Content: small, Attr: attr(3, small, deflate(small))},
		{Path: "/zlib-plain", Content: small, Attr: attr(3, small, plain(small))},
		{Path: "/zlib-fork", Content: text, Attr: attr(4, text, nil), Fork: long(deflate(first), deflate(second))},
		{Path: "/lzvn", Content: small, Attr: attr(7, small, vn)},
		{Path: "/lzvn-fork", Content: small, Attr: attr(8, small, nil), Fork: short(vn)},
		{Path: "/plain", Content: small[:100], Attr: attr(9, small[:100], plain(small[:100]))},
		{Path: "/plain-fork", Content: text, Attr: attr(10, text, nil), Fork: long(plain(first), plain(second))},
		{Path: "/lzfse", Content: small, Attr: attr(11, small, read("small.lzfse"))},
		{Path: "/lzfse-fork", Content: text, Attr: attr(12, text, nil), Fork: short(read("piece0.lzfse"), read("piece1.lzfse"))},
		{Path: "/lzfse-plain", Content: text, Attr: attr(12, text, nil), Fork: short(plain(first), read("piece1.lzfse"))},
	}
}
