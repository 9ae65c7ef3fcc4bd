package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/report"
)

// misfit is TLS spoken to one who does not, or not so.
type misfit struct {
	name   string
	taps   way               // what the taps speak
	http   string            // as siteOptions has it; ‹tls› are nginx's certificate and key
	server bool              // it speaks TLS
	args   []string          // of wstap, more
	client func(*site) error // how it goes for a client
	want   string            // in that error

	front, back string   // verdicts, "" where there is no conn
	says        []string // by the back leg, or the front leg if there is no other
	finding     string   // its id, and its words
	found       []string
}

const (
	plainListen = "server { listen ‹nginx›; location / { " + goodHeaders
	tlsListen   = "server { listen ‹nginx› ssl; ‹tls› location / { " + goodHeaders
)

var misfits = []misfit{
	{
		name: "plain client at a tap with TLS", taps: way{client: true}, http: plainListen + "proxy_pass http://‹app›; } }",
		client: plainClient, want: "400 Bad Request",
		front: "tls_failed confirmed", says: []string{"plain HTTP was sent to this port, which wants TLS"},
	},
	{
		name: "client that does not trust a tap", taps: way{client: true}, http: plainListen + "proxy_pass http://‹app›; } }",
		client: doubtingClient, want: "certificate signed by unknown authority",
		front: "tls_failed confirmed", says: []string{"bad certificate"},
	},
	{
		name: "client with TLS at a plain nginx", http: plainListen + "proxy_pass http://‹app›; } }",
		client: doubtingClient, want: "does not look like a TLS handshake",
		// Both sides close at once: nginx behind its answer, the client upon it.
		front: "server_fin likely or client_fin likely", says: []string{"TLS record"},
		finding: "tls-on-plain", found: []string{"front leg", "answered with HTTP", "listen PORT ssl;"},
	},
	{
		name: "plain client at an nginx with TLS", http: tlsListen + "proxy_pass http://‹app›; } }",
		client: plainClient, want: "400 Bad Request",
		front: "handshake_refused confirmed", says: []string{"client sent plain HTTP request to HTTPS port"},
		finding: "plain-on-tls", found: []string{"front leg", "the port is for HTTPS", "wss://"},
	},
	{
		name: "tap with TLS at a plain nginx", taps: way{nginx: true}, http: plainListen + "proxy_pass http://‹app›; } }",
		client: plainClient, want: "reset by peer",
		front: "tls_failed confirmed", says: []string{"does not speak TLS: use http://"},
		finding: "tls-to-plain-port", found: []string{"client sent invalid"},
	},
	{
		name: "tap that does not trust nginx", http: tlsListen + "proxy_pass http://‹app›; } }",
		taps: way{nginx: true}, args: []string{"--upstream-ca", "front:‹other›"},
		client: plainClient, want: "reset by peer",
		front: "tls_failed confirmed", says: []string{"signed by unknown authority", "--upstream-ca FILE"},
	},
	{
		name: "nginx with TLS to a plain server", http: plainListen + "proxy_pass https://‹app›; } }",
		client: plainClient, want: "502 Bad Gateway",
		front: "handshake_refused confirmed", back: "tls_failed confirmed", says: []string{"wrong version number"},
		finding: "tls-on-plain", found: []string{"back leg", "proxy_pass http://NAME:PORT;"},
	},
	{
		name: "plain nginx to a tap with TLS", taps: way{pass: true}, http: plainListen + "proxy_pass http://‹app›; } }",
		client: plainClient, want: "400 Bad Request",
		front: "handshake_refused confirmed", back: "tls_failed confirmed", says: []string{"plain HTTP was sent to this port, which wants TLS"},
	},
	{
		name: "plain nginx to a server with TLS", http: plainListen + "proxy_pass http://‹app›; } }", server: true,
		client: plainClient, want: "400 Bad Request",
		front: "handshake_refused confirmed", back: "handshake_refused confirmed", says: []string{"the answer was 400"},
		finding: "plain-on-tls", found: []string{"back leg", "proxy_pass https://NAME:PORT;"},
	},
	{
		name: "tap with TLS to a plain server", taps: way{server: true}, http: plainListen + "proxy_pass http://‹app›; } }",
		client: plainClient, want: "502 Bad Gateway",
		front: "handshake_refused confirmed", back: "tls_failed confirmed",
		says: []string{"does not speak TLS: use http://", "failed (104: Connection reset by peer)"},
	},
	{
		// The tap agreed on TLS and heard not a byte over it: that is no conn.
		name: "nginx that does not trust a tap", taps: way{pass: true},
		http:   plainListen + "proxy_ssl_verify on; proxy_ssl_trusted_certificate ‹other›; proxy_pass https://‹app›; } }",
		client: plainClient, want: "502 Bad Gateway",
		front: "handshake_refused confirmed", says: []string{"certificate verify error"},
		finding: "tls-upstream", found: []string{"certificate verify error", "proxy_ssl_trusted_certificate"},
	},
	{
		name: "nginx that does not trust a server behind a plain tap", server: true,
		http:   plainListen + "proxy_ssl_verify on; proxy_ssl_trusted_certificate ‹other›; proxy_pass https://‹app›; } }",
		client: plainClient, want: "502 Bad Gateway",
		front: "handshake_refused confirmed", back: "tls_failed confirmed", says: []string{"certificate verify error"},
		finding: "tls-upstream", found: []string{"certificate verify error", "proxy_ssl_trusted_certificate"},
	},
}

