package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/wstap/wstap/monitor"
)

// small is a recording of a few chunks, a keyframe among them, and its events.
func small(t testing.TB) (data []byte, events []monitor.Event) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.mcap")
	now := newClock()
	recordState(t, path, Options{Now: now.now, KeyframeAge: time.Second}, 3, func(i int, w *Writer) {
		written(t, w, i)
		now.step(time.Second)
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data, all(t, open(t, path))
}

// forms of one recording: closed, and as a crash leaves it.
func forms(t testing.TB) map[string][]byte {
	data, _ := small(t)
	start := binary.LittleEndian.Uint64(data[len(data)-endSize+recordHead:])
	return map[string][]byte{"with footer": data, "without footer": data[:start-recordHead-4]} // before DataEnd
}

// put makes a file of data.
func put(t testing.TB, data []byte) string {
	path := filepath.Join(t.TempDir(), "x.mcap")
	writeFile(t, path, data)
	return path
}

func inspect(t testing.TB, data []byte) *part { return open(t, put(t, data)).streams[0].parts[0] }

// The two ways to the index must give the same one.
func TestIndexWithAndWithoutSummary(t *testing.T) {
	data, events := small(t)
	whole := inspect(t, data)
	cut := inspect(t, data[:len(data)-1])
	if !whole.Complete || cut.Complete {
		t.Errorf("complete: %v with footer, %v without", whole.Complete, cut.Complete)
	}
	if len(whole.chunks) != 5 || !reflect.DeepEqual(whole.chunks, cut.chunks) {
		t.Errorf("chunks\n from the summary %+v\n from walking    %+v", whole.chunks, cut.chunks)
	}
	if !reflect.DeepEqual(whole.counts, cut.counts) || !reflect.DeepEqual(whole.keyTimes(), cut.keyTimes()) {
		t.Errorf("counts %v, walking %v; keyframes %v, walking %v", whole.counts, cut.counts, whole.keyTimes(), cut.keyTimes())
	}
	for name, b := range forms(t) {
		r := open(t, put(t, b))
		equal(t, all(t, r), events)
		in := r.Info()
		if len(in.Damage) != 0 || r.Skipped() != 0 || in.Size != int64(len(b)) || in.Events != 13 || in.From != epoch {
			t.Errorf("%s: %+v, skipped %d", name, in, r.Skipped())
		}
		if in.Complete != (name == "with footer") {
			t.Errorf("%s: complete %v", name, in.Complete)
		}
	}
}

// readAny reads what there is, and again after a seek; err is Open's.
func readAny(t testing.TB, path string, seek bool) (evs []monitor.Event, in Info, err error) {
	r, err := Open(path)
	if err != nil {
		return nil, Info{}, err
	}
	defer r.Close()
	evs = all(t, r)
	if seek {
		k := append(r.Info().Keyframes, 0)[0]
		if _, err := r.Seek(k); err != nil {
			t.Fatalf("seek: %v", err)
		}
		if _, err := r.Next(); err != nil && err.Error() != "EOF" {
			t.Fatalf("next after seek: %v", err)
		}
	}
	return evs, r.Info(), nil
}

func TestCutAtEveryOffset(t *testing.T) {
	t.Parallel()
	data, want := small(t)
	full := text(t, want)
	path := put(t, data)
	least := len(full)
	for n := len(data) - 1; n >= 0; n-- {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		evs, in, err := readAny(t, path, n%16 == 0)
		if err != nil {
			var bad *CorruptError
			if n > 60 || !errors.As(err, &bad) && !errors.Is(err, ErrNotRecording) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if in.Complete || len(evs) > least || n == len(data)-1 && len(evs) < least {
			t.Fatalf("cut at %d: complete %v, %d events after %d", n, in.Complete, len(evs), least)
		}
		if n%8 == 0 || len(evs) < least { // comparing takes longer than reading
			if got := text(t, evs); len(got) > 0 && !reflect.DeepEqual(got, full[:len(got)]) {
				t.Fatalf("cut at %d: the %d events are no prefix", n, len(got))
			}
		}
		least = len(evs)
	}
	if least != 0 {
		t.Errorf("%d events of nothing but the head", least)
	}
}

// One flipped byte anywhere: what comes out was recorded, in order, and what is
// missing is reported.
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	_, want := small(t)
	full := text(t, want)
	for name, data := range forms(t) {
		// With its first chunk gone a file begins with its first keyframe.
		r := open(t, put(t, data))
		lead, err := r.Seek(r.Info().Keyframes[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			flipEach(t, data, full, text(t, lead))
		})
	}
}

func flipEach(t *testing.T, data []byte, full, lead []string) {
	path := put(t, data)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	body := int(inspect(t, data).body)
	step := 1 // all of the head, and some of the rest: it takes milliseconds each
	for i := 0; i < len(data); i += step {
		if i == body {
			step = 7
		}
		f.WriteAt([]byte{data[i] ^ 0x41}, int64(i))
		evs, in, err := readAny(t, path, i%8 == 0)
		f.WriteAt(data[i:i+1], int64(i))
		if err != nil {
			if i >= body {
				t.Fatalf("byte %d behind the head: %v", i, err)
			}
			continue
		}
		got := text(t, evs)
		if len(got) >= len(lead) && reflect.DeepEqual(got[:len(lead)], lead) && len(in.Damage) > 0 {
			got = got[len(lead):]
		}
		if !inOrder(got, full) {
			t.Fatalf("byte %d: events that were not recorded", i)
		}
		if i >= body && len(got) < len(full) && len(in.Damage) == 0 {
			t.Fatalf("byte %d: %d of %d events, and no damage reported", i, len(got), len(full))
		}
		if i >= body && len(full)-len(got) > 12 {
			t.Fatalf("byte %d: %d of %d events", i, len(got), len(full))
		}
	}
}

// inOrder says whether all of got are in full, in order.
func inOrder(got, full []string) bool {
	for _, g := range got {
		i := 0
		for i < len(full) && full[i] != g {
			i++
		}
		if i == len(full) {
			return false
		}
		full = full[i+1:]
	}
	return true
}

func TestDamagedChunkIsSkippedWithItsPlace(t *testing.T) {
	for name, data := range forms(t) {
		p := inspect(t, data)
		c := p.chunks[2]
		b := bytes.Clone(data)
		b[c.offset+c.length-3] ^= 1
		path := put(t, b)
		r := open(t, path)
		n := len(all(t, r))
		d := r.Info().Damage
		if len(d) != 1 || d[0].Offset != c.offset || d[0].File != path || !strings.Contains(d[0].Text, "left out") {
			t.Errorf("%s: damage %v, want one at %d", name, d, c.offset)
		}
		if n < 5 {
			t.Errorf("%s: only %d events are left", name, n)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	data, _ := small(t)
	dir := t.TempDir()
	var foreign bytes.Buffer
	w, _ := mcap.NewWriter(&foreign, &mcap.WriterOptions{})
	w.WriteHeader(&mcap.Header{Profile: "ros2"})
	w.Close()
	pipe := filepath.Join(dir, "none")
	for name, k := range map[string]struct {
		path string
		is   error
		say  string
	}{
		"directory":     {dir, nil, "is a directory: name the files in it"},
		"missing":       {pipe, os.ErrNotExist, pipe},
		"device":        {"/dev/null", nil, "save it to a file first"},
		"empty":         {put(t, nil), ErrNotRecording, "it is empty"},
		"text":          {put(t, []byte("hello world")), ErrNotRecording, `it begins with "hello world"`},
		"HAR":           {put(t, []byte("\n{\"log\":1}")), ErrNotRecording, "HAR"},
		"pcapng":        {put(t, []byte("\n\r\r\n....")), ErrNotRecording, "pcapng"},
		"gzip":          {put(t, []byte("\x1f\x8b\x08.....")), ErrNotRecording, "gzip"},
		"other profile": {put(t, foreign.Bytes()), ErrNotRecording, `profile "ros2"`},
		"cut in magic":  {put(t, data[:5]), errShort, "damaged at byte 5"},
		"cut in header": {put(t, data[:20]), nil, "damaged at byte 8"},
	} {
		_, err := Open(k.path)
		if err == nil || !strings.Contains(err.Error(), k.say) || k.is != nil && !errors.Is(err, k.is) {
			t.Errorf("%s: %v, want %q", name, err, k.say)
		}
	}
	if _, err := Open(); err == nil {
		t.Error("no file at all: no error")
	}
}

// changed replaces text of equal length in the head of a recording and makes it
// look unfinished, so that no CRC speaks first.
func changed(t *testing.T, old, new string) string {
	data, _ := small(t)
	if len(old) != len(new) || !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%q cannot become %q", old, new)
	}
	return put(t, bytes.Replace(data[:len(data)-1], []byte(old), []byte(new), 1))
}

func TestNewerVersionsAreRefused(t *testing.T) {
	for name, k := range map[string]struct{ old, new, what string }{
		"format": {"format\x01\x00\x00\x001", "format\x01\x00\x00\x002", "format has version 2"},
		"events": {"event_version\x01\x00\x00\x001", "event_version\x01\x00\x00\x007", "event encoding has version 7"},
		"frames": {"\x06\x00\x00\x00frames\x0e\x00\x00\x00wstap.frames/1", "\x06\x00\x00\x00frames\x0e\x00\x00\x00wstap.frames/3", "channel frames has version 3"},
	} {
		_, err := Open(changed(t, k.old, k.new))
		var newer *VersionError
		if !errors.As(err, &newer) || !strings.Contains(err.Error(), k.what) || !strings.Contains(err.Error(), "open it with wstap dev or later") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// handmade writes messages that our writer would not.
func handmade(t testing.TB, write func(f *file)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.mcap")
	out, err := createFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{}.withDefaults()
	f, err := newFile(path, out, epoch, "dev", fileMetadata(&o, "id", 0, epoch), nil)
	if err != nil {
		t.Fatal(err)
	}
	write(f)
	if err := f.close(epoch); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNewerEventIsRefusedWhenItComes(t *testing.T) {
	r := open(t, handmade(t, func(f *file) {
		f.write(kindEvents, epoch, []byte(`{"v":1,"type":"clock_step","at":null,"tap":"01","step_ms":1}`))
		f.write(kindEvents, epoch, []byte(`{"v":2,"type":"clock_step","step":{}}`))
	}))
	if ev, err := r.Next(); err != nil || ev.Type() != "clock_step" {
		t.Fatal(ev, err)
	}
	for range 2 {
		var newer *VersionError
		if _, err := r.Next(); !errors.As(err, &newer) || newer.Version != "2" {
			t.Errorf("%v, want a VersionError", err)
		}
	}
}

func TestUnknownThingsAreSkippedAndCounted(t *testing.T) {
	r := open(t, handmade(t, func(f *file) {
		f.w.WriteSchema(&mcap.Schema{ID: 40, Name: "x"})
		f.w.WriteChannel(&mcap.Channel{ID: 40, SchemaID: 40, Topic: "weather", MessageEncoding: "json"})
		f.w.WriteMessage(&mcap.Message{ChannelID: 40, Data: []byte("{}")})
		f.write(kindEvents, epoch, []byte(`{"v":1,"type":"invented_later","at":null,"tap":"01"}`))
		f.write(kindEvents, epoch, []byte(`{"v":1,"type":"clock_step","at":null,"tap":"01","step_ms":1,"more":[1]}`))
		f.w.WriteMetadata(&mcap.Metadata{Name: "other"})
	}))
	if got := all(t, r); len(got) != 1 || got[0].Type() != "clock_step" {
		t.Errorf("events %v", got)
	}
	if r.Skipped() != 3 || len(r.Info().Damage) != 0 {
		t.Errorf("skipped %d, damage %v", r.Skipped(), r.Info().Damage)
	}
}

// What a CRC does not see: contents that make no sense. The rest is good.
func TestNonsenseInsideOfChunks(t *testing.T) {
	rows := binary.AppendUvarint([]byte{'S', 1, 1, 0}, 1<<20) // 600 MB, if it were believed
	rows = append(rows, make([]byte, 1<<20)...)
	for name, k := range map[string]struct {
		kind kind
		data []byte
	}{
		"event":      {kindEvents, []byte(`{"v":1`)},
		"v0":         {kindEvents, []byte(`{}`)},
		"large":      {kindEvents, bytes.Repeat([]byte(" "), maxEvent+1)},
		"frames":     {kindFrames, []byte{200, 1}},
		"batch kind": {kindFrames, []byte{1, 'X'}},
		"rows":       {kindSamples, append(binary.AppendUvarint(nil, uint64(len(rows))), rows...)},
	} {
		r := open(t, handmade(t, func(f *file) {
			f.write(k.kind, epoch, k.data)
			f.write(kindEvents, epoch, []byte(`{"v":1,"type":"clock_step","at":null,"tap":"01","step_ms":1}`))
		}))
		if got := all(t, r); len(got) != 1 || len(r.Info().Damage) != 1 {
			t.Errorf("%s: %d events, damage %v", name, len(got), r.Info().Damage)
		}
	}
}

func TestTimeGoingBackwards(t *testing.T) {
	evs := []monitor.Event{&monitor.ClockStep{Header: head(time.Hour, 0)}, &monitor.ClockStep{Header: head(0, 0)}, &monitor.ClockStep{Header: head(time.Minute, 0)}}
	equal(t, all(t, open(t, record(t, Options{Now: still}, evs))), evs)
}

// TestToIsTheLastMark: time passes after the last event too, and a reader must
// know until when.
func TestToIsTheLastMark(t *testing.T) {
	now := newClock()
	now.step(time.Minute)
	r := open(t, record(t, Options{Now: now.now}, []monitor.Event{&monitor.ClockStep{Header: head(0, 0)}}))
	if to := r.Info().To.Sub(epoch); to != time.Minute {
		t.Errorf("the recording ends %v after its only event, want 1m", to)
	}
}

func TestClosedReader(t *testing.T) {
	r, err := Open(record(t, Options{}, everyType()))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := r.Next(); err == nil {
		t.Error("Next gives no error")
	}
	if _, err := r.Seek(0); err == nil {
		t.Error("Seek gives no error")
	}
}
