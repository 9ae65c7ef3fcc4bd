package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// calmKeeper gives memory back to the system when it has become calm after a
// storm of handshakes: tunnels at rest allocate nothing, so the collector would
// not run again by itself and the garbage would stay for hours. It costs one
// collection a storm.
type calmKeeper struct {
	sample    []metrics.Sample
	seen      uint64 // allocated at the last look
	collected uint64 // allocated at the last collection of ours
}

const (
	calmLook  = 250 * time.Millisecond
	calmBelow = 128 << 10 // a look with fewer allocations since the last is calm
	calmWorth = 4 << 20   // less garbage than this is not worth a collection
)

// run looks now and then until ctx is done.
func (k *calmKeeper) run(ctx context.Context) {
	k.sample = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	t := time.NewTicker(calmLook)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if k.calm() {
				debug.FreeOSMemory()
			}
		}
	}
}

// calm says that a storm is over.
func (k *calmKeeper) calm() bool {
	metrics.Read(k.sample)
	total := k.sample[0].Value.Uint64()
	quiet := total-k.seen < calmBelow
	k.seen = total
	if !quiet || total-k.collected < calmWorth {
		return false
	}
	k.collected = total
	return true
}
