package monitor

import (
	"strings"
	"time"
)

// Hop is a kind of proxy or balancer that may stand on the way, with the limits
// it has for WebSockets unless somebody changed them. Idle and Lifetime are zero
// where there is none, or where no number is known: Note says which.
type Hop struct {
	Name     string // as --hop takes it
	Title    string
	Idle     time.Duration
	Lifetime time.Duration
	Note     string
}

// hops is the one table of hops. Where the note does not say otherwise a byte
// in either direction resets the idle timer, control frames included.
var hops = []Hop{
	{Name: "nginx", Title: "nginx proxy_read_timeout", Idle: time.Minute, Note: "logged at level info only"},
	{Name: "nginx-stream", Title: "nginx stream proxy_timeout", Idle: 10 * time.Minute},
	{Name: "ingress-nginx", Title: "ingress-nginx", Idle: time.Minute, Note: "proxy-read-timeout; worker-shutdown-timeout cuts all tunnels 240 s after a reload"},
	{Name: "kong", Title: "Kong", Idle: time.Minute, Note: "read_timeout and write_timeout of the service"},
	{Name: "haproxy", Title: "HAProxy", Note: "no default: timeout tunnel, and without it the smaller of timeout client and timeout server"},
	{Name: "envoy", Title: "Envoy stream_idle_timeout", Idle: 5 * time.Minute},
	{Name: "istio", Title: "Istio", Note: "Envoy underneath, defaults differ by version: see the proxy's configuration dump"},
	{Name: "traefik", Title: "Traefik", Note: "no limit once the connection is upgraded"},
	{Name: "caddy", Title: "Caddy", Note: "no limit unless stream_timeout is set; a configuration reload closes every WebSocket with a close frame"},
	{Name: "apache", Title: "Apache httpd", Idle: time.Minute, Note: "the larger of both sides' Timeout; logged at trace2 only"},
	{Name: "iis-arr", Title: "IIS with ARR", Idle: 2 * time.Minute, Note: "connectionTimeout of the site; ARR has a proxy timeout besides"},
	{Name: "aws-alb", Title: "AWS ALB", Idle: time.Minute, Note: "HTTP/2 pings do not reset it"},
	{Name: "aws-clb", Title: "AWS Classic Load Balancer", Idle: time.Minute, Note: "TCP keepalive does not reset it"},
	{Name: "aws-nlb", Title: "AWS NLB", Idle: 350 * time.Second},
	{Name: "aws-apigateway", Title: "AWS API Gateway", Idle: 10 * time.Minute, Lifetime: 2 * time.Hour, Note: "messages reset the idle timer, pings are said not to; neither can be raised"},
	{Name: "cloudfront", Title: "CloudFront", Idle: 10 * time.Minute, Note: "only bytes from the server reset it"},
	{Name: "gcp-alb", Title: "Google Cloud ALB", Lifetime: 30 * time.Second, Note: "the backend service's timeout is a lifetime, traffic does not extend it"},
	{Name: "azure-appgw", Title: "Azure Application Gateway", Note: "the request timeout of the HTTP settings holds for WebSockets, too"},
	{Name: "azure-frontdoor", Title: "Azure Front Door", Idle: 5 * time.Minute, Lifetime: 4 * time.Hour},
	{Name: "azure-lb", Title: "Azure Load Balancer", Idle: 4 * time.Minute, Note: "TCP keepalive resets it, too"},
	{Name: "cloudflare", Title: "Cloudflare", Idle: 100 * time.Second, Note: "as users report it; restarts of the edge end connections, too"},
	{Name: "heroku", Title: "Heroku router", Idle: 55 * time.Second},
	{Name: "mitmproxy", Title: "mitmproxy tcp_timeout", Idle: 10 * time.Minute},
}

// Hops are all hops known, in the order of the table. The caller owns the slice.
func Hops() []Hop { return append([]Hop(nil), hops...) }

// HopByName finds a hop by the name that --hop takes.
func HopByName(name string) (Hop, bool) {
	for _, h := range hops {
		if h.Name == name {
			return h, true
		}
	}
	return Hop{}, false
}

// HopsNear are the hops whose limit of a kind would end a connection at d, with
// the tolerance that nginx's own timer needs.
func HopsNear(d time.Duration, kind LimitKind) (near []Hop) {
	for _, h := range hops {
		if l := h.limit(kind); l > 0 && fitsLimit(d, l) {
			near = append(near, h)
		}
	}
	return near
}

func (h Hop) limit(kind LimitKind) time.Duration {
	if kind == Lifetime {
		return h.Lifetime
	}
	return h.Idle
}

// Source is how a limit of this hop names where it comes from.
func (h Hop) Source() string { return hopSource + h.Name }

const hopSource = "hop "

// ByHop says that a limit is a preset of a hop other than the nginx watched.
func (l *Limit) ByHop() bool { return strings.HasPrefix(l.Source, hopSource) }

// Limits are the events that put the hop's limits in force for all conns of the
// tap that head names, or of all taps. None for a hop without a known limit.
func (h Hop) Limits(head Header) (evs []*Limit) {
	for _, kind := range []LimitKind{Idle, Lifetime} {
		if d := h.limit(kind); d > 0 {
			evs = append(evs, &Limit{Header: head, Kind: kind, Value: Millis(d), Source: h.Source()})
		}
	}
	return evs
}

// late is how much after its limit a kill may be seen.
const late = 500 * time.Millisecond

// fitsLimit says that a timer of limit may have fired after d: nginx's fires up
// to Slack early, and an end is seen a moment late.
func fitsLimit(d, limit time.Duration) bool {
	return d >= limit-Slack-50*time.Millisecond && d <= limit+late
}
