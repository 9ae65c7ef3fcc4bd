//go:build linux

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/report"
)

// Ports within the namespaces, where nobody else is.
const (
	tapPort   = 8000
	deadPort  = 8001
	nginxPort = 8080
	servePort = 7654
)

// lostWithin bounds how long a viewer that hears nothing takes to say so: attach
// waits 30 s for a beat.
const lostWithin = 45 * time.Second

// TestTapsOnTwoMachines: clients, front tap, nginx, back tap with the server, and
// the viewers are in five network namespaces, each pair on a wire of its own. The
// viewers give the verdicts that one process with both taps gives (TestMatrix),
// and are told, once, everything that happened while the wire to a relay was cut:
// for so long that the viewer gave the line up, and so briefly that it did not.
func TestTapsOnTwoMachines(t *testing.T) {
	t.Parallel()
	m := newMachines(t)
	m.attach()
	across := m.lasts("across")
	m.round("early", played())
	m.told(m.front)
	m.told(m.back)
	m.shown("early")

	m.back.wire.cut()
	// A dial that failed has no key: it is linked by a line of the log, if both come in time.
	m.round("cut", slices.DeleteFunc(played(), func(e ending) bool { return e.name == "refused" }))
	across()
	m.told(m.front)
	m.untold(m.back)
	m.cutBriefly(m.front)
	m.lost(m.back)
	late := m.lasts("late")
	m.untold(m.back)
	m.back.wire.restore()
	m.attached(m.back)
	late()
	m.ended()
	m.told(m.front)
	m.told(m.back)
	m.shown("early", "cut")
	m.judge()
}

// machines is five of them, and what runs there.
type machines struct {
	t                                *testing.T
	clients, edge, proxy, app, looks *netns
	road                             *road // where clients connect to, and what nginx knows
	cert, key, token                 string
	dir                              string

	front, back *relay
	viewer      *process
	screen      *screen
	times       map[string]int // how often each ending was played
}

// relay is a tap as its viewers reach it.
type relay struct {
	*process
	name string // of its tap that nginx or its clients use
	url  string
	wire *wire // to the viewers
}

func newMachines(t *testing.T) *machines {
	t.Helper()
	needNginx(t)
	m := &machines{t: t, dir: t.TempDir(), times: map[string]int{}}
	for _, n := range []**netns{&m.clients, &m.edge, &m.proxy, &m.app, &m.looks} {
		*n = newNetns(t)
	}
	network := netip.MustParsePrefix("198.51.100.0/30") // of RFC 5737
	between := func(a, b *netns, name string) *wire {
		w := newWire(a, b, name, network)
		network = netip.PrefixFrom(w.bAddr.Next().Next(), network.Bits())
		return w
	}
	edge := between(m.clients, m.edge, "front").bAddr
	nginx := between(m.edge, m.proxy, "nginx").bAddr
	app := between(m.proxy, m.app, "back").bAddr
	m.road = &road{addr: at(edge, tapPort), nginx: at(nginx, nginxPort), server: at(app, tapPort), dead: at(app, deadPort)}
	m.front = &relay{name: "front", wire: between(m.looks, m.edge, "lookedge")}
	m.back = &relay{name: "back", wire: between(m.looks, m.app, "lookapp")}
	m.secrets()
	m.startRelays()
	m.startNginx()
	return m
}

func at(host netip.Addr, port uint16) string { return netip.AddrPortFrom(host, port).String() }

func (m *machines) relays() []*relay { return []*relay{m.front, m.back} }

