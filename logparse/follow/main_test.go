package follow

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

const (
	testPoll = 20 * time.Millisecond
	deadline = 20 * time.Second // for what normally takes well below a second
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits until ok holds, or the deadline has passed.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}
