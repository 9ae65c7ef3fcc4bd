package demo

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// lingering is how long the client may go on sending after its tunnel ended. Closing with bytes unread would send a
// reset, and the reset would destroy the server's last bytes (a close frame) on their way.
const lingering = 2 * time.Second

// side is an end of a tunnel. The level of a log line tells it: nginx logs the client's resets at info.
type side int

const (
	clientSide side = iota
	serverSide
)

func (s side) level() string {
	if s == clientSide {
		return "info"
	}
	return "error"
}

// ending is how one copy loop came to its end.
type ending struct {
	side side // whose socket it was
	call string
	err  error // nil is a FIN
}

// tunnel passes bytes both ways until one side ends, nothing passes for the idle timeout, or ctx ends. There is one
// timer for both directions, re-armed by any byte, as in ngx_http_upstream_process_upgraded. It owns two copy
// loops and returns after both.
func (x *exchange) tunnel(ctx context.Context, fromClient, fromServer io.Reader) {
	_ = x.client.SetDeadline(time.Time{})
	_ = x.server.SetDeadline(time.Time{})
	idle := x.p.d.idleTimeout()
	timer := time.NewTimer(idle)
	defer timer.Stop()
	touch := func() { timer.Reset(idle) }
	ends := make(chan ending, 2)
	go func() { ends <- copyBytes(x.server, fromClient, clientSide, touch) }()
	go func() { ends <- copyBytes(x.client, fromServer, serverSide, touch) }()

	running := 2
	select {
	case end := <-ends:
		running--
		if ctx.Err() == nil {
			x.logEnding(end)
		}
	case <-timer.C:
		x.p.d.log("info", "upstream timed out "+timedOut+whileProxying, &x.log)
	case <-ctx.Done():
	}
	x.finish(ctx, ends, running)
}

// copyBytes passes bytes from one side to the other until either fails. It ends when tunnel closes the sockets.
func copyBytes(to io.Writer, from io.Reader, fromSide side, touch func()) ending {
	buf := make([]byte, 4096) // nginx has one page a direction
	for {
		n, err := from.Read(buf)
		if n > 0 {
			touch()
			if _, err := to.Write(buf[:n]); err != nil {
				return ending{1 - fromSide, "send", err}
			}
			touch()
		}
		if errors.Is(err, io.EOF) {
			return ending{side: fromSide}
		}
		if err != nil {
			return ending{fromSide, "recv", err}
		}
	}
}

// logEnding writes the line of a reset. A FIN leaves none in nginx's log, whoever sent it.
func (x *exchange) logEnding(end ending) {
	switch {
	case errors.Is(end.err, syscall.ECONNRESET):
		x.p.d.log(end.side.level(), end.call+"() failed "+reset+whileProxying, &x.log)
	case errors.Is(end.err, syscall.EPIPE):
		x.p.d.log(end.side.level(), end.call+"() failed "+brokenPipe+whileProxying, &x.log)
	}
}

// finish ends both sides with a FIN, waits for the copy loops and lets the client finish sending.
func (x *exchange) finish(ctx context.Context, ends <-chan ending, running int) {
	x.server.Close()
	_ = x.client.CloseWrite()
	_ = x.client.SetDeadline(time.Now())
	for ; running > 0; running-- {
		<-ends
	}
	if ctx.Err() != nil {
		return
	}
	_ = x.client.SetDeadline(time.Now().Add(lingering))
	discard(x.client)
}

func discard(conn *net.TCPConn) {
	buf := make([]byte, 512)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}
