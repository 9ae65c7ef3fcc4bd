//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wstap/wstap/internal/nginxrun"
)

// peerProxy is another proxy, measured beside nginx where it is installed.
type peerProxy struct {
	way, binary, version string
	// configure writes what it needs into dir and gives its arguments.
	configure func(dir string, listen, upstream netip.AddrPort) (args []string, err error)
}

// knownPeers are looked for by their binaries.
var knownPeers = []struct {
	way      string
	binaries []string
	version  string // the flag that makes it print one
	of       func(dir string, listen, upstream netip.AddrPort) ([]string, error)
}{
	{haproxy, []string{"haproxy", "/usr/sbin/haproxy"}, "-v", configureHAProxy},
	{toxiproxy, []string{"toxiproxy-server"}, "-version", configureToxiproxy},
}

// findPeers gives those that are installed and the names of the others.
func findPeers() (found []peerProxy, absent []string) {
	for _, k := range knownPeers {
		p := peerProxy{way: k.way, configure: k.of}
		for _, name := range k.binaries {
			if bin, err := exec.LookPath(name); err == nil && p.binary == "" {
				p.binary = bin
			}
		}
		if p.binary == "" {
			absent = append(absent, k.way)
			continue
		}
		out, _ := exec.Command(p.binary, k.version).CombinedOutput()
		p.version, _, _ = strings.Cut(strings.TrimSpace(string(out)), "\n")
		found = append(found, p)
	}
	return found, absent
}

// haproxyConf gives it what nginx is given: one thread, no log; its idle limit
// for a tunnel is longer than any load.
const haproxyConf = `global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
frontend bench
  bind %s backlog 4096
  default_backend server
backend server
  server one %s
`

func configureHAProxy(dir string, listen, upstream netip.AddrPort) ([]string, error) {
	file := filepath.Join(dir, "haproxy.cfg")
	err := os.WriteFile(file, fmt.Appendf(nil, haproxyConf, listen, upstream), 0o600)
	return []string{"-db", "-f", file}, err // -db: in the foreground
}

func configureToxiproxy(dir string, listen, upstream netip.AddrPort) ([]string, error) {
	port, err := nginxrun.FreePort() // of its API, which nobody uses
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal([]map[string]any{{"name": "bench", "listen": listen.String(), "upstream": upstream.String(), "enabled": true}})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "toxiproxy.json")
	return []string{"-host", "127.0.0.1", "-port", fmt.Sprint(port), "-config", file}, os.WriteFile(file, b, 0o600)
}

// startPeer starts p before upstream and waits until it accepts.
func (s *stack) startPeer(p peerProxy, upstream netip.AddrPort) error {
	port, err := nginxrun.FreePort()
	if err != nil {
		return err
	}
	listen := netip.AddrPortFrom(upstream.Addr(), uint16(port))
	args, err := p.configure(s.dir, listen, upstream)
	if err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(s.dir, p.way+".log"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(p.binary, args...)
	cmd.Stdout, cmd.Stderr = out, out
	c, err := start(cmd)
	if err != nil {
		return err
	}
	s.proxies = append(s.proxies, c)
	err = await(p.way, c, func() bool {
		conn, err := net.DialTimeout("tcp", listen.String(), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err != nil {
		b, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%w\n%s", err, b)
	}
	s.routes[p.way] = route{addr: listen, proxy: c.pid()}
	return nil
}
