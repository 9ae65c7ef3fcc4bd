package ws

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Frame is what a frame's header says, RFC 6455 §5.2.
type Frame struct {
	Length    uint64 // of the payload, in bytes
	Opcode    Opcode
	RSV       uint8 // 4, 2 and 1 are RSV1, RSV2 and RSV3
	HeaderLen uint8 // 2 to 14 bytes; 0 while the header is not complete
	Fin       bool
	Masked    bool
}

// Sizes of RFC 6455 §5.2, in bytes.
const (
	minHeader    = 2
	maxHeader    = 14
	maskLen      = 4
	length16     = 126 // the seven-bit length that says: 16 bits follow
	length64     = 127 // 64 bits follow
	maxLength    = 1<<63 - 1
	maxControl   = 125 // RFC 6455 §5.5
	maxShort     = 125 // the most that the seven-bit length says by itself
	closeCodeLen = 2   // RFC 6455 §5.5.1
)

// Bits of the first two bytes, RFC 6455 §5.2; the RSV bits are those of Frame.RSV.
const (
	finBit     = 0x80
	rsvShift   = 4
	rsvMask    = 0x7
	rsv1       = 0x4
	opcodeMask = 0xF
	maskBit    = 0x80
	lengthMask = 0x7F
)

// phase is where in a frame the decoder stands.
type phase uint8

const (
	phaseBetween phase = iota // the next byte begins a frame
	phaseHeader               // some bytes of the header are in head
	phasePayload              // remaining bytes of the payload are to come
	phaseLost                 // the next frame cannot be found
)

// FrameDecoder follows the frames of one direction. The zero value is a decoder of FromClient without
// permessage-deflate; see Reset. It has the size of a cache line, for a relay has two for each of its connections.
type FrameDecoder struct {
	frame     Frame
	remaining uint64            // bytes of the payload not seen yet
	control   *[maxControl]byte // unmasked; made with the first control frame, for many idle conns never see one
	broken    frameRules
	key       uint32 // masking key, little-endian, turned so that its lowest byte is for the next byte of payload

	phase   phase
	dir     Direction
	deflate bool
	looks   bool // the payload is looked at: it is a control frame's, or text whose UTF-8 is checked
	closed  bool // a close frame of this direction is complete

	// The fragmented message, apart from the frame: control frames may come between its fragments, RFC 6455 §5.4.
	message     Opcode // OpText or OpBinary inside of one, OpContinuation outside
	messageText bool   // it is text that is still being checked; without meaning outside of one
	text        utf8State

	headLen    uint8
	controlLen uint8
	head       [maxHeader]byte // a header that came in pieces
}

// frameRules is a RuleSet of rules about frames, which have the lowest numbers.
type frameRules uint32

func (s *frameRules) add(r Rule) { *s |= 1 << r }

// Reset makes d ready for the first frame of a direction. deflate says whether the handshake negotiated
// permessage-deflate, which gives RSV1 a meaning (RFC 7692 §6).
func (d *FrameDecoder) Reset(dir Direction, deflate bool) {
	*d = FrameDecoder{dir: dir, deflate: deflate, control: d.control}
}

// Next consumes bytes of p up to the end of the next frame and never more. If done, a frame is complete, n bytes of p
// were consumed, and Frame, Violations, Control and Close speak of that frame. If not done, all of p was consumed.
// Next keeps no reference to p and does not change it.
func (d *FrameDecoder) Next(p []byte) (n int, done bool) {
	if n = d.nextShort(p); n > 0 {
		return n, true
	}
	if d.phase != phasePayload {
		n = d.readHeader(p)
		if d.phase != phasePayload {
			return len(p), false
		}
	}
	rest := p[n:]
	if uint64(len(rest)) > d.remaining {
		rest = rest[:d.remaining]
	}
	if d.looks {
		d.look(rest)
	}
	d.remaining -= uint64(len(rest))
	if d.remaining != 0 {
		return len(p), false
	}
	if d.looks {
		d.judge()
	}
	d.phase = phaseBetween
	return n + len(rest), true
}

// readHeader consumes bytes of p up to the end of the header.
func (d *FrameDecoder) readHeader(p []byte) int {
	if d.phase == phaseBetween && len(p) >= minHeader {
		if size := headerLen(p[1]); len(p) >= size {
			d.begin(p[:size])
			return size
		}
	}
	return d.gatherHeader(p)
}

