// Package apfstest makes APFS containers for tests, by Apple's reference: no free tool
// makes encrypted volumes, snapshots or compressed files. fsapfsinfo and The Sleuth Kit
// read them.
package apfstest

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/binary"
	"sort"
	"strings"

	"golang.org/x/crypto/xts"
)

var le = binary.LittleEndian

// Block is the size of a block in bytes, Blocks how many there are.
const (
	Block  = 4096
	Blocks = 384
)

// Superblock is the block of the volume's superblock.
const Superblock = 6

// File is a file or, with a name that ends with "/", a folder.
type File struct {
	Path    string
	Content []byte
	Link    string
	Attr    []byte // com.apple.decmpfs
	Fork    []byte // com.apple.ResourceFork, in blocks of its own
}

// Options say what is made.
type Options struct {
	Files []File
	Old   []File // what a snapshot holds; nil: there is none
	// Secrets are the passwords that open it; none: it is not encrypted.
	Secrets []string
	Core    bool // its key is one of CoreStorage, of 128 bits
	Hint    string
}

const (
	newXID = 5
	oldXID = 3
	nodes  = 16 // first of the nodes of the file system
	data   = 64 // first of the content
)

func uuid(seed byte) (u [16]byte) {
	for i := range u {
		u[i] = byte(i)*13 + seed
	}
	return u
}

type maker struct {
	Options
	b    []byte
	next int // block of the next content
	node int // and of the next node
	omap []entry
	vek  []byte
}

type entry struct{ key, val []byte }

