package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// certificate writes a certificate for 127.0.0.1, and for others if given, and its key.
func certificate(t *testing.T, others ...net.IP) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: append(others, net.IPv4(127, 0, 0, 1))}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// tlsEchoServer echoes over TLS; /silent never speaks.
func tlsEchoServer(t *testing.T) string {
	t.Helper()
	up := websocket.Upgrader{}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		for {
			typ, p, err := c.ReadMessage()
			if err != nil {
				return
			}
			if r.URL.Path != "/silent" {
				c.WriteMessage(typ, p)
			}
		}
	}))
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(srv.Close)
	return "https://" + srv.Listener.Addr().String()
}

// TestTLSThroughNginx: with TLS up to nginx, and with nginx encrypting anew
// towards the server, the verdicts are those of plain legs.
func TestTLSThroughNginx(t *testing.T) {
	for _, test := range []struct {
		name   string
		server func(*testing.T) string
		args   []string
	}{
		{"nginx terminates", echoServer, []string{"--tls-cert", "front:CERT", "--tls-key", "front:KEY", "--upstream-ca", "front:CERT"}},
		{"nginx encrypts anew", tlsEchoServer, []string{"--tls-cert", "CERT", "--tls-key", "KEY", "--insecure"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			certFile, keyFile := certificate(t)
			for i, a := range test.args {
				a = replaceEnd(replaceEnd(a, "CERT", certFile), "KEY", keyFile)
				test.args[i] = a
			}
			s := newStack(t, stackOptions{
				server: test.server(t), location: "proxy_read_timeout 2s;", args: append(test.args, "--read-timeout", "2s"),
				tls: fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s", certFile, keyFile),
			})
			silent, talking := dialTLS(t, s.front, "/silent"), dialTLS(t, s.front, "/talk")
			talking.WriteMessage(websocket.TextMessage, []byte("hello"))
			if _, p, err := talking.ReadMessage(); err != nil || string(p) != "hello" {
				t.Fatalf("through all came %q, %v", p, err)
			}
			talking.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""))
			drain(talking)
			talking.Close()
			drain(silent)
			silent.Close()
			eventually(t, "four verdicts", func() bool { return strings.Count(s.wstap.out.String(), "confirmed") >= 4 })
			for _, c := range s.report().Conns {
				want := map[string]string{"/silent": "idle_timeout", "/talk": "close_handshake"}[str(c.Target)]
				if c.Close == nil || string(c.Close.Cause) != want || c.Close.Confidence != "confirmed" || c.Link == nil {
					t.Errorf("%s %s: %+v, want %s", str(c.Leg), str(c.Target), c.Close, want)
				}
			}
		})
	}
}

func dialTLS(t *testing.T, addr, target string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c, _, err := d.Dial("wss://"+addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func replaceEnd(s, end, with string) string {
	if rest, ok := strings.CutSuffix(s, end); ok {
		return rest + with
	}
	return s
}
