// Package triage is a view of findings on a terminal, driven by keys: to look
// through what is open, and to say what became of it. Start with Run.
//
// What findings say is hostile text: nothing of it reaches the terminal but
// printable characters.
package triage

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"

	"saksi/findings/review"
)

// Item is one finding.
type Item struct {
	ID       string
	Time     time.Time
	Severity int64
	Rule     string // id
	What     string
	Where    string
	Status   string
	Owner    string
}

// Source is what the view shows, and what takes what a person says.
type Source interface {
	// Load gives the findings of a query, the most severe first, and how many
	// there are in all.
	Load(ctx context.Context, query string) (list []Item, total int64, err error)
	// Show gives the lines of one finding.
	Show(ctx context.Context, id string) ([]string, error)
	// Say stores what a person says.
	Say(ctx context.Context, r review.Review) error
	// Suppress leaves findings of a rule out for a month.
	Suppress(ctx context.Context, rule, why string) error
}

// mode is what the keys mean.
type mode int

const (
	listing mode = iota
	showing
	typing
)

// view is the model of the terminal.
type view struct {
	ctx           context.Context
	src           Source
	query         string
	list          []Item
	total         int64
	at, top       int // row under the cursor, first row shown
	width, height int
	mode          mode
	back          mode // where typing returns to
	detail        []string
	detailTop     int
	prompt, text  string
	done          func(text string) tea.Cmd
	said          string // the last message
	failed        bool
	me            string
}

// Run shows the view until the person leaves it. me is who the person is.
func Run(ctx context.Context, src Source, query, me string, in io.Reader, out io.Writer) error {
	v := &view{ctx: ctx, src: src, query: query, me: me, width: 80, height: 24}
	_, err := tea.NewProgram(v, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen()).Run()
	if err != nil {
		return fmt.Errorf("showing findings: %w", err)
	}
	return nil
}

// Messages of the program.
type (
	loaded struct {
		list  []Item
		total int64
		err   error
	}
	shown struct {
		lines []string
		err   error
	}
	kept struct {
		what string
		err  error
	}
)

// Init implements tea.Model.
func (v *view) Init() tea.Cmd { return v.load() }

func (v *view) load() tea.Cmd {
	q := v.query
	return func() tea.Msg {
		list, total, err := v.src.Load(v.ctx, q)
		return loaded{list, total, err}
	}
}

// Update implements tea.Model.
func (v *view) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = max(m.Width, 20), max(m.Height, 6)
	case loaded:
		if m.err != nil {
			v.tell(m.err.Error(), true)
			break
		}
		id := v.id()
		v.list, v.total = m.list, m.total
		for i, x := range v.list {
			if x.ID == id {
				v.at = i
			}
		}
		v.at = min(v.at, max(len(v.list)-1, 0))
	case shown:
		if m.err != nil {
			v.tell(m.err.Error(), true)
			break
		}
		v.detail, v.detailTop, v.mode = m.lines, 0, showing
	case kept:
		if m.err != nil {
			v.tell(m.err.Error(), true)
			break
		}
		v.tell(m.what, false)
		return v, v.load()
	case tea.KeyMsg:
		return v, v.keys(m)
	}
	v.scroll()
	return v, nil
}

func (v *view) tell(text string, failed bool) { v.said, v.failed = text, failed }

// id is that of the finding under the cursor.
func (v *view) id() string {
	if v.at < len(v.list) {
		return v.list[v.at].ID
	}
	return ""
}

