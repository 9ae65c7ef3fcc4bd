package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/ws"
)

// peer is one end of a WebSocket made by hand: it does what a library would
// not, and never answers by itself.
type peer struct {
	net.Conn              // TLS, or tcp itself
	tcp      *net.TCPConn // what it runs over
	r        *bufio.Reader
	masked   bool   // it is a client
	query    string // of the request, on a server
}

const peerPatience = 30 * time.Second

// newPeer is an end of c that speaks TLS if secure says how.
func newPeer(c net.Conn, secure func(net.Conn) *tls.Conn) *peer {
	c.SetDeadline(time.Now().Add(peerPatience))
	p := &peer{Conn: c, tcp: c.(*net.TCPConn)}
	if secure != nil {
		p.Conn = secure(c)
	}
	p.r = bufio.NewReader(p.Conn)
	return p
}

// send writes one frame. Errors show at the other end, as the test wants them.
func (p *peer) send(first byte, payload string) {
	if p.masked {
		p.Write(clientFrame(first, payload))
		return
	}
	p.Write(append([]byte{first, byte(len(payload))}, payload...))
}

// clientFrame masks with zeros, so that the payload is what it reads.
func clientFrame(first byte, payload string) []byte {
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

func (p *peer) text()          { p.send(0x81, "x") }
func (p *peer) ping()          { p.send(0x89, "p") }
func (p *peer) close(code int) { p.send(0x88, string([]byte{byte(code >> 8), byte(code)})) }

// next reads one short frame; false when the connection has ended.
func (p *peer) next() bool {
	var head [2]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		return false
	}
	n := int(head[1] & 0x7f)
	if head[1]&0x80 != 0 {
		n += 4
	}
	_, err := p.r.Discard(n)
	return err == nil
}

// gone waits until the other side has ended.
func (p *peer) gone() { io.Copy(io.Discard, p.r) }

// fin ends our side in order, TLS first, and waits for the other's end.
func (p *peer) fin() {
	if c, ok := p.Conn.(*tls.Conn); ok {
		c.CloseWrite()
	}
	p.tcp.CloseWrite()
	p.gone()
}

// die ends as a killed process does: its kernel says so, and nobody ends TLS.
func (p *peer) die() { p.tcp.Close() }

func (p *peer) reset() {
	p.tcp.SetLinger(0)
	p.tcp.Close()
}

// echo answers each frame with a text, until the end.
func (p *peer) echo() {
	for p.next() {
		p.text()
	}
}

// talk sends a text and waits for the answer, again and again, until the end.
func (p *peer) talk(every time.Duration) {
	for p.text(); p.next(); p.text() {
		time.Sleep(every) // the pace of the traffic
	}
}

// flood sends large frames until nobody takes them any more.
func (p *peer) flood() {
	payload := make([]byte, 1<<14)
	for {
		if _, err := p.Write(append([]byte{0x82, 126, 1 << 6, 0}, payload...)); err != nil {
			return
		}
	}
}

// behaviourServer answers 101 and then does what the first part of the path
// says; a path without a behaviour gets no 101. With a configuration it speaks TLS.
func behaviourServer(t *testing.T, each map[string]func(*peer), config *tls.Config) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var secure func(net.Conn) *tls.Conn
	if config != nil {
		secure = func(c net.Conn) *tls.Conn { return tls.Server(c, config) }
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveBehaviour(newPeer(c, secure), each)
		}
	}()
	return l.Addr().String()
}

func serveBehaviour(p *peer, each map[string]func(*peer)) {
	defer p.Close()
	req, err := http.ReadRequest(p.r)
	if err != nil {
		return
	}
	p.query = req.URL.RawQuery
	name := strings.Split(req.URL.Path, "/")[1]
	switch {
	case name == "never":
		p.gone()
	case req.Header.Get("Upgrade") == "":
		io.WriteString(p, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		fmt.Fprintf(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", ws.Accept(req.Header.Get("Sec-WebSocket-Key")))
		each[name](p)
	}
}

// connect asks for an upgrade, over TLS if there is a configuration; nil: the
// answer was no 101.
func connect(t *testing.T, addr string, config *tls.Config, target, key string) *peer {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return nil
	}
	t.Cleanup(func() { c.Close() })
	var secure func(net.Conn) *tls.Conn
	if config != nil {
		secure = func(c net.Conn) *tls.Conn { return tls.Client(c, config) }
	}
	p := newPeer(c, secure)
	p.masked = true
	fmt.Fprintf(p, "GET %s HTTP/1.1\r\nHost: ws.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", target, key)
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return nil
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		p.Close()
		return nil
	}
	return p
}
