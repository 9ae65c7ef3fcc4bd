package main

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
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
	}, always("idle_timeout confirmed")),
	both(ending{
		name: "client-close", server: func(p *peer) { p.next(); p.close(1000); p.fin() }, client: func(p *peer) { p.close(1000); p.gone() },
		frontAlone: always("close_handshake confirmed"), backAlone: always("close_handshake confirmed"), says: "1000",
	}, always("close_handshake confirmed")),
	both(ending{
		name: "server-close", server: func(p *peer) { p.close(4001); p.next(); p.fin() }, client: func(p *peer) { p.next(); p.close(4001); p.gone() },
		frontAlone: always("close_handshake confirmed"), backAlone: always("close_handshake confirmed"), says: "4001",
	}, always("close_handshake confirmed")),
	both(ending{
		name: "client-fin", server: (*peer).echo, client: func(p *peer) { p.text(); p.next(); p.fin() },
		frontAlone: always("client_fin likely"), backAlone: seen{"client_fin likely", "client_fin possible"},
	}, always("client_fin confirmed")),
	both(ending{
		name: "server-fin", server: func(p *peer) { wait(1500 * time.Millisecond); p.text(); p.fin() }, client: (*peer).gone,
		frontAlone: seen{"server_fin likely", "server_fin possible"}, backAlone: always("server_fin likely"),
	}, always("server_fin confirmed")),
	both(ending{
		name: "client-reset", server: (*peer).echo, client: func(p *peer) { p.text(); p.next(); p.reset() },
		frontAlone: sure("client_reset"), backAlone: seen{"client_reset confirmed", "client_fin possible"},
	}, always("client_reset confirmed")),
	both(ending{
		name: "server-reset", server: func(p *peer) { wait(500 * time.Millisecond); p.text(); p.reset() }, client: (*peer).gone,
		frontAlone: always("server_reset confirmed"), backAlone: always("server_reset confirmed"), says: "recv() failed (104",
	}, always("server_reset confirmed")),
	both(ending{
		name: "slow-consumer", server: (*peer).flood, client: func(p *peer) { wait(idle + 1500*time.Millisecond); p.reset() },
		frontAlone: seen{"slow_consumer confirmed", "client_reset likely"}, backAlone: sure("slow_consumer"), says: "was not reading",
	}, always("slow_consumer confirmed")),
	both(ending{
		name: "lingering", server: func(p *peer) { p.next(); p.close(1000); p.gone() }, client: func(p *peer) { p.close(1000); p.gone() },
		frontAlone: sure("lingering"), backAlone: sure("lingering"), says: "TCP stayed open",
	}, always("lingering confirmed")),
	{
		name: "refused", front: always("handshake_refused confirmed"), back: always("connect_failed confirmed"),
		frontAlone: always("handshake_refused confirmed"), backAlone: always("connect_failed confirmed"), says: " failed (1",
	},
	{
		name: "nolive", front: always("handshake_refused confirmed"), frontAlone: always("handshake_refused confirmed"),
		says: "no live upstreams",
	},
	{
		name: "never", front: always("handshake_refused confirmed"), back: always("handshake_failed confirmed"),
		frontAlone: always("handshake_refused confirmed"), backAlone: always("handshake_failed confirmed"),
		says: "upstream timed out (110: Connection timed out) while reading response header",
	},
	both(ending{
		name: "bare", frontAlone: always("handshake_refused confirmed"), backAlone: always("handshake_refused confirmed"), says: "426",
	}, always("handshake_refused confirmed")),
	{
		name: "slash", front: always("handshake_refused confirmed"), frontAlone: always("handshake_refused confirmed"), says: "301",
	},
}

// cuts are the ways in which nginx itself leaves, one after the other: each
// has several busy tunnels, and nothing else runs meanwhile.
var cuts = []ending{
	both(ending{name: "reload", server: (*peer).echo, frontAlone: cutSeen, backAlone: cutSeen, says: "other connections of this tap"}, always("proxy_shutdown confirmed")),
	both(ending{name: "sigterm", server: (*peer).echo, frontAlone: cutSeen, backAlone: cutSeen, says: "other connections of this tap"}, always("proxy_shutdown confirmed")),
}

// cutSeen: one leg cannot tell a cut from a server that goes away, but for the
// worker's own lines.
var cutSeen = seen{"proxy_shutdown likely", "proxy_shutdown possible"}

const cutTunnels = 5

