package report

import (
	"fmt"
	"io"
	"strconv"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
)

// Text writes the report for people who read a file in the middle of an
// incident: what was seen, why connections ended, which ones are next, then
// each unusual one with its evidence, and what was missed.
func Text(w io.Writer, s *monitor.State, o Options) error {
	p := newPrinter(w, o)
	v := look(s, o)
	p.head(v, o)
	p.totals(v, o)
	p.foundSection(v, o)
	p.whyEnded(v)
	p.closeCodes(v)
	p.handshakes(v)
	p.targets(v)
	p.openNow(v)
	p.longestGaps(v)
	p.limits(v)
	p.violations(v)
	p.logs(v)
	p.missed(v)
	p.unusual(v, o)
	p.raw(plain, "")
	p.say("Every connection with all its numbers: the same command with --json.")
	return p.flush()
}

func (p *printer) whyEnded(v *survey) {
	causes := v.causesInOrder()
	if len(causes) == 0 {
		return
	}
	p.section("Why they ended")
	var rows [][]string
	for _, c := range causes {
		n := v.causes[c]
		if n == nil {
			n = &causeCount{}
		}
		rows = append(rows, []string{
			string(c), number(v.total(c)), number(n.confirmed), number(n.likely), number(n.possible), c.Meaning(),
		})
	}
	p.table([]column{
		{title: "cause"}, {title: "all", right: true}, {title: "confirmed", right: true}, {title: "likely", right: true},
		{title: "possible", right: true}, {title: "meaning", wrap: true},
	}, rows)
}

func (p *printer) closeCodes(v *survey) {
	if len(v.codes) == 0 {
		return
	}
	p.section("Close codes (the first close frame's)")
	var rows [][]string
	for i, k := range v.codesInOrder() {
		if i == 2*most {
			rows = append(rows, []string{"…", "", number(len(v.codes) - i), "", "", "further codes"})
			break
		}
		n := v.codes[k]
		meaning := n.meaning
		if !k.derived && k.code.Derived() {
			meaning = "sent on the wire, which is forbidden: a broken peer"
		}
		rows = append(rows, []string{
			strconv.Itoa(int(k.code)), n.name, number(n.total), number(n.client), number(n.server), meaning,
		})
	}
	p.table([]column{
		{title: "code", right: true}, {title: "name"}, {title: "all", right: true}, {title: "client", right: true},
		{title: "server", right: true}, {title: "meaning", wrap: true},
	}, rows)
}

func (p *printer) handshakes(v *survey) {
	if len(v.attempts) == 0 {
		return
	}
	p.section("Handshakes that came to nothing")
	var rows [][]string
	for i, a := range v.attemptsInOrder() {
		if i == 2*most {
			rows = append(rows, []string{number(len(v.attempts) - i), "", "further kinds", ""})
			break
		}
		status := "-"
		if a.status != 0 {
			status = strconv.Itoa(a.status)
		}
		rows = append(rows, []string{number(v.attempts[a]), status, a.what, a.target})
	}
	p.table([]column{
		{title: "times", right: true}, {title: "status", right: true}, {title: "answer", cut: printable.Truncate},
		{title: "target or server", cut: printable.Middle},
	}, rows)
}

func (p *printer) targets(v *survey) {
	p.targetTable("Most troubled targets", v.targetsBy(func(t *target) uint64 { return t.trouble }))
	p.targetTable("Busiest targets", v.targetsBy(func(t *target) uint64 { return t.bytes }))
}

func (p *printer) targetTable(title string, ts []*target) {
	if len(ts) == 0 {
		return
	}
	p.section("%s", title)
	var rows [][]string
	for _, t := range ts[:min(len(ts), most)] {
		rows = append(rows, []string{
			number(t.conns), number(t.open), number(t.trouble), number(t.frames), size(t.bytes), orDash(t.name),
		})
	}
	p.table([]column{
		{title: "conns", right: true}, {title: "open", right: true}, {title: "troubled", right: true},
		{title: "frames", right: true}, {title: "bytes", right: true}, {title: "target", cut: printable.Middle},
	}, rows)
	if more := len(ts) - most; more > 0 {
		p.say("  and %s", count(more, "further target", "further targets"))
	}
}

