package tap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// tap is one listening address and what it leads to.
type tap struct {
	server *Server
	spec   Spec
	listen string // as bound: with the chosen port

	serverTLS   *tls.Config // nil: clients speak plain
	upstreamTLS *tls.Config // nil: the upstream does
	note        string      // what a reader must know of it

	mu     sync.Mutex // guards what follows
	ln     net.Listener
	file   fs.FileInfo // of the unix socket that is ours
	closed bool
	direct *direct // has the listener now; nil: ln has
}

// open begins to listen.
func (t *tap) open() error {
	if err := t.prepareTLS(); err != nil {
		return err
	}
	a := t.spec.Listen
	if a.Network == "unix" {
		if err := removeStale(a.Address); err != nil {
			return fmt.Errorf("tap %s: cannot listen on %q: %w", t.spec.Name, a.Text, err)
		}
	}
	ln, err := t.server.opts.Listen(a.Network, a.Address)
	if err != nil {
		return fmt.Errorf("tap %s: cannot listen on %q: %w%s", t.spec.Name, a.Text, err, listenHint(a, err))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ln, t.listen = ln, addrText(ln.Addr())
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // it would remove whatever has that name by then
		t.file, _ = os.Lstat(a.Address)
	}
	return nil
}

// close ends the accept loop and removes the socket file if it is still ours.
func (t *tap) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ln == nil || t.closed {
		return
	}
	t.closed = true
	if t.file != nil {
		if now, err := os.Lstat(t.spec.Listen.Address); err == nil && os.SameFile(now, t.file) {
			os.Remove(t.spec.Listen.Address)
		}
	}
	if t.direct != nil {
		t.direct.close()
		return
	}
	t.ln.Close()
}

// keepAlive is what the standard library is to be told: negative is off.
func (s *Server) keepAlive() time.Duration {
	if s.opts.KeepAlive > 0 {
		return s.opts.KeepAlive
	}
	return -1
}

func (s *Server) listenDefault(network, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: s.keepAlive()}
	lc.SetMultipathTCP(false)
	return lc.Listen(s.ctx, network, address)
}

// dial opens a connection to an upstream.
func (s *Server) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.opts.Dial != nil {
		return s.opts.Dial(ctx, network, address)
	}
	return s.dialDefault(ctx, network, address)
}

func (s *Server) dialDefault(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: s.keepAlive()}
	d.SetMultipathTCP(false)
	return d.DialContext(ctx, network, address)
}

// removeStale removes a socket file that nobody listens on, which is what a
// killed process leaves behind. Anything else at path is an error.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // nothing there, or nothing we may see: listening will tell
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return errors.New("there is a file of that name which is no socket; choose another path or remove it")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errors.New("somebody listens there already; stop that program or choose another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket of that name exists and cannot be probed: %w", err)
	}
	return os.Remove(path)
}

// listenHint says what to do about err.
func listenHint(a Addr, err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "; stop the program that listens there (ss -ltnp names it) or choose another port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "; this machine has no such address: choose one of its own, or leave the host out"
	case errors.Is(err, fs.ErrPermission) && a.Network == "unix":
		return "; choose a directory that you may write to"
	case errors.Is(err, fs.ErrPermission):
		return "; ports below 1024 need root or CAP_NET_BIND_SERVICE: choose a higher port or grant it"
	case errors.Is(err, fs.ErrNotExist):
		return "; create the directory first"
	}
	return ""
}

// addrText is how events write an address: ip:port, or unix: and the path, which clients do not have.
func addrText(a net.Addr) string {
	u, ok := a.(*net.UnixAddr)
	switch {
	case a == nil:
		return ""
	case !ok:
		return a.String()
	case u == nil || u.Name == "@":
		return "unix:"
	}
	return "unix:" + u.Name
}
