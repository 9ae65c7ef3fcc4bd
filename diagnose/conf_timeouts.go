package diagnose

import (
	"fmt"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// timeoutRules look at what ends tunnels that do nothing wrong.
var timeoutRules = []rule{
	{
		id: "read-timeout-default", severity: monitor.SeverityInfo,
		title:     "Tunnels end after 60 s without a byte",
		reference: "nginx: proxy_read_timeout (ngx_http_proxy_module); nginx.org/en/docs/http/websocket.html",
		loc:       readTimeoutDefault,
	},
	{
		id: "read-timeout-short", severity: monitor.SeverityWarning,
		title:     "Tunnels end after a short silence",
		reference: "nginx: proxy_read_timeout (ngx_http_proxy_module)",
		loc:       readTimeoutShort,
	},
	{
		id: "read-timeout-zero", severity: monitor.SeverityError,
		title:     "proxy_read_timeout 0 is no time at all, not for ever: each handshake ends in 504",
		reference: "nginx: proxy_read_timeout (ngx_http_proxy_module)",
		loc:       readTimeoutZero,
	},
	{
		id: "write-timeout-short", severity: monitor.SeverityInfo,
		title:     "Tunnels end after a short stall of a reader",
		reference: "nginx: send_timeout (ngx_http_core_module), proxy_send_timeout (ngx_http_proxy_module)",
		loc:       writeTimeoutShort,
	},
	{
		id: "shutdown-timeout-missing", severity: monitor.SeverityInfo,
		title:     "After a reload old workers stay until their last tunnel ends",
		reference: "nginx: worker_shutdown_timeout (ngx_core_module)",
		conf:      shutdownTimeoutMissing,
	},
	{
		id: "shutdown-timeout-cuts", severity: monitor.SeverityInfo,
		title:     "Each reload ends all tunnels soon after it",
		reference: "nginx: worker_shutdown_timeout (ngx_core_module)",
		conf:      shutdownTimeoutCuts,
	},
	{
		id: "stream-timeout-default", severity: monitor.SeverityInfo,
		title:     "Connections through stream end after 10 minutes without a byte",
		reference: "nginx: proxy_timeout (ngx_stream_proxy_module)",
		conf:      streamTimeout,
	},
}

const (
	readDefault   = 60 * time.Second // proxy_read_timeout
	shortRead     = 30 * time.Second // below it, usual ping intervals come too late
	shortWrite    = 10 * time.Second
	shortShutdown = 5 * time.Minute
	streamDefault = 10 * time.Minute
)

// longTimeout is what the fixes propose: an hour, as guides do.
const longTimeout = "3600s"

func readTimeoutDefault(p *pass, l *nginxconf.Location) {
	if v := l.ProxyReadTimeout; !v.Known() || v.V != readDefault || !p.conf.tunnels(l) {
		return
	}
	t := p.readTimeout(l)
	if l.ProxyReadTimeout.Place.IsZero() {
		t.say("proxy_read_timeout is not set: 60 s is its default")
	}
	t.say("a byte from either side starts the time anew, so a ping every 25 s from one end keeps a tunnel; one that is quiet is cut with a bare FIN (1006), which the log shows at info only")
}

// readTimeoutShort: under half a minute the ping intervals that libraries come
// with (20 to 30 s) are too slow.
func readTimeoutShort(p *pass, l *nginxconf.Location) {
	v := l.ProxyReadTimeout
	if !v.Known() || v.V >= readDefault || v.V <= 0 || !p.conf.tunnels(l) {
		return
	}
	t := p.readTimeout(l)
	if v.V >= shortRead {
		t.grade(monitor.SeverityInfo)
	}
	t.say("a tunnel needs a byte from either side at least every %v; libraries ping every 20 to 30 s, if they do: set the timeout higher, or ping every %v", v.V, v.V*2/5)
}

// readTimeoutZero: the timer that waits for the answer runs out at once, with
// "upstream timed out while reading response header".
func readTimeoutZero(p *pass, l *nginxconf.Location) {
	if v := l.ProxyReadTimeout; v.Known() && v.V == 0 && p.conf.tunnels(l) {
		p.readTimeout(l)
	}
}

// readTimeout is a finding on a location's read timeout, with the same fix for all.
func (p *pass) readTimeout(l *nginxconf.Location) *tally {
	t, v := p.aboutLocation(l), l.ProxyReadTimeout
	if !v.Place.IsZero() {
		t.quote(v.Place, setting("proxy_read_timeout", v.V))
	}
	fixSetting(t, p.opts.Conf, l, "proxy_read_timeout "+longTimeout+";", `proxy-read-timeout: "3600"`)
	return t
}

func setting(name string, d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%s %ds;", name, d/time.Second)
	}
	return fmt.Sprintf("%s %dms;", name, d.Milliseconds())
}

