package tui

import (
	"errors"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/filter"
	"github.com/wstap/wstap/internal/printable"
)

// filterText is the filter of the screen that is shown.
func (m *Model) filterText() string {
	if m.at == logScreen {
		return m.logs.filterText()
	}
	return m.list.index.wish.text()
}

// applyFilter gives the screen that is shown another filter. Where the text is
// none, the filter stays as it is.
func (m *Model) applyFilter(text string) (err error) {
	if m.at == logScreen {
		f, err := filter.Logs.Parse(text)
		if err == nil {
			m.logs.find(f)
		}
		return err
	}
	f, err := filter.Conns.Parse(text)
	if err == nil {
		m.list.index.find(f)
	}
	return err
}

// typed handles a key or a paste in the filter line.
func (m *Model) typed(c command, msg tea.Msg) {
	f := &m.filter
	switch c {
	case cmdKeep:
		if f.fault != nil {
			m.say(printable.String(f.fault.Text)) // it is not shown while there is something to offer
			return
		}
		f.remember()
		if f.text() != f.before {
			f.from.filter = true
			m.trail.add(f.from)
		}
		m.pop()
		return
	case cmdCancel:
		f.begin(f.before, f.from)
		m.pop()
	case cmdComplete, cmdCompleteBack:
		f.complete(m.offers, c == cmdComplete)
	case cmdEarlier, cmdLater:
		f.recall(c == cmdEarlier)
	default:
		f.edit(msg)
	}
	f.fault = nil
	if errors.As(m.applyFilter(f.text()), &f.fault) {
		m.applyFilter(f.sound()) // what comes before is right, or else nothing changes
	}
	if m.front() == filterOverlay && f.picked < 0 {
		f.offered = m.offers(f.text(), f.cursor())
	}
}

// offers are the ways to go on with a text.
func (m *Model) offers(text string, cursor int) []filter.Completion {
	if m.at == logScreen {
		return filter.Logs.Complete(text, cursor, nil)
	}
	return filter.Conns.Complete(text, cursor, m.values)
}

// values are those of a field that the rows have: those on the screen when the
// typing began, for fewer and fewer are.
func (m *Model) values(field string) (out []string) {
	for i := range m.filter.rows {
		r := &m.filter.rows[i]
		v := map[string]string{
			"target": r.target, "client": withoutPort(r.client), "host": r.host, "server": withoutPort(r.server), "tap": r.tap, "key": r.key,
			"subprotocol": r.subprotocol, "reason": r.verdict.Reason, "status": r.status, "code": strings.Trim(codeText(&r.verdict), "()"),
		}[field]
		if v != "" && v != "–" {
			out = append(out, printable.String(v))
		}
	}
	return out
}

// filterLine is the line a filter is typed into.
type filterLine struct {
	in      textinput.Model
	before  string        // what esc goes back to
	from    place         // where the typing began
	fault   *filter.Error // of the text
	offered []filter.Completion
	picked  int      // of offered; -1: none yet
	rows    []row    // of the list when the typing began
	history []string // the newest last
	recalls int      // place in the history; its length is the text being typed
	draft   string   // that text, while an older one is shown
}

const (
	// maxFilter bounds what can be typed or pasted.
	maxFilter = 400
	// historyMost is how many filters are remembered.
	historyMost = 100
)

func newFilterLine() filterLine {
	in := textinput.New()
	in.Prompt, in.CharLimit = "", maxFilter
	in.KeyMap.Paste.SetEnabled(false) // it would run a program; the terminal's own paste works
	in.Focus()
	return filterLine{in: in, picked: -1}
}

func (f *filterLine) begin(text string, from place) {
	f.from = from
	f.before, f.fault, f.picked, f.offered, f.recalls = text, nil, -1, nil, len(f.history)
	f.in.SetValue(text)
	f.in.CursorEnd()
}

func (f *filterLine) text() string { return f.in.Value() }

// cursor is its place in bytes.
func (f *filterLine) cursor() int {
	runes := []rune(f.in.Value())
	return len(string(runes[:min(f.in.Position(), len(runes))]))
}

