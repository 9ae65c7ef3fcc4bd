package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

// target is where a relay is.
type target struct {
	text string // as given
	unix string // path of the socket, or ""
	url  string // ws or wss
	tls  bool
	host string
}

// CheckURL says what is wrong with the URL of a relay.
func CheckURL(text string) error {
	_, err := parseTarget(text)
	return err
}

const urlForms = "want wss://HOST:PORT, ws://HOST:PORT (also https and http) or unix:/PATH"

func parseTarget(text string) (*target, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return unixTarget(text, path)
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("attach: %q is no URL of a relay: %s", clean(withoutSecrets(text), 100), urlForms)
	}
	shown := clean(u.Scheme+"://"+u.Host, 100)
	scheme, known := map[string]string{"ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}[u.Scheme]
	switch {
	case !known:
		return nil, fmt.Errorf("attach: %s: unknown scheme: %s", shown, urlForms)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("attach: %s: a user name, query or fragment in the URL may hold a secret and is not sent: give the token by --token-file or the environment", shown)
	case u.Hostname() == "":
		return nil, fmt.Errorf("attach: %s: the host is missing: %s", shown, urlForms)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = Path
	}
	u.Scheme = scheme
	return &target{text: text, url: u.String(), tls: scheme == "wss", host: u.Hostname()}, nil
}

func unixTarget(text, path string) (*target, error) {
	if strings.HasPrefix(path, "//") {
		path = "/" + strings.TrimLeft(path, "/")
	}
	if path == "" {
		return nil, fmt.Errorf("attach: %q: the path is missing: %s", text, urlForms)
	}
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("attach: the path of the socket has %d bytes, at most %d are possible", len(path), maxSocketPath)
	}
	return &target{text: text, unix: path, url: "ws://localhost" + Path}, nil
}

// withoutSecrets is for a text that could not be parsed.
func withoutSecrets(text string) string {
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i] + "…"
	}
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = "…" + text[i:]
	}
	return text
}

// loopback says that nobody listens on the way.
func (t *target) loopback() bool {
	if t.unix != "" || t.host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(t.host)
	return err == nil && a.IsLoopback()
}

// check says whether a token may go there.
func (t *target) check(token string) error {
	if token != "" && !t.tls && !t.loopback() {
		return fmt.Errorf("attach: %s is not encrypted, the token would be readable on the way: use wss://, or ssh -L and ws://127.0.0.1", t.text)
	}
	return nil
}

// maxHandshake bounds what a relay may send before it is welcomed: a response
// head, and the handshake of TLS.
const maxHandshake = 256 << 10

const dialIn = 10 * time.Second

// dial opens a line to a relay. What it refuses is a *RefusedError.
func (t *target) dial(ctx context.Context, token string, conf *tls.Config) (*websocket.Conn, error) {
	var limited *limitedConn
	d := websocket.Dialer{
		HandshakeTimeout: dialIn, ReadBufferSize: 16 << 10, WriteBufferSize: 1 << 10, TLSClientConfig: http1Only(conf),
		NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if t.unix != "" {
				network, addr = "unix", t.unix
			}
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			limited = &limitedConn{Conn: c}
			limited.left.Store(maxHandshake)
			return limited, nil
		},
	}
	if t.unix == "" {
		d.Proxy = http.ProxyFromEnvironment
	}
	head := http.Header{}
	if token != "" {
		head.Set("Authorization", "Bearer "+token)
	}
	conn, resp, err := d.DialContext(ctx, t.url, head)
	if err != nil {
		return nil, t.dialError(resp, err)
	}
	limited.left.Store(unlimited)
	return conn, nil
}

func http1Only(conf *tls.Config) *tls.Config {
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conf = conf.Clone()
	conf.NextProtos = []string{"http/1.1"}
	return conf
}

// RefusedError is a relay, or what stands in its place, that answers but does
// not let the viewer in.
type RefusedError struct {
	Status int
	Text   string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("attach: the relay answers %d %s: %s", e.Status, http.StatusText(e.Status), e.Text)
}

// permanent says that trying again will not help.
func (e *RefusedError) permanent() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return false
	}
	return true
}

func (t *target) dialError(resp *http.Response, err error) error {
	if resp != nil && errors.Is(err, websocket.ErrBadHandshake) {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		text := clean(strings.TrimPrefix(strings.TrimSpace(string(body)), "wstap: "), 300)
		if text == "" || strings.HasPrefix(text, "<") {
			text = "this does not look like a wstap relay"
		}
		return &RefusedError{resp.StatusCode, text}
	}
	var certs *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certs):
		return fmt.Errorf("attach: %s: its certificate is not trusted (give its authority): %w", t.text, err)
	case errors.Is(err, errHandshakeSize):
		return fmt.Errorf("attach: %s: %w", t.text, errHandshakeSize)
	}
	return fmt.Errorf("attach: %s: %s", t.text, clean(err.Error(), 300))
}

var errHandshakeSize = fmt.Errorf("its handshake is longer than %d bytes: this is no relay", maxHandshake)

const unlimited = -1

// limitedConn reads only so much.
type limitedConn struct {
	net.Conn
	left atomic.Int64
}

func (c *limitedConn) Read(b []byte) (int, error) {
	left := c.left.Load()
	if left == 0 {
		return 0, errHandshakeSize
	}
	if left > 0 && int64(len(b)) > left {
		b = b[:left]
	}
	n, err := c.Conn.Read(b)
	if left > 0 {
		c.left.CompareAndSwap(left, left-int64(n))
	}
	return n, err
}
