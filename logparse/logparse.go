// Package logparse reads nginx error logs: as files, and as syslog, Docker,
// Kubernetes and journald deliver them. Parser takes physical lines and gives
// entries; Read does that for an io.Reader; Summary counts.
//
// A long log can be parsed on several processors: Blocks cuts it, a Parser that
// was set Apart takes each block, Parser.Continue and Summary.Merge put together
// what came of them.
//
// It opens nothing, asks for no time and starts no goroutine; package follow
// does that. It does not sanitise: entries hold bytes chosen by clients.
package logparse

import (
	"strings"
)

// Limits of one entry. nginx's own buffer, and so the longest line it writes,
// is 2048 bytes with its LF (src/core/ngx_log.h:NGX_MAX_ERROR_STR); OpenResty
// and Tengine build it with 4096.
const (
	MaxLine = 64 << 10 // bytes of a physical line that are kept
	MaxJoin = 16       // physical lines in an entry

	cutAt          = 2047
	cutAtOpenResty = 4095
)

// Parser reads physical lines and gives entries. Its zero value is ready.
//
// nginx escapes nothing, so a decoded URI can bring line feeds into the log,
// and after one, text that looks like an entry (`GET /x%0a2031/01/01 …`). The
// rule: nginx writes an entry at once, so what follows on a line that left a
// quote open, within the 2048 (4096) bytes of one write, is part of the same
// write. A line without a time is joined to it; a line that has one is given
// as an entry of its own with FlagForged. A quote is open if the grammar says
// so: a quoted field does not end, or a message without fields has an odd
// number of quotes, or breaks off after a file name. Where quotes prove less
// (debug lines; an upstream field that ends a line although the request has
// %0a in it), the line is forged only if its pid is new or its time lies
// more than 5 s back.
type Parser struct {
	File string // copied to each Entry

	line int64 // physical lines so far
	e    Entry
	held bool
	name string // envelope.name of the entry held

	tagged bool   // envelope.tagged of it
	text   string // body of the entry held, of all its lines
	last   int    // length of the body of its last line
	open   openness
	size   int // bytes of the write that the entry held belongs to
	pids   [16]int
	next   int // in pids

	apart   bool   // see Apart
	before  int64  // lines before those of p
	first   string // the first line of p, cut to MaxLine
	guessed bool   // something depended on the lines before

	stamps stampMemory
}

// openness says how sure it is that the write of an entry goes on.
type openness uint8

const (
	closed openness = iota
	maybe
	sure
)

// Line takes one physical line without its LF; a CR at its end belongs to no
// field. line may be reused after the call. emit is called for each entry that
// became complete: none, one or two. The *Entry is valid until emit returns,
// its strings for ever.
//
// An entry whose last line left a quote open, or is as long as nginx's buffer,
// is held back until the next line or Flush.
func (p *Parser) Line(line []byte, emit func(*Entry)) {
	p.take(string(line[:min(len(line), keptOfLong)]), emit)
}

// take takes one physical line, of which entries become parts.
func (p *Parser) take(raw string, emit func(*Entry)) {
	p.line++
	long := len(raw) > MaxLine
	if long {
		raw = raw[:MaxLine]
	}
	var h head
	ok := p.stamps.parseHead(raw, &h)
	if ok && !p.held { // the common case: nothing around the line, nothing before it
		p.begin(raw, raw, &bare, &h, long, emit)
		return
	}
	env := envelope{body: raw}
	if !ok {
		env = unwrap(raw)
		if p.swallows(&env, raw) {
			env = envelope{body: raw, name: p.name}
		} else if len(env.body) < len(raw) {
			ok = p.stamps.parseHead(env.body, &h)
		}
	}
	same := p.held && p.same(&env)
	if !ok && same && p.join(raw, &env, long, emit) {
		return
	}
	forged := ok && same && p.forges(env.body, &h)
	open, size := p.open, p.size
	p.Flush(emit)
	switch {
	case forged:
		p.beginForged(raw, &env, &h, long, open, size, emit)
	case ok:
		p.begin(raw, env.body, &env, &h, long, emit)
	default:
		p.other(raw, &env, long, emit)
	}
}

