package tap

import (
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wstap/wstap/ws"
)

// loop waits in one goroutine for the sockets of many tunnels. Go's own poller
// would cost a goroutine for each direction, with its stack, and a switch for
// each message; and as it does not say what it woke us for, an end that came
// together with the last bytes included, every read needs a second one to find
// nothing.
//
// Everything the loop has belongs to its goroutine; others post.
type loop struct {
	epoll int
	wake  int // an eventfd, written to by post

	watched []watcher // by the number in an event's data; 0 is the loop's own
	free    []int32   // numbers to give out
	freed   []int32   // numbers that events of this round may still carry

	ending bool

	events [256]unix.EpollEvent
	buffer [256 << 10]byte // what is read goes on before anything else is

	mu    sync.Mutex // guards what follows
	tasks []func()
}

// watcher is told of the events of one descriptor. It is called by the loop's
// goroutine, and must not block.
type watcher interface {
	ready(events uint32)
}

// Events that are told whether asked for or not.
const always = unix.EPOLLERR | unix.EPOLLHUP

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	l := &loop{epoll: epoll, wake: wake}
	if _, err := l.watch(wake, unix.EPOLLIN, (*wakeup)(l)); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// run serves until end is called.
func (l *loop) run() {
	defer l.close()
	for l.runTasks() {
		for _, ev := range l.events[:l.wait()] {
			if w := l.watched[ev.Fd]; w != nil { // else it was forgotten in this round
				w.ready(ev.Events)
			}
		}
		l.free = append(l.free, l.freed...)
		l.freed = l.freed[:0]
	}
}

// wait returns how many events there are, after at least one or a signal.
func (l *loop) wait() int {
	n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), uintptr(len(l.events)), ^uintptr(0), 0, 0)
	if errno != 0 {
		return 0 // EINTR: there is no other
	}
	return int(n)
}

// watch tells w of fd's events, until forget or until fd is closed.
func (l *loop) watch(fd int, events uint32, w watcher) (slot int32, err error) {
	slot = l.slot()
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: slot}); err != nil {
		l.free = append(l.free, slot)
		return 0, fmt.Errorf("epoll_ctl: %w", err)
	}
	l.watched[slot] = w
	return slot, nil
}

func (l *loop) slot() int32 {
	if n := len(l.free); n > 0 {
		slot := l.free[n-1]
		l.free = l.free[:n-1]
		return slot
	}
	l.watched = append(l.watched, nil)
	return int32(len(l.watched) - 1)
}

// change asks for other events of fd, and is told at once of those that are there.
func (l *loop) change(fd int, slot int32, events uint32) {
	unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: events, Fd: slot})
}

// unwatch is for a descriptor that stays open for a while.
func (l *loop) unwatch(fd int) { unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) }

// forget tells no more of what has that number. Its descriptor is closed next:
// that takes it out of the epoll, for nobody else has it open.
func (l *loop) forget(slot int32) {
	l.watched[slot] = nil
	l.freed = append(l.freed, slot)
}

// post makes the loop call f soon. After the end f is not called any more.
func (l *loop) post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tasks = append(l.tasks, f)
	if len(l.tasks) == 1 {
		one := [8]byte{7: 1}
		unix.Write(l.wake, one[:])
	}
}

// end makes run return, once everything posted before is done.
func (l *loop) end() {
	l.post(func() { l.ending = true })
}

// runTasks does what was posted; false says that it is the end.
func (l *loop) runTasks() bool {
	l.mu.Lock()
	tasks := l.tasks
	l.tasks = nil
	l.mu.Unlock()
	for _, f := range tasks {
		f()
	}
	return !l.ending
}

func (l *loop) close() {
	unix.Close(l.wake)
	unix.Close(l.epoll)
}

// wakeup makes the loop's wait return; runTasks does the work.
type wakeup loop

func (w *wakeup) ready(uint32) {
	var count [8]byte
	unix.Read(w.wake, count[:])
}

// loops are the loops of a server.
type loops struct {
	list []*loop
	next atomic.Uint32
	wg   sync.WaitGroup
}

// loopCount is how many there are. One moves what one nginx worker does; the
// other half of the machine is for those we stand between.
func loopCount() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// startLoops makes and runs them, or none if the kernel refuses one: then
// connections are relayed by Go's own means.
func (s *Server) startLoops() {
	if s.alwaysCopied {
		return
	}
	for range loopCount() {
		l, err := newLoop()
		if err != nil {
			s.endLoops()
			s.loops.list = nil
			return
		}
		s.loops.list = append(s.loops.list, l)
		s.loops.wg.Go(l.run) // until endLoops
	}
}

// endLoops ends them when no tunnel is left.
func (s *Server) endLoops() {
	for _, l := range s.loops.list {
		l.end()
	}
	s.loops.wg.Wait()
}

func (s *Server) nextLoop() *loop {
	list := s.loops.list
	return list[int(s.loops.next.Add(1))%len(list)]
}

// serve begins to accept for t.
func (s *Server) serve(t *tap) {
	if len(s.loops.list) > 0 {
		if d := newDirect(t, s.loops.list[0]); d != nil {
			t.direct = d
			return
		}
	}
	s.wg.Go(t.acceptLoop) // until its listener is closed
}

// takeOver makes the mover of two connections that Go's net made, if a loop can
// have them; they are closed then, and their sockets are the loop's.
func (s *Server) takeOver(t *tunnel, client, server net.Conn) bool {
	if len(s.loops.list) == 0 || !isKernelSocket(client) || !isKernelSocket(server) {
		return false
	}
	c, err := dupSocket(client)
	if err != nil {
		return false
	}
	x, err := dupSocket(server)
	if err != nil {
		c.Close()
		return false
	}
	client.Close()
	server.Close()
	newPolled(s.nextLoop(), t, c).use(ws.FromServer, x)
	return true
}
