package ws

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// seen is all that a decoder says of one frame.
type seen struct {
	frame   Frame
	rules   RuleSet
	control string
	code    CloseCode
	reason  string
}

// String shows a frame for a failure and for comparing a whole stream.
func (s seen) String() string {
	return fmt.Sprintf("%v %+v %q %d %q %v", s.frame.Opcode, s.frame, s.control, s.code, s.reason, ruleNames(s.rules))
}

func ruleNames(s RuleSet) (names []string) {
	for r := range s.Each() {
		names = append(names, r.String())
	}
	return names
}

// outcome is all that a decoder says of a stream.
type outcome struct {
	frames  []seen
	last    Frame // where the stream ended, whole or not
	lost    bool
	inFrame bool
	rules   RuleSet // of last, when lost or in a frame
}

// decodeParts pushes the parts of a stream one after the other, and checks Next's promises on the way.
func decodeParts(t *testing.T, dir Direction, deflate bool, parts ...[]byte) (o outcome) {
	t.Helper()
	var d FrameDecoder
	d.Reset(dir, deflate)
	for _, p := range parts {
		before := bytes.Clone(p)
		for rest := p; len(rest) > 0; {
			n, done := d.Next(rest)
			if n <= 0 || n > len(rest) || !done && n != len(rest) {
				t.Fatalf("Next of %d bytes = %d, %v", len(rest), n, done)
			}
			rest = rest[n:]
			if done {
				o.frames = append(o.frames, lastSeen(&d))
			}
		}
		if !bytes.Equal(p, before) {
			t.Fatal("Next changed the bytes it was given")
		}
	}
	o.last, o.lost, o.inFrame = *d.Frame(), d.Lost(), d.InFrame()
	if o.lost || o.inFrame {
		o.rules = d.Violations()
	}
	return o
}

func lastSeen(d *FrameDecoder) seen {
	s := seen{frame: *d.Frame(), rules: d.Violations(), control: string(d.Control())}
	if s.frame.Opcode == OpClose {
		code, reason := d.Close()
		s.code, s.reason = code, string(reason)
	}
	return s
}

// text writes an outcome for comparing.
func (o outcome) text() string {
	var b strings.Builder
	for _, s := range o.frames {
		fmt.Fprintln(&b, s)
	}
	fmt.Fprintf(&b, "lost %v, in frame %v: %+v %v\n", o.lost, o.inFrame, o.last, ruleNames(o.rules))
	return b.String()
}

// cuts returns the ways to cut a stream that must not matter: halves, single bytes, and in two at every offset. A long
// stream is cut at the first and last 64 offsets only, and not into bytes.
func cuts(stream []byte) (ways [][][]byte) {
	ways = append(ways, [][]byte{stream})
	short := len(stream) < 4096
	if short {
		ways = append(ways, slices.Collect(slices.Chunk(stream, 1)))
	}
	for i := 1; i < len(stream); i++ {
		if short || i < 64 || i > len(stream)-64 || i == len(stream)/2 {
			ways = append(ways, [][]byte{stream[:i], nil, stream[i:]}) // nothing is a part too
		}
	}
	return ways
}

// checkCuts wants the same outcome however the stream is cut, and returns it.
func checkCuts(t *testing.T, dir Direction, deflate bool, stream []byte) outcome {
	t.Helper()
	whole := decodeParts(t, dir, deflate, stream)
	for _, parts := range cuts(stream) {
		if got := decodeParts(t, dir, deflate, parts...); got.text() != whole.text() {
			t.Fatalf("cut in %d parts, the first of %d bytes:\n%s, want\n%s", len(parts), len(parts[0]), got.text(), whole.text())
		}
	}
	return whole
}

// c and s build frames as a client and a server send them.
func c(op Opcode, payload string) []byte {
	return buildFrame(frameSpec{opcode: op, payload: []byte(payload), mask: 0x37FA213D})
}

func s(op Opcode, payload string) []byte {
	return buildFrame(frameSpec{opcode: op, payload: []byte(payload)})
}

// part is a fragment: not the last.
func part(op Opcode, payload string) []byte {
	return buildFrame(frameSpec{opcode: op, payload: []byte(payload), noFin: true})
}

// rsv is a frame of the server with RSV bits.
func rsv(bits uint8, op Opcode, payload string) []byte {
	return buildFrame(frameSpec{opcode: op, payload: []byte(payload), rsv: bits})
}