// edit gives a key or a paste to the line, and keeps of it what can be shown.
func (f *filterLine) edit(msg tea.Msg) {
	f.in, _ = f.in.Update(msg) // the command is the cursor's blinking, which we do not want
	f.picked, f.recalls = -1, len(f.history)
	var clean strings.Builder
	for _, r := range f.in.Value() {
		if s := string(r); printable.String(s) == s {
			clean.WriteRune(r)
		}
	}
	if clean.String() != f.in.Value() {
		f.in.SetValue(clean.String())
	}
}

// complete takes the next of what is offered, or the one before.
func (f *filterLine) complete(offers func(string, int) []filter.Completion, forward bool) {
	if f.picked < 0 {
		f.offered = offers(f.text(), f.cursor())
	}
	n := len(f.offered)
	switch {
	case n == 0:
		return
	case forward:
		f.picked = (f.picked + 1) % n
	default:
		f.picked = (max(f.picked, 0) + n - 1) % n
	}
	c := f.offered[f.picked]
	f.in.SetValue(c.Text)
	f.in.SetCursor(len([]rune(c.Text[:c.Cursor])))
	if n == 1 {
		f.picked = -1 // go on from here
	}
}

// remember puts the text at the end of the history, once.
func (f *filterLine) remember() {
	text := strings.TrimSpace(f.text())
	if n := len(f.history); text == "" || n > 0 && f.history[n-1] == text {
		return
	}
	f.history = append(f.history, text)
	f.history = f.history[max(len(f.history)-historyMost, 0):]
}

// recall shows an earlier filter, or a later one; the last is what was typed.
func (f *filterLine) recall(earlier bool) {
	if f.recalls == len(f.history) {
		f.draft = f.text()
	}
	if earlier {
		f.recalls = max(f.recalls-1, 0)
	} else {
		f.recalls = min(f.recalls+1, len(f.history))
	}
	text := f.draft
	if f.recalls < len(f.history) {
		text = f.history[f.recalls]
	}
	f.picked = -1
	f.in.SetValue(text)
	f.in.CursorEnd()
}

// view draws the line ourselves: all text of the screen goes through the same
// cutting and colouring. What is wrong is underlined by a style of its own.
func (f *filterLine) view() line {
	runes := []rune(f.in.Value())
	at := min(f.in.Position(), len(runes))
	l := one(stKey, "/")
	pos := 0
	for i, r := range runes {
		st := stPlain
		if f.fault != nil && pos >= f.fault.From && pos < f.fault.To {
			st = stFail
		}
		if i == at {
			st = stSelected
		}
		l = l.add(st, string(r))
		pos += len(string(r))
	}
	if at == len(runes) {
		l = l.add(stSelected, " ")
	}
	return l
}

// unfinished says that all that is wrong is what was not typed yet, and there
// is something to offer.
func (f *filterLine) unfinished() bool {
	return f.fault.From == len(f.text()) && len(f.offered) > 0
}

// sound is the text before the term that is wrong.
func (f *filterLine) sound() string {
	before := f.text()[:min(f.fault.From, len(f.text()))]
	return before[:strings.LastIndexByte(before, ' ')+1]
}

// offersShown is how many ways to go on are shown.
const offersShown = 7

// below is what stands under the line: what is wrong with it, or ways to go on.
func (f *filterLine) below(w int) (out []line) {
	if f.fault != nil && !f.unfinished() {
		for i, t := range wrap(printable.String(f.fault.Text), w-4) {
			lead := " ✗ "
			if i > 0 {
				lead = "   "
			}
			if i < 4 {
				out = append(out, one(stFail, lead+t))
			}
		}
		return out
	}
	if f.text() == "" {
		return []line{one(stDim, " a text, /re/, or FIELD:VALUE, ! before it negates: ").add(stPlain, "state:near  idle:>30s  code:1006  target:/chat").add(stDim, "   tab lists the fields")}
	}
	from := max(f.picked-offersShown+1, 0)
	for i := from; i < min(from+offersShown, len(f.offered)); i++ {
		c := &f.offered[i]
		l := one(stPlain, printable.PadRight(printable.String(c.Label), 22)+" ").add(stDim, c.What)
		if i == f.picked {
			out = append(out, append(one(stPlain, "▸"), l...).fit(w).restyle(stSelected))
			continue
		}
		out = append(out, append(one(stPlain, " "), l...))
	}
	if more := len(f.offered) - from - offersShown; more > 0 {
		out[len(out)-1] = out[len(out)-1].fit(max(w-12, 1)).add(stDim, " +"+count(uint64(more)))
	}
	return out
}
