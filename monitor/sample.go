package monitor

import (
	"math/bits"
	"time"

	"github.com/wstap/wstap/ws"
)

// Sample is everything counted on a conn so far. It is cumulative, so a lost
// or thinned sample costs nothing but freshness.
type Sample struct {
	Dir [2]Traffic `json:"dir"` // indexed by ws.Direction
	// LongestGap is the longest time with no byte in either direction since
	// the upgrade, and LongestGapAt when it began.
	LongestGap   Millis `json:"longest_gap_ms"`
	LongestGapAt Time   `json:"longest_gap_at"`
	// Gaps counts gaps by log2 of milliseconds: bucket i holds [2^i, 2^(i+1)) ms,
	// the last also all above. Below 1 ms there is no gap.
	Gaps      [GapBuckets]uint32 `json:"gaps"`
	Collapsed uint64             `json:"collapsed,omitempty"` // frames not kept as records
	// Violations travel with the last sample only.
	Violations []ViolationCount `json:"violations,omitempty"`
}

// ViolationCount is a broken rule, by its stable name, with how often.
type ViolationCount struct {
	Rule  string       `json:"rule"`
	Dir   ws.Direction `json:"dir"`
	Count uint64       `json:"count"`
}

// AddViolation counts a broken rule; at most one entry a rule and direction.
func (s *Sample) AddViolation(rule string, dir ws.Direction, n uint64) {
	for i := range s.Violations {
		if v := &s.Violations[i]; v.Rule == rule && v.Dir == dir {
			v.Count += n
			return
		}
	}
	if len(s.Violations) < maxViolations {
		s.Violations = append(s.Violations, ViolationCount{rule, dir, n})
	}
}

// maxViolations bounds the list against recordings that make up names.
const maxViolations = 128

// GapBuckets is the number of log2 buckets from 1 ms: the last begins at 2^23 ms, 2.3 hours.
const GapBuckets = 24

// GapBucket is the bucket a gap of d falls in, or -1 below 1 ms.
func GapBucket(d time.Duration) int {
	ms := uint64(d / time.Millisecond)
	if ms == 0 {
		return -1
	}
	return min(bits.Len64(ms)-1, GapBuckets-1)
}

// Traffic is what one direction of a conn has carried.
type Traffic struct {
	Bytes    uint64      `json:"bytes"`    // wire bytes, heads included
	Messages uint64      `json:"messages"` // data frames with FIN
	Frames   FrameCounts `json:"frames"`   // by opcode
	LastByte Time        `json:"last_byte"`
	LastData Time        `json:"last_data"` // last data frame completed
	// Pings sent in this direction and what came back.
	Unanswered  uint32 `json:"pings_unanswered,omitempty"`
	LastRTT     Millis `json:"rtt_last_ms,omitempty"`
	WorstRTT    Millis `json:"rtt_worst_ms,omitempty"`
	PingEvery   Millis `json:"ping_interval_mean_ms,omitempty"`
	PingAtLeast Millis `json:"ping_interval_min_ms,omitempty"`
	// Blocked is the time our writes of this direction's bytes waited for the
	// receiver; BlockedNow says that one is waiting at this moment.
	Blocked    Millis `json:"blocked_ms,omitempty"`
	BlockedNow bool   `json:"blocked_now,omitempty"`
	// Waiting is for how long the write that waits at this moment has waited:
	// Blocked may be the sum of many short waits.
	Waiting Millis `json:"waiting_ms,omitempty"`
	// BlockedAtEnd is how long such a write had been waiting when the first side
	// ended; it comes with the last sample.
	BlockedAtEnd Millis `json:"blocked_at_end_ms,omitempty"`
	// Unacked is for how long the receiver of this direction has acknowledged
	// nothing while bytes of it wait in the kernel (TCP_INFO): a slow receiver
	// acknowledges, a vanished one does not. It is looked up every few seconds.
	Unacked Millis `json:"unacked_ms,omitempty"`
}

// LastByte is the time of the last byte in either direction.
func (s *Sample) LastByte() Time {
	return max(s.Dir[ws.FromClient].LastByte, s.Dir[ws.FromServer].LastByte)
}

// FrameCount is the number of frames of both directions.
func (s *Sample) FrameCount() uint64 {
	return s.Dir[0].FrameCount() + s.Dir[1].FrameCount()
}

// FrameCount is the number of frames of all opcodes.
func (t *Traffic) FrameCount() uint64 { return t.Frames.Total() }
