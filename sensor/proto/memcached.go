package proto

// Memcached: the text protocol, "command key ...\r\n" with a block of data behind
// the storing commands; over UDP behind eight bytes: request (2), number (2),
// count (2), 0 (2). The binary protocol has a head of 24 bytes: 0 0x80 request,
// 0x81 answer  1 code  2 length of the key (2)  4 length of the extras  5 0  6 ...
// 8 length of what follows (4). One event a command: its name and key.

import (
	"bytes"
	"encoding/binary"
	"strconv"

	"saksi/event"
	"saksi/sensor/proto/internal/octet"
)

func init() {
	register(&Entry{
		Name: "memcached", Doc: "Memcached, a cache of keys and values", Reference: "https://github.com/memcached/memcached/blob/master/doc/protocol.txt",
		Transport: TCP | UDP, Ports: []uint16{11211}, Detect: detectMemcached,
		New:     func(t Transport) Parser { return &memcached{datagram: t == UDP} },
		Samples: []string{"memcached_tcp.txt", "memcached_udp.txt", "memcached_binary.txt"}, Hostile: []string{"memcached_hostile.txt"},
	})
}

// memcachedCommands are the commands, and how many words follow at least.
var memcachedCommands = map[string]int{
	"get": 1, "gets": 1, "gat": 2, "gats": 2, "set": 4, "add": 4, "replace": 4, "append": 4, "prepend": 4, "cas": 5,
	"incr": 2, "decr": 2, "touch": 2, "delete": 1, "stats": 0, "flush_all": 0, "version": 0, "verbosity": 1,
}

// memcachedCodes are the commands of the binary protocol.
var memcachedCodes = [...]string{
	"get", "set", "add", "replace", "delete", "incr", "decr", "quit", "flush_all", "getq", "noop", "version", "getk", "getkq", "append", "prepend",
	"stats", "setq", "addq", "replaceq", "deleteq", "incrq", "decrq", "quitq", "flushq", "appendq", "prependq", "verbosity", "touch", "gat", "gatq",
	"", "sasl_list", "sasl_auth", "sasl_step",
}

// memcachedLine reads a command line.
func memcachedLine(line []byte) (name string, words [][]byte, ok bool) {
	if len(line) > 2048 {
		return "", nil, false
	}
	w := bytes.SplitN(line, []byte(" "), 8)
	least, known := memcachedCommands[string(w[0])]
	if !known || len(w)-1 < least || least > 0 && (len(w[1]) == 0 || len(w[1]) > 250) {
		return "", nil, false
	}
	return string(w[0]), w[1:], true
}

func detectMemcached(p *Probe) Verdict {
	b := p.Data
	if p.Transport == UDP {
		if len(b) < 14 || binary.BigEndian.Uint16(b[2:]) != 0 || b[6] != 0 || b[7] != 0 {
			return No
		}
		if n := binary.BigEndian.Uint16(b[4:]); n == 0 {
			return No
		}
		b = b[8:]
	}
	if b[0] == 0x80 && p.Transport == TCP {
		if len(b) < 24 {
			return More
		}
		return memcachedBinary(p)
	}
	line, _, ok := bytes.Cut(b, []byte("\r\n"))
	if p.Dir == FromServer {
		ask, _, whole := bytes.Cut(p.Other, []byte("\r\n"))
		_, _, asked := memcachedLine(ask)
		for _, s := range []string{"VALUE ", "STAT "} {
			if ok && bytes.HasPrefix(line, []byte(s)) {
				if whole && asked {
					return Yes
				}
				return onPort(p, true, 11211)
			}
		}
		return No
	}
	if !ok {
		word, _, more := bytes.Cut(b[:min(len(b), 16)], []byte(" "))
		if _, known := memcachedCommands[string(word)]; known && more && p.Transport == TCP {
			return More
		}
		return No
	}
	name, words, ok := memcachedLine(line)
	switch {
	case !ok:
		return No
	case memcachedData(name):
		if digits(words[1]) && digits(words[3]) {
			return Yes
		}
		return No
	case p.Transport == UDP && (name == "stats" || name == "gets" || name == "get"):
		return Yes // the head before it says so as well
	}
	return onPort(p, true, 11211)
}