// bare is what is around a line that has no envelope.
var bare envelope

// swallows says that raw, which does not begin with a time, belongs to the
// write of the entry held, so that what looks like an envelope is not one: the
// lines of that write have none, and a client could make one up.
func (p *Parser) swallows(env *envelope, raw string) bool {
	return p.held && p.open != closed && p.size+1+len(raw) <= cutAtOpenResty && (p.plain() || p.tagged && !env.tagged)
}

// same says that a line in env may be of the source of the entry held.
func (p *Parser) same(env *envelope) bool {
	return strings.HasPrefix(env.name, p.name) || p.tagged && !env.tagged
}

// plain says that the entry held came without an envelope.
func (p *Parser) plain() bool { return p.e.Prefix == "" && p.e.SourceTime.IsZero() }

// Pending says that an entry is held back. Who follows a live log calls Flush
// when nothing came for a second or so.
func (p *Parser) Pending() bool { return p.held }

// Flush gives the entry held back, if any: at the end of the input.
func (p *Parser) Flush(emit func(*Entry)) {
	if p.held {
		p.held = false
		emit(&p.e)
	}
}

// Reset makes p ready for another file.
func (p *Parser) Reset(file string) { *p = Parser{File: file} }

// start fills what an entry has from its first physical line.
func (p *Parser) start(raw string, env *envelope, long bool) {
	p.name, p.tagged = env.name, env.tagged
	e := &p.e
	*e = Entry{} // in place: a literal would be made elsewhere and copied
	e.Line, e.Lines, e.File, e.Raw, e.Prefix, e.SourceTime = p.line, 1, p.File, raw, env.prefix, env.at
	if long {
		e.Flags |= FlagCut
	}
	if env.syslog {
		e.Flags |= FlagSyslog
	}
}

func (p *Parser) begin(raw, body string, env *envelope, h *head, long bool, emit func(*Entry)) {
	p.start(raw, env, long)
	p.setHead(h)
	p.text = strings.TrimSuffix(body, "\r")
	p.size, p.last = len(p.text), len(p.text)
	f, r := p.e.body(p.text[h.end:])
	p.open = p.openness(f, r, h.end)
	p.settle(emit)
}

// beginForged starts an entry that stands within the write of the one before.
// Its own quotes tell whether the quote that was open still is.
func (p *Parser) beginForged(raw string, env *envelope, h *head, long bool, open openness, size int, emit func(*Entry)) {
	p.start(raw, env, long)
	p.e.Flags |= FlagForged
	p.setHead(h)
	p.text = strings.TrimSuffix(env.body, "\r")
	p.size, p.last = size+1+len(p.text), len(p.text)
	p.e.body(p.text[h.end:])
	p.open = open
	p.closeQuotes(p.text)
	p.settle(emit)
}

// closeQuotes: an odd number of quotes closes what a forged entry stands in.
func (p *Parser) closeQuotes(s string) {
	if strings.Count(s, `"`)%2 == 1 {
		p.open = closed
	}
}

func (p *Parser) setHead(h *head) {
	p.e.Stamp, p.e.Level, p.e.PID, p.e.TID = h.stamp, h.level, h.pid, h.tid
	p.e.Present = HasStamp
}

// settle marks the entry if it may be cut, and emits it unless it may go on.
func (p *Parser) settle(emit func(*Entry)) {
	if n := len(p.text); n == cutAt || n == cutAtOpenResty || p.size == cutAt || p.size == cutAtOpenResty || n > cutAt && p.open != closed {
		p.e.Flags |= FlagCut
		p.open = closed
	}
	if p.open == closed && p.last != cutAt && p.last != cutAtOpenResty {
		p.know(p.e.PID)
		emit(&p.e)
		return
	}
	p.held = true
}

// openness says whether the write of the entry just parsed goes on after its
// line: whether the line feed came from inside it.
func (p *Parser) openness(f fit, r *rule, from int) openness {
	e := &p.e
	if e.Has(HasClient) {
		switch {
		case f == partFit:
			return sure
		case e.Has(HasUpstream) && e.Present&(HasHost|HasReferrer|HasBytes) == 0 && encodedLF(e.Request):
			return maybe
		}
		return closed
	}
	odd := strings.Count(p.text[from:], `"`)%2 == 1
	switch {
	case odd && e.Level == LevelDebug:
		return maybe
	case odd || breaksOff(e):
		return sure
	}
	return closed
}

