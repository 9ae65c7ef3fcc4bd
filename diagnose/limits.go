package diagnose

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/nginxconf"
)

// A configuration's word on the taps of a relay: on which side of nginx each
// sits, which limits hold for its conns, and what a front tap would disturb.

// RoleOf says on which side of nginx a tap is: its upstream is one of nginx's
// listens (front), or its own listen is in a proxy_pass (back). "" if neither
// is so, or both.
func RoleOf(c *nginxconf.Config, listen, upstream string) monitor.Role {
	to, from := address(upstream), address(listen)
	front := len(c.ListeningAt(to)) > 0 || len(c.StreamsListeningAt(to)) > 0
	back := len(c.PassingTo(from)) > 0 || slices.ContainsFunc(c.Streams, func(s *nginxconf.StreamServer) bool { return streamPasses(s, from) })
	switch {
	case front && !back:
		return monitor.Front
	case back && !front:
		return monitor.Back
	}
	return ""
}

// address is the host:port of an upstream as the command line has it.
func address(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	if u.Port() == "" && (u.Scheme == "https" || u.Scheme == "wss") {
		return u.Host + ":443"
	}
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}

// TapLimits are the limits that hold for all conns of a tap: on the back leg
// the smallest proxy_read_timeout of the locations that pass to it, for until
// its link is known it could be any of them; on both the proxy_timeout of a
// stream server.
func TapLimits(c *nginxconf.Config, t monitor.TapInfo) (ls []monitor.Limit) {
	if t.Role == monitor.Back {
		if l, ok := leastOf(c.PassingTo(address(t.Listen))); ok {
			ls = append(ls, l)
		}
	}
	for _, s := range streamsOf(c, t) {
		if s.ProxyTimeout.Known() {
			ls = append(ls, idle(s.ProxyTimeout.V, placeText(s.ProxyTimeout.Place, s.Place)))
		}
	}
	return ls
}

// streamsOf are the servers of stream that a tap is before or behind.
func streamsOf(c *nginxconf.Config, t monitor.TapInfo) (out []*nginxconf.StreamServer) {
	if t.Role != monitor.Back {
		return c.StreamsListeningAt(address(t.Upstream))
	}
	for _, s := range c.Streams {
		if streamPasses(s, address(t.Listen)) {
			out = append(out, s)
		}
	}
	return out
}

func streamPasses(s *nginxconf.StreamServer, addr string) bool {
	return s.Pass != nil && s.Pass.PassesTo(addr)
}

// leastOf is the smallest read timeout of several locations.
func leastOf(ls []*nginxconf.Location) (least monitor.Limit, ok bool) {
	differ := false
	for _, l := range ls {
		v := l.ProxyReadTimeout
		if !v.Known() || v.V <= 0 {
			continue
		}
		switch {
		case !ok:
			least, ok = readLimit(l), true
			continue
		case monitor.Millis(v.V) != least.Value:
			differ = true
		}
		if monitor.Millis(v.V) < least.Value {
			least = readLimit(l)
		}
	}
	if differ {
		least.Source += fmt.Sprintf(" (the least of %d locations)", len(ls))
	}
	return least, ok
}

// ConnLimits are the limits of a conn of a front tap, by its request: the
// location that nginx chooses for it.
func ConnLimits(c *nginxconf.Config, t monitor.TapInfo, host, target string) []monitor.Limit {
	if t.Role != monitor.Front {
		return nil
	}
	a, ok := c.Find(nginxconf.Query{Addr: address(t.Upstream), Host: host, Target: target})
	if !ok || a.Location == nil {
		return nil
	}
	l := a.Location
	if l.Pass == nil || l.SlashRedirect(target) || !l.ProxyReadTimeout.Known() {
		return nil // nginx answers itself, or nobody knows
	}
	return []monitor.Limit{readLimit(l)}
}

// readLimit is proxy_read_timeout as it holds in a location. Where nobody wrote
// it, the source is the location, and says that it is the default.
func readLimit(l *nginxconf.Location) monitor.Limit {
	return idle(l.ProxyReadTimeout.V, placeText(l.ProxyReadTimeout.Place, l.Place))
}

func idle(d time.Duration, source string) monitor.Limit {
	return monitor.Limit{Kind: monitor.Idle, Value: monitor.Millis(d), Source: source}
}

func placeText(p, block nginxconf.Place) string {
	if p.IsZero() {
		return block.String() + " (default)"
	}
	return p.String()
}

// FrontTapDisturbs lists what of a configuration misbehaves when a front tap
// makes nginx see one client address: a sentence each. With the PROXY protocol
// (sendsProxy) nothing does where nginx takes the clients' addresses from it.
func FrontTapDisturbs(c *nginxconf.Config, t monitor.TapInfo, sendsProxy bool) (notes []string) {
	if t.Role != monitor.Front {
		return nil
	}
	servers := c.ListeningAt(address(t.Upstream))
	hint := ""
	if sendsProxy {
		if l := unaware(servers); l != nil {
			return []string{fmt.Sprintf("tap %s: it sends the PROXY protocol, and listen %s (%s) does not expect it: nginx refuses every request, until that listen has proxy_protocol", t.Name, l.Address, l.Place)}
		}
		hint = ": set_real_ip_from and real_ip_header proxy_protocol make nginx take the clients' from the PROXY protocol"
	}
	seen := map[string]bool{}
	add := func(what string, places []nginxconf.Place) {
		if len(places) > 0 && !seen[what] {
			seen[what] = true
			notes = append(notes, fmt.Sprintf("tap %s: nginx now sees one client address, and %s (%s) goes by it%s", t.Name, what, places[0], hint))
		}
	}
	for _, s := range servers {
		for l := range locationsOf(c, s) {
			if sendsProxy && len(l.RealIP) > 0 {
				continue
			}
			add("limit_conn", l.LimitConn)
			add("limit_req", l.LimitReq)
			add("allow/deny", l.Access)
			add("set_real_ip_from", l.RealIP)
			if l.Pass != nil && l.Pass.Upstream != nil && strings.HasPrefix(l.Pass.Upstream.Sticky, "ip_hash") {
				add("ip_hash", []nginxconf.Place{l.Pass.Upstream.Place})
			}
		}
	}
	return notes
}

// unaware is a listen of servers, none of which expects the PROXY protocol; nil
// if one does, for the option holds for the whole address.
func unaware(servers []*nginxconf.Server) (first *nginxconf.Listen) {
	for _, s := range servers {
		for i := range s.Listens {
			switch l := &s.Listens[i]; {
			case l.ProxyProtocol:
				return nil
			case first == nil:
				first = l
			}
		}
	}
	return first
}

func locationsOf(c *nginxconf.Config, s *nginxconf.Server) func(func(*nginxconf.Location) bool) {
	return func(yield func(*nginxconf.Location) bool) {
		for l := range c.EachLocation {
			if l.Server == s && !yield(l) {
				return
			}
		}
	}
}