// long is a frame of the server with its length in the given form.
func long(form byte, size int) []byte {
	return buildFrame(frameSpec{opcode: OpBinary, payload: make([]byte, size), form: form})
}

// frameStreams has for each rule a stream that breaks it and one that nearly does. want are the rules of the frames
// in turn, separated by commas, "ok" for none.
var frameStreams = []struct {
	name    string
	dir     Direction
	deflate bool
	stream  []byte
	want    string
}{
	{"RFC example, unmasked", FromServer, false, []byte("\x81\x05Hello"), "ok"},
	{"RFC example, masked", FromClient, false, []byte("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "ok"},
	{"RFC example, fragmented", FromServer, false, []byte("\x01\x03Hel\x80\x02lo"), "ok, ok"},
	{"RFC example, ping and pong", FromServer, false, []byte("\x89\x05Hello\x8a\x05Hello"), "ok, ok"},
	{"empty frames", FromServer, false, join(s(OpText, ""), s(OpBinary, ""), s(OpPing, ""), s(OpClose, "")), "ok, ok, ok, ok"},
	{"masked empty frames", FromClient, false, join(c(OpText, ""), c(OpPing, ""), c(OpClose, "")), "ok, ok, ok"},

	{"RSV1", FromServer, false, rsv(4, OpText, "x"), "reserved-bits"},
	{"RSV2", FromServer, true, rsv(2, OpText, "x"), "reserved-bits"},
	{"RSV3", FromServer, true, rsv(1, OpBinary, "x"), "reserved-bits"},
	{"RSV1 with deflate", FromServer, true, join(rsv(4, OpText, "\xff"), rsv(4, OpBinary, "x")), "ok, ok"},
	{"RSV1 on ping with deflate", FromServer, true, rsv(4, OpPing, "x"), "reserved-bits"},
	{"RSV1 on reserved opcode with deflate", FromServer, true, rsv(4, 3, "x"), "reserved-bits reserved-opcode"},
	{"RSV1 on continuation", FromServer, true, join(part(OpText, "x"), rsv(4, OpContinuation, "\xff")), "ok, rsv1-on-continuation"},
	{"RSV1 and RSV2 on continuation", FromServer, true, join(part(OpText, "x"), rsv(6, OpContinuation, "")), "ok, reserved-bits rsv1-on-continuation"},
	{"RSV1 on continuation without deflate", FromServer, false, join(part(OpText, "x"), rsv(4, OpContinuation, "")), "ok, reserved-bits"},
	{"RSV1 on the first fragment only", FromServer, true,
		join(buildFrame(frameSpec{opcode: OpText, rsv: 4, noFin: true, payload: []byte("\xff")}), s(OpContinuation, "\xff")), "ok, ok"},

	{"reserved data opcodes", FromServer, false, join(s(3, "x"), s(7, "x")), "reserved-opcode, reserved-opcode"},
	{"reserved control opcodes", FromServer, false, join(s(0xB, "x"), s(0xF, "x")), "reserved-opcode, reserved-opcode"},
	{"reserved data opcode inside a message", FromServer, false, join(part(OpText, "x"), s(3, "y"), s(OpContinuation, "z")), "ok, reserved-opcode, ok"},

	{"ping without FIN", FromServer, false, part(OpPing, "x"), "control-fragmented"},
	{"close without FIN", FromServer, false, part(OpClose, "\x03\xe8"), "control-fragmented"},
	{"reserved control without FIN", FromServer, false, part(0xB, ""), "reserved-opcode control-fragmented"},
	{"ping between fragments", FromServer, false, join(part(OpText, "a"), s(OpPing, "p"), part(OpContinuation, "b"), s(OpPong, "p"), s(OpContinuation, "c")), "ok, ok, ok, ok, ok"},

	{"ping of 125", FromServer, false, s(OpPing, strings.Repeat("x", 125)), "ok"},
	{"ping of 126", FromServer, false, join(s(OpPing, strings.Repeat("x", 126)), s(OpText, "after")), "control-too-long, ok"},
	{"ping of 70000", FromClient, false, join(c(OpPing, strings.Repeat("x", 70000)), c(OpText, "after")), "control-too-long, ok"},

	{"client without mask", FromClient, false, join(s(OpText, "Grüße"), s(OpPing, "x")), "client-not-masked, client-not-masked"},
	{"server with mask", FromServer, false, join(c(OpText, "Grüße"), c(OpClose, "\x03\xe8Grüße")), "server-masked, server-masked"},

	{"125 in 16 bits", FromServer, false, long(126, 125), "length-not-minimal"},
	{"126 in 16 bits", FromServer, false, long(126, 126), "ok"},
	{"65535 in 16 bits", FromServer, false, long(126, 65535), "ok"},
	{"0 in 16 bits", FromServer, false, join(long(126, 0), s(OpText, "after")), "length-not-minimal, ok"},
	{"65535 in 64 bits", FromServer, false, long(127, 65535), "length-not-minimal"},
	{"65536 in 64 bits", FromServer, false, long(127, 65536), "ok"},
	{"5 in 64 bits on a ping", FromServer, false, buildFrame(frameSpec{opcode: OpPing, payload: []byte("Hello"), form: 127}), "length-not-minimal"},

	{"continuation of nothing", FromServer, false, s(OpContinuation, "\xff"), "unexpected-continuation"},
	{"continuation after the end", FromServer, false, join(part(OpText, "a"), s(OpContinuation, "b"), s(OpContinuation, "c")), "ok, ok, unexpected-continuation"},
	{"continuation after a whole message", FromServer, false, join(s(OpText, "a"), s(OpContinuation, "b")), "ok, unexpected-continuation"},
	{"continuation of a ping without FIN", FromServer, false, join(part(OpPing, "a"), s(OpContinuation, "b")), "control-fragmented, unexpected-continuation"},

	{"message in a message", FromServer, false, join(part(OpText, "a"), s(OpText, "b"), s(OpBinary, "c")), "ok, message-interrupted, ok"},
	{"fragmented message in a message", FromServer, false, join(part(OpText, "a"), part(OpBinary, "\xff"), s(OpContinuation, "\xff"), s(OpText, "b")), "ok, message-interrupted, ok, ok"},
	{"message after a fragmented one", FromServer, false, join(part(OpText, "a"), s(OpContinuation, ""), s(OpText, "b")), "ok, ok, ok"},

	{"close with one byte", FromServer, false, s(OpClose, "\x03"), "close-payload-one-byte"},
	{"close with a code", FromServer, false, s(OpClose, "\x03\xe8"), "ok"},
	{"close with one byte, masked", FromClient, false, c(OpClose, "\x03"), "close-payload-one-byte"},

	{"close 999", FromServer, false, s(OpClose, "\x03\xe7"), "close-code-invalid"},
	{"close 1004", FromServer, false, s(OpClose, "\x03\xec"), "close-code-invalid"},
	{"close 1005", FromServer, false, s(OpClose, "\x03\xed"), "close-code-invalid"},
	{"close 1006", FromClient, false, c(OpClose, "\x03\xee"), "close-code-invalid"},
	{"close 1014", FromServer, false, s(OpClose, "\x03\xf6bad gateway"), "ok"},
	{"close 1015", FromServer, false, s(OpClose, "\x03\xf7"), "close-code-invalid"},
	{"close 2999", FromServer, false, s(OpClose, "\x0b\xb7"), "close-code-invalid"},
	{"close 3000", FromServer, false, s(OpClose, "\x0b\xb8"), "ok"},
	{"close 4999", FromServer, false, s(OpClose, "\x13\x87"), "ok"},
	{"close 5000", FromServer, false, s(OpClose, "\x13\x88"), "close-code-invalid"},

	{"close reason not UTF-8", FromServer, false, s(OpClose, "\x03\xe8caf\xe9"), "close-reason-not-utf8"},
	{"close reason cut in a character", FromServer, false, s(OpClose, "\x03\xe8caf\xc3"), "close-reason-not-utf8"},
	{"close reason UTF-8", FromClient, false, c(OpClose, "\x03\xe8café"), "ok"},
	{"close reason of 123", FromServer, false, s(OpClose, "\x03\xe8"+strings.Repeat("é", 61)+"x"), "ok"},
	{"close reason of 124, a character across the cap", FromServer, false, s(OpClose, "\x03\xe8"+strings.Repeat("é", 62)), "control-too-long"},
	{"close reason of 124, wrong before the cap", FromServer, false, s(OpClose, "\x03\xe8\xff"+strings.Repeat("é", 62)), "control-too-long close-reason-not-utf8"},
	{"close 1005 and reason not UTF-8", FromServer, false, s(OpClose, "\x03\xed\xff"), "close-code-invalid close-reason-not-utf8"},

	{"text not UTF-8", FromServer, false, join(s(OpText, "caf\xe9"), s(OpText, "café")), "text-not-utf8, ok"},
	{"text not UTF-8, masked", FromClient, false, join(c(OpText, "0123456789caf\xe9 0123456789"), c(OpText, "café")), "text-not-utf8, ok"},
	{"text cut in a character", FromServer, false, s(OpText, "caf\xc3"), "text-not-utf8"},
	{"character across fragments", FromServer, false, join(part(OpText, "caf\xc3"), s(OpPing, "\xff"), s(OpContinuation, "\xa9")), "ok, ok, ok"},
	{"character not ended by fragments", FromServer, false, join(part(OpText, "caf\xc3"), s(OpContinuation, "")), "ok, text-not-utf8"},
	{"text wrong in the first fragment, said once", FromServer, false, join(part(OpText, "\xff"), part(OpContinuation, "\xff"), s(OpContinuation, "\xff")), "text-not-utf8, ok, ok"},
	{"text wrong in the middle", FromServer, false, join(part(OpText, "a"), part(OpContinuation, "\xff"), s(OpContinuation, "b"), s(OpText, "c")), "ok, text-not-utf8, ok, ok"},
	{"half a character before an interrupting text", FromServer, false, join(part(OpText, "\xc3"), s(OpText, "\xa9")), "ok, message-interrupted text-not-utf8"},
	{"surrogate", FromServer, false, s(OpText, "\xed\xa0\x80"), "text-not-utf8"},
	{"last before the surrogates", FromServer, false, s(OpText, "\xed\x9f\xbf"), "ok"},
	{"overlong slash", FromServer, false, s(OpText, "\xc0\xaf"), "text-not-utf8"},
	{"over U+10FFFF", FromServer, false, s(OpText, "\xf4\x90\x80\x80"), "text-not-utf8"},
	{"U+10FFFF", FromServer, false, s(OpText, "\xf4\x8f\xbf\xbf"), "ok"},
	{"binary not UTF-8", FromServer, false, s(OpBinary, "\xff"), "ok"},
	{"text with unknown extension's bit not checked", FromServer, false, join(rsv(4, OpText, "\xff"), s(OpText, "\xff")), "reserved-bits, text-not-utf8"},
	{"deflate, but this text is not compressed", FromServer, true, s(OpText, "\xff"), "text-not-utf8"},

	{"text after close", FromServer, false, join(s(OpClose, "\x03\xe8"), s(OpText, "x")), "ok, data-after-close"},
	{"ping and close after close", FromClient, false, join(c(OpClose, ""), c(OpPing, ""), c(OpClose, "")), "ok, data-after-close, data-after-close"},
	{"text before close", FromServer, false, join(s(OpText, "x"), s(OpClose, "\x03\xe8")), "ok, ok"},

	{"all at once", FromClient, false, join(c(OpClose, ""), buildFrame(frameSpec{opcode: OpClose, payload: []byte{3}, rsv: 7, noFin: true, form: 126})),
		"ok, reserved-bits control-fragmented client-not-masked length-not-minimal close-payload-one-byte data-after-close"},
}

func TestFrameDecoder(t *testing.T) {
	for _, test := range frameStreams {
		t.Run(test.name, func(t *testing.T) {
			o := checkCuts(t, test.dir, test.deflate, test.stream)
			var got []string
			for _, s := range o.frames {
				if names := ruleNames(s.rules); names != nil {
					got = append(got, strings.Join(names, " "))
				} else {
					got = append(got, "ok")
				}
			}
			if strings.Join(got, ", ") != test.want {
				t.Errorf("rules %q, want %q", got, test.want)
			}
			if o.lost || o.inFrame {
				t.Errorf("lost %v, in frame %v after whole frames", o.lost, o.inFrame)
			}
		})
	}
}

// TestFrameRulesAllTried wants every rule about frames to break in one stream of the table at least.
func TestFrameRulesAllTried(t *testing.T) {
	var tried RuleSet
	for _, test := range frameStreams {
		for _, s := range decodeParts(t, test.dir, test.deflate, test.stream).frames {
			tried |= s.rules
		}
	}
	for r := RuleReservedBits; r <= RuleRSV1OnContinuation; r++ {
		if !tried.Has(r) && r != RuleLengthOverflow { // that one loses the decoder: TestFrameDecoderLost
			t.Errorf("no stream breaks %v", r)
		}
	}
}

// TestFrameLengths wants the header's fields at every boundary of the length, for both directions.
func TestFrameLengths(t *testing.T) {
	for _, test := range []struct {
		length            int
		header, maskedLen uint8
	}{
		{0, 2, 6}, {1, 2, 6}, {124, 2, 6}, {125, 2, 6},
		{126, 4, 8}, {127, 4, 8}, {65534, 4, 8}, {65535, 4, 8},
		{65536, 10, 14}, {65537, 10, 14},
	} {
		payload := bytes.Repeat([]byte("x"), test.length)
		for dir, mask := range []uint32{FromClient: 0x01020380, FromServer: 0} {
			stream := buildFrame(frameSpec{opcode: OpText, payload: payload, mask: mask})
			stream = append(stream, stream...)
			want := Frame{Length: uint64(test.length), Opcode: OpText, HeaderLen: test.header, Fin: true}
			if mask != 0 {
				want.HeaderLen, want.Masked = test.maskedLen, true
			}
			o := checkCuts(t, Direction(dir), false, stream)
			if len(o.frames) != 2 || o.frames[0].frame != want || o.frames[1].frame != want || o.frames[1].rules != 0 {
				t.Errorf("length %d %v: %s, want twice %+v", test.length, Direction(dir), o.text(), want)
			}
		}
	}
}

// TestFrameHugeLengths announces payloads that never come whole: in step up to 2^63-1, lost from 2^63 on.
func TestFrameHugeLengths(t *testing.T) {
	for _, test := range []struct {
		length uint64
		lost   bool
	}{
		{1<<31 - 1, false}, {1 << 31, false}, {1 << 32, false}, {1<<63 - 1, false},
		{1 << 63, true}, {1<<64 - 1, true},
	} {
		stream := join(buildFrame(frameSpec{opcode: OpBinary, payload: []byte("beginning"), length: test.length}), s(OpText, "x"))
		o := checkCuts(t, FromServer, false, stream)
		if o.lost != test.lost || o.inFrame == test.lost || len(o.frames) != 0 {
			t.Errorf("length %d: %s", test.length, o.text())
		}
	}
}

// TestFrameDecoderLost wants the frame and all of its rules to be kept, and nothing after it to be read.
func TestFrameDecoderLost(t *testing.T) {
	impossible := buildFrame(frameSpec{opcode: OpPing, rsv: 1, length: 1 << 63})
	o := checkCuts(t, FromClient, false, join(c(OpText, "x"), impossible, c(OpText, "x")))
	if got := strings.Join(ruleNames(o.rules), " "); got != "reserved-bits control-too-long client-not-masked length-overflow" {
		t.Errorf("lost because of %s", got)
	}
	if !o.lost || len(o.frames) != 1 {
		t.Error(o.text())
	}
	var d FrameDecoder
	d.Next(impossible)
	if f := d.Frame(); f.Length != 1<<63 || f.Opcode != OpPing || f.HeaderLen != 10 {
		t.Errorf("lost in frame %+v", f)
	}
	d.Reset(FromServer, false)
	if n, done := d.Next(s(OpText, "x")); n != 3 || !done || d.Lost() || d.Violations() != 0 {
		t.Errorf("after Reset: Next = %d, %v, lost %v, %v", n, done, d.Lost(), ruleNames(d.Violations()))
	}
}

// TestFrameDecoderZero wants the zero value to be a decoder of FromClient.
func TestFrameDecoderZero(t *testing.T) {
	var d FrameDecoder
	if d.InFrame() || d.Lost() || *d.Frame() != (Frame{}) {
		t.Error("the zero decoder has seen something")
	}
	if n, done := d.Next(c(OpText, "x")); n != 7 || !done || d.Violations() != 0 {
		t.Errorf("Next = %d, %v, %v", n, done, ruleNames(d.Violations()))
	}
}

// TestFrameInPieces looks between the bytes of one close frame that follows a frame with a violation.
func TestFrameInPieces(t *testing.T) {
	var d FrameDecoder
	d.Next(s(OpText, "x"))
	if !d.Violations().Has(RuleClientNotMasked) {
		t.Fatal("no violation to clear")
	}
	for i, b := range c(OpClose, "\x03\xe9bye") {
		_, done := d.Next([]byte{b})
		if wantFrame := i >= 5; (d.Frame().HeaderLen != 0) != wantFrame {
			t.Errorf("byte %d: frame %+v", i, d.Frame())
		}
		if d.Violations() != 0 || done != (i == 10) || d.InFrame() == done {
			t.Errorf("byte %d: violations %v, done %v, in frame %v", i, ruleNames(d.Violations()), done, d.InFrame())
		}
	}
	if n, done := d.Next(nil); n != 0 || done {
		t.Errorf("Next of nothing = %d, %v", n, done)
	}
	if code, reason := d.Close(); code != CloseGoingAway || string(reason) != "bye" || string(d.Control()) != "\x03\xe9bye" {
		t.Errorf("close %d %q, control %q", code, reason, d.Control())
	}
}

func TestControl(t *testing.T) {
	reason := strings.Repeat("r", 123)
	for _, test := range []struct {
		name, payload, control string
		op                     Opcode
		code                   CloseCode
		reason                 string
	}{
		{"empty close", "", "", OpClose, CloseNoStatus, ""},
		{"half a code", "\x03", "\x03", OpClose, CloseNoStatus, ""},
		{"code", "\x03\xe8", "\x03\xe8", OpClose, CloseNormalClosure, ""},
		{"reason not UTF-8", "\x0f\xa1\xff", "\x0f\xa1\xff", OpClose, 4001, "\xff"},
		{"longest reason", "\x03\xe8" + reason, "\x03\xe8" + reason, OpClose, CloseNormalClosure, reason},
		{"reason too long", "\x03\xe8" + reason + "x", "\x03\xe8" + reason, OpClose, CloseNormalClosure, reason},
		{"ping", "0123456789", "0123456789", OpPing, 0, ""},
		{"pong too long", strings.Repeat("0123456789", 20), strings.Repeat("0123456789", 13)[:125], OpPong, 0, ""},
		{"reserved", "abc", "abc", 0xB, 0, ""},
		{"data", "abc", "", OpText, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := checkCuts(t, FromClient, false, c(test.op, test.payload))
			got := o.frames[0]
			if got.control != test.control || got.code != test.code || got.reason != test.reason {
				t.Errorf("control %q, close %d %q; want %q, %d %q", got.control, got.code, got.reason, test.control, test.code, test.reason)
			}
		})
	}
}

// TestFrameDecoderManyCuts puts all streams of one direction in a row and cuts it at random, several times in each
// frame.
func TestFrameDecoderManyCuts(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for _, dir := range []Direction{FromClient, FromServer} {
		var stream []byte
		for _, test := range frameStreams {
			if test.dir == dir {
				stream = append(stream, test.stream...)
			}
		}
		want := decodeParts(t, dir, true, stream).text()
		for range 50 {
			parts := slices.Collect(cutRandomly(random, stream))
			if got := decodeParts(t, dir, true, parts...).text(); got != want {
				t.Fatalf("seed %d, %v:\n%s, want\n%s", seed, dir, got, want)
			}
		}
	}
}

// cutRandomly yields stream in pieces of 1 to 64 bytes.
func cutRandomly(random *rand.Rand, stream []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(stream) > 0 {
			n := min(1+random.IntN(64), len(stream))
			if !yield(stream[:n]) {
				return
			}
			stream = stream[n:]
		}
	}
}

// TestFrameDecoderAllocates wants no allocation, whatever the frames and wherever they are cut.
func TestFrameDecoderAllocates(t *testing.T) {
	for _, test := range frameStreams {
		var d FrameDecoder
		decode := func(p []byte) {
			for len(p) > 0 {
				n, done := d.Next(p)
				p = p[n:]
				if done && d.Frame().Opcode == OpClose {
					d.Close()
				}
			}
		}
		half := len(test.stream) / 2
		allocs := testing.AllocsPerRun(10, func() {
			d.Reset(test.dir, test.deflate)
			decode(test.stream[:half])
			decode(test.stream[half:])
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", test.name, allocs)
		}
	}
}
