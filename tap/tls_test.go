package tap

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// writePair writes a new certificate and its key, and returns the files.
func writePair(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	cert, err := selfSigned("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func shownBy(t *testing.T, addr string) string {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return fingerprint(&tls.Certificate{Certificate: [][]byte{c.ConnectionState().PeerCertificates[0].Raw}})
}

// TestCertificateIsRenewed: without a restart; half of a renewal changes nothing.
func TestCertificateIsRenewed(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir)
	var mu sync.Mutex
	var told []string
	r := newRig(t, rigOptions{
		spec: func(s *Spec) { s.TLS = TLS{CertFile: certFile, KeyFile: keyFile} },
		tap: Options{OnHealth: func(_ string, status monitor.HealthStatus, text string) {
			mu.Lock()
			told = append(told, string(status)+": "+text)
			mu.Unlock()
		}},
	})
	addr := r.server.Taps()[0].Listen
	first := shownBy(t, addr)
	other := t.TempDir()
	newCert, newKey := writePair(t, other)
	os.Rename(newCert, certFile)
	r.until("the half renewal is refused", func() bool {
		shownBy(t, addr)
		mu.Lock()
		defer mu.Unlock()
		return len(told) == 1 && strings.HasPrefix(told[0], "warning: the changed certificate is no good")
	})
	if got := shownBy(t, addr); got != first {
		t.Error("half of a renewal is in use")
	}
	os.Rename(newKey, keyFile)
	r.until("the new one is in use", func() bool { return shownBy(t, addr) != first })
}

func TestBadTLSFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := writePair(t, dir)
	_, otherKey := writePair(t, t.TempDir())
	text := filepath.Join(dir, "text")
	os.WriteFile(text, []byte("no PEM"), 0o600)
	for _, test := range []struct {
		tls TLS
		err string
	}{
		{TLS{CertFile: certFile, KeyFile: otherKey}, "does not match"},
		{TLS{CertFile: certFile, KeyFile: filepath.Join(dir, "none")}, "no such file"},
		{TLS{CertFile: text, KeyFile: keyFile}, text},
		{TLS{UpstreamCA: text}, "holds no certificate in PEM form"},
		{TLS{UpstreamCA: filepath.Join(dir, "none")}, "no such file"},
	} {
		specs, err := ParseSpecs([]string{"127.0.0.1:0=https://a"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		specs[0].TLS = test.tls
		s := New(nil, specs, Options{}, nil)
		if err := s.Listen(); err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: %v, want an error with %q", test.tls, err, test.err)
		}
		s.Close()
	}
}

// TestPlainAtTLS: a client that speaks plain is told so, and it is on record.
func TestPlainAtTLS(t *testing.T) {
	r := newRig(t, rigOptions{spec: func(s *Spec) { s.TLS.SelfSigned = true }})
	client := r.dial()
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	got, _ := io.ReadAll(client)
	if !strings.HasPrefix(string(got), "HTTP/1.1 400 ") || !strings.Contains(string(got), "wss://") {
		t.Errorf("the client got %q", got)
	}
	r.idle()
	if o := opened(r); !o.Opaque || o.Reason != monitor.ReasonTLSFailed {
		t.Errorf("opened as %+v", o)
	}
	ends := find[*monitor.SideEnded](r)
	if len(ends) != 1 || ends[0].Dir != ws.FromClient || !strings.Contains(ends[0].Error, "plain HTTP") {
		t.Errorf("ends on record: %+v", ends)
	}
}

// TestUpstreamTLSFails: each cause has words of its own, and what to do.
func TestUpstreamTLSFails(t *testing.T) {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go answerAll(plain, "HTTP/1.1 400 Bad Request\r\n\r\n")
	unknown, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*peerCertificate()}})
	if err != nil {
		t.Fatal(err)
	}
	defer unknown.Close()
	go answerAll(unknown, "")
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, test := range []struct {
		name string
		ln   net.Listener
		err  string
	}{
		{"plain", plain, "does not speak TLS: use http://"},
		{"unknown issuer", unknown, "--upstream-ca FILE"},
		{"silent", silent, "no answer in time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, rigOptions{upstream: "https://" + test.ln.Addr().String(), tap: Options{DialTimeout: 500 * time.Millisecond}})
			r.dialReset()
			r.idle()
			got := find[*monitor.DialError](r)
			if len(got) != 1 || !strings.HasPrefix(got[0].Error, monitor.DialTLS) || !strings.Contains(got[0].Error, test.err) {
				t.Errorf("on record %+v, want %q", got, test.err)
			}
		})
	}
}

// answerAll answers every connection's first bytes and closes it.
func answerAll(ln net.Listener, text string) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(patience))
		c.Read(make([]byte, 1000))
		io.WriteString(c, text)
		c.Close()
	}
}

// TestUpstreamCA: with its issuer the upstream is trusted, by its name.
func TestUpstreamCA(t *testing.T) {
	certFile, keyFile := writePair(t, t.TempDir())
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	names := make(chan string, 1)
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- fmt.Sprint(h.ServerName, h.SupportedProtos)
		return &tls.Config{Certificates: []tls.Certificate{pair}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	r := newRig(t, rigOptions{upstream: "https://localhost:" + port, spec: func(s *Spec) { s.TLS.UpstreamCA = certFile },
		prepare: func(r *rig) { r.useUpstream(ln) }})
	client := r.dial()
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	accepted.SetDeadline(time.Now().Add(patience))
	exchange(t, client, accepted, "GET / HTTP/1.1\r\n")
	if got := <-names; got != "localhost[http/1.1]" {
		t.Errorf("asked for %s", got)
	}
}

// TestHalfOpenTLSClient: one that never finishes its handshake does not hold up the end.
func TestHalfOpenTLSClient(t *testing.T) {
	r := newRig(t, rigOptions{spec: func(s *Spec) { s.TLS.SelfSigned = true }})
	client := r.dial()
	io.WriteString(client, "\x16\x03\x01")
	r.until("it is accepted", func() bool { return r.server.Live() == 1 })
	r.server.Close()
	if n := r.server.Live(); n != 0 {
		t.Errorf("%d left", n)
	}
}
