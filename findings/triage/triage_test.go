package triage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"saksi/findings/review"
)

// desk keeps what a person said.
type desk struct {
	list []Item
	said []review.Review
	hush []string
	q    []string
	fail error
}

func (d *desk) Load(_ context.Context, q string) ([]Item, int64, error) {
	d.q = append(d.q, q)
	return d.list, int64(len(d.list)), d.fail
}

func (d *desk) Show(_ context.Context, id string) ([]string, error) {
	return []string{"finding " + id, "\x1b[31mred", "third"}, d.fail
}

func (d *desk) Say(_ context.Context, r review.Review) error {
	d.said = append(d.said, r)
	return d.fail
}

func (d *desk) Suppress(_ context.Context, rule, why string) error {
	d.hush = append(d.hush, rule+" "+why)
	return d.fail
}

func newView(n int) (*view, *desk) {
	d := &desk{}
	for i := range n {
		d.list = append(d.list, Item{ID: fmt.Sprintf("%064x", i), Severity: int64(i), Rule: fmt.Sprint("r", i), What: "what\x1b]0;x\x07\n" + fmt.Sprint(i), Where: "here", Time: time.Unix(1_795_510_003, 0)})
	}
	v := &view{ctx: context.Background(), src: d, me: "Aminah"}
	v.Update(tea.WindowSizeMsg{Width: 120, Height: 12})
	run(v, v.Init())
	return v, d
}

// run does what the program does with a command, until nothing follows.
func run(v *view, c tea.Cmd) (quit bool) {
	for c != nil {
		m := c()
		if _, ok := m.(tea.QuitMsg); ok {
			return true
		}
		_, c = v.Update(m)
	}
	return false
}

// press sends keys: names of one rune, enter, esc, down, up, backspace, or text
// behind a quote.
func press(v *view, keys ...string) (quit bool) {
	named := map[string]tea.KeyType{"enter": tea.KeyEnter, "esc": tea.KeyEsc, "down": tea.KeyDown, "up": tea.KeyUp, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "end": tea.KeyEnd, "home": tea.KeyHome, "ctrl+u": tea.KeyCtrlU, "ctrl+c": tea.KeyCtrlC}
	for _, k := range keys {
		m := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(strings.TrimPrefix(k, "'"))}
		if t, ok := named[k]; ok {
			m = tea.KeyMsg{Type: t}
		}
		_, c := v.Update(m)
		if run(v, c) {
			return true
		}
	}
	return false
}

// TestKeys proves what each key does to the finding under the cursor.
func TestKeys(t *testing.T) {
	v, d := newView(30)
	press(v, "j", "down", "c", "k", "x", "o", "m", "f", "'our drill", "enter", "n", "'called them", "backspace", "enter", "s", "'scanner", "enter")
	id := func(n int) string { return fmt.Sprintf("%064x", n) }
	want := []review.Review{
		{Of: []string{id(2)}, Status: "confirmed"},
		{Of: []string{id(1)}, Status: "closed"},
		{Of: []string{id(1)}, Status: "open"},
		{Of: []string{id(1)}, Owner: "Aminah"},
		{Of: []string{id(1)}, Status: "false-positive", Note: "our drill"},
		{Of: []string{id(1)}, Note: "called the"},
	}
	if fmt.Sprint(d.said) != fmt.Sprint(want) {
		t.Errorf("said:\n%v\nwant:\n%v", d.said, want)
	}
	if fmt.Sprint(d.hush) != "[r1 scanner]" {
		t.Errorf("suppressed: %v", d.hush)
	}
	press(v, "'jn", "'once more", "enter") // keys that come together
	if r := d.said[len(d.said)-1]; r.Note != "once more" || r.Of[0] != id(2) {
		t.Errorf("of keys that came together it took %v", r)
	}
	want = append(want, d.said[len(d.said)-1])
	press(v, "k", "s", "enter", "n", "esc", "n", "enter") // without a reason or a text nothing is said
	if len(d.hush) != 1 || len(d.said) != len(want) {
		t.Errorf("%d suppressed, %d said", len(d.hush), len(d.said))
	}
	press(v, "/", "ctrl+u", "'event.severity:4", "enter")
	if q := d.q[len(d.q)-1]; q != "event.severity:4" {
		t.Errorf("the query is %q", q)
	}
	press(v, "end")
	if v.at != 29 || v.top != 22 {
		t.Errorf("the end is row %d, the first shown %d", v.at, v.top)
	}
	press(v, "home", "pgdown", "pgup", "up")
	if v.at != 0 || v.top != 0 {
		t.Errorf("the beginning is row %d, the first shown %d", v.at, v.top)
	}
	press(v, "enter")
	if s := v.View(); !strings.Contains(s, "finding "+id(0)) {
		t.Errorf("shown: %s", s)
	}
	if press(v, "esc") || !press(v, "q") || !press(v, "n", "ctrl+c") {
		t.Error("it ends when it must not, or does not")
	}
}

// TestHostile proves that nothing of a finding but printable characters reaches
// the terminal, that lines fit into it, and that an error is shown and ends nothing.
func TestHostile(t *testing.T) {
	for _, size := range [][2]int{{120, 12}, {20, 6}, {1, 1}, {500, 200}} {
		v, _ := newView(5)
		v.Update(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
		for _, keys := range [][]string{nil, {"enter"}, {"n"}} {
			press(v, keys...)
			s := v.View()
			lines := strings.Split(s, "\n")
			if len(lines) > max(size[1], 6) {
				t.Errorf("%d lines on a terminal of %d", len(lines), size[1])
			}
			for _, l := range lines {
				if strings.ContainsAny(l, "\x1b\x07\r") || len([]rune(l)) > max(size[0], 20) {
					t.Errorf("on %v: %q", size, l)
				}
			}
			press(v, "esc")
		}
	}
	v, d := newView(0)
	press(v, "enter", "c", "n", "x", "j", "k", "end") // nothing is under the cursor
	if len(d.said) != 0 {
		t.Errorf("said %v of nothing", d.said)
	}
	v, d = newView(2)
	d.fail = errors.New("the index is locked\x1b[2J")
	press(v, "c")
	if s := v.View(); !strings.Contains(s, "! the index is locked.[2J") {
		t.Errorf("the error is not shown: %s", s)
	}
}