// openNow answers "which ones are next?".
func (p *printer) openNow(v *survey) {
	if len(v.next) == 0 {
		return
	}
	p.section("Open at the end, the nearest to its limit first")
	var rows [][]string
	for _, e := range v.next {
		left := gap(e.cd.Left)
		if e.cd.Left < 0 {
			left = "past by " + gap(-e.cd.Left)
		}
		rows = append(rows, []string{connName(e.conn), left, e.cd.Mark.String(), limitText(&e.cd), path(e.conn)})
	}
	p.table([]column{
		{title: "connection"}, {title: "left", right: true}, {title: ""}, {title: "limit", cut: printable.Middle},
		{title: "target", cut: printable.Middle},
	}, rows)
}

func limitText(cd *monitor.Countdown) string {
	text := fmt.Sprintf("%s %s (%s)", cd.Limit.Kind, limitWords(cd.Limit.Value.Std()), cd.Limit.Source)
	for _, l := range cd.Race {
		text += fmt.Sprintf(" or %s %s (%s)", l.Kind, limitWords(l.Value.Std()), l.Source)
	}
	return text
}

func (p *printer) longestGaps(v *survey) {
	if len(v.gaps) == 0 {
		return
	}
	p.section("Longest gaps (no byte either way)")
	var rows [][]string
	for _, c := range v.gaps {
		d, when := longestGap(v.s, c), c.Sample.LongestGapAt
		if d > c.Sample.LongestGap.Std() || when.IsZero() {
			when = c.LastActivity()
		}
		limit := "-"
		if l, ok := limitOf(v.s, c); ok {
			limit = limitWords(l.Value.Std())
		}
		rows = append(rows, []string{gap(d), clock(when), connName(c), limit, path(c)})
	}
	p.table([]column{
		{title: "gap", right: true}, {title: "from"}, {title: "connection"}, {title: "limit", right: true},
		{title: "target", cut: printable.Middle},
	}, rows)
}

func (p *printer) limits(v *survey) {
	if len(v.limits) == 0 {
		return
	}
	p.section("Limits in force")
	var rows [][]string
	for i, k := range v.limitsInOrder() {
		if i == 2*most {
			break
		}
		n := v.limits[k]
		rows = append(rows, []string{
			string(k.kind), limitWords(k.value.Std()), number(n.conns), number(n.open), number(n.near + n.critical),
			number(n.expired), k.source,
		})
	}
	p.table([]column{
		{title: "kind"}, {title: "value", right: true}, {title: "conns", right: true}, {title: "open", right: true},
		{title: "past 75 %", right: true}, {title: "expired", right: true}, {title: "source", cut: printable.Middle},
	}, rows)
	for _, n := range v.limits {
		if n.expired > 0 {
			p.wrap(yellow, "  ", "Expired and still open: that limit is not what really ends these connections.")
			break
		}
	}
}

func (p *printer) violations(v *survey) {
	rules := ranked(v.violations())
	if len(rules) == 0 {
		return
	}
	p.section("Protocol violations on the wire")
	var rows [][]string
	for _, r := range rules[:min(len(rules), 2*most)] {
		section, meaning := ruleWords(r.name)
		rows = append(rows, []string{number(r.n), r.name, section, meaning})
	}
	p.table([]column{
		{title: "times", right: true}, {title: "rule", cut: printable.Truncate}, {title: "section"},
		{title: "meaning", wrap: true},
	}, rows)
}

// kinds is the table of log kinds, of a State and of a log alone.
func (p *printer) kinds(shares []share) {
	var rows [][]string
	for i, k := range shares {
		if i == kindsMost {
			rows = append(rows, []string{number(len(shares) - i), "further kinds", ""})
			break
		}
		rows = append(rows, []string{number(k.n), k.name, logparse.Kind(k.name).Meaning()})
	}
	p.table([]column{
		{title: "times", right: true}, {title: "kind", cut: printable.Truncate}, {title: "meaning", wrap: true},
	}, rows)
}

// kindsMost is nearly all kinds of a real log; a hostile one has other texts, not other kinds.
const kindsMost = 40