// memcachedBinary takes reads and stores of the binary protocol, whose extras
// have a fixed length, and on its port any command.
func memcachedBinary(p *Probe) Verdict {
	b := p.Data
	n, key, extra := binary.BigEndian.Uint32(b[8:]), uint32(binary.BigEndian.Uint16(b[2:])), uint32(b[4])
	if int(b[1]) >= len(memcachedCodes) || b[5] != 0 || key+extra > n || n >= 2<<20 || extra > 20 || key > 250 {
		return No
	}
	if key > 0 && b[6] == 0 && b[7] == 0 && bytes.Equal(b[16:24], make([]byte, 8)) {
		switch b[1] {
		case 0, 9, 12, 13: // get
			if extra == 0 && n == key {
				return Yes
			}
		case 1, 2, 3: // set, add, replace
			if extra == 8 {
				return Yes
			}
		}
	}
	return onPort(p, true, 11211)
}

// memcachedData reports whether a block of data follows.
func memcachedData(name string) bool { return memcachedCommands[name] >= 4 }

// maxMemcachedEvents bounds the commands told of in one connection.
const maxMemcachedEvents = 1000

type memcached struct {
	database
	datagram bool
	events   int
	skip     [2]int64
}

// Data implements Parser.
func (p *memcached) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return Result(len(b))
	}
	used := 0
	if p.datagram {
		used = min(8, len(b))
	}
	for used < len(b) {
		rest := b[used:]
		if n := min(p.skip[dir], int64(len(rest))); n > 0 {
			p.skip[dir] -= n
			used += int(n)
			continue
		}
		if rest[0] == 0x80 {
			if len(rest) < 24 {
				break
			}
			n := binary.BigEndian.Uint32(rest[8:])
			key, extra := int(binary.BigEndian.Uint16(rest[2:])), int(rest[4])
			if n > 128<<20 || uint32(key+extra) > n || int(rest[1]) >= len(memcachedCodes) {
				return p.lost(len(b))
			}
			if len(rest) < 24+extra+key {
				break
			}
			p.emit(c, memcachedCodes[rest[1]], octet.Slice(rest, 24+extra, key))
			used += 24 + extra + key
			p.skip[dir] = int64(n) - int64(extra+key)
			continue
		}
		line, n, ok := nextLine(rest)
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		name, words, ok := memcachedLine(line)
		if !ok {
			continue
		}
		var key []byte
		if len(words) > 0 {
			key = words[0]
		}
		p.emit(c, name, key)
		if memcachedData(name) {
			size, err := strconv.ParseInt(string(words[3]), 10, 32)
			if err != nil || size < 0 {
				return p.lost(len(b))
			}
			p.skip[dir] = size + 2
		}
	}
	if p.datagram {
		p.skip[dir] = 0
		return Result(len(b))
	}
	return Result(used)
}

func (p *memcached) lost(n int) Result {
	if p.datagram {
		return Result(n)
	}
	return Broken
}

func (p *memcached) emit(c *Context, name string, key []byte) {
	if p.events++; p.events > maxMemcachedEvents || name == "" {
		return
	}
	p.packets.Reset()
	p.packets.Add(c.Number)
	e := p.begin(c, "saksi.memcached", "command")
	e.Str(event.SaksiDbOperation, name)
	if name != "sasl_auth" && name != "sasl_step" {
		e.Bytes(event.SaksiDbObject, key)
	}
	c.Emit(e)
}

// Gap implements Parser.
func (p *memcached) Gap(_ *Context, dir Dir, n uint32) bool {
	if dir == FromServer {
		return true
	}
	if p.skip[dir] < int64(n) {
		return false
	}
	p.skip[dir] -= int64(n)
	return true
}

// Close implements Parser.
func (p *memcached) Close(*Context) {}
