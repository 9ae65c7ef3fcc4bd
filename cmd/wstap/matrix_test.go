package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
	"github.com/wstap/wstap/report"
)

// The matrix: every way in which a WebSocket behind real nginx ends, seen by
// two taps or by one, with the error log at info or at error. What a tap can
// know of each is in the table; see facts on each leg in monitor/rules.go.

// seen is "CAUSE CONFIDENCE" with the error log at info and at error. The zero:
// this leg has no conn.
type seen struct{ info, err string }

// always is the same at both levels: the wire alone tells, or the line is at error.
func always(s string) seen { return seen{s, s} }

// sure is confirmed with the line that level info has, and likely without it.
func sure(cause string) seen { return seen{cause + " confirmed", cause + " likely"} }

type ending struct {
	name   string // and first part of the target
	server func(p *peer)
	client func(p *peer)
	// What is seen: by two taps on each leg, by the front tap alone, by the back tap alone.
	front, back, frontAlone, backAlone seen
	says                               string // that the evidence of every leg must hold
	// Whose end the front and the back leg see first, and how: "SIDE HOW".
	frontEnd, backEnd first
	// tls changes what is seen where TLS is spoken, and says why; nil: nothing.
	tls func(e *ending, w way)
}

// first is "SIDE HOW" of the end that a leg sees first, or SIDE where how depends
// on the moment; none: there is no end before the verdict. HOW tidy is an end in
// order: FIN, after TLS's close_notify if that side speaks TLS.
type first string

const none first = "none"

// of is what a leg reports: client and server say which of its sides speak TLS.
func (f first) of(client, server bool) first {
	side, tidy := strings.CutSuffix(string(f), " tidy")
	switch {
	case !tidy:
		return f
	case side == "client" && client, side == "server" && server:
		return first(side + " close_notify")
	}
	return first(side + " fin")
}

// holds compares with what a leg reports.
func (f first) holds(v *report.Close) bool {
	got := strings.TrimSpace(str(v.FirstEnd) + " " + str((*string)(v.FirstEndHow)))
	switch {
	case f == none:
		return got == ""
	case !strings.Contains(string(f), " "):
		return f == "" || f == first(str(v.FirstEnd))
	}
	return got == string(f)
}

// both is what two legs see when they agree.
func both(e ending, s seen) ending {
	e.front, e.back = s, s
	return e
}

func wait(d time.Duration) { time.Sleep(d) } // part of a script of traffic

const idle = 2 * time.Second // proxy_read_timeout and send_timeout

