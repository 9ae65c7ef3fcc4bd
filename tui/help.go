package tui

import (
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// help is the help page, made from the tables that the screens are made from:
// keys, marks, signs, causes. What the screen behind it has of its own comes first.
type help struct {
	w      int      // of the terminal it was made for
	at     screenID // and the screen
	page   page
	scroll scroller
}

const helpLabel = 20

func (h *help) refresh(keys keymap, mode Mode, at screenID, w, height int) {
	if h.w != w || h.at != at {
		h.w, h.at, h.page = w, at, page{w: w}
		if w >= sideBySide {
			h.page.w = w/2 - 1
		}
		h.write(keys, mode)
		if w >= sideBySide {
			h.page.fold()
		}
	}
	h.scroll.set(len(h.page.lines), height)
}

func (h *help) write(keys keymap, mode Mode) {
	p := &h.page
	h.keys(keys, mode)
	p.head("Marks")
	for _, g := range stageGlyphs {
		p.item(g.st, g.sign, g.help)
	}
	for _, m := range []monitor.Mark{monitor.MarkNear, monitor.MarkCritical, monitor.MarkExpired} {
		p.item(markGlyphs[m].st, markGlyphs[m].sign, markGlyphs[m].help)
	}
	p.item(stPlain, violationSign, "a rule of the protocol was broken on the wire")
	p.item(stAccent, pinSign, "pinned")
	p.item(stAccent, linkSign+"7", "the front and the back leg of one WebSocket have the same number")
	p.item(stPlain, "↑ ↓", "from the client, from the server")
	p.item(stPlain, "████▌   12s", "fills as the limit comes near, then the time left; +3.0s is past it")
	p.item(stPlain, "left▲", "what goes next on top; those that used less than half of their limit keep their places")
	p.item(stPlain, "(1006)", "a close code in brackets was not on the wire: it is derived")
	if mode != Live {
		p.head("Timeline")
		for _, g := range markLooks {
			p.item(g.st, g.sign, g.help)
		}
		p.item(stPlain, string(heights), "how much there was: frames and events")
		p.item(stDim, quietSign+" "+unreadSign, "nothing there; not looked through yet")
	}
	p.head("How sure a cause is")
	for _, c := range confidenceSigns {
		p.item(stPlain, c.sign, c.line)
	}
	p.item(stPlain, settlingSign, "still settling: the other leg or the log may yet tell more")
	p.head("Causes")
	for _, c := range monitor.Causes() {
		p.item(stPlain, c.Short(), c.Meaning())
	}
}

// keys are those of the screen, those of all screens by groups, and those of the
// other screens.
func (h *help) keys(keys keymap, mode Mode) {
	here := screenScopes[h.at]
	h.page.head("On this screen, " + screenNames[h.at])
	h.list(keys, mode, func(b *binding) bool { return b.at&here != 0 && !b.everywhere() })
	for _, g := range helpGroups {
		if g.when == whenPast && mode == Live {
			continue
		}
		h.page.head(g.title)
		h.list(keys, mode, func(b *binding) bool { return b.group == g.group && (b.everywhere() || b.at&onScreens == 0) })
	}
	h.page.head("On other screens")
	h.list(keys, mode, func(b *binding) bool { return b.at&onScreens != 0 && b.at&here == 0 })
}

func (h *help) list(keys keymap, mode Mode, wanted func(*binding) bool) {
	for i := range keys {
		b := &keys[i]
		if !wanted(b) || !b.in(mode) {
			continue
		}
		text := b.help
		if b.at&onScreens != 0 && b.at&screenScopes[h.at] == 0 {
			text = strings.Join(b.screens(), ", ") + ": " + text
		}
		h.page.item(stKey, strings.Join(b.keys, " "), text)
	}
}

// everywhere says that a key works on all screens.
func (b *binding) everywhere() bool { return b.at&onScreens == onScreens }

// screens are the names of those that a key works on.
func (b *binding) screens() (names []string) {
	for id, name := range screenNames {
		if b.at&screenScopes[id] != 0 {
			names = append(names, name)
		}
	}
	return names
}

// item is a label and what it means; the label gets its own line where the
// screen is narrow.
func (p *page) item(st style, label, text string) {
	if p.w < 2*helpLabel+5 {
		p.put(one(stPlain, " ").add(st, label))
		p.text(stPlain, "   ", text)
		return
	}
	for i, t := range wrap(text, p.w-helpLabel-2) {
		if i > 0 {
			label = ""
		}
		p.put(one(stPlain, " ").add(st, printable.PadRight(label, helpLabel)).add(stPlain, " "+t))
	}
}

// fold puts the second half of a page beside the first, from a heading on.
func (p *page) fold() {
	half := len(p.lines) / 2
	for half < len(p.lines) && p.lines[half] != nil {
		half++
	}
	left, right := p.lines[:half], p.lines[min(half+1, len(p.lines)):]
	out := make([]line, max(len(left), len(right)))
	for i := range out {
		out[i] = append(at(left, i).fit(p.w).add(stPlain, "  "), at(right, i)...)
	}
	p.lines = out
}