func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, taps := range []string{"both", "front", "back"} {
		for _, level := range []string{"info", "error"} {
			t.Run(taps+" "+level, func(t *testing.T) {
				t.Parallel()
				m := newMatrix(t, taps, level)
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
	addr        string // for clients
	conns       int    // that must have ended by now
}

func newMatrix(t *testing.T, taps, level string) *matrix {
	each := map[string]func(*peer){}
	for _, e := range append(endings, cuts...) {
		each[e.name] = e.server
	}
	m := &matrix{t: t, taps: taps, level: level}
	m.start(behaviourServer(t, each))
	return m
}

// start runs wstap with the taps asked for, and nginx between them.
func (m *matrix) start(server string) {
	t := m.t
	needNginx(t)
	port, err := nginxrun.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir, nginx, dead := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", port), "127.0.0.1:1"
	m.s = &stack{t: t, errlog: filepath.Join(dir, "logs", "error.log"), capture: filepath.Join(dir, "rec.mcap")}
	args := []string{"tap", "--headless", "--capture", m.s.capture, "--error-log", m.s.errlog, "--read-timeout", idle.String()}
	if m.taps != "back" {
		args = append(args, "front@127.0.0.1:0="+nginx)
	}
	if m.taps != "front" {
		args = append(args, "back@127.0.0.1:0="+server, "back:dead@127.0.0.1:0="+dead)
	}
	m.s.wstap = startWstap(t, args...)
	m.addr = nginx
	if m.taps != "back" {
		m.addr = m.s.wstap.addr("front")
	}
	if m.taps != "front" {
		server, dead = m.s.wstap.addr("back"), m.s.wstap.addr("dead")
	}
	m.s.nginx, err = nginxrun.Start(dir, matrixConfig(m.level, nginx, server, dead), nginx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.s.nginx.Stop)
}

func matrixConfig(level, listen, server, dead string) nginxrun.Config {
	return nginxrun.Config{
		Main: fmt.Sprintf("error_log logs/error.log %s; worker_shutdown_timeout 1s;", level),
		HTTP: fmt.Sprintf(`
		upstream gone { server 127.0.0.1:1 down; server 127.0.0.1:2 down; }
		server {
			listen %s; server_name ws.test;
			proxy_read_timeout %s; send_timeout %[2]s; %s
			location / { proxy_pass http://%s; }
			location /slash/ { proxy_pass http://%[4]s; }
			location /refused { proxy_pass http://%s; }
			location /nolive { proxy_pass http://gone; }
			location /bare { proxy_set_header X-Only this; proxy_pass http://%[4]s; }
		}`, listen, idle, wsHeaders, server, dead),
	}
}

// endAll plays all endings at once.
func (m *matrix) endAll() {
	var wg sync.WaitGroup
	for _, e := range endings {
		wg.Go(func() { m.play("/"+e.name, e.client) })
		m.conns += m.legs(e)
	}
	wg.Wait()
}

// cutAll opens busy tunnels and lets nginx leave, by a reload and by SIGTERM.
func (m *matrix) cutAll() {
	for i, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		var wg sync.WaitGroup
		before := m.upgrades()
		for n := range cutTunnels {
			wg.Go(func() {
				m.play(fmt.Sprintf("/%s/%d", cuts[i].name, n), func(p *peer) { p.talk(time.Duration(30+17*n) * time.Millisecond) })
			})
		}
		eventually(m.t, "all tunnels are open", func() bool { return m.upgrades() == before+cutTunnels*m.legs(cuts[i]) })
		m.s.nginx.Signal(sig)
		wg.Wait()
		m.conns += cutTunnels * m.legs(cuts[i])
		m.settled()
	}
}

func (m *matrix) play(target string, client func(*peer)) {
	key := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%-16.16s", target))
	if p := connect(m.t, m.addr, target, key); p != nil {
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
	got := map[string][]report.Conn{}
	for _, c := range d.Conns {
		name := strings.Split(str(c.Target), "/")
		if len(name) < 2 { // its server could not be dialled: there was no request
			name = []string{"", "refused"}
		}
		got[name[1]] = append(got[name[1]], c)
	}
	for _, e := range endings {
		m.check(e, got[e.name], 1)
	}
	for _, e := range cuts {
		m.check(e, got[e.name], cutTunnels)
	}
	if m.level == "error" {
		for _, c := range got["idle"] {
			if !strings.Contains(joined(c.Close.Evidence), "writes idle kills at level info") {
				m.t.Errorf("idle, %s: no word about the level that hides it:\n%s", str(c.Leg), joined(c.Close.Evidence))
			}
		}
	}
}

// check wants so many conns of an ending on each leg that sees it.
func (m *matrix) check(e ending, cs []report.Conn, each int) {
	want := m.of(e)
	if len(cs) != each*len(want) {
		m.t.Errorf("%s: %d conns, want %d on each of %d legs", e.name, len(cs), each, len(want))
	}
	for _, c := range cs {
		v := c.Close
		if v == nil {
			m.t.Errorf("%s, %s: no verdict", e.name, str(c.Leg))
			continue
		}
		evidence := strings.Join(v.Evidence, "\n\t")
		if got := fmt.Sprintf("%s %s", v.Cause, v.Confidence); got != want[str(c.Leg)] {
			m.t.Errorf("%s, %s leg: %s, want %s\n\t%s", e.name, str(c.Leg), got, want[str(c.Leg)], evidence)
		}
		if !strings.Contains(evidence, e.says) {
			m.t.Errorf("%s, %s leg: the evidence does not say %q:\n\t%s", e.name, str(c.Leg), e.says, evidence)
		}
	}
}
