package tui

import (
	"fmt"
	"runtime/debug"
)

// fault is a panic of ours. It is caught here and not by Bubble Tea, which
// would kill the program with its reader left running and print the stack over
// the screen: so the program quits in order, and Run returns the fault.
type fault struct {
	value any
	stack []byte
}

func (f *fault) Error() string {
	return fmt.Sprintf("tui: the dashboard failed: %v\n%s", f.value, f.stack)
}

// guard is deferred where our code is called from Bubble Tea.
func (m *Model) guard() {
	if r := recover(); r != nil && m.fault == nil {
		m.fault = &fault{r, debug.Stack()}
	}
}
