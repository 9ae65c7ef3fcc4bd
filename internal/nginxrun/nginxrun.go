// Package nginxrun starts a real nginx of our own on loopback, for tests and
// benchmarks: in a folder of its own, in the foreground, ended by its PID. It
// never touches an nginx of the system.
package nginxrun

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrMissing says that no nginx is installed; `make deps` installs it.
var ErrMissing = errors.New("nginx is not installed (make deps installs it)")

// Process is a running nginx.
type Process struct {
	Dir string // its prefix; logs and the configuration are here
	cmd *exec.Cmd
	out *buffer

	done chan struct{}
}

// buffer is what nginx wrote to standard error, safe to read while it runs.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// head is the part of the configuration that every run needs: in the
// foreground, all files under the prefix.
const head = `daemon off;
pid nginx.pid;
%s
events { worker_connections 10000; }
`

// tempPaths keeps the http module's files under the prefix.
const tempPaths = `client_body_temp_path tmp/body; proxy_temp_path tmp/proxy;
fastcgi_temp_path tmp/f; uwsgi_temp_path tmp/u; scgi_temp_path tmp/s;
access_log off;
`

// Config is a configuration: Main goes to the top level (error_log,
// worker_processes, …), HTTP into the http block.
type Config struct{ Main, HTTP string }

// Binary finds nginx, also where a user's PATH does not reach.
func Binary() (string, error) {
	for _, name := range []string{"nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", ErrMissing
}

// Write writes the configuration into dir as nginx.conf, for who reads it
// before nginx runs; Start does so, too.
func (c Config) Write(dir string) error {
	for _, d := range []string{"tmp", "logs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	main := c.Main
	if os.Geteuid() == 0 && !strings.Contains(main, "user ") {
		main = "user root;\n" + main
	}
	text := fmt.Sprintf(head, main) + "http {\n" + tempPaths + c.HTTP + "\n}\n"
	return os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o644)
}

// Start runs nginx in dir until Stop, and returns when it listens at probe
// (host:port).
func Start(dir string, c Config, probe string) (*Process, error) {
	bin, err := Binary()
	if err != nil {
		return nil, err
	}
	if err := c.Write(dir); err != nil {
		return nil, err
	}
	p := &Process{Dir: dir, out: &buffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(bin, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-e", "logs/start.log")
	p.cmd.Stderr, p.cmd.Stdout = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.cmd.Wait(); close(p.done) }()
	if err := p.await(probe); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Process) await(probe string) error {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-p.done:
			return fmt.Errorf("nginx ended: %s", p.out)
		case <-time.After(10 * time.Millisecond):
		}
		if p.bound() && answers(probe) {
			return nil
		}
	}
	return fmt.Errorf("nginx does not listen at %s: %s", probe, p.out)
}

// bound says that nginx, and nobody else, listens: it writes its pid after all
// addresses were bound, and ends if one could not be. Until then whoever
// answers at probe is a stranger.
func (p *Process) bound() bool {
	b, err := os.ReadFile(filepath.Join(p.Dir, "nginx.pid"))
	return err == nil && strings.TrimSpace(string(b)) == strconv.Itoa(p.PID())
}

func answers(probe string) bool {
	c, err := net.Dial("tcp", probe)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// PID of the master process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Signal the master process: SIGHUP reloads, SIGUSR1 reopens logs.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Stop ends nginx at once and waits for it.
func (p *Process) Stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// FreePort is a port of loopback that was free a moment ago: nginx cannot
// listen at port 0.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
