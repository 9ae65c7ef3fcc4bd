//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the CPU time, user and system, that process pid has used, to the
// nanosecond, threads that have ended included; /proc/PID/stat has ticks of 10 ms.
func cpuTime(pid int) (time.Duration, error) {
	// CPUCLOCK_SCHED of a process: include/linux/posix-timers.h, MAKE_PROCESS_CPUCLOCK.
	const cpuclockSched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &ts); err != nil {
		return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// split says how a process spent its CPU time, and how often it lost the CPU.
type split struct {
	user, system     int64 // clock ticks: a sample by the kernel's timer
	waits, preempted int64 // context switches, because it waited or its time was over
}

// splitOf reads /proc/PID/stat and the status of every thread; see proc(5).
// What threads did that have ended is lost.
func splitOf(pid int) (s split) {
	if f := statOf(pid); len(f) > 12 {
		s.user, _ = strconv.ParseInt(f[11], 10, 64)
		s.system, _ = strconv.ParseInt(f[12], 10, 64)
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range threads {
		b, _ := os.ReadFile(file)
		s.waits += numberAfter(b, "\nvoluntary_ctxt_switches:")
		s.preempted += numberAfter(b, "\nnonvoluntary_ctxt_switches:")
	}
	return s
}

// statOf is /proc/PID/stat from its third field on: the second, the name in
// parentheses, may hold anything.
func statOf(pid int) []string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// numberAfter is the number that follows name in b; 0 if there is none.
func numberAfter(b []byte, name string) int64 {
	_, rest, _ := bytes.Cut(b, []byte(name))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(string(line), "kB")), 10, 64)
	return n
}

// reading is all clocks at one moment.
type reading struct {
	at                 time.Time
	proxy, server, own time.Duration
	split              split // of the proxy
	busy               time.Duration
}

func (l *load) reading() (r reading) {
	if l.Proxy != 0 {
		r.split = splitOf(l.Proxy)
		r.proxy, _ = cpuTime(l.Proxy) // a process that has ended makes the load fail anyway
	}
	r.server, _ = cpuTime(l.Server)
	r.own, _ = cpuTime(os.Getpid())
	r.busy = busyTime()
	r.at = time.Now()
	return r
}

func (r reading) since(b reading) result {
	out := result{
		Seconds: r.at.Sub(b.at).Seconds(), ProxyCPU: (r.proxy - b.proxy).Seconds(),
		ServerCPU: (r.server - b.server).Seconds(), OwnCPU: (r.own - b.own).Seconds(), BusyCPU: (r.busy - b.busy).Seconds(),
		Waits: r.split.waits - b.split.waits, Preempted: r.split.preempted - b.split.preempted,
	}
	user, system := r.split.user-b.split.user, r.split.system-b.split.system
	if ticks := user + system; ticks > 0 {
		out.ProxyUser = out.ProxyCPU * float64(user) / float64(ticks)
		out.ProxySystem = out.ProxyCPU - out.ProxyUser
	}
	return out
}

// busyTime is how long all cores together were not idle; see proc(5), /proc/stat.
func busyTime() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	var ticks int64
	for i, f := range strings.Fields(line) {
		const idle, iowait, guest = 4, 5, 9 // guest time is in user time already
		if n, err := strconv.ParseInt(f, 10, 64); err == nil && i != idle && i != iowait && i < guest {
			ticks += n
		}
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 for every program
	return time.Duration(ticks) * tick
}

// memory of a process, in bytes.
type memory struct{ rss, pss int64 }

func memoryOf(pid int) (m memory, err error) {
	path := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	b, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	m = memory{rss: numberAfter(b, "\nRss:") << 10, pss: numberAfter(b, "\nPss:") << 10}
	if m.rss == 0 {
		return m, fmt.Errorf("%s has no Rss", path)
	}
	return m, nil
}

// settledMemory reads until the memory has not changed for same.
func settledMemory(pid int, same time.Duration) (m memory, err error) {
	const most = 5 * time.Second
	begin := time.Now()
	for since := begin; time.Since(since) < same && time.Since(begin) < most; time.Sleep(50 * time.Millisecond) {
		now, err := memoryOf(pid)
		if err != nil {
			return m, err
		}
		if d := now.rss - m.rss; max(d, -d) > 64<<10 {
			m, since = now, time.Now()
		}
	}
	return memoryOf(pid)
}

// growth watches a recording, which grows by a chunk a second: what is between
// the first and the last chunk seen counts.
type growth struct {
	size, frames           int64 // at the last change
	changed                time.Time
	told                   bool
	firstSize, firstFrames int64
	lastSize, lastFrames   int64
	points                 int
}

// growthStill is how long the file must not change for a chunk to be whole.
const growthStill = 100 * time.Millisecond

// look takes the size of the file while frames frames have passed.
func (g *growth) look(file string, frames uint64) error {
	if file == "" {
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	now := time.Now()
	switch size := info.Size(); {
	case g.size == 0:
		g.size, g.told = size, true // whenever it was written
	case size != g.size:
		if g.told || g.changed.IsZero() {
			g.frames = int64(frames)
		}
		g.size, g.changed, g.told = size, now, false
	case !g.told && now.Sub(g.changed) > growthStill:
		g.point()
	}
	return nil
}

func (g *growth) point() {
	g.told = true
	if g.points++; g.points == 1 {
		g.firstSize, g.firstFrames = g.size, g.frames
	}
	g.lastSize, g.lastFrames = g.size, g.frames
}

// perFrame is zero if fewer than two chunks were seen.
func (g *growth) perFrame() float64 {
	if g.lastFrames <= g.firstFrames {
		return 0
	}
	return float64(g.lastSize-g.firstSize) / float64(g.lastFrames-g.firstFrames)
}
