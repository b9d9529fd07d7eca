package artifact

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// actionText is a string as the scheduler writes it.
func actionText(s string) (b []byte) {
	u := utf16.Encode([]rune(s))
	b = binary.LittleEndian.AppendUint32(nil, uint32(2*len(u)))
	for _, c := range u {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	return b
}

// TestTaskActions proves that what a task runs is told, with what is a secret masked, and
// that a value cut at any byte gives only actions that stand in it whole.
func TestTaskActions(t *testing.T) {
	b := append([]byte{3, 0}, actionText("Author")...)
	b = append(append(b, 0x66, 0x66), actionText("satu")...)
	b = append(append(b, actionText(`C:\Users\Public\kemas.exe`)...), actionText("-k --password=RAHSIA")...)
	b = append(append(b, actionText(`C:\Users\Public`)...), 1, 0)
	first := len(b)
	b = append(append(b, 0x77, 0x77), actionText("")...)
	b = append(append(b, 0xb9, 0xd1, 0xbc, 0x61, 0x0c, 0x34, 0xec, 0x40, 0x9d, 0x41, 0xd7, 0xf1, 0xc0, 0x63, 0x2f, 0x05), actionText("data")...)
	second := len(b)
	b = append(append(b, 0x99, 0x99), actionText("")...)
	b = append(append(b, actionText("Notis")...), actionText("isi")...)
	third := len(b)
	b = append(append(b, 0x88, 0x88), actionText("")...)
	for _, s := range []string{"a@x.test", "b@x.test", "", "", "", "smtp.x.test", "tajuk", "isi"} {
		b = append(b, actionText(s)...)
	}
	b = append(binary.LittleEndian.AppendUint32(b, 1), actionText("lampiran.zip")...)
	b = binary.LittleEndian.AppendUint32(b, 0)
	list, context, whole := taskActions(b)
	want := `[{command C:\Users\Public\kemas.exe -k --password=****} {working_directory C:\Users\Public} {action_id satu} ` +
		`{com_handler {61BCD1B9-340C-40EC-9D41-D7F1C0632F05} data} {message_box Notis: isi} {email from a@x.test to b@x.test by smtp.x.test: tajuk}]`
	if got := fmt.Sprint(list); got != want || context != "Author" || !whole {
		t.Fatalf("%s\nwant %s\n%q %v", got, want, context, whole)
	}
	ends := map[int]bool{first: true, second: true, third: true, 18: true}
	for cut := range b {
		some, _, whole := taskActions(b[:cut])
		if !strings.HasPrefix(want, strings.TrimSuffix(fmt.Sprint(some), "]")) || whole != ends[cut] {
			t.Errorf("cut at %d: %v %v", cut, some, whole)
		}
	}
	for _, hostile := range [][]byte{{9, 0}, {3, 0, 0xff, 0xff, 0xff, 0xff}, append([]byte{1, 0, 0x88, 0x88}, make([]byte, 36)...)} {
		if some, _, whole := taskActions(append(hostile, 0xff, 0xff, 0xff, 0x7f)); len(some) > 0 || whole {
			t.Errorf("% x: %v %v", hostile, some, whole)
		}
	}
	many := []byte{1, 0}
	for range maxActions + 1 {
		many = append(append(many, 0x99, 0x99), make([]byte, 12)...)
	}
	if some, _, whole := taskActions(many); len(some) != maxActions || whole {
		t.Errorf("%d actions, whole %v", len(some), whole)
	}
}
