package diagnose

import (
	"slices"

	"github.com/wstap/wstap/nginxconf"
)

// confMemory is what rules ask again and again of one configuration, each
// answer worked out once: a configuration may have thousands of servers.
type confMemory struct {
	c *nginxconf.Config

	judged map[*nginxconf.Location]judgement
	unused *onceMap
	any    *bool
	twins  map[string]bool // names of servers with TLS and WebSockets
}

// judgement is what a location is for, and why it is thought so.
type judgement struct {
	purpose
	why string
}

// onceMap is a map that was looked for: nil if there is none.
type onceMap struct{ found *nginxconf.Map }

// purposeOf is what a location is for, and why.
func (m *confMemory) purposeOf(l *nginxconf.Location) (purpose, string) {
	j, ok := m.judged[l]
	if !ok {
		j = m.judge(l)
		if m.judged == nil {
			m.judged = map[*nginxconf.Location]judgement{}
		}
		m.judged[l] = j
	}
	return j.purpose, j.why
}

// tunnels says that WebSockets are expected to get through here: the location
// is meant for them, or it may be and passes their headers.
func (m *confMemory) tunnels(l *nginxconf.Location) bool {
	what, _ := m.purposeOf(l)
	return what == forWebSockets || what == forMaybe && passesUpgrade(l)
}

// anyTunnel says that some location is expected to have WebSockets.
func (m *confMemory) anyTunnel() bool {
	if m.any == nil {
		yes := false
		for l := range m.c.EachLocation {
			if yes = m.tunnels(l); yes {
				break
			}
		}
		m.any = &yes
	}
	return *m.any
}

// unusedMap is a map of $http_upgrade if no header has any map's variable.
func (m *confMemory) unusedMap() *nginxconf.Map {
	if m.unused == nil {
		m.unused = &onceMap{m.findUnused()}
	}
	return m.unused.found
}

func (m *confMemory) findUnused() *nginxconf.Map {
	i := slices.IndexFunc(m.c.Maps, func(x *nginxconf.Map) bool { return x.Source == "$http_upgrade" })
	if i < 0 {
		return nil
	}
	for l := range m.c.EachLocation {
		if h, ok := headerOf(l.SetHeaders, "Connection"); ok && mapOf(m.c, h.Value) != nil {
			return nil
		}
	}
	return m.c.Maps[i]
}

// tlsTwin says that a server with TLS shares a name with s and has WebSockets.
func (m *confMemory) tlsTwin(s *nginxconf.Server) bool {
	if m.twins == nil {
		m.twins = map[string]bool{}
		for _, o := range m.c.Servers {
			if _, tls := tlsListen(o); tls && slices.ContainsFunc(locationsWithin(o.Locations), m.tunnels) {
				for _, n := range o.Names {
					m.twins[n] = true
				}
			}
		}
	}
	return slices.ContainsFunc(s.Names, func(n string) bool { return m.twins[n] })
}
