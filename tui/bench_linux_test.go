package tui

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// crowd is a State of n live conns, every tenth of which is idle.
func crowd(n int) *story {
	b := newStory()
	for i := range n {
		leg := "front"
		if i%2 == 1 {
			leg = "back"
		}
		b.at(time.Duration(i) * time.Millisecond)
		b.open(leg, uint64(i+1), fmt.Sprintf("/socket?room=%d", i%1000), fmt.Sprintf("key%d==", i))
		b.upgrade(leg, uint64(i+1))
	}
	b.busy(n, 0)
	return b
}

// busy gives nine of ten conns traffic.
func (b *story) busy(n, round int) {
	b.now = start.Add(time.Duration(n)*time.Millisecond + time.Duration(round)*125*time.Millisecond)
	ev := &monitor.Samples{Header: b.head("front", 0)}
	for i := range n {
		if (i+round)%10 > 0 {
			ev.Conns = append(ev.Conns, uint64(i+1))
			ev.Samples = append(ev.Samples, sampleOf(b.now, uint64(round+i), uint64(round)))
		}
	}
	b.apply(ev)
	b.apply(&monitor.Tick{Header: b.head("", 0)})
}

// mixed has conns to more groups of targets than are counted apart, which ended
// for all kinds of reasons, and then ten minutes pass.
func (b *story) mixed(from uint64) {
	hows := []monitor.How{monitor.HowFIN, monitor.HowReset, monitor.HowTimeout}
	for i := range uint64(300) {
		b.open("front", from+i, "/"+strings.Repeat(string(rune('a'+i%26)), int(1+i/26)), "k==")
		if i%5 == 4 {
			b.apply(&monitor.Response{Header: b.head("front", from+i), Proto: "HTTP/1.1", Status: 400 + int(i%90), Reason: "x"})
		} else {
			b.upgrade("front", from+i)
			b.apply(&monitor.CloseFrame{Header: b.head("front", from+i), Dir: ws.FromClient, Code: ws.CloseCode(4000 + i%40)})
		}
		b.end("front", from+i, ws.Direction(i%2), hows[i%3])
		b.close("front", from+i, sampleOf(b.now, 3, 4))
		b.now = b.now.Add(2 * time.Second)
		b.apply(&monitor.Tick{Header: b.head("", 0)})
	}
}

// BenchmarkOverview is a refresh of the overview with all it can have: 100,000 conns,
// the most targets, many codes and statuses, full histories.
func BenchmarkOverview(b *testing.B) {
	st := crowd(100_000)
	st.mixed(1_000_000)
	m := screenOf(b, Options{}, st.s, 200, 60)
	press(m, "5")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var used cpu
	for b.Loop() {
		b.StopTimer()
		st.now = st.now.Add(125 * time.Millisecond)
		st.apply(&monitor.Tick{Header: st.head("", 0)})
		used.refresh(b, m)
	}
	used.report(b)
}

// cpu is the CPU time that refreshes and their pictures took.
type cpu struct{ sum, most time.Duration }

// refresh takes the part of a round that counts; the timer was stopped before it.
func (c *cpu) refresh(b *testing.B, m *Model) {
	began := threadTime()
	b.StartTimer()
	m.Update(refreshMsg{})
	if len(m.View().Content) < 200*60 {
		b.Fatal("no picture")
	}
	took := threadTime() - began
	c.sum, c.most = c.sum+took, max(c.most, took)
}

func (c *cpu) report(b *testing.B) {
	b.ReportMetric(ms(c.sum)/float64(b.N), "cpu-ms/op")
	b.ReportMetric(ms(c.most), "cpu-ms-max")
}

