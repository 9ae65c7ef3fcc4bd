package monitor

import (
	"strings"
	"testing"

	"github.com/wstap/wstap/ws"
)

// TestFailedBeforeTheFirstByte: TLS that the tap itself speaks, and PROXY headers.
func TestFailedBeforeTheFirstByte(t *testing.T) {
	at := Time(1e18)
	h := Header{At: at, Tap: 1, Leg: "front", Conn: 1}
	unheard := func(reason, text string) []Event {
		return []Event{&Opened{Header: h, Opaque: true, Reason: reason}, &SideEnded{Header: h, Dir: ws.FromClient, How: HowError, Error: text}, &Closed{Header: h}}
	}
	dial := func(text string) []Event {
		return []Event{&Opened{Header: h}, &DialError{Header: h, Error: text}, &Closed{Header: h}}
	}
	for _, test := range []struct {
		events []Event
		want   Cause
		says   string
	}{
		{unheard(ReasonTLSFailed, "remote error: bad certificate"), CauseTLSFailed, "bad certificate"},
		{unheard(ReasonNoProxyHeader, "no header came"), CauseHandshakeFailed, "--accept-proxy-protocol"},
		{dial(DialTLS + "the upstream does not speak TLS"), CauseTLSFailed, "does not speak TLS"},
		{dial("connection refused"), CauseConnectFailed, "refused"},
	} {
		s := NewState(Bounds{})
		s.Apply(&Hello{Header: Header{At: at, Tap: 1}, Taps: []TapInfo{{Name: "front", Role: Front}}})
		for _, ev := range test.events {
			s.Apply(ev)
		}
		s.Finish()
		got := s.Settled()
		if len(got) != 1 || s.Totals.Oddities != 0 {
			t.Fatalf("%d verdicts, %d oddities", len(got), s.Totals.Oddities)
		}
		v := got[0].Verdict
		if text := strings.Join(v.Evidence, "\n"); v.Cause != test.want || v.Confidence != Confirmed || !strings.Contains(text, test.says) {
			t.Errorf("%s, %s, want %s with %q:\n%s", v.Cause, v.Confidence, test.want, test.says, text)
		}
	}
}