var endings = []ending{
	both(ending{
		name: "idle", server: (*peer).gone, client: (*peer).gone,
		frontAlone: sure("idle_timeout"), backAlone: sure("idle_timeout"), says: "the idle limit is 2.00 s (flag)",
		frontEnd: "server tidy", backEnd: "client tidy",
	}, always("idle_timeout confirmed")),
	both(ending{
		name: "client-only", server: (*peer).gone, client: func(p *peer) {
			for range 3 {
				wait(400 * time.Millisecond)
				p.text()
			}
			p.gone()
		},
		frontAlone: sure("idle_timeout"), backAlone: sure("idle_timeout"), says: "only the client had spoken",
		frontEnd: "server tidy", backEnd: "client tidy",
	}, always("idle_timeout confirmed")),
	both(ending{
		name: "single-bytes", server: (*peer).gone, client: func(p *peer) {
			for _, b := range clientFrame(0x81, "abc")[:4] {
				p.Write([]byte{b})
				wait(300 * time.Millisecond)
			}
			p.gone()
		},
		frontAlone: sure("idle_timeout"), backAlone: sure("idle_timeout"), says: "the idle limit is 2.00 s (flag)",
		frontEnd: "server tidy", backEnd: "client tidy",
	}, always("idle_timeout confirmed")),
	both(ending{
		name: "vanished", server: func(p *peer) { p.text(); p.gone() }, client: func(p *peer) {
			for range 5 {
				wait(300 * time.Millisecond)
				p.ping()
			}
			p.gone()
		},
		frontAlone: sure("idle_timeout"), backAlone: sure("idle_timeout"), says: "pings of the client that were never answered: 5",
		frontEnd: "server tidy", backEnd: "client tidy",
	}, always("idle_timeout confirmed")),
	both(ending{
		name: "client-close", server: func(p *peer) { p.next(); p.close(1000); p.fin() }, client: func(p *peer) { p.close(1000); p.gone() },
		frontAlone: always("close_handshake confirmed"), backAlone: always("close_handshake confirmed"), says: "1000",
		frontEnd: "server tidy", backEnd: "server tidy",
	}, always("close_handshake confirmed")),
	both(ending{
		name: "server-close", server: func(p *peer) { p.close(4001); p.next(); p.fin() }, client: func(p *peer) { p.next(); p.close(4001); p.gone() },
		frontAlone: always("close_handshake confirmed"), backAlone: always("close_handshake confirmed"), says: "4001",
		frontEnd: "server tidy", backEnd: "server tidy",
	}, always("close_handshake confirmed")),
	both(ending{
		name: "client-fin", server: (*peer).echo, client: func(p *peer) { p.text(); p.next(); p.fin() },
		frontAlone: always("client_fin likely"), backAlone: seen{"client_fin likely", "client_fin possible"},
		frontEnd: "client tidy", backEnd: "client tidy", tls: silentClient,
	}, always("client_fin confirmed")),
	both(ending{
		name: "server-fin", server: func(p *peer) { wait(1500 * time.Millisecond); p.text(); p.fin() }, client: (*peer).gone,
		frontAlone: seen{"server_fin likely", "server_fin possible"}, backAlone: always("server_fin likely"),
		frontEnd: "server tidy", backEnd: "server tidy",
	}, always("server_fin confirmed")),
	both(ending{
		name: "client-dies", server: (*peer).echo, client: func(p *peer) { p.text(); p.next(); p.die() },
		frontAlone: always("client_fin likely"), backAlone: seen{"client_fin likely", "client_fin possible"},
		frontEnd: "client fin", backEnd: "client tidy", tls: silentClient,
	}, always("client_fin confirmed")),
	both(ending{
		name: "server-dies", server: func(p *peer) { p.text(); p.die() }, client: (*peer).gone,
		frontAlone: seen{"server_fin likely", "server_fin possible"}, backAlone: always("server_fin likely"),
		frontEnd: "server tidy", backEnd: "server fin",
	}, always("server_fin confirmed")),
	both(ending{
		name: "client-reset", server: (*peer).echo, client: func(p *peer) { p.text(); p.next(); p.reset() },
		frontAlone: sure("client_reset"), backAlone: seen{"client_reset confirmed", "client_fin possible"},
		frontEnd: "client reset", backEnd: "client tidy", tls: silentClientReset,
	}, always("client_reset confirmed")),
	both(ending{
		name: "server-reset", server: func(p *peer) { wait(500 * time.Millisecond); p.text(); p.reset() }, client: (*peer).gone,
		frontAlone: always("server_reset confirmed"), backAlone: always("server_reset confirmed"), says: "recv() failed (104",
		frontEnd: "server tidy", backEnd: "server reset", tls: silentServerReset,
	}, always("server_reset confirmed")),
	both(ending{
		name: "slow-consumer", server: (*peer).flood, client: func(p *peer) { wait(idle + 3*time.Second); p.reset() },
		frontAlone: seen{"slow_consumer confirmed", "client_reset likely"}, backAlone: sure("slow_consumer"), says: "was not reading",
		frontEnd: "client reset", backEnd: "client reset", tls: endBeforeReset,
	}, always("slow_consumer confirmed")),
	both(ending{
		name: "lingering", server: func(p *peer) { p.next(); p.close(1000); p.gone() }, client: func(p *peer) { p.close(1000); p.gone() },
		frontAlone: sure("lingering"), backAlone: sure("lingering"), says: "TCP stayed open",
		frontEnd: "server tidy", backEnd: "client tidy",
	}, always("lingering confirmed")),
	{
		name: "refused", front: always("handshake_refused confirmed"), back: always("connect_failed confirmed"),
		frontAlone: always("handshake_refused confirmed"), backAlone: always("connect_failed confirmed"), says: " failed (1",
		frontEnd: none, backEnd: none, tls: resetIsAnEnd,
	},
	{
		name: "nolive", front: always("handshake_refused confirmed"), frontAlone: always("handshake_refused confirmed"),
		says: "no live upstreams", frontEnd: none,
	},
	{
		name: "never", front: always("handshake_refused confirmed"), back: always("handshake_failed confirmed"),
		frontAlone: always("handshake_refused confirmed"), backAlone: always("handshake_failed confirmed"),
		says: "upstream timed out (110: Connection timed out) while reading response header", frontEnd: none, backEnd: "client tidy",
	},
	both(ending{
		name: "bare", frontAlone: always("handshake_refused confirmed"), backAlone: always("handshake_refused confirmed"), says: "426",
		frontEnd: none, backEnd: none,
	}, always("handshake_refused confirmed")),
	{
		name: "slash", front: always("handshake_refused confirmed"), frontAlone: always("handshake_refused confirmed"), says: "301", frontEnd: none,
	},
}

