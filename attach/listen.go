package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// maxSocketPath is the longest path of a unix socket: sun_path less its end.
const maxSocketPath = 107

// ListenUnix listens at a path that only its owner may connect to (0600), in a
// directory that is made with 0700 if it is missing. A socket that nobody
// listens at is replaced; anything else at path is an error. The socket is
// removed when the listener is closed, if it is still the same.
func ListenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("attach: cannot listen at %q: the path has %d bytes, at most %d are possible; choose a shorter one", path, len(path), maxSocketPath)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("attach: cannot make the directory of the socket: %w", err)
	}
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("attach: cannot listen at %q: %w", path, err)
	}
	ln, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("attach: cannot listen at %q: %w", path, err)
	}
	ln.SetUnlinkOnClose(false) // it would remove whatever has that name by then
	info, err := os.Lstat(path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("attach: the socket cannot be made private: %w", err)
	}
	return &unixListener{UnixListener: ln, path: path, file: info}, nil
}

// unixListener removes its own file and no other.
type unixListener struct {
	*net.UnixListener
	path string
	file fs.FileInfo
	once sync.Once
}

func (l *unixListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			os.Remove(l.path)
		}
	})
	return l.UnixListener.Close()
}

// removeStale removes a socket that nobody listens at, which is what a killed
// process leaves behind.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return nil // nothing there, or nothing we may see: listening will tell
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return errors.New("there is a file of that name which is no socket; choose another path or remove it")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errors.New("somebody listens there already; stop that program or choose another path")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("a socket of that name exists and cannot be probed: %w", err)
	}
	return os.Remove(path)
}