func writeTimeoutShort(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	if !p.conf.tunnels(l) {
		return
	}
	short := func(v nginxconf.Value[time.Duration]) bool { return v.Known() && v.V > 0 && v.V < shortWrite }
	client, server := short(l.SendTimeout), short(l.ProxySendTimeout)
	if !client && !server {
		return
	}
	t, f := p.aboutLocation(l), new(paste).in(locationHead(l))
	if client {
		t.quote(l.SendTimeout.Place, setting("send_timeout", l.SendTimeout.V)).
			say("a client that does not read for %v, a phone on the underground or a sleeping tab, loses its connection", l.SendTimeout.V)
		f.add("send_timeout 60s;")
	}
	if server {
		t.quote(l.ProxySendTimeout.Place, setting("proxy_send_timeout", l.ProxySendTimeout.V)).
			say("a server that does not read for %v, for one pause of its own, loses its connections", l.ProxySendTimeout.V)
		f.add("proxy_send_timeout 60s;")
	}
	if c.IngressNGINX {
		t.fix("%s", ingressAnnotation(`proxy-send-timeout: "60"`))
	}
	t.fix("%s", f)
}

func shutdownTimeoutMissing(p *pass, c *nginxconf.Config) {
	v := c.WorkerShutdownTimeout
	if !v.Known() || !v.Place.IsZero() || !p.conf.anyTunnel() {
		return
	}
	t := p.about("")
	t.Count++
	t.at(mainPlace(c)).
		say("worker_shutdown_timeout is not set: each reload leaves workers that hold the old configuration and their memory as long as one tunnel lives").
		say("with it, all tunnels that are still open so long after a reload end at once, busy or not: clients should reconnect with a random delay")
	if c.IngressNGINX {
		t.fix("%s", ingressConfigMap(`worker-shutdown-timeout: "3600s"`))
		return
	}
	t.fix("%s", new(paste).atTop().add("worker_shutdown_timeout 1h;"))
}

// mainPlace is the head of the main file, for what is written nowhere.
func mainPlace(c *nginxconf.Config) nginxconf.Place {
	if len(c.Files) == 0 {
		return nginxconf.Place{}
	}
	return nginxconf.Place{File: c.Files[0], Line: 1}
}

func shutdownTimeoutCuts(p *pass, c *nginxconf.Config) {
	v := c.WorkerShutdownTimeout
	if !v.Known() || v.Place.IsZero() || v.V >= shortShutdown || !p.conf.anyTunnel() {
		return
	}
	t := p.about("").place(v.Place, setting("worker_shutdown_timeout", v.V)).
		say("%v after each reload every tunnel that is still open gets a bare FIN, busy or not, and nothing in the log names it", v.V)
	if c.IngressNGINX {
		t.fix("%s", ingressConfigMap(`worker-shutdown-timeout: "3600s"`))
		return
	}
	t.fix("%s", new(paste).atTop().add("worker_shutdown_timeout 1h;"))
}

// streamTimeout is one finding for all stream servers: what they carry is not
// known, databases as likely as WebSockets.
func streamTimeout(p *pass, c *nginxconf.Config) {
	for _, s := range c.Streams {
		v := s.ProxyTimeout
		if s.Pass == nil || !v.Known() || v.V != streamDefault {
			continue
		}
		p.about("").place(s.Place, "server { proxy_pass "+s.Pass.URL+"; }").
			say("proxy_timeout is 10 minutes here; a byte from either side starts it anew").
			fix("%s", new(paste).in("stream").add("proxy_timeout 1h;"))
	}
}
