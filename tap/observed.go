package tap

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/observe"
	"github.com/wstap/wstap/ws"
)

// observed stands between the relay and a stream, so that a panic of the
// decoder never reaches the traffic: the stream gets no more bytes, and the
// connection goes on.
type observed struct {
	tap    *tap
	stream *observe.Stream // nil past the conn limit, and takes every call
	broken atomic.Bool
}

func (o *observed) open(t *tap, at monitor.Time, client, listen string) {
	o.tap = t
	defer o.rescue()
	o.stream = t.server.hub.Open(t.spec.Name, at, client, listen)
}

// tunnel says that bytes may be written before they are told.
func (o *observed) tunnel() bool { return o.broken.Load() || o.stream.Tunnel() }

func (o *observed) dialed(local, server string) {
	defer o.rescue()
	o.stream.Dialed(local, server)
}

func (o *observed) dialFailed(at monitor.Time, server string, ev monitor.DialError) {
	defer o.rescue()
	o.stream.DialFailed(at, server, ev)
}

func (o *observed) unheard(at monitor.Time, reason, errText string) {
	defer o.rescue()
	o.stream.Unheard(at, reason, errText)
}

func (o *observed) bytes(dir ws.Direction, at monitor.Time, p []byte) {
	if o.broken.Load() {
		return
	}
	defer o.rescue()
	o.stream.Bytes(dir, at, p)
}

func (o *observed) blocked(dir ws.Direction, at monitor.Time, now bool) {
	defer o.rescue()
	o.stream.Blocked(dir, at, now)
}

func (o *observed) lastByte(dir ws.Direction) monitor.Time {
	defer o.rescue()
	return o.stream.LastByte(dir)
}

func (o *observed) unacked(dir ws.Direction, since time.Duration) {
	defer o.rescue()
	o.stream.Unacked(dir, since)
}

func (o *observed) end(dir ws.Direction, at monitor.Time, how monitor.How, text string) {
	defer o.rescue()
	o.stream.End(dir, at, how, text)
}

func (o *observed) close(at monitor.Time, byTap bool) {
	defer o.rescue()
	o.stream.Close(at, byTap)
}

// rescue ends a panic; it must be deferred directly.
func (o *observed) rescue() {
	v := recover()
	if v == nil || o.broken.Swap(true) {
		return
	}
	o.giveUp()
	s := o.tap.server
	if s.panics.Add(1) == 1 {
		s.health(o.tap.spec.Name, monitor.HealthWarning,
			fmt.Sprintf("a decoder failed and its connection is relayed undecoded; please report this: %v", v))
	}
}

// giveUp tells the stream, which may panic again.
func (o *observed) giveUp() {
	defer func() { recover() }()
	o.stream.Broken(o.tap.server.now(), "the decoder failed; please report this")
}
