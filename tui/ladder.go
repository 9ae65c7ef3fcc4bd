package tui

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// The ladder shows what passed between client, nginx and server, in order: a
// row for each thing, an arrow on each leg that it was seen on.

// stepKind is what a row of the ladder is about, in the order in which rows of
// one time stand.
type stepKind uint8

const (
	stepTCP stepKind = iota
	stepRequest
	stepAnswer
	stepFrame
	stepClose
	stepEnd
	stepNote // a sentence across all lanes
	stepSilence
	stepNow
)

// lanes of the ladder. One that stands alone is the first.
const (
	frontLane = iota
	backLane
)

// step is a row of the ladder.
type step struct {
	kind    stepKind
	at      monitor.Time
	until   monitor.Time // of the last of several frames
	dir     ws.Direction
	on      [2]bool       // lanes
	transit time.Duration // from one leg to the other, if on both; the longest of several
	key     uint64        // what makes two steps on two legs the same one
	label   string        // safe text
	op      ws.Opcode
	n       int
	bytes   uint64
	st      style
}

// atOnce is within what time a thing that came on one leg goes on by the other.
const atOnce = time.Second

// legSteps are what c saw, with at most most of its newest frames.
func (p *connPage) legSteps(c *monitor.Conn, lane, most int) (steps []step) {
	add := func(s step) {
		s.on[lane] = true
		s.until = max(s.until, s.at)
		steps = append(steps, s)
	}
	add(step{kind: stepTCP, at: c.Opened, label: "TCP"})
	if c.Dial != nil {
		add(step{kind: stepNote, at: c.Dial.At, label: "connecting to " + printable.String(c.Server) + " failed: " + printable.String(c.Dial.Error), st: stFail})
	}
	if r := c.Request; r != nil {
		at := r.Began
		if at.IsZero() {
			at = r.At
		}
		label := printable.String(r.Method + " " + r.Target)
		if r.Nth > 1 {
			label = fmt.Sprintf("request %d: %s", r.Nth, label)
		}
		add(step{kind: stepRequest, at: at, dir: ws.FromClient, label: label, st: stBold})
	}
	if a := c.Answer; a != nil {
		st := stBold
		if a.Status != 101 {
			st = stFail
		}
		add(step{kind: stepAnswer, at: a.At, dir: ws.FromServer, key: uint64(a.Status), label: printable.String(fmt.Sprintf("%d %s", a.Status, a.Reason)), st: st})
	}
	if c.IsUpgraded() { // before it there are none, whatever a recording says
		records := p.s.FramesOf(c)
		for _, s := range frameSteps(c, records[max(len(records)-most, 0):]) {
			add(s)
		}
	}
	for i := range c.CloseFrames {
		f := &c.CloseFrames[i]
		add(step{kind: stepClose, at: f.At, dir: f.Dir, key: uint64(f.Code), label: "close " + closeText(f), st: stAccent})
	}
	for i := range c.Ends {
		add(endStep(&c.Ends[i], c.Ends[i].At == p.firstEnd()))
	}
	if c.ByTap {
		add(step{kind: stepNote, at: c.Ended, label: "wstap was being stopped and ended it", st: stWarn})
	}
	return steps
}

// firstEnd is when the first side of either leg ended.
func (p *connPage) firstEnd() (first monitor.Time) {
	for _, c := range []*monitor.Conn{p.c, p.front, p.back} {
		if c == nil {
			continue
		}
		if e := c.FirstEnd(); e != nil && (first.IsZero() || e.At < first) {
			first = e.At
		}
	}
	return first
}

// frameSteps are the frames, without the close frames that are known better.
func frameSteps(c *monitor.Conn, records []monitor.FrameRecord) (steps []step) {
	answers, _ := pairPongs(records)
	for i, r := range records {
		op := r.Opcode()
		if op == ws.OpClose && slices.ContainsFunc(c.CloseFrames, func(f monitor.CloseFrame) bool { return f.Dir == r.Direction() && f.At == r.At }) {
			continue
		}
		s := step{kind: stepFrame, at: r.At, dir: r.Direction(), op: op, n: 1, bytes: r.Length(), key: uint64(op)<<56 | r.Length()}
		if !r.Fin() {
			s.key |= 1 << 63
		}
		if t := answers[i].text(); t != "" {
			s.label = "pong " + t
		}
		if !op.IsData() {
			s.st = stAccent
		}
		steps = append(steps, s)
	}
	return steps
}

