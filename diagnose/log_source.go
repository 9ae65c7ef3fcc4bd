package diagnose

import (
	"strings"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// sourceRules look at the log itself: what it can show, and whether to trust it.
var sourceRules = []rule{{
	id:        "forged-log-line",
	severity:  monitor.SeverityWarning,
	title:     "A client wrote lines that look like nginx's own into the log",
	reference: "CWE-117; nginx: ngx_log_error_core escapes nothing, and $uri is decoded",
	line:      forgedLine,
}, {
	id:        "log-level-blind",
	severity:  monitor.SeverityInfo,
	title:     "The level of the error log hides why tunnels end",
	reference: "nginx: error_log (core); ngx_http_upstream_process_upgraded logs an idle tunnel's end at info",
	conn:      watchSilentEnds,
	done:      levelBlind,
}, {
	id:        unparsedLogID,
	severity:  monitor.SeverityInfo,
	title:     "Much of what is followed is no nginx error log",
	reference: "nginx: error_log (core)",
	line:      watchUnparsed,
	done:      unparsedLog,
}}

// unparsedLogID is of the one rule that counts all entries.
const unparsedLogID = "unparsed-log"

// forgedLine: a decoded line feed in a path makes nginx end its line there.
func forgedLine(p *pass, r *monitor.LogRef) {
	if !r.Entry.Flags.Has(logparse.FlagForged) {
		return
	}
	t, first := p.entry("", r)
	if r.At == r.Stamp { // not the time it came: the client chose it, too
		t.First, t.Last = 0, 0
	}
	if first {
		t.say("it stands inside text of a request, so it is counted nowhere, proves nothing and joins no connection")
		t.fix("# What else reads this log must not trust its lines. To refuse such requests,\n# in server { }:\nif ($uri ~ \"[\\r\\n]\") { return 400; }")
	}
}

// silentEnds are the ends of tunnels that a log at info would have told of.
type silentEnds struct {
	upgraded int
	path     string // of the first tunnel
}

func watchSilentEnds(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() || c.Role == monitor.Back && c.Other() != nil {
		return // counted as its front
	}
	m := remember[silentEnds](p)
	if m.upgraded++; m.path == "" {
		m.path = pasteable(targetGroup(c.Target()))
	}
	if c.Settled && c.Verdict.Cause == monitor.CauseIdleTimeout && len(c.Logs) == 0 {
		p.about("").conn(c, c.EndAt()).say("%s an idle tunnel to %s was ended, and no line says so", clock(c.EndAt()), c.Target())
	}
}

// levelBlind concludes. A followed log without any entry shows as little as one
// whose level is too high; it is called so only if it should have had one.
func levelBlind(p *pass) {
	m, silent := remember[silentEnds](p), len(p.found) > 0
	s := p.state
	blind := s.LogBlind() || silent && s.FollowsLog() && s.Totals.LogParsed == 0
	if !blind || m.upgraded == 0 {
		p.found = nil
		return
	}
	t := p.about("")
	if silent {
		t.grade(monitor.SeverityWarning)
	} else {
		t.Count = m.upgraded
	}
	t.say("%s nginx writes the end of an idle tunnel, and a client's reset, at info: that no line is there proves nothing", seenLevels(s))
	t.fix(`# in the location { } that serves %s:
error_log %s info;
# It needs a reload (nginx -s reload). That ends no tunnel by itself: those that are open
# stay in the old workers, which log as before until they end. But where
# worker_shutdown_timeout is set, it ends all of them when it is over.`, m.path, quoted(oneLine(logFile(s))))
}

// seenLevels says what the log holds, in a sentence's beginning.
func seenLevels(s *monitor.State) string {
	lowest := logparse.LevelUnknown
	for l := logparse.LevelEmerg; l > logparse.LevelUnknown; l-- {
		if s.Totals.LogLevels[l.String()] > 0 {
			lowest = l
		}
	}
	if lowest == logparse.LevelUnknown {
		return "the log that is followed has no entry;"
	}
	return "the log that is followed has no entry below " + lowest.String() + ";"
}

// logFile is the followed log's name, nginx's usual one if it is no file.
func logFile(s *monitor.State) string {
	for _, r := range s.Logs() {
		if strings.HasPrefix(r.Source, "/") {
			return r.Source
		}
	}
	return "/var/log/nginx/error.log"
}

const (
	unparsedLeast = 20 // lines that are no entry, and more than half of all
	unparsedKept  = 2
)

type unparsedMemory struct {
	entries, unparsed int
	first             []monitor.LogRef
}

func watchUnparsed(p *pass, r *monitor.LogRef) {
	m := remember[unparsedMemory](p)
	if r.Entry.Kind != logparse.KindUnparsed {
		m.entries++
		return
	}
	m.unparsed++
	if len(m.first) < unparsedKept {
		kept := *r
		kept.Entry = r.Entry.Clone()
		m.first = append(m.first, kept)
	}
}

func unparsedLog(p *pass) {
	m := remember[unparsedMemory](p)
	if m.unparsed < unparsedLeast || m.unparsed <= m.entries {
		return
	}
	t := p.about("")
	for i := range m.first {
		t.line(&m.first[i])
	}
	t.Count = m.unparsed
	t.say("%d of %d lines are no entry of an error log; they are left out", m.unparsed, m.unparsed+m.entries)
	t.fix("Give the file that error_log names. In a container both logs come on one stream: the error log alone is standard error (docker logs nginx 2>&1 >/dev/null).")
}
