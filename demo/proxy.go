package demo

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	proxyName = "wstap-demo-proxy (stand-in, not nginx)"

	// flakyUpstream refuses connections: nothing listens on tcpmux. It stands for a server process that is down.
	flakyUpstream = "127.0.0.1:1"

	maxConnections = 512 // at once; more wait in the kernel's queue
	headTimeout    = 10 * time.Second
)

// proxy is the stand-in for nginx: location / { proxy_pass http://upstream; } with the lines for WebSockets.
type proxy struct {
	d        *Demo
	upstream string
	conns    sync.WaitGroup
}

// StartProxy starts the stand-in reverse proxy for upstream (host:port) and returns its address. It ends with ctx:
// then tunnels get a FIN on both sides, as from nginx at SIGTERM.
func (d *Demo) StartProxy(ctx context.Context, upstream string) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p := &proxy{d: d, upstream: upstream}
	d.running.Go(func() { p.accept(ctx, ln) })
	return ln.Addr().String(), nil
}

// accept owns the goroutines of all connections and returns when the last has ended.
func (p *proxy) accept(ctx context.Context, ln net.Listener) {
	defer p.conns.Wait()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	slots := make(chan struct{}, maxConnections)
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		slots <- struct{}{}
		p.conns.Go(func() {
			p.serve(ctx, conn.(*net.TCPConn))
			<-slots
		})
	}
}

// exchange is one request and what became of it.
type exchange struct {
	p      *proxy
	client *net.TCPConn
	server *net.TCPConn
	log    logContext
}

func (p *proxy) serve(ctx context.Context, client *net.TCPConn) {
	x := &exchange{p: p, client: client}
	x.log.number = p.d.connections.Add(1)
	x.log.client, _, _ = net.SplitHostPort(client.RemoteAddr().String())
	defer client.Close()
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()

	_ = client.SetDeadline(time.Now().Add(headTimeout))
	fromClient := bufio.NewReaderSize(client, maxHeadLine)
	request, err := readHead(fromClient)
	if err != nil {
		return
	}
	target, ok := request.target()
	if !ok {
		x.refuse(http.StatusBadRequest)
		return
	}
	x.describe(&request, target)
	if !x.dial(ctx, target) {
		return
	}
	defer x.server.Close()
	stopServer := context.AfterFunc(ctx, func() { x.server.Close() })
	defer stopServer()
	x.pass(ctx, &request, fromClient)
}

func (x *exchange) describe(request *head, target string) {
	x.log.request = request.start
	x.log.upstream = "http://" + x.p.upstreamFor(target) + target
	x.log.host, _ = request.get("Host")
	x.log.referrer, x.log.hasRef = request.get("Referer")
}

func (p *proxy) upstreamFor(target string) string {
	if temperamentOf(target) == "flaky" {
		return flakyUpstream
	}
	return p.upstream
}

func (x *exchange) dial(ctx context.Context, target string) bool {
	x.p.d.connections.Add(1)
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", x.p.upstreamFor(target))
	if err == nil {
		x.server = conn.(*net.TCPConn)
		return true
	}
	if ctx.Err() == nil {
		message := "connect() failed " + refused
		if !errors.Is(err, syscall.ECONNREFUSED) {
			message = "upstream timed out " + timedOut
		}
		x.p.d.log("error", message+whileConnecting, &x.log)
		x.refuse(http.StatusBadGateway)
	}
	return false
}

// pass sends the request on, relays the response and, after a 101, becomes a tunnel.
func (x *exchange) pass(ctx context.Context, request *head, fromClient *bufio.Reader) {
	forwarded := x.forwarded(request)
	_, upgrade := request.get("Upgrade")
	_ = x.server.SetDeadline(time.Now().Add(x.p.d.idleTimeout()))
	if _, err := x.server.Write(forwarded.bytes()); err != nil {
		x.noResponse(ctx, err)
		return
	}
	fromServer := bufio.NewReaderSize(x.server, maxHeadLine)
	response, err := readHead(fromServer)
	if err != nil {
		x.noResponse(ctx, err)
		return
	}
	status, ok := response.status()
	if !ok {
		x.refuse(http.StatusBadGateway)
		return
	}
	tunnel := status == "101" && upgrade
	if _, err := x.client.Write(x.answered(&response, tunnel)); err != nil {
		return
	}
	if tunnel {
		x.tunnel(ctx, fromClient, fromServer)
		return
	}
	x.relayBody(&response, fromServer)
}

// forwarded is the request as nginx sends it: what is set first, then the client's other headers as they came.
func (x *exchange) forwarded(request *head) *head {
	set := []string{"Host: " + x.log.host}
	if upgrade, ok := request.get("Upgrade"); ok {
		set = append(set, "Upgrade: "+upgrade, "Connection: upgrade")
	} else {
		set = append(set, "Connection: close")
	}
	forwardedFor := x.log.client
	if before, ok := request.get("X-Forwarded-For"); ok {
		forwardedFor = before + ", " + forwardedFor
	}
	set = append(set, "X-Forwarded-For: "+forwardedFor)
	kept := request.without("Host", "Upgrade", "Connection", "Keep-Alive", "TE", "Expect", "X-Forwarded-For")
	return &head{start: request.start, lines: append(set, kept...)}
}

// answered is the response as nginx sends it: its own Server, Date and Connection, then the server's headers.
func (x *exchange) answered(response *head, tunnel bool) []byte {
	connection := "close"
	if tunnel {
		connection = "upgrade"
	}
	own := []string{
		"Server: " + proxyName, "Date: " + time.Now().UTC().Format(http.TimeFormat), "Connection: " + connection,
	}
	h := head{start: response.start, lines: append(own, response.without("Server", "Date", "Connection", "Keep-Alive")...)}
	return h.bytes()
}

// relayBody copies the body of a response that is no 101. Without a length it goes to the server's end.
func (x *exchange) relayBody(response *head, fromServer *bufio.Reader) {
	body := io.Reader(fromServer)
	if value, ok := response.get("Content-Length"); ok {
		n, _ := strconv.ParseInt(value, 10, 64)
		body = io.LimitReader(fromServer, n)
	}
	_, _ = io.Copy(x.client, body)
}

// noResponse says why there was none, in nginx's words.
func (x *exchange) noResponse(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	status, message := http.StatusBadGateway, "upstream prematurely closed connection"
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		status, message = http.StatusGatewayTimeout, "upstream timed out "+timedOut
	case errors.Is(err, syscall.ECONNRESET):
		message = "recv() failed " + reset
	}
	x.p.d.log("error", message+whileReading, &x.log)
	x.refuse(status)
}

// refuse answers the client with a page of the proxy's own.
func (x *exchange) refuse(status int) {
	reason := strconv.Itoa(status) + " " + http.StatusText(status)
	page := "<html><head><title>" + reason + "</title></head><body>" + reason + "<hr>" + proxyName + "</body></html>\r\n"
	_, _ = io.WriteString(x.client, strings.Join([]string{
		"HTTP/1.1 " + reason, "Server: " + proxyName, "Date: " + time.Now().UTC().Format(http.TimeFormat),
		"Content-Type: text/html", "Content-Length: " + strconv.Itoa(len(page)), "Connection: close", "", page,
	}, "\r\n"))
}
