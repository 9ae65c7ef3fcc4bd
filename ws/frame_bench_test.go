package ws

import (
	"strings"
	"testing"
)

// frameStream repeats one frame until size bytes, whole frames only, and returns the number of frames too.
func frameStream(frame []byte, size int) (stream []byte, frames int) {
	for len(stream)+len(frame) <= size {
		stream = append(stream, frame...)
		frames++
	}
	return stream, frames
}

// benchmarkFrames decodes the stream in reads of 64 KiB and checks the number of frames.
func benchmarkFrames(b *testing.B, dir Direction, frame []byte) {
	const chunk = 64 << 10
	stream, want := frameStream(frame, max(16*chunk, len(frame)))
	var d FrameDecoder
	d.Reset(dir, false)
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	total := 0
	for b.Loop() {
		got := 0
		for rest := stream; len(rest) > 0; {
			p := rest[:min(chunk, len(rest))]
			rest = rest[len(p):]
			for len(p) > 0 {
				n, done := d.Next(p)
				p = p[n:]
				if done {
					got++
					if d.Violations() != 0 {
						b.Fatal("violations in a legal stream")
					}
				}
			}
		}
		if got != want {
			b.Fatalf("%d frames, want %d", got, want)
		}
		total += got
	}
	b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Mframes/s")
}

func BenchmarkFrameDecoder(b *testing.B) {
	ascii := []byte(strings.Repeat(`{"type":"tick","price":1.0825} `, 1<<10))
	mixed := []byte(strings.Repeat("Grüße aus Zürich, größte Ähnlichkeit. ", 1<<9))
	dense := []byte(strings.Repeat("日本語のテキスト", 1<<10))
	mask := uint32(0x37FA213D)
	for _, bench := range []struct {
		name  string
		dir   Direction
		frame []byte
	}{
		{"binary 32 from client", FromClient, buildFrame(frameSpec{opcode: OpBinary, payload: ascii[:32], mask: mask})},
		{"binary 32 from server", FromServer, buildFrame(frameSpec{opcode: OpBinary, payload: ascii[:32]})},
		{"text 32 from client", FromClient, buildFrame(frameSpec{opcode: OpText, payload: ascii[:32], mask: mask})},
		{"text 200 from server", FromServer, buildFrame(frameSpec{opcode: OpText, payload: ascii[:200]})},
		{"ping 8 from client", FromClient, buildFrame(frameSpec{opcode: OpPing, payload: ascii[:8], mask: mask})},
		{"binary 16384 from server", FromServer, buildFrame(frameSpec{opcode: OpBinary, payload: ascii[:16384]})},
		{"text 16384 from server", FromServer, buildFrame(frameSpec{opcode: OpText, payload: ascii[:16384]})},
		{"text 16384 from client", FromClient, buildFrame(frameSpec{opcode: OpText, payload: ascii[:16384], mask: mask})},
		{"text 16384 German from client", FromClient, buildFrame(frameSpec{opcode: OpText, payload: mixed[:16384-16384%len("Grüße aus Zürich, größte Ähnlichkeit. ")], mask: mask})},
		{"text 16384 Japanese from client", FromClient, buildFrame(frameSpec{opcode: OpText, payload: dense[:16368], mask: mask})},
	} {
		b.Run(bench.name, func(b *testing.B) { benchmarkFrames(b, bench.dir, bench.frame) })
	}
}

// BenchmarkNextShort decodes 64 KiB of short messages.
func BenchmarkNextShort(b *testing.B) {
	payload := []byte(`{"type":"tick","price":1.082500}`)
	for _, bench := range []struct {
		name string
		dir  Direction
		op   Opcode
	}{
		{"binary 32 from server", FromServer, OpBinary},
		{"binary 32 from client", FromClient, OpBinary},
		{"text 32 from server", FromServer, OpText},
		{"text 32 from client", FromClient, OpText},
	} {
		b.Run(bench.name, func(b *testing.B) {
			stream, want := frameStream(buildFrame(frameSpec{opcode: bench.op, payload: payload, mask: maskOf(bench.dir)}), 64<<10)
			var d FrameDecoder
			d.Reset(bench.dir, false)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				var run [64]ShortMessage
				got := 0
				for p := stream; len(p) > 0; {
					n, count := d.NextShort(p, run[:])
					if count == 0 {
						b.Fatalf("%d messages, want %d", got, want)
					}
					p = p[n:]
					got += count
				}
				total += got
			}
			b.ReportMetric(float64(total)/b.Elapsed().Seconds()/1e6, "Mframes/s")
		})
	}
}
