package ws

import "encoding/binary"

// ShortMessage is a message in one frame of at most 125 bytes that breaks no rule. Most traffic consists of them, so
// there is a shorter way for them than through every rule.
type ShortMessage struct{ first, length uint8 }

// Opcode returns OpText or OpBinary.
func (m ShortMessage) Opcode() Opcode { return Opcode(m.first & opcodeMask) }

// RSV returns the frame's: that of RSV1 if the message is compressed, RFC 7692 §6, else 0.
func (m ShortMessage) RSV() uint8 { return m.first >> rsvShift & rsvMask }

// Length returns the size of the frame's payload in bytes.
func (m ShortMessage) Length() int { return int(m.length) }

// NextShort is Next for many frames at once: it consumes the short messages at the beginning of p, len(to) at most, and
// writes down which they were. It stops before whatever else there is, a cut message too. If it consumed any, the decoder
// is as if Next had completed the last of them.
func (d *FrameDecoder) NextShort(p []byte, to []ShortMessage) (n, count int) {
	if !d.awaitsShort() {
		return 0, 0
	}
	form := d.shortForm()
	for count < len(to) {
		size := form.size(p[n:])
		if size == 0 {
			break
		}
		to[count] = ShortMessage{p[n], p[n+1] & lengthMask}
		count++
		n += size
	}
	if count > 0 {
		d.completed(to[count-1], form)
	}
	return n, count
}

// nextShort is NextShort for one message.
func (d *FrameDecoder) nextShort(p []byte) (n int) {
	if !d.awaitsShort() {
		return 0
	}
	form := d.shortForm()
	if n = form.size(p); n > 0 {
		d.completed(ShortMessage{p[0], p[1] & lengthMask}, form)
	}
	return n
}

// awaitsShort says whether the next byte may begin a short message.
func (d *FrameDecoder) awaitsShort() bool {
	return d.phase == phaseBetween && d.message == OpContinuation && !d.closed
}

// completed makes m the frame just completed. What it leaves is set when the next frame begins.
func (d *FrameDecoder) completed(m ShortMessage, form shortForm) {
	f := &d.frame // field by field, as in begin
	f.Length = uint64(m.length)
	f.Opcode = m.Opcode()
	f.RSV = m.RSV()
	f.HeaderLen = uint8(form.header)
	f.Fin = true
	f.Masked = form.mask != 0
	d.broken, d.controlLen = 0, 0
}

// shortForm is what the header of a short message looks like.
type shortForm struct {
	header int   // its size, in bytes
	mask   uint8 // maskBit where frames have to be masked
	rsv    uint8 // the bit that says "compressed", as it is in the first byte, if that was negotiated
}

func (d *FrameDecoder) shortForm() (form shortForm) {
	form.header = minHeader
	if d.dir == FromClient {
		form.header, form.mask = minHeader+maskLen, maskBit
	}
	if d.deflate {
		form.rsv = rsv1 << rsvShift
	}
	return form
}

// size returns the size in bytes of the frame that p begins with, 0 if it is not a whole short message.
func (form shortForm) size(p []byte) int {
	if len(p) < form.header {
		return 0
	}
	first := p[0] &^ form.rsv
	length := p[1] ^ form.mask // over 125 too if the mask bit is wrong
	if first != finBit|byte(OpText) && first != finBit|byte(OpBinary) || length > maxShort {
		return 0
	}
	size := form.header + int(length)
	if size > len(p) || p[0] == finBit|byte(OpText) && !form.isText(p[:size]) {
		return 0
	}
	return size
}

// isText says whether the payload of a frame is UTF-8.
func (form shortForm) isText(frame []byte) bool {
	key := uint32(0)
	if form.mask != 0 {
		key = binary.LittleEndian.Uint32(frame[minHeader:])
	}
	return utf8Accept.follow(frame[form.header:], key) == utf8Accept
}
