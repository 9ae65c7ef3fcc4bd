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

// stickyMissing: a session that one back tap's server knows and another's is
// asked for is at two servers. Elsewhere all servers are one, and the evidence
// is that many sessions were answered and then refused: a few are no more than
// clients that woke up after their session was over.
func stickyMissing(p *pass) {
	for s := range p.state.Polls {
		if pollsAnswered(s) == 0 { // a session that nobody knew, or knows any more
			continue
		}
		if servers := pollServers(s); len(servers) > 1 {
			severity := monitor.SeverityWarning // it may be shared between the servers
			if !knownEverywhere(servers) {
				severity = monitor.SeverityError
			}
			p.stickyFinding(s, severity).say("%s a session of %s came to %s", clock(s.First), s.Transport, listPlaces(servers, " and to "))
			continue
		}
		remember[pollPaths](p).see(s)
	}
	for _, path := range remember[pollPaths](p).names {
		p.sayRefusedSessions(remember[pollPaths](p).of[path])
	}
}

// pollPaths are the sessions that were seen at no two servers, by path.
type pollPaths struct{ bounded[pollPath] }

type pollPath struct {
	answered int
	refused  []*monitor.PollSession // of those answered
}

func (m *pollPaths) see(s *monitor.PollSession) {
	if at := m.get(s.Path); at != nil {
		at.answered++
		if pollsRefused(s) > 0 {
			at.refused = append(at.refused, s)
		}
	}
}

const (
	refusedLeast = 3 // sessions of one path
	refusedShare = 3 // one in so many at least: without stickiness nearly all are
)

func (p *pass) sayRefusedSessions(at *pollPath) {
	if len(at.refused) < refusedLeast || refusedShare*len(at.refused) < at.answered {
		return
	}
	for _, s := range at.refused {
		p.stickyFinding(s, monitor.SeverityWarning).tell(func() string {
			return fmt.Sprintf("%s a session of %s was answered, then refused %s: %s", clock(s.First), s.Transport, times(pollsRefused(s)), listPlaces(pollPlaces(s, nil), " and "))
		})
	}
	p.about(at.refused[0].Path).conclude("of %d sessions that were answered, %d were refused later", at.answered, len(at.refused))
}

func (p *pass) stickyFinding(s *monitor.PollSession, severity monitor.Severity) *tally {
	t := p.about(s.Path).raise(severity)
	t.Count++
	return t.seen(s.First).seen(s.Last).fix(`# in the upstream { } group that %s is passed to: one client, one server
ip_hash;
# behind another proxy, where all clients have one address, instead of it:
# hash $http_x_forwarded_for consistent;
# or let clients use the WebSocket transport alone: io(url, { transports: ["websocket"] })`, pasteable(s.Path))
}

// pollPlace is a tap where a session was seen.
type pollPlace struct {
	leg     string
	known   bool // a server answered it as one it knows
	answers []string
}

// pollServers are the back taps where a session was seen: each is before one server.
func pollServers(s *monitor.PollSession) []pollPlace {
	return pollPlaces(s, func(o monitor.PollSeen) bool { return o.Role == monitor.Back })
}

// pollPlaces are the taps where a session was seen, by name; nil wants all.
func pollPlaces(s *monitor.PollSession, wanted func(monitor.PollSeen) bool) (places []pollPlace) {
	for _, o := range s.Seen {
		if wanted != nil && !wanted(o) {
			continue
		}
		i := slices.IndexFunc(places, func(at pollPlace) bool { return at.leg == o.Leg })
		if i < 0 {
			i = len(places)
			places = append(places, pollPlace{leg: o.Leg})
		}
		places[i].known = places[i].known || o.Status < 300
		places[i].answers = append(places[i].answers, fmt.Sprintf("%d × %d", o.N, o.Status))
	}
	slices.SortFunc(places, func(a, b pollPlace) int { return strings.Compare(a.leg, b.leg) })
	return places
}

func knownEverywhere(places []pollPlace) bool {
	return !slices.ContainsFunc(places, func(at pollPlace) bool { return !at.known })
}

func listPlaces(places []pollPlace, and string) string {
	var words []string
	for _, at := range places {
		words = append(words, fmt.Sprintf("tap %s (%s)", at.leg, strings.Join(at.answers, ", ")))
	}
	return strings.Join(words, and)
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

// pollsRefused counts those that a server did not know.
func pollsRefused(s *monitor.PollSession) (n uint64) {
	for _, o := range s.Seen {
		if o.Status == 400 || o.Status == 404 {
			n += o.N
		}
	}
	return n
}
