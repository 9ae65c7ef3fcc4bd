package capture

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

// Writer records events on a goroutine of its own. Create makes it, Close ends it.
type Writer struct {
	o         Options // unchanging
	path      string
	recording string
	wake      chan struct{} // something was queued; one is enough
	closing   chan struct{}
	done      chan struct{} // closed when run has returned
	closeOnce sync.Once

	mu       sync.Mutex // guards what follows; never held over I/O or a callback
	q        queue
	begun    bool // the first batch came
	ended    bool // closed or failed: nothing is queued any more
	stats    Stats
	rotate   bool // the file is full
	keyDue   bool // enough was written since the last keyframe
	keyAsked bool // a keyframe is in the queue
	news     bool // something was queued since the last keyframe
	keyAt    monitor.Time
	fileAt   monitor.Time // when the file was begun

	// Of run alone.
	f       *file
	g       gather
	part    int
	past    Stats // of the files before
	keySize int64 // size of the file after the last keyframe
	keyCost int64 // of which that is so much
	since   time.Time
	spare   []monitor.Event
	buf     []byte
	text    []byte
	lost    Dropped // events that could not be encoded, not told yet
	behind  bool
	lastAt  monitor.Time
}

// Stats says how a recording goes.
type Stats struct {
	Path    string // the file being written
	Files   int
	Bytes   int64 // of all files
	Events  uint64
	Frames  uint64
	Dropped Dropped
	Queued  int64 // estimated memory of what waits
	Err     error // why recording stopped
}

// Create begins a recording at path, mode 0600. An existing file is refused,
// and so are the files of an earlier recording of that name.
func Create(path string, o Options) (*Writer, error) {
	o = o.withDefaults()
	if err := noParts(path); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	var id [8]byte
	rand.Read(id[:])
	w := &Writer{
		o: o, path: path, recording: hex.EncodeToString(id[:]),
		wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		q: queue{max: o.MaxQueue},
	}
	if err := w.open(path); err != nil {
		return nil, fmt.Errorf("capture: cannot record: %w", err)
	}
	w.keyAt = w.f.began
	w.publish()
	go w.run()
	return w, nil
}

// noParts refuses to mix with NAME.0001 and so on of an earlier recording.
func noParts(path string) error {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir + "."))
	if err != nil {
		return nil // Create says it better
	}
	for _, e := range entries {
		if _, ok := partNumber(base, e.Name()); ok {
			return existsError(dir + e.Name())
		}
	}
	return nil
}

// partNumber is n of NAME.000n.
func partNumber(base, name string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(name, base+".")
	if !ok || len(digits) < 4 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	_, err := fmt.Sscanf(digits, "%d", &n)
	return n, err == nil
}

func partPath(path string, n int) string { return fmt.Sprintf("%s.%04d", path, n) }

// Events takes a batch; it never blocks on the disk. One goroutine calls it.
func (w *Writer) Events(batch []monitor.Event) {
	if w.queueBatch(batch) {
		w.queueKeyframe()
	}
	w.mu.Lock()
	waiting := len(w.q.events) > 0
	w.mu.Unlock()
	if waiting {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// queueBatch says whether a keyframe is due behind the batch.
func (w *Writer) queueBatch(batch []monitor.Event) bool {
	now := w.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		for _, ev := range batch {
			w.q.dropped.count(ev)
		}
		w.tellDropped()
		return false
	}
	if !w.begun {
		w.begun = true
		if midway := w.begin(batch); midway {
			return true
		}
	}
	before := len(w.q.events)
	for _, ev := range batch {
		w.q.add(ev)
	}
	w.news = w.news || len(w.q.events) > before
	return w.due(now)
}

// begin says whether recording begins midway: then a keyframe stands for all
// that came before, the first batch included.
func (w *Writer) begin(batch []monitor.Event) (midway bool) {
	for _, ev := range batch {
		if _, ok := ev.(*monitor.Hello); ok {
			return false
		}
	}
	if w.o.Hello != nil {
		w.q.add(w.o.Hello)
	}
	return w.o.Keyframe != nil
}

// due decides whether to ask for a keyframe.
func (w *Writer) due(now monitor.Time) bool {
	if w.keyAsked || !w.news {
		return false
	}
	if w.rotate = w.rotate || now.Sub(w.fileAt) >= w.o.MaxAge; w.rotate {
		return true
	}
	return w.o.Keyframe != nil && (w.keyDue || now.Sub(w.keyAt) >= w.o.KeyframeAge)
}

// queueKeyframe asks for the state as it is after all that was queued.
// Keyframe takes the state's lock, so ours is not held meanwhile.
func (w *Writer) queueKeyframe() {
	var events []monitor.Event
	if w.o.Keyframe != nil {
		events = w.o.Keyframe()
	}
	now := w.o.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	for _, ev := range events {
		w.q.newest = max(w.q.newest, ev.Head().At)
	}
	at := w.q.newest
	if at == 0 {
		at = now
	}
	w.q.addKeyframe(at, events, w.rotate)
	w.keyAt, w.keyAsked, w.keyDue, w.rotate, w.news = now, true, false, false, false
}

// Close writes what is queued, ends the file and returns the first error.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.closeOnce.Do(func() { close(w.closing) })
	patience := time.NewTimer(w.o.CloseTimeout)
	defer patience.Stop()
	select {
	case <-w.done:
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.stats.Err
	case <-patience.C:
		return fmt.Errorf("capture: %q was not finished: the disk did not take the rest within %v", w.path, w.o.CloseTimeout)
	}
}

// Dropped is what was not recorded so far.
func (w *Writer) Dropped() Dropped { return w.Stats().Dropped }

// Stats says how it goes.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Dropped.add(w.q.dropped)
	s.Queued = w.q.size
	return s
}

// tellDropped moves the counts of the queue to those told; w.mu is held.
func (w *Writer) tellDropped() (d Dropped) {
	d, w.q.dropped = w.q.dropped, Dropped{}
	w.stats.Dropped.add(d)
	return d
}

// open begins a file.
func (w *Writer) open(path string) error {
	out, err := w.o.create(path)
	if err != nil {
		return err
	}
	now := w.o.Now()
	f, err := newFile(path, out, now, w.o.Version, fileMetadata(&w.o, w.recording, w.part, now), w.o.Settings)
	if err != nil {
		out.Close()
		return err
	}
	w.f, w.fileAt, w.keySize = f, now, f.size()
	return nil
}

// openNext begins the next file, past names that are taken.
func (w *Writer) openNext() error {
	w.part++
	for n := w.part; ; n++ {
		err := w.open(partPath(w.path, n))
		if !errors.Is(err, fs.ErrExist) || n > w.part+100 {
			return err
		}
	}
}
