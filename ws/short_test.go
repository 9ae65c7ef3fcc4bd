package ws

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// decodeShort is decodeParts with NextShort, most messages at a time, before every Next.
func decodeShort(t *testing.T, dir Direction, deflate bool, most int, parts ...[]byte) (o outcome) {
	t.Helper()
	var d FrameDecoder
	d.Reset(dir, deflate)
	run := make([]ShortMessage, most)
	for _, p := range parts {
		for len(p) > 0 {
			p = p[nextShort(t, &d, p, run, &o):]
			n, done := d.Next(p)
			p = p[n:]
			if done {
				o.frames = append(o.frames, lastSeen(&d))
			}
		}
	}
	o.last, o.lost, o.inFrame = *d.Frame(), d.Lost(), d.InFrame()
	if o.lost || o.inFrame {
		o.rules = d.Violations()
	}
	return o
}

// nextShort adds the messages of one NextShort to o, and checks its promises.
func nextShort(t *testing.T, d *FrameDecoder, p []byte, run []ShortMessage, o *outcome) int {
	t.Helper()
	before, stood := bytes.Clone(p), *d
	n, count := d.NextShort(p, run)
	if !bytes.Equal(p, before) {
		t.Fatal("NextShort changed the bytes it was given")
	}
	size := 0
	for _, m := range run[:count] {
		f := Frame{Length: uint64(m.Length()), Opcode: m.Opcode(), RSV: m.RSV(), HeaderLen: uint8(d.shortForm().header), Fin: true, Masked: d.dir == FromClient}
		size += int(f.HeaderLen) + m.Length()
		o.frames = append(o.frames, seen{frame: f})
	}
	switch {
	case size != n:
		t.Fatalf("NextShort = %d, %d; the messages have %d bytes", n, count, size)
	case count == 0 && *d != stood:
		t.Fatalf("NextShort without a message made %+v of %+v", *d, stood)
	case count > 0 && lastSeen(d).String() != o.frames[len(o.frames)-1].String():
		t.Fatalf("NextShort leaves %v, want %v", lastSeen(d), o.frames[len(o.frames)-1])
	}
	return n
}

// TestNextShort wants what Next alone sees of the streams of TestFrameDecoder, each with short messages before and
// after it, however they are cut. The very long ones add nothing.
func TestNextShort(t *testing.T) {
	for _, test := range frameStreams {
		if len(test.stream) >= 4096 {
			continue
		}
		short := bytes.Repeat(buildFrame(frameSpec{opcode: OpText, payload: []byte("short"), mask: maskOf(test.dir)}), 3)
		stream := join(short, test.stream, short)
		for _, deflate := range []bool{test.deflate, !test.deflate} {
			want := decodeParts(t, test.dir, deflate, stream).text()
			for _, parts := range cuts(stream) {
				for _, most := range []int{2, 64} {
					if got := decodeShort(t, test.dir, deflate, most, parts...).text(); got != want {
						t.Fatalf("%s, deflate %v, in %d parts, %d at a time:\n%s, want\n%s", test.name, deflate, len(parts), most, got, want)
					}
				}
			}
		}
	}
}

// maskOf is the masking key of legal frames of a direction.
func maskOf(dir Direction) uint32 {
	if dir == FromClient {
		return 0x37FA213D
	}
	return 0
}

// TestNextShortStops wants NextShort to take what is short and to leave everything else to Next.
func TestNextShortStops(t *testing.T) {
	text := s(OpText, "a")
	for _, test := range []struct {
		name    string
		dir     Direction
		deflate bool
		stream  []byte
		want    int
	}{
		{"nothing", FromServer, false, nil, 0},
		{"one byte", FromServer, false, text[:1], 0},
		{"all of a header", FromServer, false, text[:2], 0},
		{"an empty message", FromServer, false, s(OpBinary, ""), 1},
		{"messages", FromServer, false, join(text, s(OpBinary, "\xFF"), text), 3},
		{"masked messages", FromClient, false, join(c(OpText, "a"), c(OpBinary, "\xFF"), c(OpText, "ä")), 3},
		{"a message and a piece", FromServer, false, join(text, text[:2]), 1},
		{"a header's first bytes", FromClient, false, join(c(OpText, "a"), c(OpText, "b")[:5]), 1},
		{"all but the last byte", FromClient, false, c(OpText, "ab")[:7], 0},
		{"125 bytes", FromServer, false, join(text, long(0, 125), text), 3},
		{"126 bytes", FromServer, false, join(text, long(0, 126), text), 1},
		{"125 bytes in a longer form", FromServer, false, join(text, long(126, 125), text), 1},
		{"65536 bytes", FromServer, false, join(text, long(0, 65536), text), 1},
		{"no FIN", FromServer, false, join(text, part(OpText, "a"), text), 1},
		{"a continuation", FromServer, false, join(text, s(OpContinuation, "a")), 1},
		{"a ping", FromServer, false, join(text, s(OpPing, ""), text), 1},
		{"a pong", FromServer, false, join(text, s(OpPong, ""), text), 1},
		{"a close frame", FromServer, false, join(text, s(OpClose, ""), text), 1},
		{"a reserved opcode", FromServer, false, join(text, s(3, ""), text), 1},
		{"a reserved control opcode", FromServer, false, join(text, s(0xB, ""), text), 1},
		{"a client's frame without mask", FromClient, false, join(c(OpText, "a"), text), 1},
		{"a server's frame with mask", FromServer, false, join(text, c(OpText, "a")), 1},
		{"text that is not UTF-8", FromServer, false, join(text, s(OpText, "\xFF"), text), 1},
		{"text that ends in a character", FromServer, false, join(text, s(OpText, "\xC3"), text), 1},
		{"masked text that is not UTF-8", FromClient, false, join(c(OpText, "long enough for a word"), c(OpText, "long enough for a word\xC3")), 1},
		{"RSV1", FromServer, false, join(text, rsv(4, OpText, "a"), text), 1},
		{"RSV2 and deflate", FromServer, true, join(text, rsv(2, OpText, "a"), text), 1},
		{"RSV1, RSV3 and deflate", FromServer, true, join(text, rsv(5, OpText, "a"), text), 1},
		{"RSV1 and deflate", FromServer, true, join(text, rsv(4, OpText, "\xFF"), rsv(4, OpBinary, "\xFF"), text), 4},
		{"plain text and deflate", FromServer, true, join(rsv(4, OpText, "\xFF"), s(OpText, "\xFF")), 1},
		{"RSV1 on a ping and deflate", FromServer, true, join(text, rsv(4, OpPing, "a")), 1},
	} {
		var d FrameDecoder
		d.Reset(test.dir, test.deflate)
		var run [8]ShortMessage
		if _, got := d.NextShort(test.stream, run[:]); got != test.want {
			t.Errorf("%s: %d short messages, want %d", test.name, got, test.want)
		}
	}
}