func u16(n int) []byte    { return le.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte    { return le.AppendUint32(nil, uint32(n)) }
func u64(n uint64) []byte { return le.AppendUint64(nil, n) }

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// Make gives the container.
func Make(o Options) []byte {
	m := &maker{Options: o, b: make([]byte, Block*Blocks), next: data, node: nodes}
	if len(o.Secrets) > 0 {
		m.vek = make([]byte, 32)
		for i := range m.vek {
			m.vek[i] = byte(i)*29 + 3
		}
		if o.Core {
			id := uuid(77)
			sum := sha256.Sum256(append(append([]byte(nil), m.vek[:16]...), id[:]...))
			copy(m.vek[16:], sum[:])
		}
		m.keybags()
	}
	snapshots := 0
	m.put(20, 0x40000002, 16, 20, m.leaf(nil, true, false, 0))
	if o.Old != nil {
		snapshots = 1
		root := m.tree(o.Old, oldXID)
		m.volume(21, oldXID, root, 0)
		snap := []entry{
			{join(u64(1<<60 | oldXID)), join(u64(0), u64(21), u64(1_790_931_600_000_000_000), u64(1_790_931_600_000_000_000), u64(1), u32(0), u32(0), u16(5), []byte("lama\x00"))},
			{join(u64(11<<60|1<<60-1), u16(5), []byte("lama\x00")), u64(oldXID)},
		}
		m.put(20, 0x40000002, 16, 20, m.leaf(snap, true, false, 0))
	}
	root := m.tree(o.Files, newXID)
	m.volume(Superblock, newXID, root, snapshots)
	sort.Slice(m.omap, func(i, j int) bool {
		a, b := m.omap[i].key, m.omap[j].key
		if le.Uint64(a) != le.Uint64(b) {
			return le.Uint64(a) < le.Uint64(b)
		}
		return le.Uint64(a[8:]) < le.Uint64(b[8:])
	})
	m.objectMap(7, 8, m.omap)
	m.objectMap(4, 5, []entry{{join(u64(1026), u64(newXID)), join(u32(0), u32(Block), u64(Superblock))}})
	m.container()
	return m.b
}

// put puts an object into a block, with its header and checksum.
func (m *maker) put(block, kind, subtype int, oid uint64, body []byte) {
	b := m.b[block*Block:][:Block]
	clear(b)
	copy(b[32:], body)
	le.PutUint64(b[8:], oid)
	le.PutUint64(b[16:], newXID)
	le.PutUint32(b[24:], uint32(kind))
	le.PutUint32(b[28:], uint32(subtype))
	Sum(b)
}

// Sum puts the checksum of an object into it.
func Sum(b []byte) {
	const mod = 0xffffffff
	var lo, hi uint64
	for i := 8; i < len(b); i += 4 {
		lo = (lo + uint64(le.Uint32(b[i:]))) % mod
		hi = (hi + lo) % mod
	}
	c1 := mod - (lo+hi)%mod
	le.PutUint64(b, (mod-(lo+c1)%mod)<<32|c1)
}

// leaf makes a node without its header.
func (m *maker) leaf(list []entry, root, fixed bool, level int) []byte {
	b := make([]byte, Block-32)
	flags := 0
	end := len(b)
	if root {
		flags, end = 1, end-40
		info := b[end:]
		le.PutUint32(info, 0x10)
		le.PutUint32(info[4:], Block)
		if fixed {
			le.PutUint32(info[8:], 16)
			le.PutUint32(info[12:], 16)
		}
		le.PutUint64(info[24:], uint64(len(list)))
		le.PutUint64(info[32:], 1)
	}
	if level == 0 {
		flags |= 2
	}
	size := 8
	if fixed {
		flags, size = flags|4, 4
	}
	le.PutUint16(b, uint16(flags))
	le.PutUint16(b[2:], uint16(level))
	le.PutUint32(b[4:], uint32(len(list)))
	toc := (size*len(list) + 63) &^ 63
	le.PutUint16(b[10:], uint16(toc))
	keys, k, v := 24+toc, 0, 0
	for i, e := range list {
		copy(b[keys+k:], e.key)
		v += len(e.val)
		copy(b[end-v:], e.val)
		at := b[24+size*i:]
		le.PutUint16(at, uint16(k))
		if fixed {
			le.PutUint16(at[2:], uint16(v))
		} else {
			le.PutUint16(at[2:], uint16(len(e.key)))
			le.PutUint16(at[4:], uint16(v))
			le.PutUint16(at[6:], uint16(len(e.val)))
		}
		if k += len(e.key); keys+k > end-v {
			panic("the node is full")
		}
	}
	le.PutUint16(b[12:], uint16(k))
	le.PutUint16(b[14:], uint16(end-v-keys-k))
	return b
}

func (m *maker) objectMap(block, tree int, list []entry) {
	m.put(block, 0x4000000b, 0, uint64(block), join(u32(0), u32(0), u32(0x40000002), u32(0x40000002), u64(uint64(tree)), u64(0), u64(0), u64(0), u64(0)))
	m.put(tree, 0x40000002, 11, uint64(tree), m.leaf(list, true, true, 0))
}

// crypt encrypts blocks of the volume.
func (m *maker) crypt(block, n int) {
	if m.vek == nil {
		return
	}
	crypt(m.vek, m.b[block*Block:][:n*Block], uint64(block)*Block/512)
}

func crypt(key, b []byte, number uint64) {
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(b); i += 512 {
		c.Encrypt(b[i:i+512], b[i:i+512], number+uint64(i/512))
	}
}

// content stores content and gives the records of its extents.
func (m *maker) content(id uint64, content []byte) (list []entry) {
	for at := 0; at < len(content); at += 2 * Block { // in extents of two blocks
		part := content[at:min(len(content), at+2*Block)]
		n := (len(part) + Block - 1) / Block
		block := uint64(0)
		if strings.Trim(string(part), "\x00") != "" {
			block = uint64(m.next)
			copy(m.b[m.next*Block:], part)
			m.crypt(m.next, n)
			m.next += n + 1
		}
		list = append(list, entry{join(u64(8<<60|id), u64(uint64(at))), join(u64(uint64(n*Block)), u64(block), u64(block))})
	}
	return list
}

func name(s string) []byte { return join(u16(len(s)+1), []byte(s), []byte{0}) }

// tree stores the records of files and gives the object of the tree's root.
func (m *maker) tree(files []File, xid uint64) uint64 {
	var list []entry
	when := u64(1_790_931_600_000_000_000 + xid)
	ids := map[string]uint64{"": 2}
	count := map[string]int{}
	for _, f := range files {
		p := strings.TrimSuffix(f.Path, "/")
		count[p[:max(strings.LastIndexByte(p, '/'), 0)]]++
	}
	put := func(id, parent uint64, base string, mode, flags, links int, size int64) {
		x := join([]byte{4, 2}, u16(len(base)+1))
		body := append([]byte(base), 0)
		for len(body)%8 != 0 {
			body = append(body, 0)
		}
		n := 1
		if size >= 0 {
			x = join(x, []byte{8, 0x20}, u16(40))
			body = join(body, u64(uint64(size)), u64(uint64((size+Block-1)/Block*Block)), u64(0), u64(0), u64(0))
			n = 2
		}
		val := join(u64(parent), u64(id), when, when, when, when, u64(0x8000), u32(links), u32(0), u32(0), u32(flags), u32(99), u32(99), u16(mode), u16(0), u64(0), u16(n), u16(len(body)), x, body)
		list = append(list, entry{u64(3<<60 | id), val})
	}
	put(2, 1, "root", 0o40755, 0, count[""], -1)
	next := uint64(16)
	for _, f := range files {
		path := strings.TrimSuffix(f.Path, "/")
		i := strings.LastIndexByte(path, '/')
		parent, base := ids[path[:max(i, 0)]], path[i+1:]
		id := next
		next += 4
		ids[path] = id
		mode, kind, flags, size := 0o100644, 8, 0, int64(len(f.Content))
		switch {
		case f.Path != path:
			mode, kind, size = 0o40755, 4, -1
		case f.Link != "":
			mode, kind, size = 0o120755, 10, -1
			list = append(list, entry{join(u64(4<<60|id), name("com.apple.fs.symlink")), join(u16(6), u16(len(f.Link)+1), []byte(f.Link), []byte{0})})
		case f.Attr != nil:
			flags, size = 0x20, -1
			list = append(list, entry{join(u64(4<<60|id), name("com.apple.decmpfs")), join(u16(2), u16(len(f.Attr)), f.Attr)})
		}
		links := 1
		if kind == 4 {
			links = count[path]
		}
		put(id, parent, base, mode, flags, links, size)
		if f.Fork != nil {
			list = append(list, entry{join(u64(4<<60|id), name("com.apple.ResourceFork")), join(u16(1), u16(48), u64(id+1), u64(uint64(len(f.Fork))), u64(uint64((len(f.Fork)+Block-1)/Block*Block)), u64(0), u64(0), u64(0))})
			list = append(list, m.content(id+1, f.Fork)...)
		}
		if size > 0 {
			list = append(list, m.content(id, f.Content)...)
		}
		list = append(list, entry{join(u64(9<<60|parent), u32((len(base)+1)|0x1000), []byte(base), []byte{0}), join(u64(id), when, u16(kind))})
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := le.Uint64(list[i].key), le.Uint64(list[j].key)
		if x, y := a&(1<<60-1), b&(1<<60-1); x != y {
			return x < y
		}
		if a != b {
			return a < b
		}
		if a>>60 == 8 {
			return le.Uint64(list[i].key[8:]) < le.Uint64(list[j].key[8:])
		}
		return string(list[i].key[8:]) < string(list[j].key[8:])
	})
	flag := 0
	if m.vek != nil {
		flag = 4
	}
	store := func(oid uint64, kind int, body []byte) {
		m.put(m.node, kind, 14, oid, body)
		m.crypt(m.node, 1)
		m.omap = append(m.omap, entry{join(u64(oid), u64(xid)), join(u32(flag), u32(Block), u64(uint64(m.node)))})
		if m.node++; m.node == 20 {
			m.node = 22
		}
	}
	var index []entry
	oid := uint64(1029)
	for i := 0; i < len(list); {
		n, room := 0, Block-32-24-64
		for i+n < len(list) && n < 24 && room > len(list[i+n].key)+len(list[i+n].val)+72 {
			room -= len(list[i+n].key) + len(list[i+n].val) + 8
			n++
		}
		store(oid, 3, m.leaf(list[i:i+n], false, false, 0))
		index = append(index, entry{list[i].key, u64(oid)})
		oid, i = oid+1, i+n
	}
	store(1028, 2, m.leaf(index, true, false, 1))
	return 1028
}

