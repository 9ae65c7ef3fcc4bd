package monitor

// The rules about many ends at once: nginx's own worker that leaves, told from
// a server that goes away and from a network that is cut.

// proxyShutdown: nginx ended both legs of busy tunnels, many at once: a worker
// left after a reload (worker_shutdown_timeout), or nginx was stopped. Seen from
// one leg a server that goes away looks the same, unless it says so, or a log
// that holds notices has none of a worker.
func (j *judge) proxyShutdown() bool {
	if !j.origin.byNginx() || j.atIdleLimit(j.gap()) != nil || j.line(endsOneTunnel) != nil {
		return false
	}
	many, both := j.many(), j.origin == byProxy
	switch {
	case j.stuck() != "" && j.Notice == nil:
		return false
	case both && (many || j.Notice != nil):
		j.conclude(CauseProxyShutdown, Confirmed)
	case j.Notice != nil && many:
		j.conclude(CauseProxyShutdown, Likely)
	case j.Notice != nil, many && j.Around.Gone < massLeast && !j.LogNotices:
		j.conclude(CauseProxyShutdown, Possible)
	default:
		return false
	}
	j.sayEnds()
	j.sayCrowd()
	if j.Notice != nil {
		j.say("log (fits by time): %s", j.Notice.Entry.Raw)
	}
	return true
}

// massLeast is how many conns end together before we speak of a shutdown.
const massLeast = 3

// many says that nginx's side ended more conns at once than it usually does,
// and not because all had been silent for as long.
func (j *judge) many() bool {
	return j.Around.Busy-j.Around.SameGap >= massLeast+4*j.Around.Usual
}

// busyCut: nginx ended both legs of one tunnel that was in use. None of its
// timers is that short, and nothing else tells.
func (j *judge) busyCut() bool {
	if j.origin != byProxy || j.gap() >= learnLeast {
		return false
	}
	j.sayEnds()
	j.say("nginx ended both legs of a tunnel in use: no timer of it does that, a worker that leaves does")
	j.conclude(CauseProxyShutdown, Possible)
	return true
}

// sayCrowd says how many other conns nginx's side ended at once.
func (j *judge) sayCrowd() {
	if j.Around.Busy > 0 {
		j.say("nginx's side ended %d other connections of this tap within a second of this one, none of them idle for its limit", j.Around.Busy)
	}
}

// sayCut says that the end was one of many resets: something on the way died.
func (j *judge) sayCut() {
	if j.Around.Cut >= massLeast {
		j.say("%d other connections of this tap were reset or lost within a second of this one: the network, or a hop on the way, rather than each peer", j.Around.Cut)
	}
}
