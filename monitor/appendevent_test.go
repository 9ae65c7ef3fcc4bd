package monitor

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"testing"

	"github.com/wstap/wstap/ws"
)

// commonEvents is one of each event that appendCommon knows.
func commonEvents() []Event {
	return []Event{&Opened{}, &Request{}, &Response{}, &CloseFrame{}, &SideEnded{}, &Closed{}, &Limit{}}
}

// filler sets all exported fields of a value from a seed, so that a field that
// is added later is set, too.
type filler struct {
	seed uint64
	text string
}

func (f *filler) next() uint64 {
	f.seed = f.seed*6364136223846793005 + 1442695040888963407
	return f.seed >> (f.seed >> 58) // of all magnitudes
}

func (f *filler) fill(v reflect.Value) {
	switch frame, isFrame := v.Addr().Interface().(*FrameRecord); {
	case isFrame:
		*frame = FrameRecord{Time(f.next()), f.next()}
	case v.Type() == reflect.TypeFor[FrameCounts]():
		for op := range ws.Opcode(16) {
			v.Addr().Interface().(*FrameCounts).Add(op, f.next()%3*f.next())
		}
	case v.Type() == reflect.TypeFor[ws.Direction]():
		v.SetUint(f.next() % 2)
	default:
		f.fillKind(v)
	}
}

func (f *filler) fillKind(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Slice:
		n := int(f.next() % 4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i))
		}
	case reflect.String:
		v.SetString(f.text[:f.next()%uint64(len(f.text)+1)])
	case reflect.Bool:
		v.SetBool(f.next()%2 == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(f.next()))
	default:
		v.SetUint(f.next() & (1<<v.Type().Bits() - 1))
	}
}

// byReflection is what AppendJSON wrote before it knew the common events.
func byReflection(t *testing.T, ev Event) string {
	t.Helper()
	body, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"v":1,"type":%q,%s`, ev.Type(), body[1:])
}

func sameJSON(t *testing.T, ev Event) {
	t.Helper()
	got, err := AppendJSON([]byte("x"), ev)
	if want := "x" + byReflection(t, ev); err != nil || string(got) != want {
		t.Errorf("%s:\n got %s\nwant %s", ev.Type(), got, want)
	}
}

func TestAppendJSONIsEncodingJSON(t *testing.T) {
	for _, ev := range sampleEvents() {
		sameJSON(t, ev)
	}
	for _, ev := range commonEvents() {
		sameJSON(t, ev)
		for seed := range uint64(200) {
			f := filler{seed, "plain <&> \"\\\b\f\n\r\t\x00\x7f é \u2028\u2029\xff\xe2\x80 😀"}
			f.fill(reflect.ValueOf(ev).Elem())
			sameJSON(t, ev)
		}
	}
}

func TestMillisJSON(t *testing.T) {
	for _, m := range []Millis{0, 1, -1, 999_999, 1e6, 1_000_001, 1_500_000, -2_000_000, 60e9, 1e15 - 1, 1e15, 1e15 + 1, -1e15, math.MaxInt64, math.MinInt64} {
		sameJSON(t, &Limit{Value: m})
		if got, want := string(m.append(nil)), strconv.FormatFloat(float64(m)/1e6, 'f', -1, 64); got != want {
			t.Errorf("%d ns: %s, want %s", int64(m), got, want)
		}
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add(uint64(1), "a<\xff\u2028")
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		for _, ev := range commonEvents() {
			(&filler{seed, text}).fill(reflect.ValueOf(ev).Elem())
			sameJSON(t, ev)
		}
	})
}

// TestAppendJSONAllocates: nothing, for the events that come with every conn.
func TestAppendJSONAllocates(t *testing.T) {
	evs := browserLife(Header{At: testStart, Tap: testTap, Leg: "front", Conn: 7})
	buf := make([]byte, 0, 16<<10)
	n := testing.AllocsPerRun(100, func() {
		for _, ev := range evs {
			if !IsBinary(ev) {
				buf, _ = AppendJSON(buf[:0], ev)
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations a conn", n)
	}
}
