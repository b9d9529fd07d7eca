package artifact

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// What a scheduled task does, as the scheduler keeps it in the registry besides the
// task's file: the value Actions of TaskCache\Tasks (version 3 of Windows 10 and 11, 1
// and 2 before), described in GDATAAdvancedAnalytics/winreg-tasks, kaitai/actions.ksy.

// maxActions bounds the actions that are told of one task.
const maxActions = 32

// taskActions reads the actions of a task: what kind, and what it runs. whole is false
// where the value is cut short or of a form that is not known.
func taskActions(b []byte) (list []Field, context string, whole bool) {
	d := actionReader{b: b}
	version := d.u16()
	if version < 1 || version > 3 {
		return nil, "", false
	}
	if version == 3 {
		context = d.text()
	}
	for d.ok() && len(d.b) > 0 {
		if len(list) >= maxActions {
			return list, context, false
		}
		magic, id := d.u16(), d.text()
		switch magic {
		case 0x6666:
			program, arguments, dir := d.text(), d.text(), d.text()
			if version == 3 {
				d.u16() // flags
			}
			if !d.ok() {
				return list, context, false
			}
			list = append(list, Field{"command", masked(strings.TrimSpace(program + " " + arguments))})
			if dir != "" {
				list = append(list, Field{"working_directory", dir})
			}
		case 0x7777:
			class := d.take(16)
			data := d.text()
			if !d.ok() {
				return list, context, false
			}
			list = append(list, Field{"com_handler", strings.TrimSpace(clsid(class) + " " + masked(data))})
		case 0x8888:
			mail := make([]string, 8) // from, to, cc, bcc, reply to, server, subject, body
			for i := range mail {
				mail[i] = d.text()
			}
			for _, n := range [2]int{1, 2} { // attachments, then headers by name and value
				for k := d.u32(); k > 0 && d.ok(); k-- {
					for range n {
						d.text()
					}
				}
			}
			if !d.ok() {
				return list, context, false
			}
			list = append(list, Field{"email", fmt.Sprintf("from %s to %s by %s: %s", mail[0], mail[1], mail[5], mail[6])})
		case 0x9999:
			caption, text := d.text(), d.text()
			if !d.ok() {
				return list, context, false
			}
			list = append(list, Field{"message_box", strings.TrimSpace(caption + ": " + text)})
		default:
			return list, context, false
		}
		if id != "" {
			list = append(list, Field{"action_id", id})
		}
	}
	return list, context, d.ok()
}

// clsid gives a class identifier as it is written.
func clsid(b []byte) string {
	if len(b) < 16 {
		return ""
	}
	u := binary.LittleEndian
	return fmt.Sprintf("{%08X-%04X-%04X-%X-%X}", u.Uint32(b), u.Uint16(b[4:]), u.Uint16(b[6:]), b[8:10], b[10:16])
}

// actionReader takes values from b; after the first that is cut short all are empty.
type actionReader struct {
	b    []byte
	fail bool
}

func (d *actionReader) ok() bool { return !d.fail }

func (d *actionReader) take(n int) []byte {
	if d.fail || n < 0 || n > len(d.b) {
		d.fail = true
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *actionReader) u16() uint16 {
	if b := d.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (d *actionReader) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// text takes a length in bytes and that much of UTF-16.
func (d *actionReader) text() string {
	n := d.u32()
	if n > uint32(len(d.b)) {
		d.fail = true
		return ""
	}
	return decodeUTF16(d.take(int(n)))
}
