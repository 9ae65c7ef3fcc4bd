package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/wstap/wstap/monitor"
)

// maxNotice bounds a relay's text message.
const maxNotice = 256 << 10

// line is one connection to a relay.
type line struct {
	c    *Client
	conn *websocket.Conn
	done chan struct{} // closed when it is over

	writing sync.Mutex

	mu      sync.Mutex // guards what follows
	pings   map[uint64]ping
	answers map[uint64]chan *notice
	reading *pastReading

	// The reader's.
	watched   []connID // told with the hello
	unpack    unpacker
	welcomed  bool
	synced    bool    // a snapshot is complete, or the line was resumed
	snap      *notice // the snapshot that is coming
	part      uint64  // its next part
	size      int64   // of it
	baselines []monitor.Event
	asked     time.Time // for a fresh snapshot
	pongs     bucket
	late      error // why the relay ends the line
}

type ping struct {
	at   monitor.Time // by the clock that is compared
	sent time.Time
}

// newLine makes a line that is not connected, for tests too.
func (c *Client) newLine(conn *websocket.Conn) *line {
	return &line{
		c: c, conn: conn, done: make(chan struct{}), pings: map[uint64]ping{}, answers: map[uint64]chan *notice{},
		unpack: unpacker{max: c.o.MaxMessage}, pongs: bucket{rate: 10, burst: 10},
	}
}

// connect is one line from dial to end. ok says that it went well for a while.
func (c *Client) connect(ctx context.Context) (ok bool, err error) {
	conn, err := c.target.dial(ctx, c.o.Token, c.o.TLS)
	if err != nil {
		return false, err
	}
	l := c.newLine(conn)
	hello := c.greeting()
	l.watched = hello.Watch
	err = l.run(ctx, hello)
	return l.synced, err
}

func (c *Client) greeting() *request {
	r := &request{Type: typeHello, V: Version, Version: c.o.Version, Deflate: !c.o.Plain && c.target.unix == ""}
	if c.stream != "" {
		r.Resume = &resume{c.stream, c.seq, c.stale}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.watching {
		r.Watch = append(r.Watch, connIDOf(id))
	}
	return r
}

// run says hello, and what follows it, and reads until the line ends.
func (l *line) run(ctx context.Context, first ...*request) error {
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer l.end()
	helpers.Go(func() {
		select {
		case <-ctx.Done():
		case <-l.done:
		}
		l.conn.Close()
	})
	for _, r := range first {
		if err := l.send(r); err != nil {
			return l.broken(err)
		}
	}
	helpers.Go(l.pinging)
	return l.read()
}

// end releases everybody who waits for this line.
func (l *line) end() {
	l.c.mu.Lock()
	if l.c.line == l {
		l.c.line = nil
	}
	l.c.mu.Unlock()
	close(l.done)
}

func (l *line) read() error {
	l.conn.SetReadLimit(l.c.o.MaxMessage)
	l.conn.SetPingHandler(func(text string) error {
		if l.pongs.take(time.Now()) {
			l.conn.WriteControl(websocket.PongMessage, []byte(text), time.Now().Add(time.Second))
		}
		return nil
	})
	for {
		typ, msg, err := l.next()
		if err != nil {
			return l.broken(err)
		}
		l.c.count(func(s *State) { s.Bytes += uint64(len(msg)) })
		if err := l.take(typ, msg); err != nil {
			return err
		}
	}
}

// next reads a message. A relay is never silent for long, and no line so slow
// that a message takes for ever.
func (l *line) next() (int, []byte, error) {
	began := time.Now()
	l.conn.SetReadDeadline(began.Add(silentFor))
	typ, r, err := l.conn.NextReader()
	if err != nil {
		return 0, nil, err
	}
	var msg bytes.Buffer
	for {
		l.conn.SetReadDeadline(began.Add(silentFor + time.Duration(msg.Len())*time.Second/slowest))
		n, err := io.CopyN(&msg, r, 64<<10)
		if errors.Is(err, io.EOF) || (err == nil && n == 0) {
			return typ, msg.Bytes(), nil
		}
		if err != nil {
			return 0, nil, err
		}
	}
}

// broken makes an error of the connection readable.
func (l *line) broken(err error) error {
	if l.late != nil {
		return l.late
	}
	var timeout interface{ Timeout() bool }
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return fmt.Errorf("attach: the relay sent a message of more than %d bytes", l.c.o.MaxMessage)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("attach: nothing was heard from the relay for %s", silentFor)
	case errors.As(err, &closed):
		return fmt.Errorf("attach: the line ended: code %d %s", closed.Code, clean(closed.Text, 120))
	}
	return fmt.Errorf("attach: the line broke: %s", clean(err.Error(), 200))
}

