package tap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/wstap/wstap/monitor"
)

// resetPatience is how long a reset waits for the bytes before it.
const resetPatience = time.Second

// howEnded sorts the error of a read or a write.
func howEnded(err error) (monitor.How, string) {
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return monitor.HowReset, "" // EPIPE: a reset after a FIN
	case errors.Is(err, syscall.ETIMEDOUT):
		return monitor.HowTimeout, ""
	}
	return monitor.HowError, errText(err)
}

// errText is the innermost sentence of err: our addresses are known.
func errText(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// linuxErrno are the numbers that a failed dial may have, as nginx's log and
// our events write them, also where the kernel has others.
var linuxErrno = map[syscall.Errno]int{
	syscall.ENOENT: 2, syscall.EACCES: 13, syscall.EMFILE: 24, syscall.ENFILE: 23,
	syscall.EADDRNOTAVAIL: 99, syscall.ENETUNREACH: 101, syscall.ECONNRESET: 104,
	syscall.ETIMEDOUT: 110, syscall.ECONNREFUSED: 111, syscall.EHOSTUNREACH: 113,
}

// dialErrorText says why a dial failed, and the Linux number of it if it has one.
func dialErrorText(err error, timeout time.Duration) (string, int) {
	if t, ok := errors.AsType[*tlsError](err); ok {
		return t.Error(), 0
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error(), linuxErrno[errno]
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", timeout), linuxErrno[syscall.ETIMEDOUT]
	}
	return err.Error(), 0
}

// closeWrite sends a FIN. An error means that the side is dead, which its own
// loop finds out.
func closeWrite(c io.Closer) {
	if c, ok := c.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}

// endOf is how a source ended of which a read returned io.EOF.
func endOf(source io.Closer) monitor.How {
	if s, ok := source.(*secured); ok {
		return s.howEnded()
	}
	return monitor.HowFIN
}

// passEnd ends the sink as the source ended: between two TLS sides, a FIN
// without close_notify stays one.
func passEnd(source, sink io.Closer) {
	s, fromTLS := sink.(*secured)
	if fromTLS && endOf(source) == monitor.HowFIN {
		if _, ok := source.(*secured); ok {
			s.closeWriteRaw()
			return
		}
	}
	closeWrite(sink)
}

// setReset makes the coming Close send a reset instead of a FIN. Unix sockets
// have none; closing one is an end to its peer, and ECONNRESET if we had not
// read everything.
func setReset(c io.Closer) {
	if c, ok := c.(interface{ SetLinger(sec int) error }); ok {
		c.SetLinger(0)
	}
}
