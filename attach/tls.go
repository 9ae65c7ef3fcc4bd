package attach

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// TLSConfig is TLSFiles without OnReload.
func TLSConfig(cert, key, clientCA string) (*tls.Config, error) {
	return TLSFiles{Cert: cert, Key: key, ClientCA: clientCA}.Config()
}

// TLSFiles are the PEM files of a server's identity.
type TLSFiles struct {
	Cert, Key string
	// ClientCA, if given, is whose certificates viewers must show.
	ClientCA string
	// OnReload is told when a changed certificate was taken, nil, or could not
	// be: then the old one stays. It must not block.
	OnReload func(error)
}

// reloadEvery is how often the files are looked at, at most.
const reloadEvery = time.Second

// Config reads the files. The certificate is read again when it has changed.
func (f TLSFiles) Config() (*tls.Config, error) {
	k := &keyPair{files: f}
	if err := k.load(); err != nil {
		return nil, err
	}
	conf := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return k.current(time.Now()), nil },
	}
	if f.ClientCA == "" {
		return conf, nil
	}
	pem, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("attach: reading the authority of viewers' certificates: %w", err)
	}
	conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !conf.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("attach: %q holds no certificate in PEM form", f.ClientCA)
	}
	return conf, nil
}

// keyPair is a certificate that is read again when its files change.
type keyPair struct {
	files TLSFiles

	mu     sync.Mutex // guards what follows
	cert   *tls.Certificate
	stamp  [2]stamp
	looked time.Time
}

type stamp struct {
	at   time.Time
	size int64
}

func stampOf(path string) (s stamp) {
	if info, err := os.Stat(path); err == nil {
		s = stamp{info.ModTime(), info.Size()}
	}
	return s
}

func (k *keyPair) stamps() [2]stamp { return [2]stamp{stampOf(k.files.Cert), stampOf(k.files.Key)} }

// load reads the files; k.mu is held, or nobody else knows k.
func (k *keyPair) load() error {
	stamp := k.stamps()
	cert, err := tls.LoadX509KeyPair(k.files.Cert, k.files.Key)
	if err != nil {
		return certError(k.files, err)
	}
	k.cert, k.stamp = &cert, stamp
	return nil
}

func certError(f TLSFiles, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("attach: reading the certificate: %w", err)
	}
	return fmt.Errorf("attach: certificate %q with key %q: %w", f.Cert, f.Key, err)
}

func (k *keyPair) current(now time.Time) *tls.Certificate {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now.Sub(k.looked) < reloadEvery {
		return k.cert
	}
	k.looked = now
	stamp := k.stamps()
	if stamp == k.stamp {
		return k.cert
	}
	err := k.load()
	k.stamp = stamp // what could not be read is not tried again until it changes
	if k.files.OnReload != nil {
		k.files.OnReload(err)
	}
	return k.cert
}