// gatherHeader is readHeader for a header in pieces.
func (d *FrameDecoder) gatherHeader(p []byte) int {
	if d.phase == phaseLost || len(p) == 0 {
		return len(p)
	}
	if d.phase == phaseBetween {
		d.phase, d.headLen = phaseHeader, 0
		d.frame, d.broken, d.looks, d.controlLen = Frame{}, 0, false, 0
	}
	for i, b := range p {
		d.head[d.headLen] = b
		d.headLen++
		if d.headLen >= minHeader && int(d.headLen) == headerLen(d.head[1]) {
			d.begin(d.head[:d.headLen])
			return i + 1
		}
	}
	return len(p)
}

// headerLen returns the size in bytes of the header whose second byte is b.
func headerLen(b byte) int {
	size := minHeader
	switch b & lengthMask {
	case length16:
		size += 2
	case length64:
		size += 8
	}
	if b&maskBit != 0 {
		size += maskLen
	}
	return size
}

// begin takes a whole header and enters the payload, or is lost.
func (d *FrameDecoder) begin(h []byte) {
	first, second := h[0], h[1]
	length, least := uint64(second&lengthMask), uint64(0)
	switch length {
	case length16:
		length, least = uint64(binary.BigEndian.Uint16(h[minHeader:])), length16
	case length64:
		length, least = binary.BigEndian.Uint64(h[minHeader:]), 1<<16
	}
	f := &d.frame // set field by field: a composite literal costs a copy that takes a third of the time
	f.Length = length
	f.Opcode = Opcode(first & opcodeMask)
	f.RSV = first >> rsvShift & rsvMask
	f.HeaderLen = uint8(len(h))
	f.Fin = first&finBit != 0
	f.Masked = second&maskBit != 0
	d.key = 0
	if second&maskBit != 0 {
		d.key = binary.LittleEndian.Uint32(h[len(h)-maskLen:])
	}
	d.broken = f.brokenRules(d.dir, d.deflate, least)
	if d.closed {
		d.broken.add(RuleDataAfterClose) // §5.5.1
	}
	d.looks, d.controlLen = f.Opcode.IsControl(), 0
	if f.Opcode.IsData() {
		d.follow()
	}
	d.remaining = length
	d.phase = phasePayload
	if length > maxLength {
		d.phase = phaseLost
	}
}

// brokenRules returns the rules that the header breaks by itself, whatever came before. least is the smallest length
// that needs as many bytes as it was written in.
func (f *Frame) brokenRules(dir Direction, deflate bool, least uint64) (s frameRules) {
	if f.RSV != 0 {
		s = f.brokenBits(deflate)
	}
	if f.Masked != (dir == FromClient) { // §5.1
		if dir == FromClient {
			s.add(RuleClientNotMasked)
		} else {
			s.add(RuleServerMasked)
		}
	}
	if f.Length < least { // §5.2
		s.add(RuleLengthNotMinimal)
	}
	if f.Length > maxLength { // §5.2
		s.add(RuleLengthOverflow)
	}
	if f.Opcode.IsReserved() { // §5.2
		s.add(RuleReservedOpcode)
	}
	if f.Opcode.IsControl() { // §5.5
		if !f.Fin {
			s.add(RuleControlFragmented)
		}
		if f.Length > maxControl {
			s.add(RuleControlTooLong)
		}
	}
	return s
}

// brokenBits returns the rules that set RSV bits break. With permessage-deflate, RSV1 belongs to the first frame of a
// data message, RFC 7692 §6.
func (f *Frame) brokenBits(deflate bool) (s frameRules) {
	unused := f.RSV
	if deflate && f.RSV&rsv1 != 0 && f.Opcode.IsData() {
		unused &^= rsv1
		if f.Opcode == OpContinuation { // RFC 7692 §6.1
			s.add(RuleRSV1OnContinuation)
		}
	}
	if unused != 0 { // RFC 6455 §5.2
		s.add(RuleReservedBits)
	}
	return s
}

// follow is the whole rule of sequence, §5.4: it holds the frame against the message open before it and remembers the
// message open after it. A message that interrupts another takes its place. Any RSV bit means that the payload is an
// extension's, so the rest of the message is not checked as text.
func (d *FrameDecoder) follow() {
	f := &d.frame
	switch {
	case f.Opcode != OpContinuation:
		if d.message != OpContinuation {
			d.broken.add(RuleMessageInterrupted)
		}
		d.message, d.messageText, d.text = f.Opcode, f.Opcode == OpText, utf8Accept
	case d.message == OpContinuation:
		d.broken.add(RuleUnexpectedContinuation)
		return
	}
	if f.RSV != 0 {
		d.messageText = false
	}
	d.looks = d.messageText
	if f.Fin {
		d.message = OpContinuation
	}
}

