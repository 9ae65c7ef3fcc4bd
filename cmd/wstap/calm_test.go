package main

import (
	"runtime/metrics"
	"testing"
)

var storm []byte

func TestCalm(t *testing.T) {
	k := &calmKeeper{sample: []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}}
	k.calm()
	for range 64 {
		storm = make([]byte, 1<<20)
	}
	if k.calm() {
		t.Error("collects in the middle of a storm")
	}
	if !k.calm() {
		t.Error("does not collect when it is over")
	}
	if k.calm() {
		t.Error("collects again, with nothing to gain")
	}
}
