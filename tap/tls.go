package tap

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
)

// TLS says how a tap speaks TLS to its two sides. That it does towards the
// upstream at all follows from the upstream's scheme.
type TLS struct {
	CertFile, KeyFile string // PEM, read again when they change
	SelfSigned        bool   // a certificate made at the start, for tests
	UpstreamCA        string // PEM of the roots to trust; "": the system's
	Insecure          bool   // the upstream's certificate is not verified
}

// listens says that clients must speak TLS.
func (t TLS) listens() bool { return t.CertFile != "" || t.SelfSigned }

// alpn is the only protocol we relay: with h2 there would be no Upgrade.
var alpn = []string{"http/1.1"}

// prepareTLS reads certificates and roots; an error names the file.
func (t *tap) prepareTLS() error {
	spec := t.spec.TLS
	if spec.listens() {
		get, err := t.certificateSource()
		if err != nil {
			return fmt.Errorf("tap %s: %w", t.spec.Name, err)
		}
		t.serverTLS = &tls.Config{GetCertificate: get, NextProtos: alpn, MinVersion: tls.VersionTLS12}
	}
	if !t.spec.Upstream.TLS {
		return nil
	}
	t.upstreamTLS = &tls.Config{
		ServerName: t.spec.upstreamHost(), NextProtos: alpn, MinVersion: tls.VersionTLS12, InsecureSkipVerify: spec.Insecure,
	}
	if spec.UpstreamCA != "" {
		pool, err := readRoots(spec.UpstreamCA)
		if err != nil {
			return fmt.Errorf("tap %s: %w", t.spec.Name, err)
		}
		t.upstreamTLS.RootCAs = pool
	}
	return nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("roots of the upstream: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("roots of the upstream: %s holds no certificate in PEM form (BEGIN CERTIFICATE)", file)
	}
	return pool, nil
}

// upstreamHost is the name that the upstream's certificate must have.
func (s Spec) upstreamHost() string {
	host, _, _ := net.SplitHostPort(s.Upstream.Address)
	return host
}

type getCertificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)

func (t *tap) certificateSource() (getCertificate, error) {
	spec := t.spec.TLS
	if spec.CertFile == "" {
		cert, err := selfSigned(t.spec.Listen.Address)
		if err != nil {
			return nil, err
		}
		t.note = "self-signed certificate, SHA-256 " + fingerprint(cert)
		return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }, nil
	}
	files := &certFiles{cert: spec.CertFile, key: spec.KeyFile, changed: func(err error) { t.certificateChanged(err) }}
	if err := files.load(); err != nil {
		return nil, err
	}
	return files.get, nil
}

func (t *tap) certificateChanged(err error) {
	if err != nil {
		t.server.health(t.spec.Name, monitor.HealthWarning, "the changed certificate is no good, the old one stays in use: "+err.Error())
		return
	}
	t.server.health(t.spec.Name, monitor.HealthOK, "the certificate changed and is in use")
}

// selfSignedLife is how long such a certificate is good; a tap for tests is not
// up for longer.
const selfSignedLife = 30 * 24 * time.Hour

// selfSigned makes a certificate for this machine's names and the address
// listened at.
func selfSigned(listen string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "wstap, self-signed"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if name, err := os.Hostname(); err == nil {
		template.DNSNames = append(template.DNSNames, name)
	}
	if host, _, err := net.SplitHostPort(listen); err == nil {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func fingerprint(c *tls.Certificate) string {
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:])
}

// tlsPatience bounds a TLS handshake; nginx's client_header_timeout does, too.
const tlsPatience = 60 * time.Second

// plainAtTLS is what a client gets that speaks plain HTTP to a TLS tap, as it
// would from nginx or a server in Go.
const plainAtTLS = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nPlain HTTP was sent to a port that wants TLS: use https:// or wss://.\n"

// acceptTLS takes a client through the handshake.
func (t *tap) acceptTLS(ctx context.Context, c net.Conn) (net.Conn, error) {
	raw := &endNoter{Conn: c}
	conn := tls.Server(raw, t.serverTLS)
	ctx, cancel := context.WithTimeout(ctx, tlsPatience)
	defer cancel()
	err := conn.HandshakeContext(ctx)
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(header.RecordHeader[:]) {
		c.Write([]byte(plainAtTLS))
		err = errors.New("plain HTTP was sent to this port, which wants TLS")
	}
	return &secured{Conn: conn, raw: raw}, err
}

func looksLikeHTTP(head []byte) bool {
	for _, c := range head {
		if (c < 'A' || c > 'Z') && c != ' ' && c != '/' {
			return false
		}
	}
	return true
}

// dialTLS takes a connection to the upstream through the handshake.
func (t *tap) dialTLS(ctx context.Context, c net.Conn) (net.Conn, error) {
	raw := &endNoter{Conn: c}
	conn := tls.Client(raw, t.upstreamTLS)
	return &secured{Conn: conn, raw: raw}, conn.HandshakeContext(ctx)
}

// tlsErrorText says what failed in a handshake, and for the common cases with an
// upstream what to do.
func tlsErrorText(err error, upstream bool) string {
	text := strings.TrimPrefix(err.Error(), "tls: ")
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "no answer in time"
	}
	if !upstream {
		return text
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the upstream does not speak TLS: use http:// for it"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return text + "; --upstream-ca FILE trusts its issuer, --insecure trusts anybody"
	}
	return text
}
