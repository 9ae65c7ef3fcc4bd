package diagnose

import "github.com/wstap/wstap/monitor"

// Evidence is written in monitor's words.
var clock, span = monitor.Clock, monitor.Span
