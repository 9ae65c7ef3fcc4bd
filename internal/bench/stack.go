//go:build linux

package main

import (
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

// The ways from the generator to the server.
const (
	direct   = "direct"
	nginx    = "nginx"
	tapped   = "wstap"
	recorded = "wstap recording"
)

var variants = []string{direct, nginx, tapped, recorded}

// stack is a server and what stands before it, each a process of its own.
type stack struct {
	dir    string
	server *child
	nginx  *nginxrun.Process
	taps   []*child
	routes map[string]route
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
func newStack(dir, self, wstap string) (s *stack, err error) {
	s = &stack{dir: dir, routes: map[string]route{}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	addrs, err := s.startServer(self, len(variants))
	if err != nil {
		return nil, err
	}
	s.routes[direct] = route{addr: addrs[0]}
	if err := s.startNginx(addrs[1]); err != nil {
		return nil, err
	}
	if err := s.startTap(wstap, tapped, addrs[2], ""); err != nil {
		return nil, err
	}
	if err := s.startTap(wstap, recorded, addrs[3], filepath.Join(dir, "bench.mcap")); err != nil {
		return nil, err
	}
	return s, nil
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

func (s *stack) startNginx(upstream netip.AddrPort) error {
	port, err := nginxrun.FreePort()
	if err != nil {
		return err
	}
	addr := netip.AddrPortFrom(upstream.Addr(), uint16(port))
	s.nginx, err = nginxrun.Start(filepath.Join(s.dir, "nginx"), nginxrun.Config{
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
	s.routes[nginx] = route{addr: addr, proxy: worker}
	return err
}

// childrenOf finds the processes whose parent is pid; proc(5), /proc/PID/stat.
func childrenOf(pid int) (kids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		text := string(b)
		rest := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // state, parent, …
		if len(rest) > 1 && rest[1] == strconv.Itoa(pid) {
			if kid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
				kids = append(kids, kid)
			}
		}
	}
	return kids
}

var listensAt = regexp.MustCompile(`listens at (\S+),`)

// startTap runs wstap with its lines in a file, as a service would.
func (s *stack) startTap(wstap, variant string, upstream netip.AddrPort, recording string) error {
	args := []string{"tap", "--headless", "--for", "15m", "back@127.0.0.1:0=" + upstream.String()}
	if recording != "" {
		args = append(args, "--capture", recording)
	}
	name := filepath.Join(s.dir, strings.ReplaceAll(variant, " ", "-")+".log")
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(wstap, args...)
	cmd.Stdout, cmd.Stderr = out, out
	c, err := start(cmd)
	if err != nil {
		return err
	}
	s.taps = append(s.taps, c)
	var addr netip.AddrPort
	err = await(variant, c, func() bool {
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
	s.routes[variant] = route{addr: addr, proxy: c.pid(), file: recording}
	return nil
}

func (s *stack) stop() {
	if s.nginx != nil {
		s.nginx.Stop()
	}
	for _, c := range s.taps {
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
