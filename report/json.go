package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// JSON writes the report JSON, version 1 (see Document), and a line end. It
// holds one conn at a time, for a State may hold 200,000.
func JSON(w io.Writer, s *monitor.State, o Options) error {
	e := newEncoder(w)
	from, to := o.span(s)
	e.text(`{"version":`).value(Version)
	e.text(`,"source":`).value(o.Source)
	if o.Keep != nil {
		e.text(`,"filter":`).value(o.Filter)
	}
	e.text(`,"from":`).value(from)
	e.text(`,"to":`).value(to)
	conns := sorted(s, o)
	e.text(`,"totals":`).value(totalsOf(o.totals(s, conns)))
	e.text(`,"conns":[`)
	for i, c := range conns {
		if i > 0 {
			e.text(",")
		}
		e.text("\n").value(connOf(s, c)) // a line each, for grep
	}
	e.text(`],"findings":`).value(findingsOf(s, o.Findings))
	e.text(`,"log":`).value(logOf(&s.Totals))
	e.text("}\n")
	return e.flush()
}

// encoder writes JSON values and the text between them; the first error sticks.
type encoder struct {
	out  *bufio.Writer
	buf  bytes.Buffer // one value
	safe []byte       // the same, for a terminal
	enc  *json.Encoder
	err  error
}

func newEncoder(w io.Writer) *encoder {
	e := &encoder{out: bufio.NewWriterSize(w, 64<<10)}
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false) // the report is not put into pages as it is
	return e
}

func (e *encoder) text(s string) *encoder {
	e.out.WriteString(s) // bufio keeps the error for flush
	return e
}

func (e *encoder) value(v any) {
	e.buf.Reset()
	if err := e.enc.Encode(v); err != nil {
		if e.err == nil {
			e.err = err
		}
		return
	}
	e.safe = printable.AppendJSON(e.safe[:0], bytes.TrimSuffix(e.buf.Bytes(), []byte("\n")))
	e.out.Write(e.safe)
}

func (e *encoder) flush() error {
	if err := e.out.Flush(); err != nil {
		return err
	}
	return e.err
}

// span is the time a report is about.
func (o Options) span(s *monitor.State) (from, to monitor.Time) {
	from, to = s.Started(), s.Now()
	if !o.From.IsZero() {
		from = o.From
	}
	if !o.To.IsZero() {
		to = o.To
	}
	return from, to
}

func totalsOf(t *monitor.Totals) Totals {
	return Totals{
		Conns: t.Conns, Links: t.Links, Upgraded: t.Upgraded, Refused: t.Refused, Failed: t.Failed,
		Open: t.Open, Closed: t.Closed, Frames: t.Frames, Bytes: t.Bytes,
		Dropped: t.DroppedAll(), Evicted: t.Evicted, HTTP: notNil(t.HTTP),
	}
}

func logOf(t *monitor.Totals) Log {
	return Log{
		Lines: t.LogLines, Parsed: t.LogParsed, Unparsed: t.LogUnparsed,
		Levels: notNil(t.LogLevels), Kinds: notNil(t.LogKinds),
	}
}

func notNil(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

func connOf(s *monitor.State, c *monitor.Conn) *Conn {
	j := &Conn{
		ID: c.Seq, Tap: c.Tap, Leg: some(string(c.Role)),
		Key: some(c.Key()), Client: some(c.Client), Server: some(c.Server),
		Host: some(c.Host()), Target: some(c.Target()), Status: some(c.Status()),
		Opened: c.Opened, Upgraded: c.Upgraded, Closed: c.Ended,
		FromClient: trafficOf(c, ws.FromClient), FromServer: trafficOf(c, ws.FromServer),
		GapMS:      monitor.Millis(c.Gap(s.Now())),
		Close:      closeOf(c),
		Violations: violationsOf(c),
		LogLines:   make([]string, 0, len(c.Logs)),
	}
	if c.Link != nil {
		j.Link = &c.Link.ID
	}
	if a := c.Answer; a != nil {
		j.Subprotocol, j.Extensions = some(a.Subprotocol), some(a.Extensions)
		if c.Request != nil && !c.Request.Began.IsZero() {
			j.HandshakeMS = new(monitor.Millis(a.At.Sub(c.Request.Began)))
		}
	}
	if tunnel(c) {
		j.MaxGapMS = new(monitor.Millis(longestGap(s, c)))
		if l, ok := limitOf(s, c); ok {
			j.LimitMS, j.LimitKind, j.LimitSource = &l.Value, &l.Kind, &l.Source
		}
	}
	for _, r := range c.Logs {
		j.LogLines = append(j.LogLines, r.Entry.Raw)
	}
	return j
}

// some is v, or null for the zero value, which stands for unknown.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func trafficOf(c *monitor.Conn, dir ws.Direction) Traffic {
	t := &c.Sample.Dir[dir&1]
	j := Traffic{Bytes: t.Bytes, Messages: t.Messages, Frames: framesOf(t)}
	if f := c.CloseFrame(dir); f != nil && !f.Derived {
		code, reason := uint16(f.Code), f.Reason
		j.CloseCode, j.CloseReason = &code, &reason
	}
	return j
}

func framesOf(t *monitor.Traffic) Frames {
	f := Frames{
		Continuation: t.Frames.Of(ws.OpContinuation), Text: t.Frames.Of(ws.OpText), Binary: t.Frames.Of(ws.OpBinary),
		Close: t.Frames.Of(ws.OpClose), Ping: t.Frames.Of(ws.OpPing), Pong: t.Frames.Of(ws.OpPong),
	}
	f.Reserved = t.FrameCount() - f.Continuation - f.Text - f.Binary - f.Close - f.Ping - f.Pong
	return f
}

func closeOf(c *monitor.Conn) *Close {
	v := &c.Verdict
	if v.Cause == "" {
		return nil
	}
	j := &Close{
		Cause: v.Cause, Confidence: v.Confidence,
		Code: some(uint16(v.Code)), CodeDerived: v.CodeDerived, CodeName: some(v.CodeName),
		CloseFrom: v.CloseFrom, CloseAnswered: v.CloseAnswered,
		FirstEnd: some(v.FirstEnd), FirstEndHow: some(v.FirstEndHow),
		Evidence: v.Evidence,
	}
	if v.CloseFrom != "none" && !v.CodeDerived {
		j.Reason = &v.Reason
	}
	if j.Evidence == nil {
		j.Evidence = []string{}
	}
	return j
}

// violationsOf sums both directions: whose fault it is, the rule mostly says.
func violationsOf(c *monitor.Conn) []Violation {
	vs := []Violation{}
next:
	for _, v := range c.Sample.Violations {
		for i := range vs {
			if vs[i].Rule == v.Rule {
				vs[i].Count += v.Count
				continue next
			}
		}
		j := Violation{Rule: v.Rule, Count: v.Count}
		if r, ok := ws.RuleByName(v.Rule); ok {
			j.Section = some(r.Section())
		}
		vs = append(vs, j)
	}
	return vs
}
