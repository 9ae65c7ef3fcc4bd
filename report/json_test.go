package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

// The mirror of the report JSON is written after design.md §13, not after
// Document: both must agree.
type (
	mirror struct {
		Version  int             `json:"version"`
		Source   string          `json:"source"`
		From     *time.Time      `json:"from"`
		To       *time.Time      `json:"to"`
		Totals   mirrorTotals    `json:"totals"`
		Conns    []mirrorConn    `json:"conns"`
		Findings []mirrorFinding `json:"findings"`
		Log      mirrorLog       `json:"log"`
	}
	mirrorTotals struct {
		Conns, Links, Upgraded, Refused, Failed, Open, Closed, Frames, Bytes, Dropped, Evicted uint64
		HTTP                                                                                   map[string]uint64
	}
	mirrorConn struct {
		ID                                     uint64
		Tap                                    string
		Leg, Key, Client, Server, Host, Target *string
		Link                                   *uint64
		Status                                 *int
		Subprotocol, Extensions                *string
		Opened                                 time.Time
		Upgraded, Closed                       *time.Time
		HandshakeMS                            *float64      `json:"handshake_ms"`
		FromClient                             mirrorTraffic `json:"from_client"`
		FromServer                             mirrorTraffic `json:"from_server"`
		MaxGapMS                               *float64      `json:"max_gap_ms"`
		GapMS                                  float64       `json:"gap_ms"`
		LimitMS                                *float64      `json:"limit_ms"`
		LimitKind                              *string       `json:"limit_kind"`
		LimitSource                            *string       `json:"limit_source"`
		Close                                  *mirrorClose
		Violations                             []mirrorViolation
		LogLines                               []string `json:"log_lines"`
	}
	mirrorTraffic struct {
		Bytes, Messages uint64
		Frames          struct{ Continuation, Text, Binary, Close, Ping, Pong, Reserved uint64 }
		CloseCode       *int    `json:"close_code"`
		CloseReason     *string `json:"close_reason"`
	}
	mirrorClose struct {
		Cause, Confidence string
		Code              *int
		CodeDerived       bool    `json:"code_derived"`
		CodeName          *string `json:"code_name"`
		Reason            *string
		CloseFrom         string  `json:"close_from"`
		CloseAnswered     bool    `json:"close_answered"`
		FirstEnd          *string `json:"first_end"`
		FirstEndHow       *string `json:"first_end_how"`
		Evidence          []string
	}
	mirrorViolation struct {
		Rule    string
		Section *string
		Count   uint64
	}
	mirrorFinding struct {
		ID, Severity, Title, Fix, Reference string
		Count                               int
		Conns                               []uint64
		Evidence                            []string
	}
	mirrorLog struct {
		Lines, Parsed, Unparsed uint64
		Levels, Kinds           map[string]uint64
	}
)

func strict(t testing.TB, b []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v in\n%.2000s", err, b)
	}
	if dec.More() {
		t.Fatal("more than one object")
	}
}

func decode(t testing.TB, b []byte) (d Document) {
	t.Helper()
	strict(t, b, &d)
	return d
}

func TestJSONStrict(t *testing.T) {
	for name, build := range worlds {
		b := render(t, JSON, build(t).s, Options{Source: name})
		var m mirror
		strict(t, b, &m)
		if m.Version != 1 || m.Source != name || m.Conns == nil || m.Findings == nil || m.Totals.HTTP == nil ||
			m.Log.Levels == nil || m.Log.Kinds == nil {
			t.Errorf("%s: a version, list or map is missing: %+v", name, m)
		}
		for _, c := range m.Conns {
			if c.Violations == nil || c.LogLines == nil || c.Close != nil && c.Close.Evidence == nil {
				t.Errorf("%s: a list of conn %d is null", name, c.ID)
			}
		}
		if !slices.IsSortedFunc(m.Conns, func(a, b mirrorConn) int {
			if d := a.Opened.Compare(b.Opened); d != 0 {
				return d
			}
			return int(a.ID) - int(b.ID)
		}) {
			t.Errorf("%s: conns are not by opened, then id", name)
		}
	}
}

// TestJSONKeys compares the keys with the text of design.md §13.
func TestJSONKeys(t *testing.T) {
	design, err := os.ReadFile("testdata/design-13.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := designKeys(string(design))
	d := decode(t, render(t, JSON, incident(t).s, Options{}))
	d.Findings = []Finding{{}}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var any any
	if err := json.Unmarshal(b, &any); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	keysOf(any, "", got)
	for k := range want {
		if !got[k] {
			t.Errorf("%s is in design.md and not in the report", k)
		}
	}
	for k := range got {
		if !want[k] {
			t.Errorf("%s is in the report and not in design.md", k)
		}
	}
}

// counted are maps whose keys are data.
var counted = []string{".totals.http", ".log.levels", ".log.kinds"}

// designKeys reads the keys of the design's notation: JSON with words for values.
func designKeys(text string) map[string]bool {
	keys := map[string]bool{}
	var path []string
	last := ""
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{':
			path = append(path, last)
		case '}':
			path = path[:len(path)-1]
		case '"':
			n := strings.IndexByte(text[i+1:], '"')
			word := text[i+1 : i+1+n]
			i += n + 1
			if strings.HasPrefix(text[i+1:], ":") {
				last = strings.Join(path[len(path)-1:], "") + "." + word
				keys[last] = true
			}
		}
	}
	for _, k := range slices.Collect(maps.Keys(keys)) {
		if rest, ok := strings.CutPrefix(k, ".conns.from_client."); ok { // "same"
			keys[".conns.from_server."+rest] = true
		}
		for _, m := range counted {
			if strings.HasPrefix(k, m+".") {
				delete(keys, k)
			}
		}
	}
	return keys
}