// TestTLSMisfits: each is told by whoever sees it, with nginx's line where it
// writes one that names the request.
func TestTLSMisfits(t *testing.T) {
	t.Parallel()
	for _, m := range misfits {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.run(t)
		})
	}
}

func (m *misfit) run(t *testing.T) {
	pair, other := newPair(t), newPair(t)
	places := strings.NewReplacer("‹tls›", fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s;", pair.cert, pair.key), "‹other›", other.cert)
	server := echoServer(t)
	if m.server {
		server = strings.TrimPrefix(tlsEchoServer(t), "https://")
	}
	args := make([]string, len(m.args))
	for i, a := range m.args {
		args[i] = places.Replace(a)
	}
	s := newSite(t, siteOptions{servers: map[string]string{"app": server}, http: places.Replace(m.http), asIs: true, way: m.taps, pair: pair, args: args})
	if err := m.client(s); err == nil || !strings.Contains(err.Error(), m.want) {
		t.Errorf("the client got %v, want %q", err, m.want)
	}
	verdicts := 1
	if m.back != "" {
		verdicts = 2
	}
	s.until(verdicts, " closed ")
	d := s.report()
	for leg, want := range map[string]string{"front": m.front, "back": m.back} {
		m.checkLeg(t, byLeg(d, leg), leg, want)
	}
	if m.finding != "" {
		found(t, d, m.finding, m.found...)
	}
}

func (m *misfit) checkLeg(t *testing.T, cs []report.Conn, leg, want string) {
	t.Helper()
	if want == "" {
		if len(cs) > 0 {
			t.Errorf("%s: %d conns, want none", leg, len(cs))
		}
		return
	}
	if len(cs) != 1 || cs[0].Close == nil {
		t.Errorf("%s: %+v, want one that ended", leg, cs)
		return
	}
	v := cs[0].Close
	if got := fmt.Sprintf("%s %s", v.Cause, v.Confidence); !slices.Contains(strings.Split(want, " or "), got) {
		t.Errorf("%s: %s, want %s\n%s", leg, got, want, joined(v.Evidence))
	}
	if speaks := m.back == "" || leg == "back"; speaks && !containsAll(joined(v.Evidence), m.says) {
		t.Errorf("%s: the evidence does not say %q:\n%s", leg, m.says, joined(v.Evidence))
	}
}

// plainClient asks for an upgrade over plain TCP.
func plainClient(s *site) error { return s.tryDial("ws://", nil) }

// doubtingClient does so over TLS, and trusts only what the system does.
func doubtingClient(s *site) error { return s.tryDial("wss://", &tls.Config{ServerName: "127.0.0.1"}) }

// tryDial is how a dial failed, or the status that it got.
func (s *site) tryDial(scheme string, config *tls.Config) error {
	d := websocket.Dialer{TLSClientConfig: config}
	c, resp, err := d.Dial(scheme+s.front+"/ws", nil)
	switch {
	case err == nil:
		c.Close()
	case resp != nil:
		return errors.New(resp.Status)
	}
	return err
}