// TestNextShortLeavesToNext wants nothing of NextShort where the frames before matter.
func TestNextShortLeavesToNext(t *testing.T) {
	for name, before := range map[string][]byte{
		"in a message":        part(OpText, "a"),
		"in a header":         s(OpText, "a")[:1],
		"in a payload":        s(OpText, "abc")[:3],
		"after a close frame": s(OpClose, ""),
		"lost":                buildFrame(frameSpec{opcode: OpText, length: 1 << 63}),
	} {
		var d FrameDecoder
		d.Reset(FromServer, false)
		for p := before; len(p) > 0; {
			n, _ := d.Next(p)
			p = p[n:]
		}
		var run [8]ShortMessage
		if n, count := d.NextShort(s(OpText, "b"), run[:]); n != 0 || count != 0 {
			t.Errorf("%s: NextShort = %d, %d", name, n, count)
		}
	}
	var d FrameDecoder
	d.Reset(FromServer, false)
	if n, count := d.NextShort(s(OpText, "b"), nil); n != 0 || count != 0 {
		t.Errorf("no room: NextShort = %d, %d", n, count)
	}
}

// TestFrameDecoderSize holds the size that FrameDecoder promises, and that the rules fit which it has room for.
func TestFrameDecoderSize(t *testing.T) {
	if size := unsafe.Sizeof(FrameDecoder{}); size > 64 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("a decoder has %d bytes", size)
	}
	if most := 8 * unsafe.Sizeof(frameRules(0)); uintptr(RuleKeyMissing) > most {
		t.Errorf("%d rules about frames, and room for %d", RuleKeyMissing-1, most-1)
	}
}

// TestNextShortAllocates wants no allocation.
func TestNextShortAllocates(t *testing.T) {
	stream := bytes.Repeat(s(OpText, "hello"), 100)
	var d FrameDecoder
	d.Reset(FromServer, false)
	if allocs := testing.AllocsPerRun(10, func() {
		var run [64]ShortMessage
		for p := stream; len(p) > 0; {
			n, _ := d.NextShort(p, run[:])
			p = p[n:]
		}
	}); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// FuzzNextShort wants of any bytes, with short messages among them and cut at random, what Next alone sees of them.
func FuzzNextShort(f *testing.F) {
	for _, test := range frameStreams {
		if len(test.stream) < 4096 {
			f.Add(test.stream, test.dir == FromServer, test.deflate, uint64(1))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, fromServer, deflate bool, seed uint64) {
		dir := FromClient
		if fromServer {
			dir = FromServer
		}
		random := rand.New(rand.NewPCG(seed, 0))
		var short []byte
		for range random.IntN(8) {
			payload := strings.Repeat([]string{"a", "ä", "\xFF"}[random.IntN(3)], random.IntN(64))
			opcode := []Opcode{OpText, OpBinary}[random.IntN(2)]
			short = append(short, buildFrame(frameSpec{opcode: opcode, payload: []byte(payload), mask: maskOf(dir)})...)
		}
		stream = join(short, stream, short)
		want := decodeParts(t, dir, deflate, stream).text()
		for _, parts := range [][][]byte{{stream}, slices.Collect(cutRandomly(random, stream))} {
			if got := decodeShort(t, dir, deflate, 1+random.IntN(8), parts...).text(); got != want {
				t.Fatalf("in %d parts:\n%s, want\n%s", len(parts), got, want)
			}
		}
	})
}