// cuts are the ways in which nginx itself leaves, one after the other: each
// has several busy tunnels, and nothing else runs meanwhile.
var cuts = []ending{
	both(ending{
		name: "reload", server: (*peer).echo, frontAlone: cutSeen, backAlone: cutSeen, says: "other connections of this tap",
		frontEnd: "server", backEnd: "client",
	}, always("proxy_shutdown confirmed")),
	both(ending{
		name: "sigterm", server: (*peer).echo, frontAlone: cutSeen, backAlone: cutSeen, says: "other connections of this tap",
		frontEnd: "server", backEnd: "client",
	}, always("proxy_shutdown confirmed")),
}

// cutSeen: one leg cannot tell a cut from a server that goes away, but for the
// worker's own lines.
var cutSeen = seen{"proxy_shutdown likely", "proxy_shutdown possible"}

// cutTunnels are more than three and four times one: two clients that left apart
// make one such end in two seconds a usual thing.
const cutTunnels = 8

func TestMatrix(t *testing.T) {
	t.Parallel()
	eachMatrix(t, []way{{}})
}

// eachMatrix plays the whole table with both taps and with one, at both levels
// of the error log: on all ways at once.
func eachMatrix(t *testing.T, ways []way) {
	for _, taps := range []string{"both", "front", "back"} {
		for _, level := range []string{"info", "error"} {
			t.Run(taps+" "+level, func(t *testing.T) {
				t.Parallel()
				m := newMatrix(t, taps, level, ways, behaviours())
				m.endAll()
				m.cutAll()
				m.judge(m.s.report())
			})
		}
	}
}

// matrix is one nginx with its taps, and what was played on it.
type matrix struct {
	t           *testing.T
	s           *stack
	taps, level string
	ways        []*road
	conns       int // that must have ended by now
}

// road is a way with its places.
type road struct {
	way
	addr   string      // for clients
	tls    *tls.Config // of clients; nil: plain
	nginx  string      // where it listens
	server string      // where nginx is to connect to for the server
	dead   string      // and for one that is down
}

// newMatrix has servers that behave as each says, by the target's first part.
func newMatrix(t *testing.T, taps, level string, ways []way, each map[string]func(*peer)) *matrix {
	needNginx(t)
	m := &matrix{t: t, taps: taps, level: level}
	for _, w := range distinct(ways, taps) {
		m.ways = append(m.ways, &road{way: w, dead: "127.0.0.1:1"})
	}
	m.start(each)
	return m
}

// behaviours are those of the servers, by the ending's name.
func behaviours() map[string]func(*peer) {
	each := map[string]func(*peer){}
	for _, e := range slices.Concat(endings, cuts) {
		each[e.name] = e.server
	}
	return each
}

// start runs the servers, wstap with the taps asked for, and nginx between them.
func (m *matrix) start(each map[string]func(*peer)) {
	t := m.t
	dir := t.TempDir()
	pair := newPair(t)
	servers := map[bool]string{false: behaviourServer(t, each, nil), true: behaviourServer(t, each, pair.server)}
	m.s = &stack{t: t, errlog: filepath.Join(dir, "logs", "error.log"), capture: filepath.Join(dir, "rec.mcap")}
	args := []string{"tap", "--headless", "--capture", m.s.capture, "--error-log", m.s.errlog, "--read-timeout", idle.String()}
	free := m.reserve()
	for _, r := range m.ways {
		args = append(args, r.taps(m.taps, servers[r.way.server], pair)...)
	}
	m.s.wstap = startWstap(t, args...)
	conf := nginxrun.Config{
		Main: fmt.Sprintf("error_log logs/error.log %s; worker_shutdown_timeout 1s;", m.level),
		HTTP: "upstream gone { server 127.0.0.1:1 down; server 127.0.0.1:2 down; }\n",
	}
	for _, r := range m.ways {
		r.place(m, servers[r.way.server], pair)
		conf.HTTP += r.block(pair)
	}
	free()
	var err error
	if m.s.nginx, err = nginxrun.Start(dir, conf, m.ways[0].nginx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.s.nginx.Stop)
}

// reserve finds the places where nginx will listen, and keeps others from them
// until free: meanwhile the taps choose theirs.
func (m *matrix) reserve() (free func()) {
	var held []net.Listener
	for _, r := range m.ways {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			m.t.Fatal(err)
		}
		held = append(held, l)
		r.nginx = l.Addr().String()
	}
	return func() {
		for _, l := range held {
			l.Close()
		}
	}
}