func closeText(f *monitor.CloseFrame) string {
	text := fmt.Sprintf("%d", f.Code)
	if f.Derived {
		return "without a code"
	}
	if f.Reason != "" {
		text += " “" + printable.String(f.Reason) + "”"
	}
	return text
}

// endSigns say how a side of TCP ended, in the words of the wire.
var endSigns = map[monitor.How]string{
	monitor.HowFIN:         "FIN",
	monitor.HowReset:       "RST",
	monitor.HowCloseNotify: "close_notify",
	monitor.HowTimeout:     "gone, no RST or FIN (ETIMEDOUT)",
	monitor.HowError:       "failed",
}

var endKeys = map[monitor.How]uint64{monitor.HowFIN: 1, monitor.HowReset: 2, monitor.HowCloseNotify: 3, monitor.HowTimeout: 4, monitor.HowError: 5}

func endStep(e *monitor.SideEnded, first bool) step {
	label, st := endSigns[e.How], stPlain
	if e.Error != "" {
		label += " " + printable.String(e.Error)
	}
	if first {
		label, st = label+", first to end", stFail
	}
	return step{kind: stepEnd, at: e.At, dir: e.Dir, key: endKeys[e.How], label: label, st: st}
}

// through joins what passed both legs to one row each: the same thing on the
// one leg and soon after on the other. a is the front leg's steps, b the back's.
func through(a, b []step) []step {
	taken := [2][]bool{make([]bool, len(a)), make([]bool, len(b))}
	for _, dir := range []ws.Direction{ws.FromClient, ws.FromServer} {
		from, to, lane := a, b, backLane
		if dir == ws.FromServer {
			from, to, lane = b, a, frontLane
		}
		next := 0
		for i := range from {
			s := &from[i]
			if s.dir != dir || !s.passes() {
				continue
			}
			for next < len(to) && (to[next].at < s.at || taken[lane][next]) {
				next++
			}
			for k := next; k < len(to) && to[k].at.Sub(s.at) <= atOnce; k++ {
				o := &to[k]
				if taken[lane][k] || o.dir != dir || o.kind != s.kind || o.key != s.key || o.op != s.op {
					continue
				}
				taken[lane][k] = true
				s.on, s.transit = [2]bool{true, true}, o.at.Sub(s.at)
				break
			}
		}
	}
	var out []step
	for lane, steps := range [][]step{a, b} {
		for i := range steps {
			if !taken[lane][i] {
				out = append(out, steps[i])
			}
		}
	}
	inOrder(out)
	return out
}

// passes says that nginx passes it on as it is.
func (s *step) passes() bool {
	switch s.kind {
	case stepAnswer, stepFrame, stepClose, stepEnd:
		return true
	}
	return false
}

func inOrder(steps []step) {
	slices.SortStableFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind))
	})
}

// folded makes one row of data frames that follow each other.
func folded(steps []step) (out []step) {
	for _, s := range steps {
		if n := len(out); n > 0 && out[n-1].takes(&s) {
			o := &out[n-1]
			o.n, o.bytes, o.until, o.transit = o.n+1, o.bytes+s.bytes, s.until, max(o.transit, s.transit)
			continue
		}
		out = append(out, s)
	}
	return out
}

// foldWithin is how far frames in one row may be apart.
const foldWithin = time.Second

func (s *step) takes(o *step) bool {
	return s.kind == stepFrame && o.kind == stepFrame && s.op == o.op && s.op.IsData() && s.dir == o.dir && s.on == o.on && o.at.Sub(s.until) <= foldWithin
}

// text is the label of a row of frames.
func (s *step) text() string {
	if s.kind != stepFrame || s.label != "" {
		return s.label
	}
	if s.n > 1 {
		return fmt.Sprintf("%s ×%s, %s", s.op, count(uint64(s.n)), sizeWords(s.bytes))
	}
	if s.op.IsData() {
		return s.op.String() + " " + sizeWords(s.bytes)
	}
	return s.op.String()
}