// keys takes what was typed since the last time, which may be several keys.
func (v *view) keys(m tea.KeyMsg) tea.Cmd {
	if m.Type != tea.KeyRunes || len(m.Runes) == 1 {
		return v.key(m)
	}
	var all []tea.Cmd
	for _, r := range m.Runes {
		if c := v.key(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}); c != nil {
			all = append(all, c)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return tea.Sequence(all...)
}

func (v *view) key(m tea.KeyMsg) tea.Cmd {
	if m.String() == "ctrl+c" {
		return tea.Quit
	}
	if v.mode == typing {
		return v.typed(m)
	}
	v.said = ""
	key := m.String()
	if v.mode == showing {
		switch key {
		case "esc", "q", "left", "h":
			v.mode = listing
			return nil
		case "down", "j":
			v.detailTop++
		case "up", "k":
			v.detailTop--
		case "pgdown", " ":
			v.detailTop += v.rows()
		case "pgup":
			v.detailTop -= v.rows()
		default:
			return v.act(key)
		}
		v.detailTop = max(0, min(v.detailTop, len(v.detail)-v.rows()))
		return nil
	}
	switch key {
	case "q", "esc":
		return tea.Quit
	case "down", "j":
		v.at++
	case "up", "k":
		v.at--
	case "pgdown", " ":
		v.at += v.rows()
	case "pgup":
		v.at -= v.rows()
	case "home", "g":
		v.at = 0
	case "end", "G":
		v.at = len(v.list) - 1
	case "r":
		return v.load()
	case "/":
		v.ask("query", v.query, func(text string) tea.Cmd {
			v.query = text
			return v.load()
		})
	default:
		return v.act(key)
	}
	v.at = max(0, min(v.at, len(v.list)-1))
	v.scroll()
	return nil
}

// act does what a key says with the finding under the cursor.
func (v *view) act(key string) tea.Cmd {
	id := v.id()
	if id == "" {
		return nil
	}
	x := v.list[v.at]
	switch key {
	case "enter", "right", "l":
		return func() tea.Msg {
			lines, err := v.src.Show(v.ctx, id)
			return shown{lines, err}
		}
	case "c":
		return v.say(review.Review{Of: []string{id}, Status: "confirmed"})
	case "f":
		v.ask("why is it a false positive", "", func(text string) tea.Cmd {
			return v.say(review.Review{Of: []string{id}, Status: "false-positive", Note: text})
		})
	case "x":
		return v.say(review.Review{Of: []string{id}, Status: "closed"})
	case "o":
		return v.say(review.Review{Of: []string{id}, Status: "open"})
	case "m":
		return v.say(review.Review{Of: []string{id}, Owner: v.me})
	case "n":
		v.ask("note", "", func(text string) tea.Cmd {
			if text == "" {
				return nil
			}
			return v.say(review.Review{Of: []string{id}, Note: text})
		})
	case "s":
		v.ask("why not show findings of rule "+clean(x.Rule)+" for 30 days", "", func(text string) tea.Cmd {
			if text == "" {
				v.tell("nothing is suppressed without a reason", true)
				return nil
			}
			return func() tea.Msg {
				return kept{"suppressed: rule " + x.Rule, v.src.Suppress(v.ctx, x.Rule, text)}
			}
		})
	}
	return nil
}

func (v *view) say(r review.Review) tea.Cmd {
	what := strings.TrimSpace(strings.Join([]string{r.Status, r.Owner, r.Note}, " "))
	return func() tea.Msg { return kept{r.Of[0][:12] + ": " + what, v.src.Say(v.ctx, r)} }
}

// ask has the person type a line.
func (v *view) ask(prompt, text string, done func(string) tea.Cmd) {
	v.prompt, v.text, v.done, v.back, v.mode = prompt, text, done, v.mode, typing
}

// maxTyped bounds a typed line, in bytes.
const maxTyped = 1000

func (v *view) typed(m tea.KeyMsg) tea.Cmd {
	switch m.Type {
	case tea.KeyEsc:
		v.mode = v.back
	case tea.KeyEnter:
		v.mode = v.back
		return v.done(strings.TrimSpace(v.text))
	case tea.KeyBackspace:
		_, n := utf8.DecodeLastRuneInString(v.text)
		v.text = v.text[:len(v.text)-n]
	case tea.KeyCtrlU:
		v.text = ""
	case tea.KeyRunes, tea.KeySpace:
		if len(v.text) < maxTyped {
			v.text += clean(string(m.Runes))
		}
	}
	return nil
}

// rows is how many lines there are between head and foot.
func (v *view) rows() int { return max(v.height-4, 1) }

func (v *view) scroll() {
	v.top = max(0, min(v.top, v.at))
	if v.at >= v.top+v.rows() {
		v.top = v.at - v.rows() + 1
	}
}

var severities = [...]string{"none", "low", "medium", "high", "critical"}

// View implements tea.Model.
func (v *view) View() string {
	var b strings.Builder
	line := func(s string) { b.WriteString(cut(s, v.width) + "\n") }
	head := fmt.Sprintf("%d findings", v.total)
	if int64(len(v.list)) < v.total {
		head = fmt.Sprintf("%d of %d findings", len(v.list), v.total)
	}
	line("saksi triage: " + head + "  " + clean(v.query))
	if v.mode == showing || v.mode == typing && v.back == showing {
		line("")
		for i := range v.rows() {
			if at := v.detailTop + i; at < len(v.detail) {
				line(clean(v.detail[at]))
			} else {
				line("")
			}
		}
	} else {
		line(fmt.Sprintf("  %-16s %-8s %-40s %-34s %s", "time", "severity", "what", "where", "status"))
		for i := range v.rows() {
			at := v.top + i
			if at >= len(v.list) {
				line("")
				continue
			}
			x := v.list[at]
			mark := "  "
			if at == v.at {
				mark = "> "
			}
			status := x.Status
			if x.Owner != "" {
				status += " (" + x.Owner + ")"
			}
			line(mark + fmt.Sprintf("%-16s %-8s ", x.Time.UTC().Format("2006-01-02 15:04"), severities[min(max(x.Severity, 0), 4)]) + pad(clean(x.What), 40) + " " + pad(clean(x.Where), 34) + " " + clean(status))
		}
	}
	switch {
	case v.mode == typing:
		line(v.prompt + ": " + v.text + "_")
	case v.said != "" && v.failed:
		line("! " + clean(v.said))
	default:
		line(clean(v.said))
	}
	b.WriteString(cut("enter show  c confirm  f false positive  x close  o open  m mine  n note  s suppress rule  / query  r reload  q leave", v.width))
	return b.String()
}

// clean leaves printable characters alone.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, s)
}

// cut shortens a line to n characters.
func cut(s string, n int) string {
	i := 0
	for at := range s {
		if i == n {
			return s[:at]
		}
		i++
	}
	return s
}

// pad cuts or fills to n characters.
func pad(s string, n int) string {
	s = cut(s, n)
	return s + strings.Repeat(" ", n-utf8.RuneCountInString(s))
}