// threadTime is the CPU time of this thread: unlike the clock, it does not
// count what other programs on a busy machine take.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if err := syscall.Getrusage(thread, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkUpdate is one refresh and its picture with 100,000 conns.
func BenchmarkUpdate(b *testing.B) {
	const conns = 100_000
	st := crowd(conns)
	var locked time.Duration
	o := Options{Read: func(f func(*monitor.State)) {
		began := threadTime()
		f(st.s)
		locked = max(locked, threadTime()-began)
	}}
	for _, c := range []struct {
		name    string
		by      string
		keys    []string
		arrive  bool
		traffic bool
	}{
		{"quiet", "left", nil, false, false},
		{"traffic", "left", nil, false, true},
		{"arrivals", "left", nil, true, false},
		{"deep", "left", []string{"G"}, false, true},
		{"by-target", "target", nil, false, false},
		{"by-client", "client", nil, false, false},
		{"by-age-filtered", "age", []string{"/", "7", "7", "enter"}, false, true},
		{"filtered", "left", []string{"/", "7", "7", "enter"}, false, false},
		{"filtering", "left", []string{"/", "x"}, false, false},
		{"overview", "left", []string{"5"}, false, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := screenOf(b, o, st.s, 200, 60)
			m.list.index.sortBy(orderBy(c.by), false)
			press(m, c.keys...)
			for m.list.index.stale > 0 {
				m.Update(refreshMsg{})
			}
			locked = 0
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			next, round, used := uint64(10*conns), 0, cpu{}
			for b.Loop() {
				b.StopTimer()
				if round++; c.traffic && round%8 == 0 {
					st.busy(conns, round)
				}
				if c.arrive && st.s.Len() < conns+5000 {
					next++
					st.open("front", next, "/new", "k==")
				}
				if c.name == "filtering" {
					m.list.index.outdate()
				}
				used.refresh(b, m)
			}
			used.report(b)
			b.ReportMetric(ms(locked), "locked-cpu-ms-max")
		})
	}
}

// orderBy is the order of a name.
func orderBy(word string) *order {
	for i := range orders {
		if orders[i].word == word {
			return &orders[i]
		}
	}
	panic("no order by " + word)
}

// BenchmarkOrders is such a refresh in every order, under traffic.
func BenchmarkOrders(b *testing.B) {
	const conns = 100_000
	st := crowd(conns)
	for i := range orders {
		b.Run(orders[i].word, func(b *testing.B) {
			m := screenOf(b, Options{}, st.s, 200, 60)
			m.list.index.sortBy(&orders[i], false)
			for m.list.index.stale > 0 {
				m.Update(refreshMsg{})
			}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent time.Duration
			for round := 1; b.Loop(); round++ {
				if b.StopTimer(); round%8 == 0 {
					st.busy(conns, round)
				}
				began := threadTime()
				b.StartTimer()
				m.Update(refreshMsg{})
				_ = m.View()
				spent += threadTime() - began
			}
			b.ReportMetric(ms(spent)/float64(b.N), "cpu-ms/op")
		})
	}
}

// BenchmarkKey is a key on a long list.
func BenchmarkKey(b *testing.B) {
	st := crowd(100_000)
	m := screenOf(b, Options{}, st.s, 200, 60)
	for m.list.index.stale > 0 {
		m.Update(refreshMsg{})
	}
	for b.Loop() {
		m.Update(tea.KeyPressMsg{Code: 'j', Text: "j"})
		_ = m.View()
	}
}

// BenchmarkKeyUnderEvents is a key on a list of 100,000 conns while 50,000 events
// a second change them, as a feed applies them: every 50 ms, under one lock. It
// reports how long the answers took, the waiting for the lock included.
func BenchmarkKeyUnderEvents(b *testing.B) {
	const conns, each = 100_000, 50_000 / 20 / 4 // conns a batch, of four events
	st := crowd(conns)
	var mu sync.Mutex
	o := Options{Read: func(f func(*monitor.State)) {
		mu.Lock()
		defer mu.Unlock()
		f(st.s)
	}}
	m := screenOf(b, o, st.s, 200, 60)
	for m.list.index.stale > 0 {
		m.Update(refreshMsg{})
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		next := uint64(10 * conns)
		for batch := time.NewTicker(50 * time.Millisecond); ; {
			select {
			case <-stop:
				batch.Stop()
				return
			case <-batch.C:
			}
			mu.Lock()
			st.now = st.now.Add(50 * time.Millisecond)
			for range each {
				next++
				st.open("front", next, "/new", "k==")
				st.upgrade("front", next)
				st.close("front", next, monitor.Sample{})
			}
			mu.Unlock()
		}
	}()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		m.Update(tea.KeyPressMsg{Code: 'j', Text: "j"})
		_ = m.View()
		took = append(took, time.Since(began))
		time.Sleep(30 * time.Millisecond) // a key that is held down
	}
	close(stop)
	<-stopped
	slices.Sort(took)
	b.ReportMetric(ms(took[len(took)*99/100]), "ms-p99")
	b.ReportMetric(ms(took[len(took)-1]), "ms-max")
}
