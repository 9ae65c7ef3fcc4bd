package tap

import (
	"net"
	"strings"

	"github.com/wstap/wstap/ws"
)

// hostRewriter is a connection to an upstream that wants to be asked by its own
// name: in every request head that is written to it, Host becomes that name, and
// so does Origin where it named the old one. It is the only thing that wstap
// ever changes, and only with --rewrite-host.
//
// What is not HTTP/1.x, or a head of more than 64 KiB, passes unchanged, and so
// does all after it.
type hostRewriter struct {
	net.Conn
	host string
	lost func(reason string) // told once, when nothing is rewritten any more

	dec       ws.HTTPDecoder
	held      []byte // the beginning of a head
	upgrading bool   // the last request asked for an upgrade: what is no HTTP is expected
	done      bool
}

func newHostRewriter(c net.Conn, host string, lost func(string)) *hostRewriter {
	r := &hostRewriter{Conn: c, host: host, lost: lost}
	r.dec.Reset(ws.FromClient)
	return r
}

// Write writes p with the heads in it rewritten; a head that is not complete is
// held until it is.
func (r *hostRewriter) Write(p []byte) (int, error) {
	if r.done && len(r.held) == 0 {
		return r.Conn.Write(p)
	}
	if _, err := r.Conn.Write(r.rewrite(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// rewrite returns what is to be written now.
func (r *hostRewriter) rewrite(p []byte) (out []byte) {
	for !r.done {
		idle := r.dec.Idle()
		n, ev := r.dec.Next(p)
		switch {
		case ev == ws.HTTPHead:
			r.held, r.upgrading = nil, r.dec.Head().Get("Upgrade") != ""
			out = append(out, rewriteHead(r.dec.Head(), r.host)...)
		case ev == ws.HTTPLost || ev == ws.HTTPTunnel:
			r.done = true
			out = append(append(out, r.held...), p...)
			r.held = nil
			if reason := r.dec.LostReason(); reason != "" && !r.upgrading {
				r.lost(reason)
			}
			return out
		case ev == ws.HTTPNone && (len(r.held) > 0 || idle && !r.dec.Idle()):
			r.held = append(r.held, p[:n]...) // in a head
			return out
		default:
			out = append(out, p[:n]...)
			if ev == ws.HTTPNone {
				return out
			}
		}
		p = p[n:]
	}
	return append(out, p...)
}

// CloseWrite passes on what was held, which is no head then.
func (r *hostRewriter) CloseWrite() error {
	if len(r.held) > 0 {
		r.Conn.Write(r.held)
		r.held, r.done = nil, true
	}
	closeWrite(r.Conn)
	return nil
}

// SetLinger is setReset's.
func (r *hostRewriter) SetLinger(int) error {
	setReset(r.Conn)
	return nil
}

// rewriteHead is head's text with host for its own.
func rewriteHead(head *ws.Head, host string) string {
	old := head.Get("Host")
	lines := strings.SplitAfter(head.Raw, "\n")
	for i, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
		case strings.EqualFold(name, "Host"):
			lines[i] = headerLine(name, host, line)
		case strings.EqualFold(name, "Origin"):
			if origin, ok := originAt(strings.TrimSpace(value), old, host); ok {
				lines[i] = headerLine(name, origin, line)
			}
		}
	}
	return strings.Join(lines, "")
}

// headerLine is a header line with the line end of the old one.
func headerLine(name, value, old string) string {
	end := "\n"
	if strings.HasSuffix(old, "\r\n") {
		end = "\r\n"
	}
	return name + ": " + value + end
}

// originAt is origin with host in place of old, if it names old.
func originAt(origin, old, host string) (string, bool) {
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || old == "" || !strings.EqualFold(rest, old) {
		return "", false
	}
	return scheme + "://" + host, true
}