// taps are the arguments for the taps of this way.
func (r *road) taps(which, server string, pair *pair) (args []string) {
	front, back, dead := r.names()
	if which != "back" {
		args = append(args, fmt.Sprintf("front:%s@127.0.0.1:0=%s%s", front, scheme(r.way.nginx), r.nginx))
		if r.client {
			args = append(args, "--tls-cert", front+":"+pair.cert, "--tls-key", front+":"+pair.key)
		}
		if r.way.nginx {
			args = append(args, "--upstream-ca", front+":"+pair.cert)
		}
	}
	if which != "front" {
		args = append(args, fmt.Sprintf("back:%s@127.0.0.1:0=%s%s", back, scheme(r.way.server), server), "back:"+dead+"@127.0.0.1:0="+r.dead)
		if r.pass {
			args = append(args, "--tls-self-signed="+back, "--tls-self-signed="+dead)
		}
		if r.way.server {
			args = append(args, "--upstream-ca", back+":"+pair.cert)
		}
	}
	return args
}

// place notes where the taps listen, or what stands there instead of them.
func (r *road) place(m *matrix, server string, pair *pair) {
	front, back, dead := r.names()
	r.addr, r.server = r.nginx, server
	if m.taps != "back" {
		r.addr = m.s.wstap.addr(front)
	}
	if m.taps != "front" {
		r.server, r.dead = m.s.wstap.addr(back), m.s.wstap.addr(dead)
	}
	if r.client {
		r.tls = pair.client
	}
}

// block is nginx's server for this way.
func (r *road) block(pair *pair) string {
	secure := ""
	if r.way.nginx {
		secure = fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s", pair.cert, pair.key)
	}
	return fmt.Sprintf(`
		server {
			listen %s%s; server_name ws.test;
			proxy_read_timeout %s; send_timeout %[3]s; %s proxy_set_header X-Forwarded-Proto $scheme;
			location / { proxy_pass %[5]s%[6]s; }
			location /slash/ { proxy_pass %[5]s%[6]s; }
			location /refused { proxy_pass %[5]s%[7]s; }
			location /nolive { proxy_pass %[5]sgone; }
			location /bare { proxy_set_header X-Only this; proxy_pass %[5]s%[6]s; }
		}
		`, r.nginx, secure, idle, wsHeaders, scheme(r.pass), r.server, r.dead)
}

// together is on how many ways the endings are played at a time: the handshakes
// and floods of more would stretch the times that the endings are about.
const together = 4

// endAll plays all endings of some ways at once, then those of the others.
func (m *matrix) endAll() {
	for some := range slices.Chunk(m.ways, together) {
		var wg sync.WaitGroup
		for i, r := range some {
			wait(time.Duration(min(i, 1)) * 200 * time.Millisecond)
			for _, e := range endings {
				wg.Go(func() { m.play(r, "/"+e.name, e.client) })
				m.conns += m.legs(e)
			}
		}
		wg.Wait()
	}
	m.settled()
}

// cutAll opens busy tunnels and lets nginx leave, by a reload and by SIGTERM.
func (m *matrix) cutAll() {
	for i, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		var wg sync.WaitGroup
		before := m.upgrades()
		for _, r := range m.ways {
			for n := range cutTunnels {
				wg.Go(func() {
					m.play(r, fmt.Sprintf("/%s/%d", cuts[i].name, n), func(p *peer) { p.talk(time.Duration(30+17*n) * time.Millisecond) })
				})
			}
		}
		cut := len(m.ways) * cutTunnels * m.legs(cuts[i])
		eventually(m.t, "all tunnels are open", func() bool { return m.upgrades() == before+cut })
		m.s.nginx.Signal(sig)
		wg.Wait()
		m.conns += cut
		m.settled()
	}
}

func (m *matrix) play(r *road, target string, client func(*peer)) {
	if r.name != "" { // the request line alone tells the ways apart in nginx's log
		target += "?way=" + r.name
	}
	key := sha256.Sum256([]byte(target))
	if p := connect(m.t, r.addr, r.tls, target, base64.StdEncoding.EncodeToString(key[:16])); p != nil {
		defer p.Close()
		if client == nil {
			m.t.Errorf("%s was upgraded", target)
			return
		}
		client(p)
	}
}

// upgrades is how many 101 the taps have seen.
func (m *matrix) upgrades() int { return strings.Count(m.s.wstap.out.String(), "upgraded 101") }

