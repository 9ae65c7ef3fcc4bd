package attach

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/monitor"
)

// pipes is a listener in memory, for bubbles of testing/synctest: its
// connections hold no byte, so whoever does not read stops who writes.
type pipes struct {
	accept chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (p *pipes) dial() (net.Conn, error) {
	a, b := net.Pipe()
	select {
	case p.accept <- b:
		return a, nil
	case <-p.closed:
		return nil, errors.New("nobody listens")
	}
}

// viewer is a line to the server, by hand.
func (p *pipes) viewer(t *testing.T) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{NetDialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial() }}
	conn, _, err := d.Dial("ws://pipe"+Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func sayHello(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"hello","v":1}`)); err != nil {
		t.Fatal(err)
	}
}

// silentServer is a Server without a State: its snapshots hold a hello.
func silentServer(o ServerOptions) (*Server, *pipes) {
	o.Hello = &monitor.Hello{Header: monitor.Header{At: 1, Tap: instance}, Host: "staging"}
	s, p := NewServer(o), newPipes()
	go s.Serve(p)
	return s, p
}

// closeNow ends a server without patience for its viewers.
func closeNow(s *Server) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Close(ctx)
}

// drain reads whatever comes, and keeps the text messages.
type drain struct {
	mu    sync.Mutex
	texts []string
	kinds map[byte]int
	err   error
	done  chan struct{}
}

func drainViewer(conn *websocket.Conn) *drain {
	d := &drain{kinds: map[byte]int{}, done: make(chan struct{})}
	go d.run(conn)
	return d
}

func (d *drain) run(conn *websocket.Conn) {
	defer close(d.done)
	for {
		typ, msg, err := conn.ReadMessage()
		d.mu.Lock()
		switch {
		case err != nil:
			d.err = err
		case typ == websocket.TextMessage:
			d.texts = append(d.texts, string(msg))
		default:
			d.kinds[msg[0]]++
		}
		d.mu.Unlock()
		if err != nil {
			conn.Close()
			return
		}
	}
}

func (d *drain) has(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.texts {
		if contains(t, text) {
			return true
		}
	}
	return false
}

// cutter is a proxy that can cut all lines, and refuse new ones.
type cutter struct {
	ln     net.Listener
	to     string
	mu     sync.Mutex
	conns  map[net.Conn]bool
	broken bool
	wg     sync.WaitGroup
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{ln: ln, to: to, conns: map[net.Conn]bool{}}
	c.wg.Go(c.run)
	t.Cleanup(func() {
		ln.Close()
		c.cut(true)
		c.wg.Wait()
	})
	return c
}

func (c *cutter) run() {
	for {
		in, err := c.ln.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		to := c.to
		c.mu.Unlock()
		out, err := net.Dial("tcp", to)
		if err != nil || !c.hold(in, out) {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		for _, p := range [][2]net.Conn{{in, out}, {out, in}} {
			c.wg.Go(func() {
				io.Copy(p[0], p[1])
				p[0].Close()
				p[1].Close()
			})
		}
	}
}

func (c *cutter) hold(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range conns {
		c.conns[n] = true
	}
	return !c.broken
}

// cut breaks all lines; while broken no new one gets through.
func (c *cutter) cut(broken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = broken
	for n := range c.conns {
		n.(*net.TCPConn).SetLinger(0)
		n.Close()
	}
	clear(c.conns)
}

// lead makes new lines go elsewhere.
func (c *cutter) lead(to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to = to
}

func (c *cutter) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = false
}

func (c *cutter) url() string { return "ws://" + c.ln.Addr().String() }

func get(t *testing.T, url string, head http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range head {
		req.Header[k] = v
	}
	tr := &http.Transport{DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}
