//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
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

// reading is all clocks at one moment.
type reading struct {
	at                 time.Time
	proxy, server, own time.Duration
	busy               time.Duration
}

func (l *load) reading() (r reading) {
	if l.Proxy != 0 {
		r.proxy, _ = cpuTime(l.Proxy) // a process that has ended makes the load fail anyway
	}
	r.server, _ = cpuTime(l.Server)
	r.own, _ = cpuTime(os.Getpid())
	r.busy = busyTime()
	r.at = time.Now()
	return r
}

func (r reading) since(b reading) result {
	return result{
		Seconds: r.at.Sub(b.at).Seconds(), ProxyCPU: (r.proxy - b.proxy).Seconds(),
		ServerCPU: (r.server - b.server).Seconds(), OwnCPU: (r.own - b.own).Seconds(), BusyCPU: (r.busy - b.busy).Seconds(),
	}
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
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Rss:":
			m.rss = n << 10
		case "Pss:":
			m.pss = n << 10
		}
	}
	if m.rss == 0 {
		return m, fmt.Errorf("%s has no Rss", path)
	}
	return m, nil
}

// settledMemory reads until the memory has not changed for a while.
func settledMemory(pid int) (m memory, err error) {
	const same, most = 700 * time.Millisecond, 5 * time.Second
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