// look reads p, the next bytes of a payload: of a control frame it is kept, of text it is checked.
func (d *FrameDecoder) look(p []byte) {
	if d.frame.Opcode.IsControl() {
		d.keepControl(p)
	} else if d.text != utf8Reject {
		d.text = d.text.follow(p, d.key)
	}
	d.key = bits.RotateLeft32(d.key, -8*(len(p)&3))
}

// keepControl appends to control what fits. The rest of a control frame that is too long is consumed to stay in step.
func (d *FrameDecoder) keepControl(p []byte) {
	if d.control == nil {
		d.control = new([maxControl]byte)
	}
	room := d.control[d.controlLen:]
	n := min(len(p), len(room))
	unmask(room[:n], p[:n], d.key)
	d.controlLen += uint8(n)
}

// unmask writes p under key to to, which is as long; RFC 6455 §5.3.
func unmask(to, p []byte, key uint32) {
	key64 := uint64(key)<<32 | uint64(key)
	for len(p) >= 8 && len(to) >= 8 {
		binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(p)^key64)
		to, p = to[8:], p[8:]
	}
	for i, b := range p {
		to[i] = b ^ byte(key)
		key = bits.RotateLeft32(key, -8)
	}
}

// judge adds what only the whole payload of a close or text frame can tell.
func (d *FrameDecoder) judge() {
	switch {
	case d.frame.Opcode == OpClose:
		d.closed = true
		d.broken |= d.brokenClose()
	case d.frame.Opcode.IsData() && (d.text == utf8Reject || d.frame.Fin && d.text != utf8Accept): // §8.1
		d.broken.add(RuleTextNotUTF8)
		d.messageText = false // said once a message
	}
}

// brokenClose returns the rules that the payload of a close frame breaks.
func (d *FrameDecoder) brokenClose() (s frameRules) {
	switch d.controlLen {
	case 0:
		return 0
	case 1: // §5.5.1
		s.add(RuleClosePayloadOneByte)
		return s
	}
	code, reason := d.Close()
	if !code.ValidOnWire() { // §7.4.1
		s.add(RuleCloseCodeInvalid)
	}
	if d.frame.Length > maxControl {
		reason = withoutCutRune(reason)
	}
	if !utf8.Valid(reason) { // §5.5.1
		s.add(RuleCloseReasonNotUTF8)
	}
	return s
}

// withoutCutRune drops the beginning of a character that was cut off at the end of p.
func withoutCutRune(p []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(p); i++ {
		if last := p[len(p)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return p[:len(p)-i]
			}
			break
		}
	}
	return p
}

// Frame returns the frame just completed, or the one being read. While its header is not complete, and before the
// first frame, HeaderLen is 0. When lost, it is the frame with the impossible length. It is the decoder's own, to be read
// before the next call of Next: a copy made right after its fields were written waits until they are in the cache.
func (d *FrameDecoder) Frame() *Frame { return &d.frame }

// Violations returns the rules that the frame just completed breaks, all of them; they are cleared when the next frame
// begins. In the middle of a frame they are those of its header. When lost, they say why.
func (d *FrameDecoder) Violations() RuleSet { return RuleSet(d.broken) }

// Control returns the payload of the control frame just completed, unmasked, its first 125 bytes at most. It is empty
// for a data frame, and valid until the next call of Next.
func (d *FrameDecoder) Control() []byte {
	if d.control == nil {
		return nil
	}
	return d.control[:d.controlLen]
}

// Close returns the code and the reason of the close frame just completed, or CloseNoStatus if its payload holds no
// code (RFC 6455 §7.1.5). The reason is as it came, perhaps not UTF-8 and perhaps cut at 123 bytes; it is valid until
// the next call of Next.
func (d *FrameDecoder) Close() (code CloseCode, reason []byte) {
	payload := d.Control()
	if len(payload) < closeCodeLen {
		return CloseNoStatus, nil
	}
	return CloseCode(binary.BigEndian.Uint16(payload)), payload[closeCodeLen:]
}

// Lost says whether a frame had an impossible length. From then on Next consumes everything and completes nothing.
func (d *FrameDecoder) Lost() bool { return d.phase == phaseLost }

// InFrame says whether the bytes so far end in the middle of a frame's header or payload. A lost decoder cannot know.
func (d *FrameDecoder) InFrame() bool { return d.phase == phaseHeader || d.phase == phasePayload }
