package follow

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// interruptible makes reads of standard input such that they can be ended:
// opened anew without blocking, a pipe or terminal takes a deadline. A regular
// file would begin anew, and never blocks, and a socket cannot be opened so.
func interruptible(r io.Reader) (io.Reader, func()) {
	f, ok := r.(*os.File)
	if !ok || f.SetReadDeadline(time.Time{}) == nil {
		return r, func() {}
	}
	fi, err := f.Stat()
	if err != nil || fi.Mode()&(os.ModeNamedPipe|os.ModeCharDevice) == 0 {
		return r, func() {}
	}
	again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return r, func() {}
	}
	return again, func() { again.Close() }
}
