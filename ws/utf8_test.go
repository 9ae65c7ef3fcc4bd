package ws

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// valid says what the automaton says of p under a key that must not matter.
func valid(p []byte, key uint32) bool {
	masked := make([]byte, len(p))
	unmask(masked, p, key)
	return utf8Accept.follow(masked, key) == utf8Accept
}

// TestUTF8AllShort holds every string of up to three bytes against unicode/utf8, and every one of four whose first is
// a lead byte of four.
func TestUTF8AllShort(t *testing.T) {
	check := func(p []byte) {
		if got, want := utf8Accept.follow(p, 0) == utf8Accept, utf8.Valid(p); got != want {
			t.Fatalf("% x: valid %v, want %v", p, got, want)
		}
	}
	for n := range 1 << 24 {
		p := []byte{byte(n >> 16), byte(n >> 8), byte(n)}
		check(p)
		if n < 1<<16 {
			check(p[1:])
		}
		if n < 1<<8 {
			check(p[2:])
		}
	}
	last := []byte{0x00, 0x7F, 0x80, 0x8F, 0x90, 0xBF, 0xC0, 0xC2, 0xF4, 0xFF}
	for n := range 1 << 19 {
		for _, b := range last {
			check([]byte{0xF0 | byte(n>>16)&7, byte(n >> 8), byte(n), b})
		}
	}
}

// TestUTF8Runes wants every character to pass, and its every beginning not to.
func TestUTF8Runes(t *testing.T) {
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		p := utf8.AppendRune(nil, r)
		for i := range p {
			if (utf8Accept.follow(p[:i], 0) == utf8Accept) != (i == 0) {
				t.Fatalf("%U: the first %d bytes pass for a character", r, i)
			}
		}
		if utf8Accept.follow(p, 0) != utf8Accept {
			t.Fatalf("%U is refused", r)
		}
	}
}

// TestUTF8AtEveryOffset puts pieces, good and bad, at every offset of ASCII, so that each comes into every place of
// the eight and 32 bytes looked at together, and cuts each text in two at every offset, masked.
func TestUTF8AtEveryOffset(t *testing.T) {
	const key = 0xD3218FFA
	pieces := []string{"é", "日", "😀", "\xff", "\x80", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xe6\x97", "\x00"}
	for _, piece := range pieces {
		for offset := range 80 {
			p := append(bytes.Repeat([]byte("a"), offset), piece...)
			p = append(p, bytes.Repeat([]byte("z"), 80-offset)...)
			want := utf8.Valid(p)
			if got := valid(p, key); got != want {
				t.Errorf("%q at %d: valid %v, want %v", piece, offset, got, want)
			}
			for cut := range p {
				var d FrameDecoder
				frame := buildFrame(frameSpec{opcode: OpText, payload: p, mask: key})
				d.Next(frame[:6+cut])
				if _, done := d.Next(frame[6+cut:]); !done || d.Violations().Has(RuleTextNotUTF8) == want {
					t.Errorf("%q at %d, cut at %d: done %v, violations %v", piece, offset, cut, done, ruleNames(d.Violations()))
				}
			}
		}
	}
}

// TestUTF8Random holds random texts, half of them with one byte changed, against unicode/utf8.
func TestUTF8Random(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	alphabet := []rune("az09 é日😀\x00\u07ff\u0800\uffff\U00010000")
	for range 20000 {
		var p []byte
		for range random.IntN(40) {
			p = utf8.AppendRune(p, alphabet[random.IntN(len(alphabet))])
		}
		if len(p) > 0 && random.IntN(2) == 0 {
			p[random.IntN(len(p))] = byte(random.Uint32())
		}
		if got, want := valid(p, random.Uint32()), utf8.Valid(p); got != want {
			t.Fatalf("seed %d: %q valid %v, want %v", seed, p, got, want)
		}
	}
}

// TestUnmask holds unmask against RFC 6455 §5.3 byte by byte, for every length around the steps of eight.
func TestUnmask(t *testing.T) {
	key := [4]byte{0x37, 0xFA, 0x21, 0x3D}
	for size := range 40 {
		p, want := make([]byte, size), make([]byte, size)
		for i := range p {
			p[i] = byte(i * 7)
			want[i] = p[i] ^ key[i%4]
		}
		got := make([]byte, size)
		if unmask(got, p, binary.LittleEndian.Uint32(key[:])); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: % x, want % x", size, got, want)
		}
	}
}
