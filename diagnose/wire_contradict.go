package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// limitContradicted: a tunnel that lived longer than a limit allows, and, by
// limitsUndercut, those that died well before it.
func limitContradicted(p *pass, c *monitor.Conn) {
	if !c.IsUpgraded() || isSecondLeg(c) {
		return
	}
	p.watchEarlyEnd(c)
	gap, age := longestGap(p, c), time.Duration(0)
	if c.EndAt().IsZero() {
		age = c.Age(p.state.Now())
	}
	if gap < gapLeast || wasBlocked(c) {
		gap = 0
	}
	if gap == 0 && age < lifetimeLeast || c.Verdict.Cause == monitor.CauseIdleTimeout || c.Verdict.Cause == monitor.CauseLingering {
		return
	}
	limit, lived := p.outlivedLimit(c, gap, age)
	if lived == 0 {
		return
	}
	p.sayOutlived(c, limit, lived)
}

// lifetimeLeast is the shortest lifetime limit that is looked at.
const lifetimeLeast = 25 * time.Second

// wasBlocked: while a receiver does not read, nginx's idle timer stands still,
// and only send_timeout runs.
func wasBlocked(c *monitor.Conn) bool {
	for _, leg := range [2]*monitor.Conn{c, c.Other()} {
		if leg != nil && leg.Sample.Dir[0].Blocked+leg.Sample.Dir[1].Blocked > 0 {
			return true
		}
	}
	return false
}

// outlivedLimit is a limit that c has outlived, one that was told before others.
func (p *pass) outlivedLimit(c *monitor.Conn, gap, age time.Duration) (limit monitor.Limit, lived time.Duration) {
	for _, l := range p.state.Limits(c) {
		d := gap
		if l.Kind == monitor.Lifetime {
			d = age
		}
		if outlived(d, l) && (lived == 0 || l.Told() && !limit.Told()) {
			limit, lived = l, d
		}
	}
	return limit, lived
}

func (p *pass) sayOutlived(c *monitor.Conn, l monitor.Limit, lived time.Duration) {
	severity := monitor.SeverityInfo
	if l.Told() && !strings.Contains(l.Source, " (") { // neither a default nor a guess among several
		severity = monitor.SeverityWarning
	}
	t := p.about(fmt.Sprintf("%s, longer than %s (%s)", targetGroup(c.Target()), span(l.Value.Std()), l.Source))
	t.raise(severity).conn(c, c.LastActivity()).tell(func() string {
		if l.Kind == monitor.Lifetime {
			return fmt.Sprintf("#%d has been open for %s; a lifetime of %s is allowed (%s)", c.Seq, span(lived), span(l.Value.Std()), l.Source)
		}
		return fmt.Sprintf("#%d lived through a silence of %s; %s are allowed (%s)", c.Seq, span(lived), span(l.Value.Std()), l.Source)
	})
	switch {
	case l.Source == monitor.SourceAssumed:
		t.fix("60 s is only nginx's default, assumed because nothing else is known. Say what holds: --nginx-conf FILE, or --read-timeout DURATION.")
	case l.ByHop():
		t.fix("The hop is not on this way, or its limit was raised: leave the --hop out, or state the limit with --read-timeout.")
	case l.Learned():
		t.fix("Some connections were ended after that silence, and others are not: they go different ways. Compare their targets, clients and servers.")
	default:
		t.fix("The setting at %s is not what holds for these connections. See what nginx has loaded (nginx -T; a changed file needs nginx -s reload, and tunnels opened before it keep what they had), and whether another location takes them.", l.Source)
	}
}

// earlyEnd is the end of a silent tunnel well before its limit.
type earlyEnd struct {
	gap   time.Duration
	conn  *monitor.Conn
	limit monitor.Limit
}

// earlyEnds are those of one group of targets. all counts beyond those kept.
type earlyEnds struct{ ends []earlyEnd }

// undercut remembers early ends by target group.
type undercut struct{ groups bounded[earlyEnds] }

const (
	earlyLeast = 5 * time.Second // silences shorter than this are the pauses of traffic
	earlyKept  = 512             // ends remembered a group
	sameFrom   = 3               // ends after the same silence that are no accident
	sameShare  = 60              // percent of the early ends that they must be
	sameSpread = time.Second     // what "the same" means
	sameBlow   = time.Second     // ends of one blow are one end
)

