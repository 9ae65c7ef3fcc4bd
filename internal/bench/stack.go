//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
)

// stack is a server and what stands before it, each a process of its own.
type stack struct {
	dir     string
	server  *child
	nginx   *nginxrun.Process
	proxies []*child
	routes  map[string]route
}

// route is one way: where the generator connects, and who is on it.
type route struct {
	addr  netip.AddrPort
	proxy int    // PID; 0: nobody
	file  string // the recording
}

// child is a process we started.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{}
}

func start(cmd *exec.Cmd) (*child, error) {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, stdin: stdin, done: make(chan struct{})}
	go func() { cmd.Wait(); close(c.done) }() // until it ends, which stop makes it do
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// stop ends the process and waits for it.
func (c *child) stop() {
	c.stdin.Close()
	c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.done:
	case <-time.After(5 * time.Second):
		c.cmd.Process.Kill()
		<-c.done
	}
}

// await polls until ok, for at most ten seconds; c, if any, must not end.
func await(what string, c *child, ok func() bool) error {
	var ended chan struct{}
	if c != nil {
		ended = c.done
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if ok() {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("%s: it ended: %v", what, c.cmd.ProcessState)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s: not within 10 s", what)
}

// newStack starts everything in dir. A port of the server for each way keeps
// their ephemeral ports apart.
func (b *bench) newStack(dir string) (*stack, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	s := &stack{dir: dir, routes: map[string]route{}}
	if err := b.startAll(s); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (b *bench) startAll(s *stack) error {
	ways := b.ways()
	addrs, err := s.startServer(b.self, len(ways))
	if err != nil {
		return err
	}
	for i, way := range ways {
		if err := b.startWay(s, way, addrs[i]); err != nil {
			return fmt.Errorf("%s: %w", way, err)
		}
	}
	return nil
}

// repeatedly tries again twice: a port that was free when it was chosen may be
// taken by one of thousands of conns before it is bound.
func repeatedly(start func(attempt int) error) (err error) {
	for attempt := range 3 {
		e := start(attempt)
		if e == nil {
			return nil
		}
		err = errors.Join(err, e)
	}
	return err
}

func (b *bench) startWay(s *stack, way string, upstream netip.AddrPort) error {
	switch way {
	case direct:
		s.routes[direct] = route{addr: upstream}
		return nil
	case nginx:
		return repeatedly(func(attempt int) error { return s.startNginx(upstream, attempt) })
	case tapped:
		return s.startTap(tap{binary: b.wstap, way: way}, upstream)
	case recorded:
		return s.startTap(tap{binary: b.wstap, way: way, recording: filepath.Join(s.dir, "bench.mcap")}, upstream)
	case against:
		return s.startTap(tap{binary: b.against, way: way}, upstream)
	case againstRecorded:
		return s.startTap(tap{binary: b.against, way: way, recording: filepath.Join(s.dir, "against.mcap")}, upstream)
	}
	for _, p := range b.others {
		if p.way == way {
			return repeatedly(func(int) error { return s.startPeer(p, upstream) })
		}
	}
	return fmt.Errorf("no way %q", way)
}

func (s *stack) startServer(self string, ports int) (addrs []netip.AddrPort, err error) {
	cmd := exec.Command(self, roleFlag, "server", strconv.Itoa(ports))
	cmd.Stderr = os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd.Stdout = w
	s.server, err = start(cmd)
	w.Close()
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(r).Decode(&addrs); err != nil {
		return nil, fmt.Errorf("the server does not start: %w", err)
	}
	return addrs, nil
}

const nginxMain = "worker_processes 1; worker_rlimit_nofile 20000; error_log logs/error.log error;"

const nginxHTTP = `server {
  listen %s backlog=4096;
  location / {
    proxy_pass http://%s;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
  }
}`

func (s *stack) startNginx(upstream netip.AddrPort, attempt int) error {
	port, err := nginxrun.FreePort()
	if err != nil {
		return err
	}
	addr := netip.AddrPortFrom(upstream.Addr(), uint16(port))
	s.nginx, err = nginxrun.Start(filepath.Join(s.dir, fmt.Sprintf("nginx-%d", attempt)), nginxrun.Config{
		Main: nginxMain, HTTP: fmt.Sprintf(nginxHTTP, addr, upstream),
	}, addr.String())
	if err != nil {
		return err
	}
	var worker int
	err = await("nginx's worker", nil, func() bool {
		kids := childrenOf(s.nginx.PID())
		if len(kids) == 1 {
			worker = kids[0]
		}
		return worker != 0
	})
	if err != nil {
		s.nginx.Stop()
		s.nginx = nil
		return err
	}
	s.routes[nginx] = route{addr: addr, proxy: worker}
	return nil
}

// childrenOf finds the processes whose parent is pid.
func childrenOf(pid int) (kids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		kid, _ := strconv.Atoi(filepath.Base(dir))
		if f := statOf(kid); len(f) > 1 && f[1] == strconv.Itoa(pid) { // state, parent, …
			kids = append(kids, kid)
		}
	}
	return kids
}

var listensAt = regexp.MustCompile(`listens at (\S+),`)

// tap is how a wstap is started.
type tap struct {
	binary, way string
	recording   string        // a file, or ""
	life        time.Duration // after which it ends by itself; 0: forgottenAfter
	more        []string      // flags
}

func (t tap) args(upstream netip.AddrPort) []string {
	args := []string{"tap", "--headless", "--for", cmp.Or(t.life, forgottenAfter).String(), "back@127.0.0.1:0=" + upstream.String()}
	if t.recording != "" {
		args = append(args, "--capture", t.recording)
	}
	return append(args, t.more...)
}

// startTap runs wstap with its lines in a file, as a service would.
func (s *stack) startTap(t tap, upstream netip.AddrPort) error {
	name := s.logOf(t.way)
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(t.binary, t.args(upstream)...)
	cmd.Stdout, cmd.Stderr = out, out
	c, err := start(cmd)
	if err != nil {
		return err
	}
	s.proxies = append(s.proxies, c)
	var addr netip.AddrPort
	err = await(t.way, c, func() bool {
		b, _ := os.ReadFile(name)
		if m := listensAt.FindSubmatch(b); m != nil {
			addr, _ = netip.ParseAddrPort(string(m[1]))
		}
		return addr.IsValid()
	})
	if err != nil {
		b, _ := os.ReadFile(name)
		return fmt.Errorf("%w\n%s", err, b)
	}
	s.routes[t.way] = route{addr: addr, proxy: c.pid(), file: t.recording}
	return nil
}

// logOf is where a tap's lines go.
func (s *stack) logOf(way string) string {
	return filepath.Join(s.dir, strings.ReplaceAll(way, " ", "-")+".log")
}

func (s *stack) stop() {
	if s.nginx != nil {
		s.nginx.Stop()
	}
	for _, c := range s.proxies {
		c.stop()
	}
	if s.server != nil {
		s.server.stop()
	}
}

// generatorTime is what a generator may take beyond its job.
const generatorTime = 30 * time.Second

// measure runs one generator on one way.
func (s *stack) measure(ctx context.Context, self, variant string, j job) (r result, err error) {
	way := s.routes[variant]
	j.Addr, j.Proxy, j.Server = way.addr, way.proxy, s.server.pid()
	if j.Load == "paced" {
		j.File = way.file
	}
	b, err := json.Marshal(j)
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, j.Warm+j.For+generatorTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, self, roleFlag, "load", string(b)).Output()
	if err != nil {
		text := ""
		if e := (*exec.ExitError)(nil); errors.As(err, &e) {
			text = string(e.Stderr)
		}
		return r, fmt.Errorf("%s, %s: %w: %s", j.Load, variant, err, text)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("%s, %s: %w", j.Load, variant, err)
	}
	return r, s.alive(variant)
}

// alive is a check that what was measured still works.
func (s *stack) alive(variant string) error {
	c, err := net.DialTimeout("tcp", s.routes[variant].addr.String(), time.Second)
	if err != nil {
		return fmt.Errorf("%s does not answer after the load: %w", variant, err)
	}
	return c.Close()
}
