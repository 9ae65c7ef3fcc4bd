package monitor

import (
	"bytes"
	"reflect"
	"testing"
)

// agrees holds the quick way to what the general way makes of the same text.
func agrees(t *testing.T, b []byte) (quick bool) {
	t.Helper()
	got := decodeCommon(b)
	if got == nil {
		return false
	}
	want, err := decodeAny(b)
	if err != nil {
		t.Errorf("%s\nis read, but %v", b, err)
	} else if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got %+v\nwant %+v", b, got, want)
	}
	return true
}

// commonTexts is the JSON of events that come with every conn.
func commonTexts() (texts [][]byte) {
	evs := browserLife(Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7})
	for _, ev := range append(evs, sampleEvents()...) {
		if !IsBinary(ev) {
			text, _ := AppendJSON(nil, ev)
			texts = append(texts, text)
		}
	}
	return texts
}

func TestDecodeCommon(t *testing.T) {
	quick := 0
	for _, text := range commonTexts() {
		if agrees(t, text) {
			quick++
		}
	}
	if want := 9 + 7; quick != want {
		t.Errorf("%d events are read the quick way, want %d", quick, want)
	}
	for _, ev := range commonEvents() {
		for seed := range uint64(200) {
			f := filler{seed, "plain <&> \"\\\b\f\n\r\t\x00\x7f é \u2028\u2029\xff\xe2\x80 😀"}
			f.fill(reflect.ValueOf(ev).Elem())
			text, _ := AppendJSON(nil, ev)
			agrees(t, text)
		}
	}
}

// TestDecodeCommonOtherwise: other texts of the same events, and damaged ones.
func TestDecodeCommonOtherwise(t *testing.T) {
	swaps := [][2]string{
		{`,"`, `, "`}, {`":`, `": `}, {`null`, `"2026-01-02T03:04:05,5Z"`}, {`"at":"20`, `"at":"19`}, {`:1`, `:01`}, {`:1`, `:1.0`}, {`:1`, `:-1`}, {`:1`, `:1e2`}, {`.`, `.0000`},
		{`\r`, `\u000d`}, {`\r`, `\ud83d\ude00`}, {`\r`, `\ud83d`}, {`\r`, `\x`}, {`GET`, "G\xffT"}, {`GET`, `G\/T`}, {`"client`, `"Client`}, {`}`, `,"more":1}`}, {`}`, `}}`}, {`}`, ``}, {`[`, `[]`}, {`],`, `,1],`},
		{`"tap":"0`, `"tap":"`}, {`"tap":"0`, `"tap":"F`}, {`"v":1`, `"v":2`}, {`"from_client"`, `"from_nobody"`}, {`"opcode":1`, `"opcode":300`}, {`"opcode":1`, `"opcode":17`}, {`"code":1000`, `"code":70000`}, {`_ms":`, `_ms":9999999999`}, {`true`, `false`},
	}
	for _, text := range commonTexts() {
		for _, swap := range swaps {
			agrees(t, bytes.Replace(text, []byte(swap[0]), []byte(swap[1]), 1))
			agrees(t, bytes.ReplaceAll(text, []byte(swap[0]), []byte(swap[1])))
		}
		for i := range text {
			agrees(t, text[:i])
		}
	}
}

func FuzzDecodeCommon(f *testing.F) {
	for _, text := range commonTexts() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, b []byte) { agrees(t, b) })
}

// TestDecodedTextsAreShared: a request that was read keeps one text, its head.
func TestDecodedTextsAreShared(t *testing.T) {
	text, _ := AppendJSON(nil, browserRequest(Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7}))
	n := testing.AllocsPerRun(100, func() {
		if decodeCommon(text) == nil {
			t.Error("not read the quick way")
		}
	})
	const most = 13
	if n > most {
		t.Errorf("%v allocations, more than %d", n, most)
	}
}
