package diagnose

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// serverRules look at nginx as a whole.
var serverRules = []rule{
	{
		id: "configuration-unread", severity: monitor.SeverityWarning,
		title:     "A part of the configuration could not be read or known",
		reference: "nginx: include (ngx_core_module)",
		conf:      configurationUnread,
	},
	{
		id: "tunnel-capacity", severity: monitor.SeverityInfo,
		title:     "There is room for few tunnels",
		reference: "nginx: worker_connections, worker_rlimit_nofile (ngx_core_module)",
		conf:      tunnelCapacity,
	},
	{
		id: "error-log-level", severity: monitor.SeverityInfo,
		title:     "The level of the error log hides why tunnels end",
		reference: "nginx: error_log (ngx_core_module)",
		loc:       errorLogLevel,
	},
	{
		id: "limit-conn-held", severity: monitor.SeverityInfo,
		title:     "Each tunnel holds a place of limit_conn as long as it lives",
		reference: "nginx: limit_conn (ngx_http_limit_conn_module)",
		loc:       limitConnHeld,
	},
}

// configurationUnread is a finding for each file that has problems.
func configurationUnread(p *pass, c *nginxconf.Config) {
	for _, pr := range c.Problems {
		t := p.about(pr.Place.File)
		if t.Count == 0 {
			t.grade(monitor.SeverityInfo)
		}
		if s := problemSeverity(pr); s.AtLeast(t.Severity) {
			t.grade(s)
		}
		t.place(pr.Place, pr.Text)
		if pr.Fatal {
			t.say("nothing after it was read")
		}
		t.fix("look at %s; to have the whole configuration as nginx reads it: nginx -T | wstap check -", pr.Place)
	}
}

// problemSeverity: a directive of a module that is not known here is common in
// configurations that are right, and so is a file that http includes.
func problemSeverity(pr nginxconf.Problem) monitor.Severity {
	switch {
	case pr.Fatal, pr.Kind == nginxconf.Refused:
		return monitor.SeverityError
	case pr.Kind == nginxconf.UnknownDirective, pr.Kind == nginxconf.Fragment:
		return monitor.SeverityInfo
	}
	return monitor.SeverityWarning
}

// Below these numbers of connections of a worker there is a word on it.
const fewConnections, veryFewConnections = 1024, 128

// tunnelCapacity: a tunnel takes two connections of its worker.
func tunnelCapacity(p *pass, c *nginxconf.Config) {
	v := c.WorkerConnections
	if !v.Known() || v.V >= fewConnections || v.V <= 0 || !p.conf.anyTunnel() {
		return
	}
	t := p.about("")
	if v.Place.IsZero() {
		t.Count++
		t.at(mainPlace(c)).say("worker_connections is not set: %d is its default", v.V)
	} else {
		t.place(v.Place, fmt.Sprintf("worker_connections %d;", v.V))
	}
	t.say("each tunnel takes two of them, one to the client and one to the server: %s", capacity(c))
	if v.V < veryFewConnections {
		t.grade(monitor.SeverityWarning)
	}
	if c.IngressNGINX {
		t.fix("%s", ingressConfigMap(`max-worker-connections: "65536"`))
		return
	}
	t.fix("%s", new(paste).in("events").add("worker_connections 8192;").
		atTop().add("worker_rlimit_nofile 16384;"))
}

// capacity is how many tunnels there is room for; "auto" workers are not counted.
func capacity(c *nginxconf.Config) string {
	each := c.WorkerConnections.V / 2
	n, err := strconv.Atoi(c.WorkerProcesses.V)
	if err != nil || n < 1 {
		return fmt.Sprintf("%d tunnels for each worker", each)
	}
	return fmt.Sprintf("worker_processes %d × worker_connections %d / 2 = %d tunnels at the most", n, c.WorkerConnections.V, n*each)
}

// errorLogLevel: the line of an idle kill is at info. One finding for each log,
// for locations are many and logs are few.
func errorLogLevel(p *pass, l *nginxconf.Location) {
	c := p.opts.Conf
	logs := l.ErrorLogs
	if len(logs) == 0 || !p.conf.tunnels(l) || slices.ContainsFunc(logs, showsInfo) {
		return
	}
	e := logs[0]
	t := p.about(e.File)
	t.Count++
	if e.Place.IsZero() {
		t.at(mainPlace(c)).say("no error_log is set: nginx's own is at error")
		e.File = builtInLog
	} else {
		t.at(e.Place).quote(e.Place, fmt.Sprintf("error_log %s %s;", quoted(e.File), e.Level))
	}
	t.say("%s: in force in %s of %s", l.Place, locationHead(l), serverName(l.Server)).
		say("nginx logs a tunnel that ends by a timeout, and a client's reset, at info: this log has no line of them")
	if c.IngressNGINX {
		t.fix("%s", ingressConfigMap(`error-log-level: "info"`))
		return
	}
	t.fix("%s", new(paste).in(locationHead(l)).add("error_log %s info;", quoted(e.File)))
}

// builtInLog is where distributions have nginx's own log.
const builtInLog = "/var/log/nginx/error.log"

func showsInfo(e nginxconf.ErrorLog) bool { return e.Level == "info" || e.Level == "debug" }

// limitConnHeld: a limit that was meant for requests is one of open tunnels.
func limitConnHeld(p *pass, l *nginxconf.Location) {
	if len(l.LimitConn) == 0 || !p.conf.tunnels(l) {
		return
	}
	p.aboutLocation(l).quote(l.LimitConn[0], "limit_conn").
		say("beyond the limit nginx answers handshakes with 503; users behind one address, or several tabs of one user, add up").
		fix("choose the number by how many tunnels one key may have at a time, or take the limit out of %s: limit_conn stands at %s", locationHead(l), l.LimitConn[0])
}
