package attach

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// authority makes certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	return a
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue writes a certificate for 127.0.0.1 and its key.
func (a *authority) issue(cert, key string) {
	a.t.Helper()
	a.n++
	k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(a.n + 1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, _ := x509.MarshalPKCS8PrivateKey(k)
	a.write(cert, "CERTIFICATE", der)
	a.write(key, "PRIVATE KEY", keyDER)
}

func (a *authority) write(path, typ string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	a.issue(file("cert"), file("key"))
	a.issue(file("viewer-cert"), file("viewer-key"))
	a.write(file("ca"), "CERTIFICATE", a.cert.Raw)
	conf, err := TLSConfig(file("cert"), file("key"), file("ca"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRelay(t, ServerOptions{Token: token})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.serve(tls.NewListener(ln, conf))
	url := "wss://" + ln.Addr().String()
	viewer, err := tls.LoadX509KeyPair(file("viewer-cert"), file("viewer-key"))
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{viewer}}
	s := watchRelay(t, ClientOptions{URL: url, Token: token, TLS: c})
	r.open()
	s.phase(Live)
	s.same(r)

	for name, c := range map[string]struct {
		conf *tls.Config
		want string
	}{
		"no authority":   {nil, "not trusted"},
		"no certificate": {&tls.Config{RootCAs: a.pool()}, "certificate required"},
	} {
		s := watchRelay(t, ClientOptions{URL: url, Token: token, TLS: c.conf})
		eventually(t, name, func() bool { err := s.client.State().Err; return err != nil && contains(err.Error(), c.want) })
	}
	// Plain HTTP at a TLS port, and garbage.
	plain := watchRelay(t, ClientOptions{URL: "ws://" + ln.Addr().String()})
	<-plain.done
	if plain.err == nil {
		t.Error("plain at a TLS port: no error")
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	a.issue(cert, key)
	var mu sync.Mutex
	var told []error
	k := &keyPair{files: TLSFiles{Cert: cert, Key: key, OnReload: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err)
	}}}
	if err := k.load(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	serial := func() int64 {
		now = now.Add(2 * reloadEvery)
		c, err := x509.ParseCertificate(k.current(now).Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return c.SerialNumber.Int64()
	}
	change := func(path string, b []byte) {
		if b != nil {
			os.WriteFile(path, b, 0o600)
		}
		at := now.Add(time.Hour)
		os.Chtimes(path, at, at)
	}
	if n := serial(); n != 2 || len(told) != 0 {
		t.Errorf("unchanged: serial %d, told %v", n, told)
	}
	a.issue(cert, key)
	change(cert, nil)
	if n := serial(); n != 3 || len(told) != 1 || told[0] != nil {
		t.Errorf("changed: serial %d, told %v", n, told)
	}
	now = now.Add(2 * time.Hour)
	change(cert, []byte("half a certif"))
	if n := serial(); n != 3 || len(told) != 2 || told[1] == nil {
		t.Errorf("broken: serial %d, told %v; want the old one to stay", n, told)
	}
	if serial(); len(told) != 2 {
		t.Errorf("told again: %v", told)
	}
	os.Remove(cert)
	if n := serial(); n != 3 || len(told) != 3 || !errors.Is(told[2], os.ErrNotExist) {
		t.Errorf("removed: serial %d, told %v", n, told)
	}
}

func TestBadCertificates(t *testing.T) {
	dir, a := t.TempDir(), newAuthority(t)
	file := func(name string) string { return filepath.Join(dir, name) }
	a.issue(file("cert"), file("key"))
	a.issue(file("cert2"), file("key2"))
	os.WriteFile(file("text"), []byte("hello"), 0o600)
	for name, c := range map[string]struct{ cert, key, ca, want string }{
		"missing":        {file("no"), file("key"), "", "no such file"},
		"no PEM":         {file("text"), file("key"), "", "failed to find"},
		"another's key":  {file("cert"), file("key2"), "", "does not match"},
		"no authority":   {file("cert"), file("key"), file("no"), "no such file"},
		"authority text": {file("cert"), file("key"), file("text"), "holds no certificate"},
	} {
		if _, err := TLSConfig(c.cert, c.key, c.ca); err == nil || !contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
