package attach

import "github.com/wstap/wstap/monitor"

// entry is one batch: encoded once, sent to all viewers.
type entry struct {
	kind   byte
	conn   monitor.ID // of frames
	raw    []byte
	packed []byte // nil: not compressed
	first  uint64 // events: number of the first
	n      uint64 // events, samples or frame records in it
	end    int64  // size of all entries ever, up to and with this one
}

// entryCost is what an entry takes beside its bytes, about.
const entryCost = 128

func (e *entry) size() int64 { return int64(len(e.raw)+len(e.packed)) + entryCost }

// ring holds the newest batches, bounded by their bytes. A viewer is a place in
// it, so that slow ones cost no memory of their own.
type ring struct {
	max     int64
	entries []entry
	head    int    // of entries, the oldest
	next    uint64 // number of the next entry
	total   int64  // size of all entries ever
	bytes   int64  // of those kept
}

func (r *ring) oldest() uint64 { return r.next - uint64(len(r.entries)-r.head) }

// add appends an entry and forgets what is too much, but not the newest.
func (r *ring) add(e entry) {
	r.total += e.size()
	r.bytes += e.size()
	e.end = r.total
	r.entries = append(r.entries, e)
	r.next++
	for r.bytes > r.max && len(r.entries)-r.head > 1 {
		r.bytes -= r.entries[r.head].size()
		r.entries[r.head] = entry{}
		r.head++
	}
	if r.head > 64 && r.head > len(r.entries)/2 {
		n := copy(r.entries, r.entries[r.head:])
		clear(r.entries[n:])
		r.entries, r.head = r.entries[:n], 0
	}
}

// at finds an entry by its number.
func (r *ring) at(seq uint64) *entry {
	if seq < r.oldest() || seq >= r.next {
		return nil
	}
	return &r.entries[r.head+int(seq-r.oldest())]
}

// lag is the size of the entries from seq on.
func (r *ring) lag(seq uint64) int64 {
	e := r.at(seq)
	if e == nil {
		return 0
	}
	return r.total - e.end + e.size()
}

// skip forgets all and leaves a hole in the numbers: nobody goes on over it.
func (r *ring) skip() {
	clear(r.entries)
	r.entries, r.head, r.bytes = nil, 0, 0
	r.next++
}
