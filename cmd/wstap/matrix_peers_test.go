package main

import (
	"bufio"
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
	*net.TCPConn
	r      *bufio.Reader
	masked bool // it is a client
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

// fin ends our side and waits for the other's.
func (p *peer) fin() {
	p.CloseWrite()
	p.gone()
}

func (p *peer) reset() {
	p.SetLinger(0)
	p.Close()
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

// behaviourServer answers 101 and then does what the last part of the path
// says; a path without a behaviour gets no 101.
func behaviourServer(t *testing.T, each map[string]func(*peer)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveBehaviour(c.(*net.TCPConn), each)
		}
	}()
	return l.Addr().String()
}

func serveBehaviour(c *net.TCPConn, each map[string]func(*peer)) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	p := &peer{TCPConn: c, r: bufio.NewReader(c)}
	req, err := http.ReadRequest(p.r)
	if err != nil {
		return
	}
	name := strings.Split(req.URL.Path, "/")[1]
	switch {
	case name == "never":
		p.gone()
	case req.Header.Get("Upgrade") == "":
		io.WriteString(c, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	default:
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", ws.Accept(req.Header.Get("Sec-WebSocket-Key")))
		each[name](p)
	}
}

// connect asks for an upgrade; nil: the answer was no 101.
func connect(t *testing.T, addr, target, key string) *peer {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return nil
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: ws.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n", target, key)
	p := &peer{TCPConn: c.(*net.TCPConn), r: bufio.NewReader(c), masked: true}
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Errorf("%s: %v", target, err)
		return nil
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.Close()
		return nil
	}
	return p
}
