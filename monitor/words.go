package monitor

import (
	"fmt"
	"time"
)

// Clock is a wall time as evidence shows it, in the local zone.
func Clock(t Time) string { return t.Std().Format("15:04:05.000") }

// Span is a duration as evidence shows it.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Span(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
