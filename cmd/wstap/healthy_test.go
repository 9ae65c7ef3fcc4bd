package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wstap/wstap/report"
)

const healthyConns = 200

// TestHealthyTrafficIsNotBlamed: every end was asked for by a close frame, and
// nothing else is read into it.
func TestHealthyTrafficIsNotBlamed(t *testing.T) {
	t.Parallel()
	d := healthyReport(t)
	if len(d.Conns) != 2*healthyConns || d.Totals.Links != healthyConns {
		t.Errorf("%d conns, %d links", len(d.Conns), d.Totals.Links)
	}
	codes := map[uint16]int{}
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Cause != "close_handshake" || c.Close.Confidence != "confirmed" || c.Close.Code == nil {
			t.Errorf("%s %s: %+v", str(c.Leg), str(c.Target), c.Close)
			continue
		}
		codes[*c.Close.Code]++
	}
	for code, want := range map[uint16]int{1000: healthyConns, 1001: healthyConns / 2, 1012: healthyConns / 2} {
		if codes[code] != want {
			t.Errorf("close codes %v, want %d of %d", codes, want, code)
		}
	}
}

// healthyReport is the report of a day on which nothing is wrong: connections
// through a correct nginx that talk, outlive a reload without
// worker_shutdown_timeout, are closed by half of the clients, and for the rest
// by the server's deploy.
func healthyReport(t *testing.T) *report.Document {
	t.Helper()
	deploy := make(chan struct{})
	s := newStack(t, stackOptions{server: deployServer(t, deploy), location: "proxy_read_timeout 1h;", args: []string{"--read-timeout", "1h"}})
	clients := make([]*websocket.Conn, healthyConns)
	for i := range clients {
		clients[i] = dial(t, s.front, fmt.Sprintf("/%d", i), nil)
		exchange(t, clients[i])
	}
	s.nginx.Signal(syscall.SIGHUP)
	eventually(t, "the reload", func() bool {
		log, _ := os.ReadFile(s.errlog)
		return strings.Contains(string(log), "gracefully shutting down")
	})
	var ended sync.WaitGroup
	for i, c := range clients {
		exchange(t, c)
		if i%2 == 0 {
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
		}
		ended.Go(func() { drain(c); c.Close() })
	}
	eventually(t, "the clients' closes", func() bool { return strings.Count(s.wstap.out.String(), " closed ") == healthyConns })
	close(deploy)
	ended.Wait()
	eventually(t, "all verdicts", func() bool { return strings.Count(s.wstap.out.String(), " closed ") == 2*healthyConns })
	return s.report()
}

func exchange(t *testing.T, c *websocket.Conn) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ReadMessage(); err != nil {
		t.Fatal(err)
	}
}

// deployServer echoes, and tells its clients to go when it is deployed: half of
// the odd paths by 1001, the others by 1012.
func deployServer(t *testing.T, deploy <-chan struct{}) string {
	return serve(t, func(c *websocket.Conn, path string) {
		code := websocket.CloseGoingAway
		if n, _ := strconv.Atoi(path[1:]); n%4 == 1 {
			code = websocket.CloseServiceRestart
		}
		done := make(chan struct{})
		defer close(done)
		go func() {
			select {
			case <-deploy:
				c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "deploy"), time.Now().Add(10*time.Second))
			case <-done:
			}
		}()
		for {
			typ, p, err := c.ReadMessage()
			if err != nil || c.WriteMessage(typ, p) != nil {
				return
			}
		}
	})
}
