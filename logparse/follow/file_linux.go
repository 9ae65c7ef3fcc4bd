package follow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hpcloud/tail/watch"
)

// Run follows until ctx is done. It returns an error only if Path is empty.
//
// hpcloud/tail reads one open file each (part.go); which file that is, is
// decided here. A new file is opened as soon as it is seen, so that it cannot
// be missed, but read only when the one before it is spent: that keeps the
// order.
func (f *Follower) Run(ctx context.Context) error {
	if f.Path == "" {
		return errors.New("follow: no path to follow")
	}
	poll := orDefault(f.Poll, defaultPoll)
	setLibraryPoll(poll)
	s := &supervisor{
		path: f.Path, poll: poll, ctx: ctx, deliver: f.OnLine,
		turn:   orDefault(f.Turn, defaultTurn),
		drain:  orDefault(f.Drain, defaultDrain),
		health: teller{tell: f.OnHealth},
	}
	s.run(f.FromStart)
	return nil
}

// setLibraryPoll sets the interval of the library, a global that its
// goroutines read without a lock: once, before any of them starts.
func setLibraryPoll(d time.Duration) {
	libraryPoll.Do(func() { watch.POLL_DURATION = d })
}

var libraryPoll sync.Once

const (
	maxParts   = 16 // beyond these, an old file goes as soon as it is spent
	overtaking = 20 // turns after which a new file is read although the old one is still written to
)

// supervisor knows which files are open.
type supervisor struct {
	path              string
	poll, turn, drain time.Duration
	ctx               context.Context
	mu                sync.Mutex // one call of deliver at a time
	deliver           func(line []byte, at time.Time)
	health            teller
	skip              os.FileInfo // the file that was there at the start: read from its end
	parts             []*part     // oldest first; the last is the file that path names, or named last
	retired           []*part     // stopped; the library may still look at the descriptor
}

func (s *supervisor) run(fromStart bool) {
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	s.look(!fromStart)
	for {
		s.handOver()
		s.letGo()
		select {
		case <-s.ctx.Done():
			s.end()
			return
		case <-tick.C:
		}
		s.watchSizes()
		s.look(false)
	}
}

// look opens the file that path names, if it is another than before. atEnd
// skips what it holds.
func (s *supervisor) look(atEnd bool) {
	fi, err := os.Stat(s.path)
	if err == nil && !fi.Mode().IsRegular() {
		err = errors.New("not a regular file (the log of a container: exec:docker logs -f NAME)")
	}
	if err != nil {
		s.absent(err)
		return
	}
	if s.known(fi) {
		s.present()
		return
	}
	if atEnd {
		s.skip = fi
	}
	p, err := openPart(s.path, s.skip)
	if err != nil {
		s.absent(err)
		return
	}
	text := "following"
	if n := len(s.parts); n > 0 {
		s.parts[n-1].touch() // its silence counts from now
		text = "rotated: following the new file"
	}
	s.parts = append(s.parts, p)
	s.health.say(Health{OK: true, Text: text})
}

// known says whether the file is open already, and makes it the last one: it
// may have been renamed there and back.
func (s *supervisor) known(fi os.FileInfo) bool {
	last := len(s.parts) - 1
	for i := last; i >= 0; i-- {
		p := s.parts[i]
		if !os.SameFile(fi, p.info) {
			continue
		}
		if i != last {
			s.parts = append(slices.Delete(s.parts, i, i+1), p)
		}
		return true
	}
	return false
}

// present says that all is well again after an absence.
func (s *supervisor) present() {
	if !s.health.last.OK || s.health.last.Text == renamedText {
		s.health.say(Health{OK: true, Text: "following"})
	}
}

const renamedText = "the file is gone: reading the old one on, waiting for the new one"

func (s *supervisor) absent(err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(s.parts) > 0:
		s.health.say(Health{OK: true, Text: renamedText})
	case errors.Is(err, fs.ErrNotExist):
		s.health.say(Health{Text: "waiting for the file to appear"})
	case errors.Is(err, fs.ErrPermission):
		s.health.say(Health{Text: fmt.Sprintf("permission denied: %s", s.path)})
	default:
		s.health.say(Health{Text: fmt.Sprintf("cannot follow %s: %v", s.path, err)})
	}
}

// handOver gives files to the library: the first at once, another when the one
// before it is spent. Only when there is something to read: when polling, the
// library can miss the first write to an empty file.
func (s *supervisor) handOver() {
	for i, p := range s.parts {
		if p.tail != nil || !p.waiting() {
			continue
		}
		if i > 0 && !s.parts[i-1].spent(s.turn) && time.Since(p.ready) < overtaking*s.turn {
			continue
		}
		if err := p.read(s); err != nil {
			s.health.say(Health{Text: fmt.Sprintf("cannot read %s: %v", s.path, err)})
		}
	}
}

// watchSizes finds truncations, and files on which the library gave up.
func (s *supervisor) watchSizes() {
	for _, p := range s.parts {
		if p.truncated() {
			s.health.say(Health{OK: true, Text: "truncated: lines may have been missed", Lost: true})
		}
		if p.stalled() {
			p.stop()
		}
	}
}

// letGo ends the reading of old files that are silent, and closes those that
// the library no longer looks at.
func (s *supervisor) letGo() {
	for len(s.parts) > 1 && (s.parts[0].spent(s.drain) || len(s.parts) > maxParts && s.parts[0].spent(s.turn)) {
		p := s.parts[0]
		s.parts = s.parts[1:]
		s.finish(p)
		s.retired = append(s.retired, p)
	}
	for len(s.retired) > 0 && time.Since(s.retired[0].stopped) > s.rest() {
		s.retired[0].file.Close()
		s.retired = s.retired[1:]
	}
}

// rest is how long the library's look at a file may outlast its end: it sleeps
// for one interval, looks, and only then sees that it should end.
func (s *supervisor) rest() time.Duration { return watch.POLL_DURATION + 20*time.Millisecond }

// finish stops the reading of p and delivers what it holds without an LF.
func (s *supervisor) finish(p *part) {
	p.stop()
	if rest := p.remainder(); len(rest) > 0 {
		s.mu.Lock()
		s.deliver(rest, time.Now())
		s.mu.Unlock()
	}
}

// end stops everything, and waits for it.
func (s *supervisor) end() {
	for _, p := range s.parts {
		s.finish(p)
	}
	s.retired = append(s.retired, s.parts...)
	used := false
	for _, p := range s.retired {
		used = used || !p.stopped.IsZero()
	}
	if used {
		time.Sleep(s.rest())
	}
	for _, p := range s.retired {
		p.file.Close()
	}
}
