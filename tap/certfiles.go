package tap

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certFiles is a certificate in two files, which may be renewed at any time.
type certFiles struct {
	cert, key string
	changed   func(error) // nil: in use; must not block

	mu      sync.Mutex // guards what follows
	loaded  *tls.Certificate
	stamps  [2]stamp
	looked  time.Time
	refused [2]stamp // of the pair that could not be loaded, told once
}

// stamp tells one content of a file from another.
type stamp struct {
	mod  time.Time
	size int64
}

func stampOf(file string) (s stamp) {
	if info, err := os.Stat(file); err == nil {
		s = stamp{info.ModTime(), info.Size()}
	}
	return s
}

func (c *certFiles) stampsNow() [2]stamp { return [2]stamp{stampOf(c.cert), stampOf(c.key)} }

// load reads the pair for the first time.
func (c *certFiles) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stamps, c.looked = c.stampsNow(), time.Now()
	return c.read()
}

func (c *certFiles) read() error {
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.loaded = &pair
	return nil
}

// lookEvery is how often a handshake looks whether the files changed.
const lookEvery = time.Second

// get is for tls.Config.GetCertificate.
func (c *certFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookEvery {
		c.looked = time.Now()
		c.lookAgain()
	}
	return c.loaded, nil
}

// lookAgain reads what has changed. Two files cannot be replaced at once, so a
// pair that does not fit may be half of a renewal: the old one stays until it does.
func (c *certFiles) lookAgain() {
	now := c.stampsNow()
	if now == c.stamps || now == c.refused {
		return
	}
	err := c.read()
	if err != nil {
		c.refused = now
	} else {
		c.stamps = now
	}
	c.changed(err)
}
