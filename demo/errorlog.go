package demo

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The numbers and texts of Linux, whatever we run on: the log is to look like that of a usual nginx.
const (
	timedOut   = "(110: Connection timed out)"
	reset      = "(104: Connection reset by peer)"
	refused    = "(111: Connection refused)"
	brokenPipe = "(32: Broken pipe)"
)

const (
	whileConnecting = " while connecting to upstream"
	whileReading    = " while reading response header from upstream"
	whileProxying   = " while proxying upgraded connection"
)

// nginx cuts a line at 2047 bytes and then ends it (NGX_MAX_ERROR_STR).
const maxLine = 2047

// logContext is the part of an error-log line that comes after the message: who, and which request.
type logContext struct {
	number   uint64 // of the client's connection
	client   string
	request  string
	upstream string
	host     string
	referrer string
	hasRef   bool
}

// log writes one line as ngx_log_error_core does: local time without a zone, level, pid#tid, *connection, message,
// context. message holds no text of a peer.
func (d *Demo) log(level, message string, c *logContext) {
	if d.Log == nil {
		return
	}
	var b strings.Builder
	pid := os.Getpid()
	fmt.Fprintf(&b, `%s [%s] %d#%d: *%d %s, client: %s, server: demo, request: "%s", upstream: "%s", host: "%s"`,
		time.Now().Format("2006/01/02 15:04:05"), level, pid, pid, c.number, message, c.client, c.request, c.upstream, c.host)
	if c.hasRef {
		fmt.Fprintf(&b, `, referrer: "%s"`, c.referrer)
	}
	line := b.String()
	line = line[:min(len(line), maxLine)] + "\n"

	d.logMu.Lock()
	defer d.logMu.Unlock()
	// A log that cannot be written is no reason to stop the traffic; nginx goes on as well.
	_, _ = d.Log.Write([]byte(line))
}
