package follow

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/hpcloud/tail"
)

// part is one open file. The library reads it through /proc/self/fd, so that
// a rename, which would make the library drop it unread, is invisible.
type part struct {
	file *os.File
	info os.FileInfo
	tail *tail.Tail // nil while not being read

	done    chan struct{} // closed when the lines of tail have ended
	stopped time.Time     // when tail was stopped
	ready   time.Time     // when the file was first seen to hold something

	offset  atomic.Int64 // of the first byte not delivered, if exact
	busy    atomic.Bool  // a line is being delivered
	last    atomic.Int64 // when a line last came, or the part was replaced
	exact   bool         // false after a truncation, until resync
	size    int64        // at the last look
	skipped int64        // size when opened, if what it held is not wanted
	buf     []byte
}

// openPart opens the file; of the file skip only what is appended is read.
func openPart(path string, skip os.FileInfo) (*part, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	fi, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	p := &part{file: file, info: fi, exact: true, size: fi.Size()}
	p.touch()
	if skip != nil && os.SameFile(fi, skip) { // from the begin of the last line, if that is incomplete
		p.skipped = fi.Size()
		p.offset.Store(fi.Size() - int64(len(p.unended(fi.Size()))))
	}
	return p, nil
}

func (p *part) touch()                { p.last.Store(time.Now().UnixNano()) }
func (p *part) silent() time.Duration { return time.Since(time.Unix(0, p.last.Load())) }

func (p *part) sizeNow() int64 {
	fi, err := p.file.Stat()
	if err != nil {
		return 0
	}
	return fi.Size()
}

// waiting says that the file holds something not read.
func (p *part) waiting() bool {
	if n := p.sizeNow(); n == 0 || n == p.offset.Load() {
		return false
	}
	if p.ready.IsZero() {
		p.ready = time.Now()
	}
	return true
}

// spent says that nothing came for d, and that no complete line is unread.
func (p *part) spent(d time.Duration) bool {
	return !p.busy.Load() && p.silent() > d && !(p.exact && p.behind())
}

// behind says that the file holds a complete line that was not delivered.
func (p *part) behind() bool {
	var b [4096]byte
	at := p.offset.Load()
	for end := at + MaxLine; at < end; {
		n, _ := p.file.ReadAt(b[:], at)
		if bytes.IndexByte(b[:n], '\n') >= 0 {
			return true
		}
		if n < len(b) {
			return false
		}
		at += int64(n)
	}
	return false // an endless line
}

// read hands the file to the library from offset on.
func (p *part) read(s *supervisor) error {
	t, err := tail.TailFile(fmt.Sprintf("/proc/self/fd/%d", p.file.Fd()), tail.Config{
		Location:  &tail.SeekInfo{Offset: p.offset.Load(), Whence: io.SeekStart},
		Follow:    true,
		MustExist: true,
		Poll:      true,
		Logger:    tail.DiscardingLogger,
	})
	if err != nil {
		return err
	}
	p.tail, p.done = t, make(chan struct{})
	p.touch()
	go p.forward(s, t)
	return nil
}

// forward delivers lines to their end, even after ctx is done: the library
// cannot be stopped while nobody takes its lines.
func (p *part) forward(s *supervisor, t *tail.Tail) {
	defer close(p.done)
	for l := range t.Lines {
		if s.ctx.Err() != nil {
			continue
		}
		p.busy.Store(true)
		s.mu.Lock()
		p.buf = append(p.buf[:0], l.Text[:min(len(l.Text), MaxLine)]...)
		s.deliver(p.buf, l.Time)
		s.mu.Unlock()
		p.offset.Add(int64(len(l.Text)) + 1)
		p.touch()
		p.busy.Store(false)
	}
}

// stop ends the reading; the library's look at the file may outlast it by one
// interval (supervisor.rest).
func (p *part) stop() {
	if p.tail == nil {
		return
	}
	_ = p.tail.Stop() // its error is that of a read that failed; the next read tells again
	<-p.done
	p.tail = nil
	p.stopped = time.Now()
	if !p.exact {
		p.resync()
	}
}

// resync takes all complete lines as delivered.
func (p *part) resync() {
	size := p.sizeNow()
	p.offset.Store(size - int64(len(p.unended(size))))
	p.exact = true
}

// truncated says that the file is smaller than what was read of it. The
// library begins it anew by itself; how much of it was delivered then is not
// known until the file is silent.
func (p *part) truncated() bool {
	size := p.sizeNow()
	smaller := size < p.size || p.exact && size < p.offset.Load()
	p.size = size
	if smaller {
		p.exact, p.skipped = false, 0
		p.touch()
		if p.tail == nil {
			p.offset.Store(0)
			p.exact = true
		}
		return true
	}
	if !p.exact && !p.busy.Load() && p.silent() > resyncAfter {
		p.resync()
	}
	return false
}

const (
	resyncAfter = time.Second     // silence after which all of a truncated file counts as read
	stallAfter  = 3 * time.Second // without a line although there is one
)

// stalled says that the library stopped reading: after an error, or because it
// missed a change.
func (p *part) stalled() bool {
	if p.tail == nil {
		return false
	}
	select {
	case <-p.done:
		return true
	default:
	}
	return p.exact && !p.busy.Load() && p.silent() > stallAfter && p.behind()
}

// unended gives what follows the last LF before size, at most MaxLine bytes.
func (p *part) unended(size int64) []byte {
	const step = 4096
	for n := int64(step); ; n *= 4 {
		n = min(n, size, MaxLine)
		b := make([]byte, n)
		got, _ := p.file.ReadAt(b, size-n)
		if i := bytes.LastIndexByte(b[:got], '\n'); i >= 0 {
			return b[i+1 : got]
		}
		if n == size || n == MaxLine {
			return b[:got]
		}
	}
}

// remainder is a last line without LF, if all before it was delivered.
func (p *part) remainder() []byte {
	size := p.sizeNow()
	rest := p.unended(size)
	if size == p.skipped || p.offset.Load() != size-int64(len(rest)) {
		return nil
	}
	return rest
}
