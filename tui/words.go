package tui

import (
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// signs of a verdict's confidence.
var confidenceSigns = []struct {
	is         monitor.Confidence
	sign, line string
}{
	{monitor.Confirmed, "✓", "confirmed: the wire alone proves it, or both legs agree, or a leg and its log line"},
	{monitor.Likely, "~", "likely: one leg and the timing say so"},
	{monitor.Possible, "?", "possible: nothing contradicts it, other causes fit too"},
}

const settlingSign = "…"

func confidenceSign(v *monitor.Verdict, settled bool) string {
	if !settled {
		return settlingSign
	}
	for _, c := range confidenceSigns {
		if c.is == v.Confidence {
			return c.sign
		}
	}
	return ""
}

// stage is what a row is about: where the conn is in its life.
type stage uint8

const (
	connecting stage = iota
	open
	closing
	closed
	refused
)

// glyph is the mark of a row, readable without colour.
type glyph struct {
	sign string
	st   style
	help string
}

var stageGlyphs = [...]glyph{
	connecting: {"…", stPlain, "connecting: no answer to the upgrade yet"},
	open:       {"·", stOK, "open, less than 75 % of its limit used"},
	closing:    {"×", stPlain, "closing: one side has ended"},
	closed:     {"×", stClosed, "closed"},
	refused:    {"⊘", stRefused, "never upgraded: refused, failed or unreachable"},
}

var markGlyphs = map[monitor.Mark]glyph{
	monitor.MarkNear:     {"!", stNear, "near: past 75 % of its limit"},
	monitor.MarkCritical: {"‼", stCritical, "critical: past 90 %"},
	monitor.MarkExpired:  {"?", stExpired, "past its limit and still open: the limit is not what it seems"},
}

const (
	pinSign       = "◆"
	violationSign = "§"
	linkSign      = "↔"
)

func glyphOf(st stage, m monitor.Mark) glyph {
	if st == open {
		if g, ok := markGlyphs[m]; ok {
			return g
		}
	}
	return stageGlyphs[st]
}

// codeText is a close code; one that was never on the wire is in brackets.
func codeText(v *monitor.Verdict) string {
	switch {
	case v.Code == 0:
		return ""
	case v.CodeDerived || v.Code.Derived():
		return fmt.Sprintf("(%d)", v.Code)
	}
	return fmt.Sprint(uint16(v.Code))
}

// howWords say how a side of TCP ended.
var howWords = map[monitor.How]string{
	monitor.HowFIN:         "closed TCP (FIN)",
	monitor.HowReset:       "reset TCP (RST)",
	monitor.HowCloseNotify: "closed TLS (close_notify)",
	monitor.HowTimeout:     "vanished (ETIMEDOUT)",
	monitor.HowError:       "failed",
}

func directionWords(client bool) string {
	if client {
		return "from client"
	}
	return "from server"
}
