package monitor

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	for _, at := range []Time{0, 1, testStart, testStart + 999_999_999, testStart + 12*Time(time.Hour) + 1e6, -1, -1e15 - 5e6} {
		if got, want := Clock(at), at.Std().Format("15:04:05.000"); got != want {
			t.Errorf("%d: %s, want %s", int64(at), got, want)
		}
	}
}
