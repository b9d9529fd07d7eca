package proto

// RESP, the Redis serialization protocol: a client sends arrays of bulk
// strings, "*N\r\n$LEN\r\nCOMMAND\r\n"; a server answers with one value:
// "+text", "-error", ":number", "$LEN" and so on.
//
// One event a command; of the answer only whether it is an error is taken, and
// of the arguments a key, never one that may be a password.

import (
	"bytes"
	"strconv"
	"strings"

	"saksi/event"
)

func init() {
	register(&Entry{
		Name: "redis", Doc: "Redis serialization protocol", Reference: "https://redis.io/docs/latest/develop/reference/protocol-spec/",
		Transport: TCP, Ports: []uint16{6379},
		First: []string{"*"}, Detect: detectRedis,
		New:     func(Transport) Parser { return &redis{} },
		Samples: []string{"redis.txt"}, Hostile: []string{"redis_hostile.txt"},
	})
}

func detectRedis(p *Probe) Verdict {
	b := p.Data
	head, rest, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok {
		if len(b) < 8 {
			return More
		}
		return No
	}
	if len(head) < 2 || len(head) > 8 || !digits(head[1:]) {
		return No
	}
	size, _, ok := bytes.Cut(rest, []byte("\r\n"))
	switch {
	case !ok && len(rest) < 8:
		return More
	case ok && len(size) > 1 && size[0] == '$' && digits(size[1:]):
		return Yes
	}
	return No
}

const (
	// maxRedisEvents bounds the commands told of in one connection; those that
	// administer are told of beyond it.
	maxRedisEvents = 1000
	// maxRedisWaiting bounds commands sent before their answers.
	maxRedisWaiting = 256
	// maxRedisArgument bounds an argument that is held.
	maxRedisArgument = 256
)

// redisAdmin are the commands that administer, or run code.
var redisAdmin = map[string]bool{
	"ACL": true, "AUTH": true, "BGREWRITEAOF": true, "BGSAVE": true, "CLIENT": true, "CLUSTER": true, "CONFIG": true, "DEBUG": true, "EVAL": true,
	"EVALSHA": true, "FAILOVER": true, "FCALL": true, "FLUSHALL": true, "FLUSHDB": true, "FUNCTION": true, "HELLO": true, "MIGRATE": true,
	"MODULE": true, "MONITOR": true, "REPLICAOF": true, "RESTORE": true, "SAVE": true, "SCRIPT": true, "SHUTDOWN": true, "SLAVEOF": true, "SYSTEM": true,
}

// redisParts are the commands whose first argument says what they do, and the
// second to what.
var redisParts = map[string]bool{"ACL": true, "CLIENT": true, "CLUSTER": true, "CONFIG": true, "DEBUG": true, "FUNCTION": true, "MODULE": true, "SCRIPT": true}

// redisNoKey are the commands whose first argument may be a secret or code.
var redisNoKey = map[string]bool{"AUTH": true, "HELLO": true, "EVAL": true, "EVALSHA": true, "ECHO": true, "PING": true, "MIGRATE": true}

type redisCommand struct {
	name    string
	object  []byte
	packets Packets
}

type redis struct {
	database
	events  int
	left    int   // arguments to come of the command in work
	skip    int64 // bytes of an argument to pass over
	bulk    bool  // the length of an argument was read
	size    int64
	args    [3][]byte // the first of them
	count   int
	began   Packets
	waiting []redisCommand
	answer  struct {
		left int64 // values to come of the answer in work
		skip int64
	}
}

// Data implements Parser.
func (p *redis) Data(c *Context, dir Dir, b []byte) Result {
	if dir == FromServer {
		return p.answers(c, b)
	}
	used := 0
	for used < len(b) {
		rest := b[used:]
		switch {
		case p.skip > 0:
			n := int(min(p.skip, int64(len(rest))))
			p.skip -= int64(n)
			used += n
			if p.skip == 0 {
				p.argument(c)
			}
			continue
		case p.bulk:
			n := int(min(p.size, maxRedisArgument))
			if len(rest) < n {
				return Result(used)
			}
			if p.count < len(p.args) {
				p.args[p.count] = append(p.args[p.count][:0], rest[:n]...)
			}
			p.bulk, p.skip = false, p.size-int64(n)+2
			used += n
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
		if len(line) == 0 {
			continue
		}
		switch v, ok := redisNumber(line); {
		case p.left == 0 && line[0] == '*' && ok:
			if v > 1<<20 {
				return Broken
			}
			p.left, p.count = int(max(v, 0)), 0
			p.began.Reset()
			p.began.Add(c.Number)
		case p.left > 0 && line[0] == '$' && ok && v >= 0 && v <= 512<<20:
			p.bulk, p.size = true, v
		case p.left == 0 && line[0] >= 'A': // an inline command
			word, arg, _ := bytes.Cut(line, []byte(" "))
			arg, _, _ = bytes.Cut(arg, []byte(" "))
			p.began.Reset()
			p.began.Add(c.Number)
			p.args[0], p.args[1] = append(p.args[0][:0], word...), append(p.args[1][:0], arg...)
			p.count = 2
			p.command(c)
		default:
			return Broken
		}
	}
	return Result(used)
}

func redisNumber(line []byte) (int64, bool) {
	if len(line) < 2 || len(line) > 12 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(line[1:]), 10, 64)
	return n, err == nil
}