// breaksOff says that a message about a file ends with the name: a request's
// message always has fields.
func breaksOff(e *Entry) bool {
	if !e.Has(HasConnection) || e.Level == LevelDebug {
		return false
	}
	m := e.Message
	return strings.HasPrefix(m, `"`) || strings.HasPrefix(m, `open() "`) || strings.HasPrefix(m, `directory index of "`)
}

func encodedLF(request string) bool {
	return strings.Contains(request, "%0a") || strings.Contains(request, "%0A")
}

// join adds a line without a time to the entry held, if it may go on.
func (p *Parser) join(raw string, env *envelope, long bool, emit func(*Entry)) bool {
	if !p.held || p.e.Lines >= MaxJoin || len(p.e.Raw)+len(raw) > MaxLine {
		return false
	}
	if strings.HasPrefix(env.body, consolePrefix) {
		return false
	}
	if p.plain() {
		env.body = raw // what looks like an envelope is the entry's own text
	}
	body := strings.TrimSuffix(env.body, "\r")
	wasCut := p.last == cutAt || p.last == cutAtOpenResty
	if !wasCut && p.size+1+len(body) > cutAtOpenResty {
		return false
	}
	p.e.Raw += "\n" + raw
	p.text += "\n" + body
	p.size += 1 + len(body)
	p.last = len(body)
	p.held = false
	p.rejoin(long, body, emit)
	return true
}

// rejoin parses the entry anew with the line just added.
func (p *Parser) rejoin(long bool, body string, emit func(*Entry)) {
	old := p.e
	var h head
	p.stamps.parseHead(p.text, &h)
	p.e = Entry{Line: old.Line, Lines: old.Lines + 1, File: old.File, Raw: old.Raw, Prefix: old.Prefix,
		SourceTime: old.SourceTime, Flags: old.Flags | FlagJoined}
	if long {
		p.e.Flags |= FlagCut
	}
	p.setHead(&h)
	f, r := p.e.body(p.text[h.end:])
	if old.Flags.Has(FlagForged) {
		p.closeQuotes(body)
	} else {
		p.open = p.openness(f, r, h.end)
	}
	p.settle(emit)
}

// forges says whether a line with a time stands within the write of the entry
// held (see Parser).
func (p *Parser) forges(body string, h *head) bool {
	if p.open == closed || p.size+1+len(body) > cutAtOpenResty {
		return false
	}
	return p.open == sure || !p.known(h.pid) || h.stamp.seconds() < p.e.Stamp.seconds()-5
}

func (p *Parser) known(pid int) bool {
	if pid == p.e.PID {
		return true
	}
	for _, k := range p.pids {
		if k == pid {
			return true
		}
		p.guessed = p.guessed || k == unknownPID
	}
	return false
}

// know remembers the pids of the last entries of different processes.
func (p *Parser) know(pid int) {
	if pid == p.pids[(p.next+len(p.pids)-1)%len(p.pids)] {
		return
	}
	p.pids[p.next] = pid
	p.next = (p.next + 1) % len(p.pids)
}

// other handles a line without a time that belongs to no entry: a message on
// the console at start-up, or nothing of nginx's.
func (p *Parser) other(raw string, env *envelope, long bool, emit func(*Entry)) {
	p.start(raw, env, long)
	body := strings.TrimSuffix(env.body, "\r")
	if strings.HasPrefix(body, consolePrefix) {
		if level, n := parseLevel(body[len(consolePrefix):]); n > 0 {
			p.e.Level = level
			p.e.body(body[len(consolePrefix)+n:])
			emit(&p.e)
			return
		}
	}
	p.e.Kind = KindUnparsed
	emit(&p.e)
}

// consolePrefix begins what nginx says before it has a log:
// `nginx: [emerg] message`.
const consolePrefix = "nginx: ["