// watchEarlyEnd remembers a tunnel that ended without a close frame well before
// the limit that nginx was told to have.
func (p *pass) watchEarlyEnd(c *monitor.Conn) {
	switch c.Verdict.Cause {
	case monitor.CauseIdleTimeout, monitor.CauseServerFIN, monitor.CauseServerReset, monitor.CauseClientFIN, monitor.CauseClientReset, monitor.CauseUnknown:
	default:
		return
	}
	gap := silenceBefore(c)
	if gap < earlyLeast || c.Verdict.CloseFrom != "none" {
		return
	}
	limit, ok := toldLimit(p.state.Limits(c))
	if !ok || gap > limit.Value.Std()-max(2*time.Second, limit.Value.Std()/10) {
		return
	}
	g := remember[undercut](p).groups.get(targetGroup(c.Target()))
	if g != nil && len(g.ends) < earlyKept {
		g.ends = append(g.ends, earlyEnd{gap, c, limit})
	}
}

// toldLimit is the smallest idle limit that nginx was told to have.
func toldLimit(ls []monitor.Limit) (least monitor.Limit, ok bool) {
	for _, l := range ls {
		if l.Kind == monitor.Idle && l.Told() && (!ok || l.Value < least.Value) {
			least, ok = l, true
		}
	}
	return least, ok
}

// limitsUndercut looks for early ends after the same silence.
func limitsUndercut(p *pass) {
	m := remember[undercut](p)
	for _, group := range m.groups.names {
		ends := m.groups.of[group].ends
		if same := sameSilence(ends); len(same) > 0 {
			p.sayUndercut(group, same, len(ends))
		}
	}
}

// sameSilence is the largest run of ends whose silences differ by sameSpread at
// most; none if it is too small a part, or happened at once.
func sameSilence(ends []earlyEnd) []earlyEnd {
	slices.SortFunc(ends, func(a, b earlyEnd) int { return cmp.Compare(a.gap, b.gap) })
	var best []earlyEnd
	from := 0
	for to := range ends {
		for ends[to].gap-ends[from].gap > sameSpread {
			from++
		}
		if run := ends[from : to+1]; len(run) > len(best) {
			best = run
		}
	}
	if 100*len(best) < sameShare*len(ends) || blows(best) < sameFrom {
		return nil
	}
	return best
}

// blows counts ends, those of about the same moment once.
func blows(ends []earlyEnd) (n int) {
	var times []monitor.Time
	for _, e := range ends {
		times = append(times, e.conn.EndAt())
	}
	slices.Sort(times)
	var last monitor.Time
	for _, t := range times {
		if n == 0 || t.Sub(last) >= sameBlow {
			n, last = n+1, t
		}
	}
	return n
}

func (p *pass) sayUndercut(group string, same []earlyEnd, all int) {
	gap, limit := same[len(same)/2].gap, same[0].limit
	t := p.about(group + ", ended before the limit")
	for _, e := range same {
		t.conn(e.conn, e.conn.EndAt())
	}
	t.say("closed at %s idle, nginx allows %s (%s): something %s has a %.0f s limit; the ones known: %s",
		span(gap), span(limit.Value.Std()), limit.Source, whereEnded(same[0].conn), gap.Seconds(), knownHops(gap, monitor.Idle))
	t.say("%d of the %d connections that ended early and without a close frame had been silent for %s to %s", len(same), all, span(same[0].gap), span(same[len(same)-1].gap))
	for _, e := range same[:min(3, len(same))] {
		t.say("%s #%d ended %s after its last byte (%s)", clock(e.conn.EndAt()), e.conn.Seq, span(e.gap), e.conn.Verdict.Cause.Short())
	}
	t.fix("Raise that limit to what nginx allows, or let one side ping every %s, half of it. proxy_read_timeout does not help: it is longer already.", pingText(PingEvery(gap)))
}

// whereEnded says on which side of nginx the end began, as far as c shows.
func whereEnded(c *monitor.Conn) string {
	front, back := c.Legs()
	switch {
	case back != nil && back.FirstEnd() != nil && back.FirstEnd().Dir == ws.FromServer && (front == nil || front.FirstEnd() == nil || front.FirstEnd().Dir == ws.FromServer):
		return "behind nginx (or the server itself)"
	case front != nil && front.FirstEnd() != nil && front.FirstEnd().Dir == ws.FromClient:
		return "before nginx (or the client itself)"
	}
	return "before or behind nginx"
}

// knownHops are the hops that have such a limit by default, by title.
func knownHops(d time.Duration, kind monitor.LimitKind) string {
	var titles []string
	for _, h := range monitor.HopsNear(d, kind) {
		titles = append(titles, h.Title)
	}
	if len(titles) == 0 {
		return "none has it by default"
	}
	return strings.Join(titles, ", ")
}