// argument counts one argument that is through.
func (p *redis) argument(c *Context) {
	p.count++
	if p.left--; p.left == 0 {
		p.began.Add(c.Number)
		p.command(c)
	}
}

func (p *redis) command(c *Context) {
	name := strings.ToUpper(string(p.args[0][:min(len(p.args[0]), 24)]))
	r := redisCommand{name: name}
	r.packets = Packets{list: append([]uint64(nil), p.began.List()...)}
	switch {
	case name == "AUTH" && p.count == 3:
		p.user = dbText(p.args[1])
	case redisParts[name] && p.count >= 2: // such as CONFIG SET dir
		r.name += " " + strings.ToUpper(string(p.args[1][:min(len(p.args[1]), 24)]))
		if p.count >= 3 && name != "SCRIPT" && name != "FUNCTION" {
			r.object = bytes.Clone(p.args[2])
		}
	case p.count >= 2 && !redisNoKey[name]:
		r.object = bytes.Clone(p.args[1])
	}
	if p.events++; p.events > maxRedisEvents && !redisAdmin[name] {
		r.name = ""
	}
	if len(p.waiting) >= maxRedisWaiting {
		p.emit(c, "", false)
	}
	p.waiting = append(p.waiting, r)
}

// answers counts values until an answer is whole.
func (p *redis) answers(c *Context, b []byte) Result {
	used := 0
	a := &p.answer
	for used < len(b) {
		if a.skip > 0 {
			n := min(a.skip, int64(len(b)-used))
			a.skip -= n
			used += int(n)
			continue
		}
		line, n, ok := nextLine(b[used:])
		if !ok {
			return Broken
		}
		if n == 0 {
			break
		}
		used += n
		if len(line) == 0 {
			return Broken
		}
		top := a.left == 0
		if top {
			a.left = 1
		}
		a.left--
		fail := ""
		switch v, ok := redisNumber(line); line[0] {
		case '-', '!':
			word, _, _ := bytes.Cut(line[1:], []byte(" "))
			fail = string(word[:min(len(word), 32)])
		case '$', '=':
			if ok && v >= 0 && v <= 512<<20 {
				a.skip = v + 2
			}
		case '*', '~', '>':
			if ok && v > 0 && v < 1<<31 {
				a.left += v
			}
		case '%':
			if ok && v > 0 && v < 1<<30 {
				a.left += 2 * v
			}
		case '+', ':', '_', ',', '#', '(':
		default:
			return Broken
		}
		if top && len(p.waiting) > 0 {
			p.waiting[0].packets.Add(c.Number)
			p.emit(c, fail, true)
		}
	}
	return Result(used)
}

// emit tells of the oldest command.
func (p *redis) emit(c *Context, fail string, known bool) {
	r := p.waiting[0]
	p.waiting = p.waiting[:copy(p.waiting, p.waiting[1:])]
	if r.name == "" {
		return
	}
	action := "command"
	if r.name == "AUTH" || r.name == "HELLO" {
		action = "login"
	}
	p.packets = r.packets
	e := p.begin(c, "saksi.redis", action)
	e.Str(event.SaksiDbOperation, strings.ToLower(r.name))
	e.Bytes(event.SaksiDbObject, r.object)
	if known {
		e.Str(event.SaksiDbError, fail)
		outcome(e, fail == "")
	}
	c.Emit(e)
}

// Gap implements Parser: within an argument or a value it is passed over.
func (p *redis) Gap(_ *Context, dir Dir, n uint32) bool {
	skip := &p.skip
	if dir == FromServer {
		skip = &p.answer.skip
	}
	if *skip <= int64(n) {
		return false
	}
	*skip -= int64(n)
	return true
}

// Close implements Parser.
func (p *redis) Close(c *Context) {
	for len(p.waiting) > 0 {
		p.emit(c, "", false)
	}
}