func (m *maker) volume(block int, xid, root uint64, snapshots int) {
	flags := 1
	if m.vek != nil {
		flags = 8
	}
	id := uuid(33)
	omap := uint64(7)
	if xid == oldXID {
		omap = 0
	}
	body := make([]byte, Block-32)
	copy(body, "APSB")
	at := func(off int, parts ...[]byte) { copy(body[off-32:], join(parts...)) }
	at(40, u64(2), u64(0), u64(1)) // case insensitive: names have hashes
	at(116, u32(2), u32(0x40000002), u32(0x40000002), u64(omap), u64(root), u64(0), u64(20), u64(0), u64(0), u64(200))
	at(216, u64(uint64(snapshots)))
	at(240, id[:], u64(1_790_931_600_000_000_000), u64(uint64(flags)), []byte("saksi"))
	at(704, []byte("ujian"))
	m.put(block, 13, 0, 1026, body)
}

func (m *maker) container() {
	id := uuid(11)
	body := make([]byte, Block-32)
	copy(body, "NXSB")
	at := func(off int, parts ...[]byte) { copy(body[off-32:], join(parts...)) }
	at(36, u32(Block), u64(Blocks), u64(0), u64(0), u64(2), id[:], u64(2000), u64(newXID+1), u32(2), u32(1), u64(1), u64(3), u32(0), u32(0), u32(0), u32(2), u32(0), u32(1))
	at(152, u64(1024), u64(4), u64(1025), u32(0), u32(100), u64(1026))
	if m.vek != nil {
		at(1296, u64(40), u64(1))
	}
	m.put(1, 0x4000000c, 0, 1, join(u32(1), u32(1), u32(0x80000005), u32(0), u32(Block), u32(0), u64(0), u64(1024), u64(3)))
	m.put(3, 0x80000005, 0, 1024, join(u32(Block), u32(32768), u32(0), u32(0), u64(Blocks), u64(0)))
	m.put(2, 0x80000001, 0, 1, body)
	copy(m.b, m.b[2*Block:3*Block])
}

