package follow

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ReadLines delivers the lines of r without their LF, the last one even if it
// has none, until r ends or ctx is done; the latter is no error. A Read that
// blocks is ended through SetReadDeadline, else Close, if r has them;
// otherwise ReadLines returns when the Read does.
func ReadLines(ctx context.Context, r io.Reader, onLine func(line []byte, at time.Time)) error {
	r, release := Interruptible(ctx, r)
	defer release()
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		var err error
		line, err = readLine(br, line[:0])
		if ctx.Err() != nil {
			return nil
		}
		if err == nil || len(line) > 0 && errors.Is(err, io.EOF) {
			onLine(line, time.Now())
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow: read: %w", err)
		}
	}
}

// Interruptible gives a reader of what r has of which a Read that blocks is ended
// when ctx is done, as ReadLines says. It is not used after release.
func Interruptible(ctx context.Context, r io.Reader) (reader io.Reader, release func()) {
	r, done := interruptible(r)
	stop := context.AfterFunc(ctx, func() { interrupt(r) })
	return r, func() {
		stop()
		done()
	}
}

// readLine appends the next line to buf, up to MaxLine bytes of it.
func readLine(br *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := br.ReadSlice('\n')
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		buf = append(buf, part[:min(len(part), MaxLine-len(buf))]...)
		if ended || !errors.Is(err, bufio.ErrBufferFull) {
			return buf, err
		}
	}
}

func interrupt(r io.Reader) {
	if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		return
	}
	if f, ok := r.(*os.File); ok && f == os.Stdin {
		return // others may need it, and closing does not end a blocked read of it
	}
	if c, ok := r.(io.Closer); ok {
		c.Close()
	}
}
