package metrics

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// TestCauses: every cause has a label.
func TestCauses(t *testing.T) {
	for _, c := range monitor.Causes() {
		if causes[causeIndex(c)] != c {
			t.Errorf("%s is no label", c)
		}
	}
	if n := len(monitor.Causes()); n != len(causes)-1 {
		t.Errorf("%d causes, %d labels and other", n, len(causes)-1)
	}
}

// TestCodes: the codes with a name of their own are those with a label.
func TestCodes(t *testing.T) {
	ranges := []string{"unassigned", "library/framework", "private use"}
	for code := 1; code < 1<<16; code++ {
		named := !slices.Contains(ranges, ws.CloseCode(code).Name())
		if has := codes[codeIndex(code)] == code; has != named {
			t.Errorf("%d (%s): label %v, registered %v", code, ws.CloseCode(code).Name(), has, named)
		}
	}
	for _, c := range causes {
		for _, code := range expected(c) {
			if codes[codeIndex(code)] != code {
				t.Errorf("%s: %d is expected and no label", c, code)
			}
		}
	}
}

// TestStatuses: those that are registered (and no 1xx, nor what only DAV has).
func TestStatuses(t *testing.T) {
	if !slices.IsSorted(statuses[:len(statuses)-1]) {
		t.Error("not in order")
	}
	for _, s := range statuses[:len(statuses)-1] {
		if http.StatusText(s) == "" || statusIndex(s) == len(statuses)-1 {
			t.Errorf("%d", s)
		}
	}
	for _, s := range []int{-1, 0, 99, 100, 299, 600, 999, 1 << 40} {
		if statusLabel(statusIndex(s)) != other {
			t.Errorf("%d has a label", s)
		}
	}
	for _, s := range usual {
		if statuses[statusIndex(s)] != s {
			t.Errorf("%d is usual and no label", s)
		}
	}
}

func TestNamesAreOurWords(t *testing.T) {
	for i, name := range directions {
		text, err := ws.Direction(i).MarshalText()
		if err != nil || string(text) != name {
			t.Errorf("direction %d is %s %v, the label %s", i, text, err, name)
		}
	}
	k := kinds{}
	for _, known := range logparse.Catalogue() {
		k.add(string(known.Kind), 1)
	}
	for _, kind := range []logparse.Kind{logparse.KindUnparsed, logparse.KindOther, logparse.KindDebug} {
		k.add(string(kind), 1)
	}
	if k[other] != 1 || len(k) > maxKinds { // one is called so
		t.Errorf("%d kinds have no label of their own", k[other]-1)
	}
}

var scrapeRequest = httptest.NewRequest("GET", "/metrics", nil)

// nowhere is a response that nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}