func der(tag byte, b []byte) []byte {
	if len(b) < 128 {
		return join([]byte{tag, byte(len(b))}, b)
	}
	return join([]byte{tag, 0x82, byte(len(b) >> 8), byte(len(b))}, b)
}

// wrap wraps a key (RFC 3394, section 2.2.1).
func wrap(kek, key []byte) []byte {
	c, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	r := append([]byte("\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6"), key...)
	n := len(key) / 8
	for j := range 6 {
		for i := 1; i <= n; i++ {
			b := join(r[:8], r[8*i:8*i+8])
			c.Encrypt(b, b)
			copy(r[8*i:], b[8:])
			t := uint64(n*j + i)
			for k := range 8 {
				r[k] = b[k] ^ byte(t>>(56-8*k))
			}
		}
	}
	return r
}

func wrapped(inner []byte) []byte {
	salt := []byte("garamnya")
	key := sha256.Sum256(append([]byte{1, 0x16, 0x20, 0x17, 0x15, 5}, salt...))
	in := der(0xa3, inner)
	h := hmac.New(sha256.New, key[:])
	h.Write(in)
	return der(0x30, join(der(0x80, []byte{0}), der(0x81, h.Sum(nil)), der(0x82, salt), in))
}

func (m *maker) bag(block int, kind string, key [16]byte, list ...[]byte) {
	body := join(list...)
	all := join(u16(2), u16(len(list)), u32(16+len(body)), u64(0), body)
	m.put(block, int(binary.BigEndian.Uint32([]byte(kind))), 0, 0, all)
	crypt(append(key[:], key[:]...), m.b[block*Block:][:Block], uint64(block)*Block/512)
}

func bagEntry(id [16]byte, tag int, b []byte) []byte {
	e := join(id[:], u16(tag), u16(len(b)), u32(0), b)
	for len(e)%16 != 0 {
		e = append(e, 0)
	}
	return e
}

func (m *maker) keybags() {
	volume, vekID := uuid(33), uuid(77)
	kek := make([]byte, 32)
	for i := range kek {
		kek[i] = byte(i)*31 + 9
	}
	flags := make([]byte, 8)
	key := wrap(kek, m.vek)
	if m.Core {
		flags[0] = 2
		key = append(wrap(kek[:16], m.vek[:16]), make([]byte, 16)...)
	}
	m.bag(40, "keys", uuid(11),
		bagEntry(volume, 3, join(u64(41), u64(1))),
		bagEntry(volume, 2, wrapped(join(der(0x80, []byte{0}), der(0x81, vekID[:]), der(0x82, flags), der(0x83, key)))))
	var list [][]byte
	for i, s := range m.Secrets {
		salt := uuid(byte(i))
		derived, err := pbkdf2.Key(sha256.New, s, salt[:], 1000+i, 32)
		if err != nil {
			panic(err)
		}
		id := uuid(byte(90 + i))
		if i == 0 {
			id = volume // of disk user
		}
		list = append(list, bagEntry(id, 3, wrapped(join(der(0x80, []byte{0}), der(0x81, id[:]), der(0x82, make([]byte, 8)), der(0x83, wrap(derived, kek)), der(0x84, []byte{byte((1000 + i) >> 8), byte(1000 + i)}), der(0x85, salt[:])))))
	}
	if m.Hint != "" {
		list = append(list, bagEntry(volume, 4, []byte(m.Hint)))
	}
	m.bag(41, "recs", volume, list...)
}
