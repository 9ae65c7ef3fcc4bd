package diagnose

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
	"github.com/wstap/wstap/ws"
)

// Each rule has testdata/ID.txtar with a scenario that fires it and a near miss
// that must not. A scenario is a folder, "fires" or "near" (more of either:
// "fires2", "near-other"), of these files, all optional but want of fires:
//
//	events      what the taps saw, see play
//	error.log   lines of nginx's error log, in order; each comes at the second of
//	            its stamp, 2026/11/22 09:05:03 being second 0
//	nginx.conf  the configuration
//	version     of nginx
//	want        for each finding of the rule a line "SEVERITY COUNT SUBJECT" (COUNT
//	            may be *), and lines "~ TEXT": somewhere in the findings
func TestScenarios(t *testing.T) {
	for i := range rules {
		id := rules[i].id
		t.Run(id, func(t *testing.T) {
			ar, err := txtar.ParseFile(filepath.Join("testdata", id+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			fires, nears := 0, 0
			for name, files := range scenariosOf(ar) {
				t.Run(name, func(t *testing.T) { runScenario(t, id, name, files) })
				if strings.HasPrefix(name, "near") {
					nears++
				} else {
					fires++
				}
			}
			if fires == 0 || nears == 0 {
				t.Errorf("%d scenarios that fire, %d near misses: want one of each at least", fires, nears)
			}
		})
	}
}

func scenariosOf(ar *txtar.Archive) map[string]map[string]string {
	m := map[string]map[string]string{}
	for _, f := range ar.Files {
		dir, file, _ := strings.Cut(f.Name, "/")
		if m[dir] == nil {
			m[dir] = map[string]string{}
		}
		m[dir][file] = string(f.Data)
	}
	return m
}

func TestMain(m *testing.M) {
	time.Local = time.UTC // evidence shows local times
	flag.Parse()
	os.Exit(m.Run())
}

func runScenario(t *testing.T, id, name string, files map[string]string) {
	w := newWorld(t)
	w.logLines(files["error.log"])
	w.play(files["events"])
	w.wait(w.lastLine() + 3*time.Second)
	w.s.Finish()
	var got []Finding
	all := Run(w.s, Options{Conf: parseConf(t, files["nginx.conf"], files["version"])})
	for _, f := range all {
		if f.ID == id {
			got = append(got, f)
		}
	}
	checkFindings(t, all)
	if strings.HasPrefix(name, "near") {
		if len(got) > 0 {
			t.Errorf("a near miss fires:\n%s", render(got))
		}
		return
	}
	if files["want"] == "" {
		t.Errorf("no want; got:\n%s", render(got))
	}
	compare(t, got, files["want"])
}

func parseConf(t *testing.T, text, version string) *nginxconf.Config {
	if text == "" {
		return nil
	}
	c, err := nginxconf.Load("nginx.conf", nginxconf.Options{
		Version: strings.TrimSpace(version),
		Open: func(name string) (io.ReadCloser, error) {
			if name != "nginx.conf" {
				return nil, os.ErrNotExist
			}
			return io.NopCloser(strings.NewReader(text)), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkFindings: what every finding must have.
func checkFindings(t *testing.T, fs []Finding) {
	t.Helper()
	for _, f := range fs {
		if len(f.Evidence) == 0 || f.Fix == "" || f.Reference == "" || f.Title == "" || f.Count < 1 || f.Severity.Rank() == len(monitor.Severities) {
			t.Errorf("%s: a finding without evidence, fix, reference, count or severity: %+v", f.ID, f)
		}
		for line := range strings.Lines(f.Fix) {
			if line = strings.TrimSpace(line); strings.Contains(f.Fix, "\n") && !toPaste.MatchString(line) {
				t.Errorf("%s: a fix of several lines is there to be pasted, and this is neither a comment nor configuration: %q", f.ID, line)
			}
		}
	}
}

// toPaste is a line of a configuration file, nginx's or Kubernetes': a directive,
// a row of a map, the end of a block, a comment, KEY: VALUE.
var toPaste = regexp.MustCompile(`^$|^#|[;{}]( *#.*)?$|^[a-z0-9./-]+: `)

func compare(t *testing.T, got []Finding, want string) {
	t.Helper()
	var lines, have []string
	text := render(got)
	for line := range strings.Lines(strings.TrimSpace(want)) {
		line = strings.TrimSpace(line)
		if sub, ok := strings.CutPrefix(line, "~ "); ok {
			if !strings.Contains(text, sub) && !strings.Contains(strings.ReplaceAll(text, "\n       # ", " "), sub) {
				t.Errorf("%q is nowhere in\n%s", sub, text)
			}
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	for i, f := range got {
		n := strconv.Itoa(f.Count)
		if i < len(lines) && strings.Contains(lines[i], " *") {
			n = "*"
		}
		have = append(have, strings.TrimSpace(fmt.Sprintf("%s %s %s", f.Severity, n, f.Subject)))
	}
	if !slices.Equal(have, lines) {
		t.Errorf("got  %q\nwant %q\n%s", have, lines, text)
	}
}

func render(fs []Finding) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s [%s] %s (%d)\n", f.ID, f.Severity, f.Title, f.Count)
		for i, id := range f.Conns[:min(len(f.Conns), 10)] {
			fmt.Fprint(&b, []string{"  conns:", ""}[min(i, 1)], " ", id.Conn)
		}
		b.WriteByte('\n')
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "  - %s\n", e)
		}
		fmt.Fprintf(&b, "  fix: %s\n  see: %s %s:%d\n", strings.ReplaceAll(f.Fix, "\n", "\n       "), f.Reference, f.File, f.Line)
	}
	return b.String()
}

// world plays events into a State; its clock moves by the script alone.
type world struct {
	t     *testing.T
	s     *monitor.State
	now   time.Duration // since start
	taps  []monitor.TapInfo
	conns map[uint64]*scripted
	lines []*monitor.LogLine // to come
}

type scripted struct {
	leg    string
	sample monitor.Sample
}

var start = time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)

const testTap = monitor.Instance(0xfeed)

func newWorld(t *testing.T) *world {
	return &world{t: t, s: monitor.NewState(monitor.Bounds{}), conns: map[uint64]*scripted{}}
}

func (w *world) head(conn uint64) monitor.Header {
	h := monitor.Header{At: monitor.TimeOf(start.Add(w.now)), Tap: testTap, Conn: conn}
	if c := w.conns[conn]; c != nil {
		h.Leg = c.leg
	}
	return h
}

// wait lets time pass in ticks.
func (w *world) wait(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now = min(w.now+250*time.Millisecond, end)
		w.applyLines()
		w.s.Apply(&monitor.Tick{Header: w.head(0)})
	}
}

// applyLines applies the log lines whose time has come.
func (w *world) applyLines() {
	for len(w.lines) > 0 && (w.lines[0].Stamp.IsZero() || w.lines[0].Stamp <= w.head(0).At) {
		w.lines[0].At = w.head(0).At
		w.s.Apply(w.lines[0])
		w.lines = w.lines[1:]
	}
}

// lastLine is how long from now the last log line is to come.
func (w *world) lastLine() time.Duration {
	if len(w.lines) == 0 {
		return 0
	}
	return max(w.lines[len(w.lines)-1].Stamp.Sub(w.head(0).At), 0)
}

// play runs a script, a line an event, "#" a comment. SECONDS may be left out
// where it is that of the line before:
//
//	tap NAME LEG LISTEN UPSTREAM            before all else
//	SECONDS limit idle|lifetime D SOURCE    for all conns
//	SECONDS open N TAP                      conn N of a tap; client=, server= addresses
//	SECONDS request N METHOD TARGET         key= host= origin= upgrade= connection= (a comma
//	                                        between values) proto= ext= sub= version= fwd=; by default
//	                                        a good upgrade of /TARGET with key KN; connection=a|b are
//	                                        two headers
//	SECONDS answer N STATUS                 accept=bad ext= sub= upgrade= connection= reason= proto= location=
//	SECONDS dial N ERRNO TEXT               our own dial failed
//	SECONDS frame N client|server OPCODE    count= bytes=
//	SECONDS close N client|server CODE TEXT a close frame
//	SECONDS set N client|server FIELD=V …   of its Traffic: unanswered= rtt= every= least= blocked= waiting= unacked= …
//	SECONDS violation N client|server RULE SECTION
//	SECONDS end N client|server fin|reset|timeout
//	SECONDS closed N                        bytap
//	SECONDS fin N client|server             that side ends, the other follows, closed
//	SECONDS opaque N TAP REASON
//	SECONDS http TAP STATUS COUNT
//	SECONDS poll TAP SESSION STATUS COUNT   answered requests of a polling transport
//	SECONDS bytes N client|server COUNT     bytes that are no frames
//	SECONDS lost N client|server REASON     that direction is not decoded any more
//	SECONDS tick                            only time passes
//	SECONDS each FROM-TO STEP VERB …        VERB for each number, STEP seconds apart: $ stands for
//	                                        the number, @ for its place from 1
func (w *world) play(script string) {
	hello := false
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if f[0] == "tap" {
			w.taps = append(w.taps, monitor.TapInfo{Name: f[1], Role: monitor.Role(f[2]), Listen: f[3], Upstream: f[4]})
			continue
		}
		if !hello {
			w.hello()
			hello = true
		}
		if at, err := strconv.ParseFloat(f[0], 64); err == nil {
			w.wait(time.Duration(math.Round(at*1000))*time.Millisecond - w.now)
			f = f[1:]
		}
		if f[0] == "each" {
			w.each(f[1], f[2], f[3:])
		} else {
			w.do(f)
		}
	}
}

func (w *world) do(f []string) {
	do, ok := verbs[f[0]]
	if !ok {
		w.t.Fatalf("script: what is %q", f[0])
	}
	do(w, newArgs(w.t, f[1:]))
}

func (w *world) each(numbers, step string, f []string) {
	var from, to int
	if _, err := fmt.Sscanf(numbers, "%d-%d", &from, &to); err != nil {
		w.t.Fatal("script: ", err)
	}
	every, err := strconv.ParseFloat(step, 64)
	if err != nil {
		w.t.Fatal("script: ", err)
	}
	for i := from; i <= to; i++ {
		if i > from {
			w.wait(time.Duration(every * float64(time.Second)))
		}
		line := strings.NewReplacer("$", strconv.Itoa(i), "@", strconv.Itoa(i-from+1)).Replace(strings.Join(f, " "))
		w.do(strings.Fields(line))
	}
}

func (w *world) hello() {
	if len(w.taps) == 0 {
		w.taps = []monitor.TapInfo{
			{Name: "front", Role: monitor.Front, Listen: "127.0.0.1:8000", Upstream: "127.0.0.1:80"},
			{Name: "back", Role: monitor.Back, Listen: "127.0.0.1:9000", Upstream: "127.0.0.1:9001"},
		}
	}
	w.s.Apply(&monitor.Hello{Header: w.head(0), Host: "test", Version: "v", Started: w.head(0).At, Taps: w.taps})
}

// args are the words of a line: those without "=" in order, the others by name.
type args struct {
	t     *testing.T
	words []string
	named map[string]string
}

func newArgs(t *testing.T, words []string) *args {
	a := &args{t: t, named: map[string]string{}}
	for _, word := range words {
		if k, v, ok := strings.Cut(word, "="); ok && !strings.ContainsAny(k, "/:?") {
			a.named[k] = v
		} else {
			a.words = append(a.words, word)
		}
	}
	return a
}

// next is the next word; "" when there is none.
func (a *args) next() string {
	if len(a.words) == 0 {
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

func (a *args) rest() string { return strings.Join(a.words, " ") }

func (a *args) num() uint64 {
	n, err := strconv.ParseUint(a.next(), 10, 64)
	if err != nil {
		a.t.Fatal("script: ", err)
	}
	return n
}

func (a *args) or(name, otherwise string) string {
	if v, ok := a.named[name]; ok {
		return v
	}
	return otherwise
}

func (a *args) list(name, otherwise string) []string {
	v := a.or(name, otherwise)
	if v == "" {
		return nil
	}
	return strings.Split(v, ",")
}

func (a *args) millis(name string) monitor.Millis {
	d, err := time.ParseDuration(a.or(name, "0s"))
	if err != nil {
		a.t.Fatal("script: ", err)
	}
	return monitor.Millis(d)
}

func (a *args) count(name string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(a.or(name, strconv.FormatUint(otherwise, 10)), 10, 64)
	if err != nil {
		a.t.Fatal("script: ", err)
	}
	return n
}

func (a *args) dir() ws.Direction {
	switch w := a.next(); w {
	case "client":
		return ws.FromClient
	case "server":
		return ws.FromServer
	default:
		a.t.Fatalf("script: %q is no side", w)
	}
	return 0
}

var opcodes = map[string]ws.Opcode{
	"continuation": ws.OpContinuation, "text": ws.OpText, "binary": ws.OpBinary, "close": ws.OpClose, "ping": ws.OpPing, "pong": ws.OpPong,
}

var verbs = map[string]func(*world, *args){
	"tick":  func(w *world, _ *args) { w.s.Apply(&monitor.Tick{Header: w.head(0)}) },
	"limit": limitVerb, "open": openVerb, "opaque": opaqueVerb, "request": requestVerb, "answer": answerVerb, "dial": dialVerb,
	"frame": frameVerb, "close": closeVerb, "set": setVerb, "violation": violationVerb, "end": endVerb, "closed": closedVerb,
	"bytes": func(w *world, a *args) {
		n, d := a.num(), a.dir()
		w.touch(n, d, a.num())
	},
	"lost": func(w *world, a *args) {
		n, d := a.num(), a.dir()
		w.s.Apply(&monitor.Lost{Header: w.head(n), Dir: d, Reason: a.rest()})
	},
	"http": func(w *world, a *args) {
		h := w.head(0)
		h.Leg = a.next()
		w.s.Apply(&monitor.HTTP{Header: h, Counts: map[string]uint64{a.next(): a.num()}})
	},
	"poll": func(w *world, a *args) {
		h := w.head(0)
		h.Leg = a.next()
		w.s.Apply(&monitor.Polling{Header: h, Session: a.next(), Transport: "socket.io", Path: "/socket.io/", Status: int(a.num()), N: a.num()})
	},
	"fin": func(w *world, a *args) {
		n, d := a.num(), a.dir()
		w.s.Apply(&monitor.SideEnded{Header: w.head(n), Dir: d, How: monitor.HowFIN})
		w.s.Apply(&monitor.SideEnded{Header: w.head(n), Dir: d.Other(), How: monitor.HowFIN})
		w.s.Apply(&monitor.Closed{Header: w.head(n), Sample: w.conns[n].sample})
	},
}

func limitVerb(w *world, a *args) {
	kind := monitor.LimitKind(a.next())
	d, err := time.ParseDuration(a.next())
	if err != nil {
		w.t.Fatal("script: ", err)
	}
	w.s.Apply(&monitor.Limit{Header: w.head(0), Kind: kind, Value: monitor.Millis(d), Source: a.rest()})
}

func (w *world) open(n uint64, tap string, a *args) *monitor.Opened {
	w.conns[n] = &scripted{leg: tap}
	i := slices.IndexFunc(w.taps, func(t monitor.TapInfo) bool { return t.Name == tap })
	if i < 0 {
		w.t.Fatalf("script: no tap %q", tap)
	}
	return &monitor.Opened{
		Header: w.head(n), Client: a.or("client", fmt.Sprintf("127.0.0.1:%d", 40000+n)), Listen: w.taps[i].Listen,
		Local: fmt.Sprintf("127.0.0.1:%d", 50000+n), Server: a.or("server", w.taps[i].Upstream),
	}
}

func openVerb(w *world, a *args) {
	n := a.num()
	w.s.Apply(w.open(n, a.next(), a))
}

func opaqueVerb(w *world, a *args) {
	n := a.num()
	ev := w.open(n, a.next(), a)
	ev.Opaque, ev.Reason = true, a.rest()
	w.s.Apply(ev)
}

func requestVerb(w *world, a *args) {
	n := a.num()
	method, target := a.next(), a.next()
	w.s.Apply(&monitor.Request{
		Header: w.head(n), Began: w.head(n).At, Nth: 1, Method: method, Target: target, Proto: a.or("proto", "HTTP/1.1"),
		Host: a.or("host", "ws.test"), Origin: a.or("origin", ""), Key: a.or("key", fmt.Sprintf("K%d", n)), WSVersion: a.or("version", "13"),
		Subprotocols: a.list("sub", ""), Extensions: a.list("ext", ""), Forwarded: a.list("fwd", ""),
		Upgrade: a.list("upgrade", "websocket"), Connection: strings.FieldsFunc(a.or("connection", "Upgrade"), isSeparator),
		HeadText: "Connection: " + strings.ReplaceAll(a.or("connection", "Upgrade"), "|", "\r\nConnection: ") + "\r\n",
	})
	w.touch(n, ws.FromClient, 200)
}

// isSeparator: "," stands between values of one header, "|" between two headers.
func isSeparator(c rune) bool { return c == ',' || c == '|' }

func answerVerb(w *world, a *args) {
	n, status := a.num(), int(a.num())
	w.s.Apply(&monitor.Response{
		Header: w.head(n), Proto: a.or("proto", "HTTP/1.1"), HeadText: a.headText(), Status: status, Reason: a.or("reason", ""), AcceptOK: a.or("accept", "good") == "good", Accept: a.or("accept", "good"),
		Subprotocol: a.or("sub", ""), Extensions: a.or("ext", ""), Upgrade: a.list("upgrade", ""), Connection: a.list("connection", ""),
	})
	w.touch(n, ws.FromServer, 129)
}

func (a *args) headText() string {
	if to, ok := a.named["location"]; ok {
		return "HTTP/1.1 301 x\r\nLocation: " + to + "\r\n\r\n"
	}
	return "HTTP/1.1 x\r\n\r\n"
}

func dialVerb(w *world, a *args) {
	n := a.num()
	w.s.Apply(&monitor.DialError{Header: w.head(n), Errno: int(a.num()), Error: a.rest()})
}

// touch counts bytes and samples the conn.
func (w *world) touch(n uint64, dir ws.Direction, bytes uint64) {
	c := w.conns[n]
	t := &c.sample.Dir[dir]
	t.Bytes += bytes
	t.LastByte = w.head(n).At
	h := w.head(n)
	h.Conn = 0
	w.s.Apply(&monitor.Samples{Header: h, Conns: []uint64{n}, Samples: []monitor.Sample{c.sample}})
}

func frameVerb(w *world, a *args) {
	n, dir, op := a.num(), a.dir(), a.next()
	code, ok := opcodes[op]
	if !ok {
		w.t.Fatalf("script: %q is no opcode", op)
	}
	t := &w.conns[n].sample.Dir[dir]
	many := a.count("count", 1)
	t.Frames.Add(code, many)
	if code <= ws.OpBinary {
		t.Messages += many
		t.LastData = w.head(n).At
	}
	w.touch(n, dir, a.count("bytes", 10*many))
}

func closeVerb(w *world, a *args) {
	n, dir, code := a.num(), a.dir(), a.num()
	w.s.Apply(&monitor.CloseFrame{Header: w.head(n), Dir: dir, Code: ws.CloseCode(code), Reason: a.rest()})
	w.conns[n].sample.Dir[dir].Frames.Add(ws.OpClose, 1)
	w.touch(n, dir, 8)
}

func setVerb(w *world, a *args) {
	n, dir := a.num(), a.dir()
	t := &w.conns[n].sample.Dir[dir]
	t.Unanswered = uint32(a.count("unanswered", uint64(t.Unanswered)))
	for name, field := range map[string]*monitor.Millis{"rtt": &t.WorstRTT, "every": &t.PingEvery, "least": &t.PingAtLeast, "blocked": &t.Blocked, "waiting": &t.Waiting, "blockedatend": &t.BlockedAtEnd, "unacked": &t.Unacked} {
		if _, given := a.named[name]; given {
			*field = a.millis(name)
		}
	}
	t.BlockedNow = a.or("now", "") == "blocked"
	s := &w.conns[n].sample
	if _, given := a.named["longest"]; given {
		s.LongestGap = a.millis("longest")
	}
	h := w.head(n)
	h.Conn = 0
	w.s.Apply(&monitor.Samples{Header: h, Conns: []uint64{n}, Samples: []monitor.Sample{*s}})
}

func violationVerb(w *world, a *args) {
	n, dir := a.num(), a.dir()
	rule := a.next()
	w.conns[n].sample.AddViolation(rule, dir, 1)
	w.s.Apply(&monitor.Violation{Header: w.head(n), Dir: dir, Rule: rule, Section: a.rest(), Count: 1})
}

func endVerb(w *world, a *args) {
	n := a.num()
	w.s.Apply(&monitor.SideEnded{Header: w.head(n), Dir: a.dir(), How: monitor.How(a.next())})
}

func closedVerb(w *world, a *args) {
	n := a.num()
	w.s.Apply(&monitor.Closed{Header: w.head(n), ByTap: a.next() == "bytap", Sample: w.conns[n].sample})
}

// logLines are the entries to come.
func (w *world) logLines(text string) {
	var p logparse.Parser
	emit := func(e *logparse.Entry) {
		w.lines = append(w.lines, monitor.NewLogLine(w.head(0), "error.log", e, nil, time.UTC))
	}
	for line := range strings.Lines(text) {
		p.Line([]byte(strings.TrimSuffix(line, "\n")), emit)
	}
	p.Flush(emit)
}