// secrets makes the certificate and the token of both relays.
func (m *machines) secrets() {
	m.t.Helper()
	var ips []net.IP
	for _, r := range m.relays() {
		ips = append(ips, r.wire.bAddr.AsSlice())
	}
	m.cert, m.key = certificate(m.t, ips...)
	m.token = filepath.Join(m.dir, "token")
	if err := os.WriteFile(m.token, []byte(base64.StdEncoding.EncodeToString(randomBytes(24))), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// startRelays starts both taps. The error log of nginx is read beside the front one.
func (m *machines) startRelays() {
	m.t.Helper()
	var server string
	m.app.do(func() { server = behaviourServer(m.t, behaviours(), nil) })
	m.startRelay(m.front, "--error-log", filepath.Join(m.dir, "logs", "error.log"), "front@"+m.road.addr+"="+m.road.nginx)
	m.startRelay(m.back, "back@"+m.road.server+"="+server, "back:dead@"+m.road.dead+"=127.0.0.1:1")
}

func (m *machines) startRelay(r *relay, args ...string) {
	m.t.Helper()
	serves := at(r.wire.bAddr, servePort)
	r.url = "wss://" + serves
	args = append([]string{
		"tap", "--headless", "--json", "--capture", m.recording(r.name), "--read-timeout", idle.String(),
		"--serve", serves, "--serve-cert", m.cert, "--serve-key", m.key, "--token-file", m.token,
	}, args...)
	r.wire.b.do(func() { r.process = startWstap(m.t, args...) })
	eventually(m.t, r.name+" relays", func() bool { return len(events(r.process)) > 0 }) // hello comes when it listens
}

func (m *machines) recording(name string) string { return filepath.Join(m.dir, name+".mcap") }

func (m *machines) startNginx() {
	m.t.Helper()
	conf := nginxrun.Config{
		Main: "error_log logs/error.log info;",
		HTTP: "upstream gone { server 127.0.0.1:1 down; server 127.0.0.1:2 down; }\n" + m.road.block(nil),
	}
	var nginx *nginxrun.Process
	var err error
	m.proxy.do(func() { nginx, err = nginxrun.Start(m.dir, conf, m.road.nginx) })
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(nginx.Stop)
}

// screenWide and screenHigh hold every conn of the test, and targets uncut.
const screenWide, screenHigh = 220, 110

// attach starts a viewer that writes all down and one with a screen.
func (m *machines) attach() {
	m.t.Helper()
	args := []string{"attach", m.front.url, m.back.url, "--ca", m.cert, "--token-file", m.token}
	m.looks.do(func() {
		m.viewer = startWstap(m.t, append(args, "--headless", "--json", "--capture", m.recording("viewer"))...)
		m.screen = startScreen(m.t, screenWide, screenHigh, args...)
	})
	m.attached(m.front)
	m.attached(m.back)
	m.screen.until("2 relays", "✓ ") // the sources by name, if there is room, or their number
}

func (m *machines) attached(r *relay) {
	m.t.Helper()
	eventually(m.t, "attached to "+r.url, func() bool { h := m.healths(r); return len(h) > 0 && h[len(h)-1] == "ok: attached" })
}

// lost waits until the viewers have given the line to a relay up.
func (m *machines) lost(r *relay) {
	m.t.Helper()
	lost := func() bool {
		return slices.ContainsFunc(m.healths(r), func(h string) bool { return strings.HasPrefix(h, "warning: lost: ") })
	}
	for deadline := time.Now().Add(lostWithin); !lost(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("%s is not said to be lost: %q", r.url, m.healths(r))
		}
	}
	m.screen.until("relay " + r.url + ": lost")
}

// healths are the viewer's words on a relay so far.
func (m *machines) healths(r *relay) (all []string) {
	for _, ev := range events(m.viewer) {
		if ev.Type == "health" && ev.Name == "relay "+r.url {
			all = append(all, ev.Status+": "+ev.Text)
		}
	}
	return all
}

// toldEvent is one line of --json.
type toldEvent struct {
	Type, Tap, Name, Status, Text string
	Conn                          uint64
	line                          string
}

// events are what a wstap with --json has told so far.
func events(p *process) (all []toldEvent) {
	for line := range strings.Lines(p.out.String()) {
		ev := toldEvent{line: line}
		if json.Unmarshal([]byte(line), &ev) == nil { // the last line may be cut
			all = append(all, ev)
		}
	}
	return all
}

// lifecycle counts the lines that a process told of a relay's conns and its log.
// Verdicts are not among them: each viewer derives its own.
func lifecycle(p *process, tap string) map[string]int {
	n := map[string]int{}
	for _, ev := range events(p) {
		if ev.Tap == tap && ev.Type != "verdict" && (ev.Conn != 0 || ev.Type == "log") {
			n[ev.line]++
		}
	}
	return n
}

// instance is how a relay's events name it.
func (r *relay) instance() string { return events(r.process)[0].Tap }

// told waits until the viewer has told every line of a relay as often as the relay
// did itself, which is once, and no other.
func (m *machines) told(r *relay) {
	m.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		wrong := difference(lifecycle(r.process, r.instance()), lifecycle(m.viewer, r.instance()))
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("the viewer does not tell what the %s relay told:\n%s", r.name, wrong)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func difference(want, got map[string]int) string {
	var b strings.Builder
	for line, n := range want {
		if n != 1 || got[line] != 1 {
			fmt.Fprintf(&b, "told %d times, by the viewer %d times: %s", n, got[line], line)
		}
	}
	for line, n := range got {
		if want[line] == 0 {
			fmt.Fprintf(&b, "by the viewer alone, %d times: %s", n, line)
		}
	}
	if len(want) == 0 {
		b.WriteString("the relay told nothing")
	}
	return b.String()
}

// untold wants the viewer to lack what a relay told since its wire was cut.
func (m *machines) untold(r *relay) {
	m.t.Helper()
	there, here := len(lifecycle(r.process, r.instance())), len(lifecycle(m.viewer, r.instance()))
	if here >= there {
		m.t.Errorf("the viewer has %d of the %d lines of the %s relay, to which the wire is cut", here, there, r.name)
	}
}

// cutBriefly cuts the wire to a relay for the life of one conn: TCP repeats what
// was lost, and the line goes on.
func (m *machines) cutBriefly(r *relay) {
	m.t.Helper()
	before := len(m.healths(r))
	r.wire.cut()
	m.lasts("brief")()
	m.ended()
	m.untold(r)
	r.wire.restore()
	m.told(r)
	if h := m.healths(r); slices.ContainsFunc(h[before:], func(h string) bool { return h != "ok: attached" }) {
		m.t.Errorf("%s: the line did not go on: %q", r.url, h)
	}
}

// played are the endings of the matrix, but for one that has its path from nginx's
// configuration alone.
func played() []ending {
	return slices.DeleteFunc(slices.Clone(endings), func(e ending) bool { return e.name == "slash" })
}

// round plays each of some endings once, all at the same time.
func (m *machines) round(name string, some []ending) {
	m.t.Helper()
	var wg sync.WaitGroup
	for _, e := range some {
		m.times[e.name]++
		wg.Go(func() { m.play("/"+e.name+"/"+name, e.client) })
	}
	wg.Wait()
	m.ended()
}

func (m *machines) play(target string, client func(*peer)) {
	key := sha256.Sum256([]byte(target))
	var p *peer
	m.clients.do(func() { p = connect(m.t, m.road.addr, nil, target, base64.StdEncoding.EncodeToString(key[:16])) })
	switch {
	case p != nil && client != nil:
		client(p)
	case p != nil:
		m.t.Errorf("%s was upgraded", target)
	}
	if p != nil {
		p.Close()
	}
}

// lasts opens a conn that goes on until it is told to end, as client-fin ends.
func (m *machines) lasts(name string) (end func()) {
	m.t.Helper()
	told, gone := make(chan struct{}), make(chan struct{})
	open := make(chan struct{})
	go func() {
		defer close(gone)
		m.play("/client-fin/"+name, func(p *peer) {
			for first := true; ; first = false {
				p.text()
				p.next()
				if first {
					close(open)
				}
				select {
				case <-told:
					p.fin()
					return
				case <-time.After(idle / 10): // the pace of the traffic
				}
			}
		})
	}()
	select {
	case <-open:
	case <-gone:
		m.t.Fatalf("%s: not upgraded", name)
	}
	return func() { close(told); <-gone; m.times["client-fin"]++ }
}

// ended waits until both relays have told of every end so far.
func (m *machines) ended() {
	m.t.Helper()
	want := map[*relay]int{}
	for _, e := range played() {
		if e.front.info != "" {
			want[m.front] += m.times[e.name]
		}
		if e.back.info != "" {
			want[m.back] += m.times[e.name]
		}
	}
	for r, n := range want {
		eventually(m.t, fmt.Sprintf("%d ends at the %s relay", n, r.name), func() bool { return closes(r.process) == n })
	}
}

func closes(p *process) (n int) {
	for _, ev := range events(p) {
		if ev.Type == "closed" {
			n++
		}
	}
	return n
}

// shown waits for a screen with the conns of some rounds on both legs, linked, and
// with their verdicts.
func (m *machines) shown(rounds ...string) {
	m.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		text := m.screen.text()
		wrong := m.amiss(text, rounds)
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s\n%s", strings.Join(wrong, "\n"), text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// amiss is what a screen lacks.
func (m *machines) amiss(text string, rounds []string) (wrong []string) {
	for _, e := range played() {
		if e.front.info == "" || e.back.info == "" || e.name == "refused" { // the dial that failed has no target
			continue
		}
		for _, round := range rounds {
			target := "/" + e.name + "/" + round
			front, back := m.row(text, "front", target), m.row(text, "back", target)
			for leg, want := range map[*shownRow]string{&front: e.front.info, &back: e.back.info} {
				cause, _, _ := strings.Cut(want, " ")
				if words := monitor.Cause(cause).Short() + " ✓"; !strings.Contains(leg.line, words) {
					wrong = append(wrong, fmt.Sprintf("%s: no %q in %q", target, words, leg.line))
				}
			}
			if front.link == "" || front.link != back.link {
				wrong = append(wrong, fmt.Sprintf("%s: linked as %q and %q", target, front.link, back.link))
			}
		}
	}
	return wrong
}

// shownRow is a conn on the screen.
type shownRow struct{ line, link string }

func (m *machines) row(text, tap, target string) shownRow {
	row := regexp.MustCompile(`(?m)^.*\d ↔(\d+) +` + tap + ` +\S+ +` + regexp.QuoteMeta(target) + ` .*$`)
	all := row.FindAllStringSubmatch(text, -1)
	if len(all) != 1 { // never twice
		return shownRow{line: fmt.Sprintf("%d rows of %s %s", len(all), tap, target)}
	}
	return shownRow{line: all[0][0], link: all[0][1]}
}

// judge ends all and holds the viewer's recording against the table, and against
// what the relays recorded themselves.
func (m *machines) judge() {
	m.t.Helper()
	m.screen.keys("q")
	m.screen.ended(0)
	for _, p := range []*process{m.viewer, m.front.process, m.back.process} {
		p.stop()
	}
	d := readReport(m.t, m.recording("viewer"))
	got := map[string][]report.Conn{}
	for _, c := range d.Conns {
		name := "refused" // the dial that failed has no target
		if t := str(c.Target); t != "" {
			name = strings.Split(t, "/")[1]
		}
		got[name] = append(got[name], c)
	}
	x := &matrix{t: m.t, taps: "both", level: "info"}
	for _, e := range played() {
		x.check(m.road, e, got[e.name], m.times[e.name])
	}
	for pair := range slices.Chunk(got["idle"], 2) {
		x.checkIdle(m.road, pair)
	}
	m.same(d, readReport(m.t, m.recording("front"), m.recording("back")))
}

// same wants every conn of the relays' own recordings, read together, in the
// viewer's: once, with the same ends, verdict, evidence, counts and lines of the
// log, and linked where it is linked there.
func (m *machines) same(viewer, relays *report.Document) {
	m.t.Helper()
	want, got := connTexts(m.t, relays), connTexts(m.t, viewer)
	for name, text := range want {
		if got[name] != text {
			m.t.Errorf("%s\nrecorded by its relay: %s\nby the viewer: %s", name, text, got[name])
		}
	}
	if len(got) != len(want) || len(viewer.Conns) != len(got) || len(relays.Conns) != len(want) {
		m.t.Errorf("the viewer recorded %d conns, %d different; the relays %d, %d different", len(viewer.Conns), len(got), len(relays.Conns), len(want))
	}
	if v, r := viewer.Totals, relays.Totals; v.Conns != r.Conns || v.Closed != r.Closed || v.Frames != r.Frames || v.Bytes != r.Bytes || v.Open != 0 || v.Dropped != 0 {
		m.t.Errorf("totals of the viewer %+v, of the relays %+v", v, r)
	}
	if fmt.Sprint(viewer.Log) != fmt.Sprint(relays.Log) {
		m.t.Errorf("log of the viewer %+v, of the relays %+v", viewer.Log, relays.Log)
	}
}

// connTexts are conns by tap, client and target, without the numbers that are a
// document's own.
func connTexts(t *testing.T, d *report.Document) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, c := range d.Conns {
		c.ID = 0
		if c.Link != nil {
			c.Link = new(uint64)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		texts[c.Tap+" "+str(c.Client)+" "+str(c.Target)] = string(text)
	}
	return texts
}
