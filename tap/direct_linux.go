package tap

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/ws"
)

// Where both addresses are plain ones, accepting and dialling are the loop's
// too: half of what a handshake costs a proxy is in what Go's net does for
// every connection.

// direct accepts for one tap and dials its upstream.
type direct struct {
	tap   *tap
	loop  *loop // that has the listener
	fd    int
	slot  int32
	local string // of a listener that has one address; else each connection's is asked for

	upstream unix.Sockaddr
	family   int
	server   string // upstream's address, as events write it

	failures int
}

// newDirect takes t's listener over for l, or returns nil if t is not for it.
func newDirect(t *tap, l *loop) *direct {
	d := &direct{tap: t, loop: l, fd: -1, local: t.listen}
	if t.server.opts.Dial != nil || !t.spec.passesAll() || !d.target() {
		return nil
	}
	switch ln := t.ln.(type) {
	case *net.TCPListener:
		if ln.Addr().(*net.TCPAddr).IP.IsUnspecified() {
			d.local = ""
		}
	case *net.UnixListener:
	default:
		return nil
	}
	control(t.ln, func(fd uintptr) { d.fd, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if d.fd < 0 {
		return nil
	}
	t.ln.Close() // Go's poller is not to be told of every connection too
	if t.spec.Listen.Network == "tcp" {
		d.setOptions(d.fd) // accepted connections inherit them
	}
	l.post(d.listen)
	return d
}

// target makes the address to dial; a name is for Go's resolver.
func (d *direct) target() bool {
	a := d.tap.spec.Upstream
	if a.Network == "unix" {
		d.family, d.upstream, d.server = unix.AF_UNIX, &unix.SockaddrUnix{Name: a.Address}, d.tap.upstreamText()
		return true
	}
	ap, err := netip.ParseAddrPort(a.Address)
	switch addr := ap.Addr().Unmap(); {
	case err != nil, addr.Zone() != "", addr.IsUnspecified():
		return false
	case addr.Is4():
		d.family, d.upstream = unix.AF_INET, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: addr.As4()}
		d.server = netip.AddrPortFrom(addr, ap.Port()).String()
	default:
		d.family, d.upstream = unix.AF_INET6, &unix.SockaddrInet6{Port: int(ap.Port()), Addr: addr.As16()}
		d.server = ap.String()
	}
	return true
}

func (d *direct) listen() {
	slot, err := d.loop.watch(d.fd, unix.EPOLLIN, d)
	if err != nil {
		d.failed(err)
		return
	}
	d.slot = slot
}

// close stops accepting. It returns when nobody is accepted any more.
func (d *direct) close() {
	closed := make(chan struct{})
	d.loop.post(func() {
		defer close(closed)
		if d.slot != 0 {
			d.loop.forget(d.slot)
		}
		unix.Close(d.fd)
		d.fd = -1
	})
	<-closed
}

// setOptions sets what tap.Options promises for a TCP connection.
func (d *direct) setOptions(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if every := int(d.tap.server.opts.KeepAlive.Round(time.Second).Seconds()); every > 0 {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, every)
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, every)
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
}

// acceptsAtOnce is after how many connections others get a turn.
const acceptsAtOnce = 64

func (d *direct) ready(uint32) {
	for range acceptsAtOnce {
		// Not package unix's: that asks for each socket's protocol too.
		fd, peer, err := syscall.Accept4(d.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
			d.accepted(&socket{fd: fd, tcp: d.tap.spec.Listen.Network == "tcp"}, sockaddrText(peer))
		case unix.EAGAIN:
			return
		case unix.EINTR, unix.ECONNABORTED:
		default:
			d.failed(os.NewSyscallError("accept4", err))
			return
		}
	}
}

// failed waits a while: what waits in the backlog is told again and again.
func (d *direct) failed(err error) {
	d.failures++
	d.tap.acceptFailed(d.failures, err)
	d.loop.change(d.fd, d.slot, 0)
	time.AfterFunc(acceptPause, func() {
		d.loop.post(func() {
			switch {
			case d.fd < 0:
			case d.slot == 0:
				d.listen()
			default:
				d.loop.change(d.fd, d.slot, unix.EPOLLIN)
			}
		})
	})
}

