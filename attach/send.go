package attach

import (
	"errors"
	"time"

	"github.com/gorilla/websocket"
)

// outgoing is what the writer does next: one of these.
type outgoing struct {
	text  []byte
	data  []byte
	parts *partWriter // its next part
	last  *notice     // the line ends
}

func (o *outgoing) none() bool {
	return o.text == nil && o.data == nil && o.parts == nil && o.last == nil
}

// write sends until the line ends; then it closes it.
func (v *viewer) write() {
	defer v.cut()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		out := v.choose(time.Now())
		if out.last != nil {
			v.sayLast(out.last)
			v.linger()
			return
		}
		if out.none() {
			v.wait(beat.C)
			continue
		}
		if err := v.send(&out); err != nil {
			v.sendFailed(err)
			return
		}
	}
}

// wait returns when there may be something to send.
func (v *viewer) wait(beat <-chan time.Time) {
	select {
	case <-v.wake:
	case p := <-v.past:
		v.pending = &p
	case <-beat:
		v.beat()
	case <-v.s.encoded: // the end: what is left is in the ring
	case <-v.ctx.Done():
		v.s.mu.Lock()
		defer v.s.mu.Unlock()
		if v.ended == nil {
			v.ended = &notice{}
		}
	}
}

func (v *viewer) beat() {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.text(&notice{Type: typeBeat, Now: v.s.o.Now(), Seq: v.s.ring.next - 1, Events: v.s.events})
}

// choose takes what is next: answers, then a snapshot, then the newest batches,
// and the past when there is nothing else.
func (v *viewer) choose(now time.Time) outgoing {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	if !v.slowSince.IsZero() && now.Sub(v.slowSince) > v.s.o.SlowAfter {
		v.fail(codeSlow, websocket.ClosePolicyViolation, "the viewer takes less than comes, for longer than "+v.s.o.SlowAfter.String())
	}
	if v.ended != nil {
		return outgoing{last: v.ended}
	}
	v.tellUnsent()
	if len(v.texts) > 0 {
		text := v.texts[0]
		v.texts = v.texts[1:]
		return outgoing{text: text}
	}
	if out := v.chooseEvents(now); !out.none() {
		return out
	}
	if p := v.takePast(); p != nil {
		return outgoing{text: p.text, data: p.data}
	}
	if v.s.closing && v.s.isEncoded() {
		return v.goodbye()
	}
	return outgoing{}
}

// chooseEvents is choose for a viewer that wants events; s.mu is held.
func (v *viewer) chooseEvents(now time.Time) outgoing {
	switch {
	case v.bare || !v.welcomed:
		return outgoing{}
	case v.parts != nil && v.next > v.parts.snap.seq:
		if !v.parts.told {
			v.parts.told = true
			return outgoing{text: encodeText(v.parts.notice(v.s.o.Now()))}
		}
		return outgoing{parts: v.parts}
	case v.waiting && !v.refresh:
		return outgoing{}
	}
	if e := v.advance(now); e != nil {
		if v.deflate && e.packed != nil {
			return outgoing{data: e.packed}
		}
		return outgoing{data: e.raw}
	}
	return outgoing{}
}

// thinShare: a viewer that is behind by this part of the ring is thinned.
const thinShare = 4

// advance goes to the next batch for this viewer, past what it does not watch
// and, when it is thinned, past samples and frames; nil: there is none now.
func (v *viewer) advance(now time.Time) *entry {
	r := &v.s.ring
	for {
		if v.next < r.oldest() {
			v.fellBehind(now)
			return nil
		}
		e := r.at(v.next)
		if e == nil {
			v.caughtUp()
			return nil
		}
		if !v.thin && r.lag(v.next) > r.max/thinShare {
			v.thin = true
			v.slow(now, "behind: no samples and frames until the viewer has caught up")
		}
		v.next++
		if v.wantsEntry(e) {
			return e
		}
	}
}