// settled waits until every conn so far has its verdict.
func (m *matrix) settled() {
	m.t.Helper()
	eventually(m.t, fmt.Sprintf("%d verdicts", m.conns), func() bool {
		return strings.Count(m.s.wstap.out.String(), " closed ") >= m.conns
	})
}

// of is what the taps of this matrix see of an ending, by leg.
func (m *matrix) of(e ending) map[string]string {
	legs := map[string]seen{"front": e.front, "back": e.back}
	switch m.taps {
	case "front":
		legs = map[string]seen{"front": e.frontAlone}
	case "back":
		legs = map[string]seen{"back": e.backAlone}
	}
	want := map[string]string{}
	for leg, s := range legs {
		if v := map[string]string{"info": s.info, "error": s.err}[m.level]; v != "" {
			want[leg] = v
		}
	}
	return want
}

// legs is how many conns the taps see of one ending.
func (m *matrix) legs(e ending) int { return len(m.of(e)) }

// judge holds the report against the table.
func (m *matrix) judge(d *report.Document) {
	for _, r := range m.ways {
		r.judge(m, d.Conns)
	}
}

func (r *road) judge(m *matrix, conns []report.Conn) {
	got := map[string][]report.Conn{}
	front, back, dead := r.names()
	for _, c := range conns {
		if c.Tap != front && c.Tap != back && c.Tap != dead {
			continue
		}
		path, _, _ := strings.Cut(str(c.Target), "?")
		name := strings.Split(path, "/")
		if len(name) < 2 { // its server could not be dialled: there was no request
			name = []string{"", "refused"}
		}
		got[name[1]] = append(got[name[1]], c)
	}
	for _, e := range endings {
		m.check(r, e, got[e.name], 1)
	}
	for _, e := range cuts {
		m.check(r, e, got[e.name], cutTunnels)
	}
	m.checkIdle(r, got["idle"])
}

// checkIdle wants what else an idle kill must show: the limit and the derived
// code; with both taps one link; with the log at info one line, at error the
// word that it hides there.
func (m *matrix) checkIdle(r *road, cs []report.Conn) {
	const line = "upstream timed out (110: Connection timed out) while proxying upgraded connection"
	for _, c := range cs {
		where := fmt.Sprintf("%sidle, %s leg", r.label(), str(c.Leg))
		if c.LimitMS == nil || c.LimitMS.Std() != idle || c.Close.Code == nil || *c.Close.Code != 1006 || !c.Close.CodeDerived {
			m.t.Errorf("%s: limit %v, close %+v", where, c.LimitMS, c.Close)
		}
		if m.taps == "both" && (c.Link == nil || cs[0].Link == nil || *c.Link != *cs[0].Link) {
			m.t.Errorf("%s: not linked", where)
		}
		lines, words := 1, line
		if m.level == "error" {
			lines, words = 0, "writes idle kills at level info"
		}
		if len(c.LogLines) != lines || !strings.Contains(joined(c.Close.Evidence), words) {
			m.t.Errorf("%s: %d log lines, and not a word like %q:\n%s", where, len(c.LogLines), words, joined(c.Close.Evidence))
		}
	}
}

// check wants so many conns of an ending on each leg that sees it.
func (m *matrix) check(r *road, e ending, cs []report.Conn, each int) {
	if e.tls != nil {
		e.tls(&e, r.way)
	}
	want := m.of(e)
	if len(cs) != each*len(want) {
		m.t.Errorf("%s%s: %d conns, want %d on each of %d legs", r.label(), e.name, len(cs), each, len(want))
	}
	ends := map[string]first{"front": e.frontEnd.of(r.client, r.way.nginx), "back": e.backEnd.of(r.pass, r.way.server)}
	for _, c := range cs {
		v := c.Close
		where := fmt.Sprintf("%s%s, %s leg", r.label(), e.name, str(c.Leg))
		if v == nil {
			m.t.Errorf("%s: no verdict", where)
			continue
		}
		evidence := strings.Join(v.Evidence, "\n\t")
		if got := fmt.Sprintf("%s %s", v.Cause, v.Confidence); got != want[str(c.Leg)] {
			m.t.Errorf("%s: %s, want %s\n\t%s", where, got, want[str(c.Leg)], evidence)
		}
		if !strings.Contains(evidence, e.says) {
			m.t.Errorf("%s: the evidence does not say %q:\n\t%s", where, e.says, evidence)
		}
		if f := ends[str(c.Leg)]; !f.holds(v) {
			m.t.Errorf("%s: first ended %s %s, want %s\n\t%s", where, str(v.FirstEnd), str((*string)(v.FirstEndHow)), f, evidence)
		}
	}
}
