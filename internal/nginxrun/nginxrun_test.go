package nginxrun

import (
	"errors"
	"fmt"
	"net"
	"testing"
)

// TestStartIsNotFooledByAStranger: somebody else answers at the port, and nginx
// is about to give up.
func TestStartIsNotFooledByAStranger(t *testing.T) {
	if _, err := Binary(); errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	p, err := Start(t.TempDir(), Config{HTTP: fmt.Sprintf("server { listen %s; }", addr)}, addr)
	if err == nil {
		p.Stop()
		t.Error("nginx seems to listen where somebody else does")
	}
}
