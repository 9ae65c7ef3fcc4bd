package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wstap/wstap/monitor"
)

// stickyRules look at the sessions of polling transports.
var stickyRules = []rule{{
	id:        "sticky-missing",
	severity:  monitor.SeverityError,
	title:     "One polling session reaches several servers, and only one of them knows it",
	reference: "nginx: ip_hash, hash (ngx_http_upstream_module); Socket.IO: using multiple nodes",
	done:      stickyMissing,
}}

// stickyMissing: a session seen at two back taps is at two servers. Where only
// one tap is seen, the servers' own word is the evidence: 400 or 404 to a
// session that was answered before.
func stickyMissing(p *pass) {
	for s := range p.state.Polls {
		places, refused := pollPlaces(s)
		switch {
		case len(places) > 1:
			severity := monitor.SeverityWarning // it may be shared between the servers
			if refused > 0 {
				severity = monitor.SeverityError
			}
			p.stickyFinding(s, severity).say("%s a session of %s came to %s", clock(s.First), s.Transport, strings.Join(places, " and to "))
		case refused > 0 && pollsAnswered(s) > 0:
			p.stickyFinding(s, monitor.SeverityWarning).say("%s a session of %s was answered, then refused %s at the one tap that is seen: %s", clock(s.First), s.Transport, times(refused), strings.Join(places, ""))
		}
	}
}

func (p *pass) stickyFinding(s *monitor.PollSession, severity monitor.Severity) *tally {
	t := p.about(s.Path)
	if t.Count == 0 || severity.AtLeast(t.Severity) {
		t.grade(severity)
	}
	t.Count++
	return t.seen(s.First).seen(s.Last).fix(`# in the upstream { } group that %s is passed to: one client, one server
ip_hash;
# behind another proxy, where all clients have one address, instead of it:
# hash $http_x_forwarded_for consistent;
# or let clients use the WebSocket transport alone: io(url, { transports: ["websocket"] })`, s.Path)
}

// pollPlaces are the taps a session was seen at, back taps where there are any,
// for a front tap sees all servers as one; with how often it was refused there.
func pollPlaces(s *monitor.PollSession) (places []string, refused uint64) {
	role := monitor.Front
	for _, o := range s.Seen {
		if o.Role == monitor.Back {
			role = monitor.Back
		}
	}
	answers := map[string][]string{}
	for _, o := range s.Seen {
		if o.Role != role {
			continue
		}
		if _, have := answers[o.Leg]; !have {
			places = append(places, o.Leg)
		}
		answers[o.Leg] = append(answers[o.Leg], fmt.Sprintf("%d × %d", o.N, o.Status))
		if o.Status == 400 || o.Status == 404 {
			refused += o.N
		}
	}
	slices.Sort(places)
	for i, leg := range places {
		places[i] = fmt.Sprintf("tap %s (%s)", leg, strings.Join(answers[leg], ", "))
	}
	return places, refused
}

// pollsAnswered counts a session's requests that a server knew.
func pollsAnswered(s *monitor.PollSession) (n uint64) {
	for _, o := range s.Seen {
		if o.Status < 300 {
			n += o.N
		}
	}
	return n
}
