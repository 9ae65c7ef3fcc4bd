package attach

import (
	"fmt"
	"slices"
	"time"

	"github.com/gorilla/websocket"
	"github.com/wstap/wstap/monitor"
)

// take handles one message of the viewer. An error ends its line.
func (v *viewer) take(typ int, msg []byte) error {
	if typ != websocket.TextMessage {
		return &protocolError{codeProtocol, "viewers send text messages only"}
	}
	r, err := parseRequest(msg)
	if err != nil {
		return &protocolError{codeProtocol, err.Error()}
	}
	if r.Type == typeMore && v.morePast(r.ID) {
		return nil // as many as parts were sent
	}
	if !v.rate.take(time.Now()) {
		return &protocolError{codeRate, fmt.Sprintf("more than %d messages a second", requestRate)}
	}
	if !v.greeted {
		return v.hello(r)
	}
	return v.handle(r)
}

// handle does what a viewer that was welcomed asks for. Unknown requests are of
// a later version and are left alone.
func (v *viewer) handle(r *request) error {
	switch r.Type {
	case typeHello:
		return &protocolError{codeProtocol, "a second hello"}
	case typePing:
		v.say(&notice{Type: typePong, ID: r.ID, Now: v.s.o.Now()})
	case typeWatch:
		v.watch(r.id(), r.On)
	case typeFresh:
		v.fresh()
	case typePast:
		v.beginPast(r)
	case typeStop:
		v.stopPast(r.ID)
	case typeControl:
		v.control(r)
	}
	return nil
}

// hello takes the first message and answers it.
func (v *viewer) hello(r *request) error {
	if r.Type != typeHello {
		return &protocolError{codeProtocol, fmt.Sprintf("the first message is of type %s, want hello", clean(r.Type, 20))}
	}
	if r.V != Version {
		return v.refuseVersion(r)
	}
	v.greeted = true
	for _, c := range r.Watch {
		v.watch(c.id(), true)
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.idle = false
	v.bare = r.Only == typeControl
	if v.deflate = r.Deflate; v.deflate {
		v.s.packing++
	}
	resumed := !v.bare && v.resume(r.Resume)
	v.welcome(resumed)
	return nil
}

func (v *viewer) refuseVersion(r *request) error {
	err := &VersionError{Relay: Version, Viewer: r.V, RelayBuild: v.s.o.Version, ViewerVersion: r.Version}
	v.say(&notice{Type: typeError, Code: codeVersion, V: Version, Version: v.s.o.Version, Text: err.Error()})
	return &protocolError{codeVersion, err.Error()}
}

// welcome answers the hello; s.mu is held.
func (v *viewer) welcome(resumed bool) {
	s := v.s
	v.text(&notice{
		Type: typeWelcome, V: Version, Version: s.o.Version, Stream: s.stream, Instance: s.o.instance(), Host: s.o.host(),
		Resumed: resumed, Past: s.o.Past != nil, Control: v.mayControl(),
		Now: s.o.Now(), Seq: s.ring.next - 1, Events: s.events,
	})
	v.welcomed = true
	if !v.bare && !resumed {
		v.want(false)
	}
}

// resume goes on where the viewer was, if that is still in the ring. Numbers
// that were never given, or that belong to another relay, lead to a snapshot.
func (v *viewer) resume(r *resume) bool {
	ring := &v.s.ring
	if r == nil || r.Stream != v.s.stream || r.Seq >= ring.next || r.Seq+1 < ring.oldest() {
		return false
	}
	v.begun, v.next, v.ordinal, v.stale = true, r.Seq+1, v.s.events, r.Refresh
	for seq := v.next; seq < ring.next; seq++ {
		if e := ring.at(seq); e.kind == kindEvents {
			v.ordinal = e.first
			break
		}
	}
	v.s.stats.Resumed++
	return true
}

// watch adds or removes a conn, and says so when that cannot be.
func (v *viewer) watch(id monitor.ID, on bool) {
	v.s.mu.Lock()
	have, n := v.watching[id], len(v.watching)
	v.s.mu.Unlock()
	switch {
	case have == on || id.Conn == 0:
		return
	case on && n >= maxWatchedEach:
		v.say(&notice{Type: typeRefused, connID: connIDOf(id), Text: fmt.Sprintf("a viewer watches at most %d connections", maxWatchedEach)})
		return
	case on && !v.s.watch.add(id):
		v.say(&notice{Type: typeRefused, connID: connIDOf(id), Text: fmt.Sprintf("all viewers together watch at most %d connections", maxWatched)})
		return
	}
	v.s.mu.Lock()
	if on {
		v.watching[id] = true
	} else {
		delete(v.watching, id)
	}
	v.s.mu.Unlock()
	if !on {
		v.s.watch.remove(id)
	}
}

// fresh is asked for by a viewer that found something missing.
func (v *viewer) fresh() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if !v.bare {
		v.want(false)
	}
}

// verbsAtOnce is how many verbs of one viewer may run: a stop while a drain waits.
const verbsAtOnce = 4

func (v *viewer) mayControl() bool {
	return v.local && v.s.o.AllowControl && v.s.o.Control != nil
}

// control runs a verb beside the reading.
func (v *viewer) control(r *request) {
	refuse := func(text string) { v.say(&notice{Type: typeAnswer, ID: r.ID, Err: text}) }
	switch {
	case !slices.Contains(Verbs, r.Verb):
		refuse(fmt.Sprintf("unknown verb %q", clean(r.Verb, 20)))
		return
	case !v.mayControl():
		refuse("a relay is controlled from its own machine only, over its unix socket")
		return
	}
	select {
	case v.verbs <- struct{}{}:
	default:
		refuse("too many verbs at once")
		return
	}
	v.helpers.Go(func() {
		defer func() { <-v.verbs }()
		text, err := v.s.o.Control(v.ctx, r.Verb)
		n := &notice{Type: typeAnswer, ID: r.ID, Text: text}
		if err != nil {
			n.Err = err.Error()
		}
		v.say(n)
	})
}
