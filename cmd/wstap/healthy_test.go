package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
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

// correct is how nginx.org writes it, with the log at info.
const correct = `map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server { listen ‹nginx›; location /ws/ { proxy_pass http://‹app›; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade; proxy_set_header Host $host; proxy_read_timeout 1h; } }`

// TestHealthyTrafficIsNotBlamed: every end was asked for, by a close frame or by
// a client that left, and nothing else is read into it, neither by a verdict nor
// by a finding.
func TestHealthyTrafficIsNotBlamed(t *testing.T) {
	t.Parallel()
	judgeHealthy(t, healthyReport(t, way{}))
}

func judgeHealthy(t *testing.T, d *report.Document) {
	t.Helper()
	if len(d.Conns) != 2*healthyConns || d.Totals.Links != healthyConns {
		t.Errorf("%d conns, %d links", len(d.Conns), d.Totals.Links)
	}
	codes := map[uint16]int{}
	for _, c := range d.Conns {
		if c.Close == nil || c.Close.Confidence != "confirmed" || c.Close.Code == nil || c.Close.Cause != "close_handshake" && c.Close.Cause != "client_fin" {
			t.Errorf("%s %s: %+v", str(c.Leg), str(c.Target), c.Close)
			continue
		}
		codes[*c.Close.Code]++
	}
	const left = healthyConns / 20
	for code, want := range map[uint16]int{1000: healthyConns - 2*left, 1006: 2 * left, 1001: healthyConns / 2, 1012: healthyConns / 2} {
		if codes[code] != want {
			t.Errorf("close codes %v, want %d of %d", codes, want, code)
		}
	}
	for _, f := range d.Findings {
		if f.Severity != "info" {
			t.Errorf("a false alarm: %s %s: %s\n%s", f.Severity, f.ID, f.Title, strings.Join(f.Evidence, "\n"))
		}
	}
}

// healthyReport is the report of a day on which nothing is wrong: connections
// through a correct nginx that talk, outlive a reload without
// worker_shutdown_timeout, are closed by half of the clients, of which a few
// just leave, and for the rest by the server's deploy.
func healthyReport(t *testing.T, w way) *report.Document {
	t.Helper()
	deploy := make(chan struct{})
	pair := newPair(t)
	s := newSite(t, siteOptions{servers: map[string]string{"app": deployServer(t, pair.serverIf(w.server), deploy)}, http: correct, way: w, pair: pair})
	clients := make([]*websocket.Conn, healthyConns)
	for i := range clients {
		clients[i] = s.dial(fmt.Sprintf("/ws/%d", i))
		exchange(t, clients[i])
	}
	s.proc.Signal(syscall.SIGHUP)
	eventually(t, "the reload", func() bool {
		log, _ := os.ReadFile(filepath.Join(s.proc.Dir, "logs", "error.log"))
		return strings.Contains(string(log), "gracefully shutting down")
	})
	var ended sync.WaitGroup
	for i, c := range clients {
		exchange(t, c)
		switch {
		case i%20 == 0: // a tab is closed
			c.Close()
			continue
		case i%2 == 0:
			c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
		}
		ended.Go(func() { drain(c); c.Close() })
	}
	s.until(healthyConns, " closed ")
	close(deploy)
	ended.Wait()
	s.until(2*healthyConns, " closed ")
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
func deployServer(t *testing.T, config *tls.Config, deploy <-chan struct{}) string {
	return serveOver(t, config, func(c *websocket.Conn, path string) {
		code := websocket.CloseGoingAway
		if n, _ := strconv.Atoi(filepath.Base(path)); n%4 == 1 {
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