func (d *direct) accepted(client *socket, addr string) {
	if d.failures > 0 {
		d.tap.acceptsAgain(d.failures)
		d.failures = 0
	}
	s := d.tap.server
	t := newTunnel(d.tap)
	p := newPolled(s.nextLoop(), t, client)
	if !s.begin(t) {
		client.Close()
		return
	}
	t.seen.open(d.tap, t.began, addr, d.acceptedAt(client))
	if p.loop == d.loop {
		p.dial(d)
		return
	}
	p.loop.post(func() { p.dial(d) })
}

// acceptedAt is the address that the client dialled.
func (d *direct) acceptedAt(client *socket) string {
	if d.local != "" {
		return d.local
	}
	return client.localText()
}

// dialling is a connection to an upstream on its way.
type dialling struct {
	p       *polled
	d       *direct
	timeout *time.Timer
}

// dial begins to connect the tunnel's other side.
func (p *polled) dial(d *direct) {
	if p.done {
		return // Close came first
	}
	c := &dialling{p: p, d: d}
	server, err := d.connect()
	if err != nil {
		c.failed(err)
		return
	}
	s := &p.sides[ws.FromServer]
	p.use(ws.FromServer, server)
	if s.slot, err = p.loop.watch(server.fd, sideEvents, c); err != nil {
		c.failed(err)
		return
	}
	wait := p.t.tap.server.opts.DialTimeout
	c.timeout = time.AfterFunc(wait, func() { p.loop.post(c.timedOut) })
}

// connect makes the socket and begins.
func (d *direct) connect() (*socket, error) {
	fd, err := unix.Socket(d.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := &socket{fd: fd, tcp: d.family != unix.AF_UNIX}
	if s.tcp {
		d.setOptions(fd)
	}
	if err := unix.Connect(fd, d.upstream); err != nil && err != unix.EINPROGRESS {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (c *dialling) ready(events uint32) {
	p, t := c.p, c.p.t
	c.timeout.Stop()
	server := p.sides[ws.FromServer].sock
	if events&always != 0 {
		if err := pendingError(server); err != nil {
			c.failed(err)
			return
		}
	}
	local := server.localText()
	if local == c.d.server { // TCP's simultaneous open: nobody listens, and our own port was the one
		c.failed(unix.ECONNREFUSED)
		return
	}
	t.seen.dialed(local, c.d.server)
	if !t.tap.server.connected(t) {
		p.stop()
		return
	}
	s := &p.sides[ws.FromServer]
	p.loop.watched[s.slot] = s
	p.begin()
	s.ready(events)
}

func (c *dialling) timedOut() {
	if p := c.p; !p.done && p.loop.watched[p.sides[ws.FromServer].slot] == c {
		c.failed(context.DeadlineExceeded)
	}
}

// failed ends the tunnel before it began.
func (c *dialling) failed(err error) {
	p := c.p
	p.done = true
	if c.timeout != nil {
		c.timeout.Stop()
	}
	if s := &p.sides[ws.FromServer]; s.sock != nil {
		if s.slot != 0 {
			p.loop.forget(s.slot)
		}
		s.sock.Close()
	}
	defer p.t.tap.server.wg.Done()
	p.t.dialFailed(err)
}

// localText is the socket's own address as events write it.
func (s *socket) localText() string {
	sa, err := syscall.Getsockname(s.fd)
	if err != nil {
		return ""
	}
	return sockaddrText(sa)
}

// sockaddrText is addrText for the kernel's form of an address.
func sockaddrText(sa syscall.Sockaddr) string {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *syscall.SockaddrInet6:
		addr := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 && addr.Is6() {
			addr = addr.WithZone(zoneName(sa.ZoneId))
		}
		return netip.AddrPortFrom(addr, uint16(sa.Port)).String()
	case *syscall.SockaddrUnix:
		return addrText(&net.UnixAddr{Name: sa.Name, Net: "unix"})
	}
	return ""
}

// zoneName names the scope of a link-local address as Go's net does.
func zoneName(id uint32) string {
	if i, err := net.InterfaceByIndex(int(id)); err == nil {
		return i.Name
	}
	return strconv.Itoa(int(id))
}