func (v *viewer) wantsEntry(e *entry) bool {
	switch {
	case e.kind == kindEvents:
		v.ordinal = e.first + e.n
		return true
	case e.kind == kindFrames && !v.watching[e.conn]:
		return false
	case !v.thin:
		return true
	case e.kind == kindFrames:
		v.unsent.Frames += e.n
	default:
		v.unsent.Samples += e.n
		v.stale = true
	}
	return false
}

// slow notes since when the viewer is behind, and tells it.
func (v *viewer) slow(now time.Time, text string) {
	if v.slowSince.IsZero() {
		v.slowSince = now
	}
	v.text(&notice{Type: typeSlow, On: true, Text: text})
}

// fellBehind is for a viewer whose next batch is forgotten: only a snapshot helps.
func (v *viewer) fellBehind(now time.Time) {
	v.dropParts()
	v.slow(now, "far behind: nothing until a fresh snapshot")
	v.want(false)
}

func (v *viewer) caughtUp() {
	if v.thin {
		v.thin = false
		v.text(&notice{Type: typeSlow})
	}
	if v.parts != nil || v.waiting {
		return
	}
	v.slowSince = time.Time{}
	if v.stale {
		v.want(true)
	}
}

// tellUnsent tells what was left out, when it is over.
func (v *viewer) tellUnsent() {
	if v.unsent.Total() == 0 || v.thin || v.waiting {
		return
	}
	d := v.unsent
	v.s.stats.Unsent.add(d)
	v.unsent = Dropped{}
	v.text(&notice{Type: typeDropped, Counts: &d})
}

func (s *Server) isEncoded() bool {
	select {
	case <-s.encoded:
		return true
	default:
		return false
	}
}

// goodbye ends the line of a viewer that has everything there was, or will
// not get the snapshot it waits for.
func (v *viewer) goodbye() outgoing {
	v.wantNot()
	v.dropParts()
	if v.begun {
		v.unsent.Events += v.s.events - v.ordinal
		v.ordinal = v.s.events
	}
	v.thin = false
	if v.tellUnsent(); len(v.texts) > 0 {
		text := v.texts[0]
		v.texts = v.texts[1:]
		return outgoing{text: text}
	}
	v.ended = &notice{Type: typeBye, Text: "the relay is ending", Now: v.s.o.Now(), Events: v.s.events}
	v.code = websocket.CloseGoingAway
	return outgoing{last: v.ended}
}

// slowest is what a line must carry, in bytes a second.
const slowest = 32 << 10

func (v *viewer) send(out *outgoing) error {
	typ, msg := websocket.BinaryMessage, out.data
	switch {
	case out.text != nil:
		typ, msg = websocket.TextMessage, out.text
	case out.parts != nil:
		msg = v.nextPart(out.parts)
	}
	v.conn.SetWriteDeadline(time.Now().Add(writeIn + time.Duration(len(msg))*time.Second/slowest))
	if err := v.conn.WriteMessage(typ, msg); err != nil {
		return err
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.stats.Sent += uint64(len(msg))
	return nil
}

// nextPart encodes a part of a snapshot, and ends it after the last.
func (v *viewer) nextPart(p *partWriter) []byte {
	msg := p.next()
	v.s.mu.Lock()
	deflate := v.deflate
	if p.done && v.parts == p {
		v.dropParts()
	}
	v.s.mu.Unlock()
	if deflate {
		if packed := pack(msg); packed != nil {
			return packed
		}
	}
	return msg
}

// sendFailed counts a viewer that did not take what was sent.
func (v *viewer) sendFailed(err error) {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() && v.ended == nil {
		v.fail(codeSlow, 0, "")
	}
}

// linger lets the viewer read what was said last.
func (v *viewer) linger() {
	t := time.NewTimer(lingerFor)
	defer t.Stop()
	select {
	case <-v.readDone:
	case <-t.C:
	}
}

// sayLast sends why the line ends, if there is something to say.
func (v *viewer) sayLast(n *notice) {
	if n.Type == "" {
		return
	}
	v.conn.SetWriteDeadline(time.Now().Add(time.Second))
	if v.conn.WriteMessage(websocket.TextMessage, encodeText(n)) != nil {
		return
	}
	v.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(v.code, ""), time.Now().Add(time.Second))
}
