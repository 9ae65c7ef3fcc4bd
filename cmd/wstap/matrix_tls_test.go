package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// way says between whom TLS is spoken. The zero: nowhere.
type way struct {
	name   string
	client bool // clients to the front tap
	nginx  bool // front tap to nginx
	pass   bool // nginx to the back tap
	server bool // back tap to the server
}

// tlsWays are TLS into the front tap, out of it, and both; each with an nginx
// that passes plain HTTP on, and with one that encrypts anew. The last two have
// it on one side of the back tap alone.
var tlsWays = []way{
	{name: "in", client: true},
	{name: "out", nginx: true},
	{name: "both", client: true, nginx: true},
	{name: "in-anew", client: true, pass: true, server: true},
	{name: "out-anew", nginx: true, pass: true, server: true},
	{name: "both-anew", client: true, nginx: true, pass: true, server: true},
	{name: "back-in", pass: true},
	{name: "back-out", server: true},
}

// distinct are the ways that differ when a tap is missing: then nginx speaks to
// the client or to the server itself. Without TLS at all none is a way of TLS.
func distinct(ways []way, taps string) (left []way) {
	seen := map[way]bool{}
	for _, w := range ways {
		switch taps {
		case "front":
			w.server = w.pass
		case "back":
			w.client = w.nginx
		}
		like := w
		like.name = ""
		if !seen[like] && (like != way{} || w.name == "") {
			seen[like] = true
			left = append(left, w)
		}
	}
	return left
}

// names are those of the taps: in front of nginx, behind it, and before the
// server that is down.
func (w way) names() (front, back, dead string) {
	if w.name == "" {
		return "front", "back", "dead"
	}
	return "f-" + w.name, "b-" + w.name, "d-" + w.name
}

// label begins the messages about a way.
func (w way) label() string {
	if w.name == "" {
		return ""
	}
	return "TLS " + w.name + ": "
}

func scheme(secure bool) string {
	if secure {
		return "https://"
	}
	return "http://"
}

// pair is a certificate for 127.0.0.1, and how servers and clients use it.
type pair struct {
	cert, key      string // PEM files
	server, client *tls.Config
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{}
	p.cert, p.key = certificate(t)
	both, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(p.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	p.server = &tls.Config{Certificates: []tls.Certificate{both}}
	p.client = &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
	return p
}

// serverIf is how a server speaks TLS, if it does.
func (p *pair) serverIf(secure bool) *tls.Config {
	if !secure {
		return nil
	}
	return p.server
}

// throughTLS are the ways on which an end in each place is tried beside the matrix:
// nginx terminates, and nginx encrypts anew.
var throughTLS = []way{tlsWays[2], tlsWays[5]}

// TestHealthyTrafficOverTLS: nor is it blamed over TLS, where tickets, alerts and
// close_notify pass beside it.
func TestHealthyTrafficOverTLS(t *testing.T) {
	t.Parallel()
	for _, w := range throughTLS {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			judgeHealthy(t, healthyReport(t, w))
		})
	}
}

// TestMatrixTLS: the endings of TestMatrix, with TLS on one leg after the other.
func TestMatrixTLS(t *testing.T) {
	t.Parallel()
	eachMatrix(t, tlsWays)
}

// What is different over TLS, and why: nginx takes a reset of a TLS connection
// for an end in order, and writes no line (ngx_ssl_handle_recv). Both legs still
// show it; one leg has the wire alone.

// silentClient: over TLS no line is written of a reset either, so the silence of
// the log does not tell the back leg that it was a FIN. X-Forwarded-Proto says TLS.
func silentClient(e *ending, w way) {
	if w.nginx {
		e.backAlone = always("client_fin possible")
	}
}

func silentClientReset(e *ending, w way) {
	silentClient(e, w)
	if w.nginx {
		e.frontAlone = always("client_reset likely")
	}
}

// silentServerReset: from the front leg nobody can tell it from a FIN, as the
// evidence says; that nginx speaks TLS to the server is not seen there.
func silentServerReset(e *ending, w way) {
	if w.pass {
		e.frontAlone = seen{"server_fin likely", "server_fin possible"}
		e.backAlone = always("server_reset likely")
		e.says = "reset"
	}
}

// endBeforeReset: nginx gives up with bytes of the server unread, which makes its
// kernel reset; over TLS a close_notify may come through before that.
func endBeforeReset(e *ending, w way) {
	if w.pass {
		e.backEnd = "client"
	}
}

// resetIsAnEnd: our reset for the dial that failed is an end in order to nginx, or
// comes during its TLS handshake, and the line depends on that.
func resetIsAnEnd(e *ending, w way) {
	if w.pass {
		e.says = `upstream: "https://`
	}
}

const tlsBytes = 10 << 20

// TestBytesOverTLS: after the 101, random bytes in odd pieces both ways at once
// arrive identical on every way; half of what comes is no frame at all.
func TestBytesOverTLS(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	sums := map[string][2]passed{} // what a server got and sent, by the way's name
	m := newMatrix(t, "both", "info", tlsWays, map[string]func(*peer){"bytes": func(p *peer) {
		got, sent := p.exchangeRandom()
		mu.Lock()
		sums[p.query] = [2]passed{got, sent}
		mu.Unlock()
		p.gone()
	}})
	var all sync.WaitGroup
	for _, r := range m.ways {
		all.Go(func() {
			m.play(r, "/bytes", func(p *peer) {
				got, sent := p.exchangeRandom()
				eventually(t, r.name+": the server is done", func() bool {
					mu.Lock()
					defer mu.Unlock()
					return len(sums["way="+r.name]) == 2 && sums["way="+r.name][0].n > 0
				})
				mu.Lock()
				there := sums["way="+r.name]
				mu.Unlock()
				if got != there[1] || sent != there[0] || got.n != tlsBytes || sent.n != tlsBytes {
					t.Errorf("%s: client sent %v, server got %v; server sent %v, client got %v", r.name, sent, there[0], there[1], got)
				}
			})
		})
	}
	all.Wait()
	m.conns = 2 * len(m.ways)
	m.settled()
	for _, c := range m.s.report().Conns {
		if c.FromClient.Bytes < tlsBytes || c.FromServer.Bytes < tlsBytes {
			t.Errorf("%s: %d and %d bytes counted", c.Tap, c.FromClient.Bytes, c.FromServer.Bytes)
		}
	}
}

// passed is how many bytes passed, and their hash.
type passed struct {
	n    int64
	hash [sha256.Size]byte
}

func (s passed) String() string { return fmt.Sprintf("%d bytes (%x)", s.n, s.hash[:4]) }

// exchangeRandom sends random bytes in pieces of odd sizes, and takes as many.
func (p *peer) exchangeRandom() (got, sent passed) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, seed))
	var sending sync.WaitGroup
	sending.Go(func() {
		h := sha256.New()
		for buf := make([]byte, 40<<10); sent.n < tlsBytes; {
			piece := buf[:min(int64(1+random.IntN(len(buf))), tlsBytes-sent.n)]
			for i := range piece {
				piece[i] = byte(random.Uint32())
			}
			n, err := p.Write(piece)
			h.Write(piece[:n])
			if sent.n += int64(n); err != nil {
				return
			}
		}
		h.Sum(sent.hash[:0])
	})
	h := sha256.New()
	got.n, _ = io.CopyN(h, p.r, tlsBytes)
	h.Sum(got.hash[:0])
	sending.Wait()
	return got, sent
}
