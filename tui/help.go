package tui

import (
	"strings"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// help is the help page, made from the tables that the screens are made from:
// keys, marks, signs, causes.
type help struct {
	w      int // of the screen it was made for
	page   page
	scroll scroller
}

const helpLabel = 20

func (h *help) refresh(keys keymap, mode Mode, w, height int) {
	if h.w != w {
		h.w, h.page = w, page{w: w}
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
	for _, g := range helpGroups {
		if g.when == whenPast && mode == Live {
			continue
		}
		p.head(g.title)
		for i := range keys {
			if b := &keys[i]; b.group == g.group && b.in(mode) {
				p.item(stKey, strings.Join(b.keys, " "), b.help)
			}
		}
	}
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