func keysOf(v any, path string, keys map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			keysOf(x, path, keys)
		}
	case map[string]any:
		for k, x := range v {
			keys[path+"."+k] = true
			if !slices.Contains(counted, path+"."+k) {
				keysOf(x, path+"."+k, keys)
			}
		}
	}
}

func TestJSONFields(t *testing.T) {
	d := decode(t, render(t, JSON, incident(t).s, Options{}))
	by := map[string][]Conn{}
	for _, c := range d.Conns {
		cause := "open"
		if c.Close != nil {
			cause = string(c.Close.Cause)
		}
		by[cause] = append(by[cause], c)
	}
	idle := by["idle_timeout"]
	if len(idle) != 2 || idle[0].Link == nil || idle[1].Link == nil || *idle[0].Link != *idle[1].Link {
		t.Fatalf("idle kills: %+v, want two linked conns", idle)
	}
	f := idle[0]
	check(t, "handshake_ms", *f.HandshakeMS, monitor.Millis(3100*time.Microsecond))
	check(t, "max_gap_ms", *f.MaxGapMS, monitor.Millis(60*time.Second))
	check(t, "gap_ms", f.GapMS, monitor.Millis(60*time.Second))
	check(t, "limit_ms", *f.LimitMS, monitor.Millis(60*time.Second))
	check(t, "limit_source", *f.LimitSource, "nginx.conf:12")
	check(t, "confidence", f.Close.Confidence, monitor.Confirmed)
	check(t, "code", *f.Close.Code, 1006)
	check(t, "code_derived", f.Close.CodeDerived, true)
	check(t, "reason", f.Close.Reason, nil)
	check(t, "log lines", len(f.LogLines), 1)
	check(t, "frames", f.FromServer.Frames, Frames{Text: 330, Ping: 10})
	check(t, "bytes", f.FromServer.Bytes, 150+3300+100)

	refused := by["handshake_refused"][0]
	check(t, "refused limit", refused.LimitMS, nil)
	check(t, "refused max gap", refused.MaxGapMS, nil)
	check(t, "refused code", refused.Close.Code, nil)
	check(t, "refused status", *refused.Status, 426)

	closed := by["close_handshake"]
	hostile, clean := closed[0], closed[1]
	check(t, "close_code", *hostile.FromServer.CloseCode, 4401)
	check(t, "empty reason", *hostile.FromClient.CloseReason, "")
	check(t, "reason", *hostile.Close.Reason, "token "+strings.ToValidUTF8(hostileText, "\ufffd\ufffd"))
	check(t, "no body: code", clean.FromClient.CloseCode, nil)
	check(t, "no body: reason", clean.FromClient.CloseReason, nil)
	check(t, "no body: frames", clean.FromClient.Frames.Close, 1)
	check(t, "no body: verdict", *clean.Close.Code, 1005)
	check(t, "reserved", clean.FromClient.Frames.Reserved, 2)
	check(t, "rule", clean.Violations[0].Count, 3)
	check(t, "section", *clean.Violations[0].Section, "RFC 6455 §5.1")
	check(t, "unknown rule's section", clean.Violations[1].Section, nil)

	check(t, "open", len(by["open"]), 4)
	check(t, "findings", len(d.Findings), 0)
	check(t, "http", d.Totals.HTTP["000"], 2)
	check(t, "dropped", d.Totals.Dropped, 1234)
}

const hostileText = hostile

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestJSONRoundTrip: what is written in parts is what Document would be whole.
func TestJSONRoundTrip(t *testing.T) {
	for name, build := range worlds {
		b := render(t, JSON, build(t).s, Options{Source: name})
		again, err := json.Marshal(decode(t, b))
		if err != nil {
			t.Fatal(err)
		}
		var one, two any
		if json.Unmarshal(b, &one) != nil || json.Unmarshal(again, &two) != nil {
			t.Fatal("not JSON")
		}
		if fmt.Sprint(one) != fmt.Sprint(two) {
			t.Errorf("%s: the document differs after a round trip", name)
		}
	}
}

func FuzzSafeJSON(f *testing.F) {
	for _, s := range []string{"", "plain", hostile, "\U000e0001\U0001f600 é ́", "\u2028</script>", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		e := newEncoder(&b)
		e.value(s)
		if err := e.flush(); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%q: %v in %s", s, err, &b)
		}
		if want := string([]rune(s)); got != want {
			t.Fatalf("%q came back as %q", want, got)
		}
		if clean := printable.AppendJSON(nil, b.Bytes()); !bytes.Equal(clean, b.Bytes()) {
			t.Fatalf("unsafe: %q", &b)
		}
	})
}
