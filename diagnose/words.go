package diagnose

import (
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// Evidence is written in monitor's words.
var clock, span = monitor.Clock, monitor.Span

// times is "once", or how often.
func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
