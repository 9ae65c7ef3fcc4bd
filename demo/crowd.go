package demo

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	arrival          = 900 * time.Millisecond // everybody of the first round has come by then
	handshakeTimeout = 10 * time.Second
)

// RunCrowd sends a crowd of clients to addr (host:port or ws://host:port) until ctx ends, and returns when the last
// one has left: nil, or why it could not begin. The crowd is bounded: a client that leaves makes room for the next.
func (d *Demo) RunCrowd(ctx context.Context, addr string) error {
	addr = strings.TrimPrefix(strings.TrimPrefix(addr, "ws://"), "http://")
	addr = strings.TrimSuffix(addr, "/")
	if addr == "" {
		return fmt.Errorf("demo: no address for the crowd, want host:port")
	}
	var clients sync.WaitGroup
	for n := range d.clients() {
		c := &client{addr: addr, dice: d.dice(roleClient, uint64(n)), idle: d.idleTimeout()}
		first := firstRound[n%len(firstRound)]
		clients.Go(func() { c.run(ctx, first) })
	}
	clients.Wait()
	return nil
}

// client is one place in the crowd. One after another, different people take it; each reconnects a few times to what
// it came for.
type client struct {
	addr string
	dice *dice
	idle time.Duration
}

func (c *client) run(ctx context.Context, first string) {
	kind := first
	pause := c.dice.between(0, arrival)
	for {
		who := c.newcomer(kind)
		for visits := 1 + c.dice.IntN(3); visits > 0; visits-- {
			if !sleep(ctx, pause) {
				return
			}
			c.visit(ctx, who)
			pause = c.dice.between(500*time.Millisecond, 4*time.Second)
		}
		kind = chooseTemperament(c.dice)
	}
}

// visitor is what stays the same when a client reconnects.
type visitor struct {
	kind         string
	target       string
	header       http.Header
	subprotocols []string
	compress     bool
}

func (c *client) newcomer(kind string) visitor {
	token := fmt.Sprintf("demo-%016x%016x", c.dice.Uint64(), c.dice.Uint64()) // of no use anywhere
	v := visitor{
		kind:     kind,
		target:   c.target(kind, token),
		header:   http.Header{},
		compress: c.dice.IntN(3) == 0,
	}
	agent := pick(c.dice, userAgents)
	v.header.Set("User-Agent", agent)
	if strings.HasPrefix(agent, "Mozilla/") {
		v.header.Set("Origin", pick(c.dice, origins))
		v.header.Set("Cookie", fmt.Sprintf("theme=dark; sid=%016x", c.dice.Uint64()))
	}
	switch c.dice.IntN(4) {
	case 0:
		v.subprotocols = []string{"graphql-transport-ws"}
	case 1:
		v.subprotocols = []string{"bearer", token}
	case 2:
		v.subprotocols = []string{"chat.v2", "chat.v1"}
	}
	return v
}

// target varies what real targets vary: ids in the path, keys in the query, tokens where they should not be.
func (c *client) target(kind, token string) string {
	id := 1000 + c.dice.IntN(9000)
	switch c.dice.IntN(4) {
	case 0:
		return fmt.Sprintf("/%s?token=%s", kind, token)
	case 1:
		return fmt.Sprintf("/%s/%d?user=u%d&access_token=%s", kind, id, c.dice.IntN(500), token)
	case 2:
		return fmt.Sprintf("/%s/rooms/%d?v=2", kind, id)
	}
	return "/" + kind
}

func (c *client) visit(ctx context.Context, v visitor) {
	dialer := websocket.Dialer{
		HandshakeTimeout:  handshakeTimeout,
		Subprotocols:      v.subprotocols,
		EnableCompression: v.compress,
	}
	conn, response, err := dialer.DialContext(ctx, "ws://"+c.addr+v.target, v.header)
	if response != nil {
		response.Body.Close() // gorilla has read what there was
	}
	if err != nil {
		return // refused, or nobody there: the taps show it
	}
	s := newSession(ctx, conn, c.dice, c.idle)
	defer s.end()
	if visit := temperaments[v.kind].visit; visit != nil {
		visit(s)
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var userAgents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
	"okhttp/4.12.0",
	"Python/3.13 websockets/15.0.1",
	"Go-http-client/1.1",
	"Dart/3.8 (dart:io)",
}

var origins = []string{"https://app.example.com", "https://www.example.com", "https://admin.example.com", "http://localhost:3000"}