func sizeWords(n uint64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// ladderFrames is how many of a leg's frames are looked at for the ladder.
const ladderFrames = 300

// steps are the rows of the ladder: the handshake, the first frames if they are
// known, the last ones, the end or what is to come.
func (p *connPage) steps(rows int) []step {
	var all []step
	if p.front != nil && p.back != nil {
		a, b := p.legSteps(p.front, frontLane, ladderFrames), p.legSteps(p.back, backLane, ladderFrames)
		inOrder(a)
		inOrder(b)
		all = through(a, b)
	} else {
		all = p.legSteps(p.c, frontLane, ladderFrames)
		inOrder(all)
	}
	all = folded(all)
	begin := 0
	for begin < len(all) && all[begin].kind <= stepAnswer || begin < len(all) && all[begin].kind == stepNote {
		begin++
	}
	hands, rest := all[:begin:begin], all[begin:]
	return append(append(hands, p.withSilences(p.someOf(rest, rows))...), p.toCome()...)
}

// someOf leaves out the middle, or the beginning where the first frames are not known.
func (p *connPage) someOf(rest []step, rows int) []step {
	unknown := p.missing + uint64(max(len(p.records)-ladderFrames, 0))
	keep := 0 // first rows
	if unknown == 0 {
		keep = min(3, len(rest))
	}
	cut := max(len(rest)-rows, 0)
	if cut <= 1 { // the note would take as much room
		cut = 0
	}
	if cut == 0 && unknown == 0 {
		return rest
	}
	left := unknown
	for i := keep; i < keep+cut; i++ {
		left += uint64(rest[i].n)
	}
	if left == 0 {
		return rest
	}
	note := step{kind: stepNote, st: stDim, label: "⋮ " + plural(left, "frame", "frames")}
	switch {
	case unknown == left:
		note.label += " before, not kept one by one"
	case unknown > 0:
		note.label += " before, the last of them in the list below"
	default:
		note.label += ": see the list below"
	}
	out := append(slices.Clone(rest[:keep]), note)
	return append(out, rest[keep+cut:]...)
}

// withSilences puts in the gaps that used up much of the limit.
func (p *connPage) withSilences(steps []step) (out []step) {
	least := time.Second
	if p.limited {
		least = max(p.limit.Value.Std()/2, least)
	}
	ended := false
	for i, s := range steps {
		first := s.kind == stepEnd && !ended
		ended = ended || s.kind == stepEnd
		switch {
		case first && p.c.IsUpgraded() && p.c.Gap(p.s.Now()) >= time.Second:
			out = append(out, p.silence(p.c.Gap(p.s.Now()), "no byte either way"))
		case i > 0 && !ended && steps[i-1].kind != stepNote && s.kind != stepNote:
			if d := s.at.Sub(steps[i-1].until); d >= least {
				out = append(out, p.silence(d, "no frame"))
			}
		}
		out = append(out, s)
	}
	return out
}

// silence is a row for a gap.
func (p *connPage) silence(d time.Duration, what string) step {
	s := step{kind: stepSilence, st: stDim, label: exact(d) + ", " + what}
	if p.limited {
		limit := p.limit.Value.Std()
		_, s.st = shade(float64(d) / float64(limit))
		switch diff := d - limit; {
		case diff.Abs() <= 2*monitor.Slack:
			s.label += ": the idle limit"
		case diff > 0:
			s.label += fmt.Sprintf(": past the limit of %s", round(limit))
		}
	}
	return s
}

// toCome is now, and when the limit strikes.
func (p *connPage) toCome() (out []step) {
	if len(p.c.Ends) > 0 || p.c.IsClosed() || !p.c.IsUpgraded() {
		return nil
	}
	now := p.s.Now()
	if gap := p.c.Gap(now); gap >= time.Second {
		out = append(out, p.silence(gap, "no byte either way so far"))
	}
	out = append(out, step{kind: stepNow, at: now, until: now, label: "now", st: stBold})
	if cd := &p.row.countdown; p.counting && cd.Left > 0 {
		g := glyphOf(p.row.stage, cd.Mark)
		what := fmt.Sprintf("the %s limit of %s ends it", cd.Limit.Kind, round(cd.Limit.Value.Std()))
		if cd.Limit.Kind == monitor.Idle {
			what += " if nothing passes"
		}
		out = append(out, step{kind: stepNow, at: now.Add(cd.Left), label: what, st: g.st})
	}
	return out
}
