package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wstap/wstap/monitor"
)

// Reader reads recordings as one: the files of each in turn, and several
// recordings by time, each as its relay's clock told it. It is not safe for
// concurrent use.
type Reader struct {
	streams []*stream // by when they were begun
	err     error     // of reading several, for good
}

// stream is a recording that is read beside others.
type stream struct {
	*recording
	head  monitor.Event // read ahead
	at    monitor.Time  // when head counts
	over  bool
	relay monitor.Instance // whose it is; zero: that has not been told yet
}

// Info describes what was opened. Events counts lifecycle events, log lines and
// the like; Damage grows while reading.
type Info struct {
	Files     []FileInfo
	From, To  monitor.Time
	Events    uint64
	Size      int64
	Complete  bool // every file was closed properly
	Damage    []Damage
	Keyframes []monitor.Time
}

// Open opens the files of a recording, or of several, in any order.
func Open(paths ...string) (*Reader, error) {
	if len(paths) == 0 {
		return nil, errors.New("capture: no file to open")
	}
	r := new(Reader)
	of := map[string]*stream{}
	for _, path := range paths {
		if err := r.open(of, path); err != nil {
			r.Close()
			return nil, err
		}
	}
	for _, s := range r.streams {
		s.sort()
	}
	slices.SortStableFunc(r.streams, func(a, b *stream) int { return cmp.Compare(a.parts[0].Started, b.parts[0].Started) })
	return r, nil
}

// open adds a file to its recording, of those by name.
func (r *Reader) open(of map[string]*stream, path string) error {
	p, err := openPart(path)
	if err != nil {
		return err
	}
	s := of[p.Recording]
	if s == nil {
		un, err := newUnpacker()
		if err != nil {
			return errors.Join(err, p.f.Close())
		}
		s = &stream{recording: &recording{un: un}}
		of[p.Recording] = s
		r.streams = append(r.streams, s)
	}
	s.parts = append(s.parts, p)
	return nil
}

// Close closes the files.
func (r *Reader) Close() error {
	var errs []error
	for _, s := range r.streams {
		s.head, s.over = nil, false
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Info describes the recordings.
func (r *Reader) Info() Info {
	in := Info{Complete: true}
	for _, s := range r.streams {
		in.Damage = append(in.Damage, s.missed...)
	}
	for p := range r.parts {
		in.Files = append(in.Files, p.FileInfo)
		in.Size += p.Size
		in.Complete = in.Complete && p.Complete
		in.Damage = append(in.Damage, p.damage...)
		if p.From != 0 && (in.From == 0 || p.From < in.From) {
			in.From = p.From
		}
		in.To = max(in.To, p.To)
		for id, n := range p.counts {
			if p.kinds[id] == kindEvents {
				in.Events += n
			}
		}
		in.Keyframes = append(in.Keyframes, p.keyTimes()...)
	}
	slices.Sort(in.Keyframes)
	return in
}

// parts are the files of all recordings.
func (r *Reader) parts(yield func(*part) bool) {
	for _, s := range r.streams {
		for _, p := range s.recording.parts {
			if !yield(p) {
				return
			}
		}
	}
}

// Skipped is how many records, messages and events of unknown kinds were passed over.
func (r *Reader) Skipped() (n uint64) {
	for _, s := range r.streams {
		n += s.unread
	}
	for p := range r.parts {
		n += p.skip
	}
	return n
}

// CountFrames makes Next leave out frame records, which are most of a recording:
// fn is told how many there were in the second before at. No verdict needs them,
// the samples have what they amount to.
func (r *Reader) CountFrames(fn func(at monitor.Time, frames int)) {
	for _, s := range r.streams {
		s.count = fn
	}
}

// Next returns the next recorded event in order; io.EOF at the end. Ticks are
// not recorded: who applies the events makes them, until Info.To. Damaged
// places are left out and listed in Info.
func (r *Reader) Next() (monitor.Event, error) {
	if len(r.streams) == 1 {
		return r.streams[0].Next()
	}
	if r.err != nil {
		return nil, r.err
	}
	var first *stream
	for _, s := range r.streams {
		if r.err = r.look(s); r.err != nil {
			return nil, r.err
		}
		if s.head != nil && (first == nil || s.at < first.at) {
			first = s
		}
	}
	if first == nil {
		return nil, io.EOF
	}
	ev := first.head
	first.head = nil
	return ev, nil
}

// look reads ahead by one event of a recording, unless there are no more.
func (r *Reader) look(s *stream) error {
	if s.head != nil || s.over {
		return nil
	}
	ev, err := s.Next()
	if s.over = errors.Is(err, io.EOF); s.over {
		return nil
	}
	if err != nil {
		return err
	}
	s.head, s.at = ev, max(ev.Head().At, s.asOf)
	return r.own(s, ev)
}

// own makes an event of one recording speak for its relay alone.
func (r *Reader) own(s *stream, ev monitor.Event) error {
	switch ev := ev.(type) {
	case *monitor.Hello:
		return r.introduce(s, ev.Tap)
	case *monitor.Baseline:
		ev.Tap = s.relay
	}
	return nil
}

// introduce learns whose recording it is. What a relay and its viewer recorded at
// the same time would count twice.
func (r *Reader) introduce(s *stream, relay monitor.Instance) error {
	if s.relay != 0 && s.relay != relay {
		return fmt.Errorf("capture: %q was recorded by a viewer of several relays: it holds what they recorded, read it alone", s.Path())
	}
	s.relay = relay
	from, to := s.span()
	for _, o := range r.streams {
		if oFrom, oTo := o.span(); o != s && o.relay == relay && from <= oTo && oFrom <= to {
			return fmt.Errorf("capture: %q and %q are of one relay at the same time: leave one of them out", o.Path(), s.Path())
		}
	}
	return nil
}

// Seek goes to the last keyframe at or before t and returns its events, to be
// applied to an empty State; Next goes on after them, and the caller applies
// what comes until t. Before the first keyframe it goes to the beginning and
// returns nothing. A damaged keyframe is passed over for the one before it. Each
// of several recordings has its own.
// What comes until t makes the State of t, and no more: of the frame records
// of each conn only the newest are told, at the end.
func (r *Reader) Seek(t monitor.Time) (evs []monitor.Event, err error) {
	if len(r.streams) == 1 {
		return r.streams[0].Seek(t)
	}
	r.err = nil
	for _, s := range r.streams {
		key, err := s.Seek(t)
		if err != nil {
			return nil, err
		}
		s.head, s.over = nil, false
		for _, ev := range key {
			if r.err = r.own(s, ev); r.err != nil {
				return nil, r.err
			}
		}
		evs = append(evs, key...)
	}
	return evs, nil
}

// Grow takes in what a recorder has added to the last file of each recording
// since it was opened, or since the last Grow: Next goes on with it, after io.EOF
// too. It returns the end of the recordings as it is now, and whether anything
// came. Files that a recorder began since are not opened.
func (r *Reader) Grow() (to monitor.Time, grown bool) {
	for _, s := range r.streams {
		end, more := s.Grow()
		to = max(to, end)
		if more {
			s.over, grown = false, true
		}
	}
	return to, grown
}
