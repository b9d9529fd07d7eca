package artifact

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Jump lists that a program keeps itself: categories of shortcuts, each behind a
// class identifier, closed by a footer.

func init() {
	register(Format{
		Name: "customjumplist",
		Doc: "jump lists that a program keeps itself (customDestinations-ms): the shortcuts of every category; where the categories are damaged, " +
			"shortcuts are found by their header and marked recovered",
		Reference: "J. Metz, Jump lists format, section Custom destinations files; [MS-SHLLINK]",
		Detect: func(head []byte) bool {
			return len(head) >= 20 && customHeader(head) && (bytes.Contains(head, []byte(customFooter)) || bytes.Contains(head, []byte(lnkMagic)))
		},
		Named:   func(path string) bool { return strings.HasSuffix(path, ".customdestinations-ms") },
		Parse:   parseCustomJumpList,
		Event:   eventJumpList,
		Samples: []string{"sample.customDestinations-ms"},
		Hostile: []string{
			"sample.customDestinations-ms cut=200", "sample.customDestinations-ms @4=ffffff7f", "sample.customDestinations-ms @12=09",
			"sample.customDestinations-ms @16=ffff", "sample.customDestinations-ms @28=00",
		},
	})
}

const customFooter = "\xab\xfb\xbf\xba"

// maxCustom bounds a jump list of a program, in bytes.
const maxCustom = 64 << 20

func customHeader(b []byte) bool {
	return binary.LittleEndian.Uint32(b) == 2 && binary.LittleEndian.Uint32(b[4:]) < 1<<16 && binary.LittleEndian.Uint32(b[8:]) == 0 &&
		binary.LittleEndian.Uint32(b[12:]) <= 2
}

var customKinds = []string{"custom", "known", "tasks"}

// customList is one while it is read.
type customList struct {
	b       []byte
	at      int
	common  []Field
	emit    func(*Record) error
	problem func(Problem)
}

func parseCustomJumpList(in Input, emit func(*Record) error, problem func(Problem)) error {
	if in.Size > maxCustom {
		problem(Problem{maxCustom, fmt.Sprintf("the file has %d bytes; what follows %d is not read", in.Size, maxCustom)})
	}
	c := &customList{b: make([]byte, min(in.Size, maxCustom)), common: jumpListApplication(in.Path), emit: emit, problem: problem}
	if _, err := in.ReadAt(c.b, 0); err != nil {
		return fmt.Errorf("reading the file: %w", err)
	}
	if len(c.b) < 12 {
		return fmt.Errorf("the file has %d bytes; its header has 12", len(c.b))
	}
	count := binary.LittleEndian.Uint32(c.b[4:])
	c.at = 12
	for n := range count {
		wrong, err := c.category()
		if err != nil {
			return err
		}
		if wrong != "" {
			problem(Problem{int64(c.at), fmt.Sprintf("category %d of %d: %s; what follows is searched for shortcuts", n+1, count, wrong)})
			return c.carve()
		}
	}
	if c.at < len(c.b) {
		problem(Problem{int64(c.at), fmt.Sprintf("%d bytes follow the categories; they are searched for shortcuts", len(c.b)-c.at)})
	}
	return c.carve()
}

// u32 takes the next number.
func (c *customList) u32() (uint32, bool) {
	if c.at+4 > len(c.b) {
		return 0, false
	}
	c.at += 4
	return binary.LittleEndian.Uint32(c.b[c.at-4:]), true
}

// category reads one category, or tells what is wrong with it at c.at.
func (c *customList) category() (wrong string, err error) {
	kind, ok := c.u32()
	if !ok {
		return "the file ends before it", nil
	}
	if kind > 2 {
		return fmt.Sprintf("it is of type %d; 0 to 2 are known", kind), nil
	}
	about := []Field{{"category", customKinds[kind]}}
	if kind == 0 {
		if c.at+2 > len(c.b) || c.at+2+2*int(binary.LittleEndian.Uint16(c.b[c.at:])) > len(c.b) {
			return "its name ends beyond the file", nil
		}
		n := 2 * int(binary.LittleEndian.Uint16(c.b[c.at:]))
		c.at += 2
		about = append(about, Field{"category_name", utf16All(c.b[c.at : c.at+n])})
		c.at += n
	}
	count, ok := c.u32() // or, of a known category, its number
	if !ok {
		return "the file ends within its header", nil
	}
	if kind == 1 {
		name := strconv.FormatUint(uint64(count), 10)
		if count == 1 || count == 2 {
			name = []string{"frequent", "recent"}[count-1]
		}
		count = 0
		if err := c.emit(&Record{Offset: int64(c.at - 8), Header: 1, Fields: append([]Field{{"record", "category"}, about[0], {"category_name", name}}, c.common...)}); err != nil {
			return "", err
		}
	}
	for n := range count {
		if !strings.HasPrefix(string(c.b[c.at:min(c.at+16+len(lnkMagic), len(c.b))]), lnkMagic[4:]+lnkMagic) {
			return fmt.Sprintf("entry %d of %d is no shortcut", n+1, count), nil
		}
		if err := c.shortcut(c.at+16, append([]Field{{"record", "custom"}}, about...)); err != nil {
			return "", err
		}
	}
	if !strings.HasPrefix(string(c.b[c.at:]), customFooter) {
		return "its footer is missing", nil
	}
	c.at += len(customFooter)
	return "", nil
}

// shortcut gives the shortcut at a place and goes on behind it.
func (c *customList) shortcut(at int, about []Field) error {
	r := &Record{Offset: int64(at), Header: 1, Fields: append(about, c.common...)}
	end := joinShortcut(r, c.b[at:min(len(c.b), at+maxLNK)], func(where int, err error) {
		c.problem(Problem{int64(at + where), "a shortcut: " + err.Error()})
	})
	c.at = at + max(end, len(lnkMagic))
	return c.emit(r)
}

// carve gives the shortcuts that are found by their header from here on.
func (c *customList) carve() error {
	for {
		i := bytes.Index(c.b[min(c.at, len(c.b)):], []byte(lnkMagic))
		if i < 0 {
			return nil
		}
		if err := c.shortcut(c.at+i, []Field{{"record", "custom"}, {"recovered", "by the header of a shortcut"}}); err != nil {
			return err
		}
	}
}