// badRelay is a relay that breaks the protocol.
func badRelay(format string, args ...any) error {
	return fmt.Errorf("attach: the relay sent what it should not: "+format, args...)
}

// send sends a request.
func (l *line) send(r *request) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.conn == nil {
		return ErrNoLine
	}
	l.conn.SetWriteDeadline(time.Now().Add(writeIn))
	return l.conn.WriteMessage(websocket.TextMessage, encodeText(r))
}

// pinging measures the clocks, and shows the relay that we are here.
func (l *line) pinging() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		if !l.ping() {
			return
		}
		select {
		case <-tick.C:
		case <-l.done:
			return
		}
	}
}

// maxPings bounds those without an answer.
const maxPings = 8

func (l *line) ping() bool {
	id := l.c.id.next()
	l.mu.Lock()
	if len(l.pings) >= maxPings {
		clear(l.pings)
	}
	l.pings[id] = ping{l.c.o.Now(), time.Now()}
	l.mu.Unlock()
	return l.send(&request{Type: typePing, ID: id}) == nil
}

func (l *line) pong(n *notice) {
	l.mu.Lock()
	p, ok := l.pings[n.ID]
	delete(l.pings, n.ID)
	l.mu.Unlock()
	if !ok {
		return
	}
	c := l.c
	c.clock.add(p.at, n.Now, time.Since(p.sent))
	c.change(func(s *State) {
		best, known := c.clock.best()
		s.ClockKnown, s.RTT, s.ClockDiff, s.ClockSteps = known, best.rtt, best.diff, c.clock.steps
	})
}

// control asks for a verb and waits for the answer.
func (l *line) control(ctx context.Context, id uint64, verb string) (string, error) {
	answer := l.expect(id)
	if err := l.send(&request{Type: typeControl, ID: id, Verb: verb}); err != nil {
		return "", fmt.Errorf("attach: asking the relay: %w", err)
	}
	return l.await(ctx, id, answer)
}

// expect registers a question.
func (l *line) expect(id uint64) chan *notice {
	answer := make(chan *notice, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[id] = answer
	return answer
}

// await waits for the answer.
func (l *line) await(ctx context.Context, id uint64, answer chan *notice) (string, error) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.answers, id)
	}()
	select {
	case n := <-answer:
		return answered(n)
	case <-ctx.Done():
		return "", ctx.Err()
	case <-l.done:
		select {
		case n := <-answer: // it came last
			return answered(n)
		default:
			return "", errors.New("attach: the line ended before the relay answered")
		}
	}
}

func answered(n *notice) (string, error) {
	if n.Err != "" {
		return "", &RelayError{clean(n.Err, 300)}
	}
	return clean(n.Text, 4000), nil
}

func (l *line) answer(n *notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if to := l.answers[n.ID]; to != nil {
		delete(l.answers, n.ID)
		to <- n
	}
}

// controlOnly is a line for one verb.
func (c *Client) controlOnly(ctx context.Context, verb string) (string, error) {
	conn, err := c.target.dial(ctx, c.o.Token, c.o.TLS)
	if err != nil {
		return "", err
	}
	l := c.newLine(conn)
	id := c.id.next()
	answer := l.expect(id)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- l.run(ctx,
			&request{Type: typeHello, V: Version, Version: c.o.Version, Only: typeControl},
			&request{Type: typeControl, ID: id, Verb: verb})
	}()
	text, err := l.await(ctx, id, answer)
	cancel()
	late := <-ended
	var version *VersionError
	if err != nil && errors.As(late, &version) {
		err = version
	}
	return text, err
}
