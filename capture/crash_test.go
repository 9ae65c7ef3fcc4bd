package capture

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/wstap/wstap/monitor"
)

// The test binary runs itself as a recorder that is killed.
const (
	childPath = "WSTAP_CAPTURE_CHILD"
	childRate = "WSTAP_CAPTURE_RATE" // conns a batch
)

// runAsChild records conn after conn and says after each batch how many the
// writer has taken in hand: on a starved machine fewer than it was given. It ends when it is killed, or when nobody listens.
func runAsChild() bool {
	path := os.Getenv(childPath)
	if path == "" {
		return false
	}
	each, _ := strconv.Atoi(os.Getenv(childRate))
	w, err := Create(path, Options{Hello: hello()})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	began := time.Now()
	for conn := uint64(0); ; {
		var batch []monitor.Event
		if each == 0 && conn == 0 { // quiet: one, and then no more
			conn++
			batch = life(conn, 0)
		}
		for range each {
			conn++
			batch = append(batch, life(conn, time.Since(began))...)
		}
		w.Events(batch)
		taken := max(w.Stats().Events, 1) - 1 // without the hello
		if _, err := fmt.Println(taken / 4); err != nil {
			os.Exit(0)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A recorder killed outright loses a second at most, under load and when all but quiet.
func TestKilledRecorder(t *testing.T) {
	for name, each := range map[string]int{"quiet": 0, "busy": 60} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "r.mcap")
			before, last := killed(t, path, each)
			r := open(t, path)
			conns := uint64(0)
			for _, ev := range all(t, r) {
				if o, ok := ev.(*monitor.Opened); ok {
					if conns++; o.Conn != conns {
						t.Fatalf("conn %d comes after %d", o.Conn, conns-1)
					}
				}
			}
			if conns < before {
				t.Errorf("%d conns can be read; %d of %d were in hand more than a second before the end", conns, before, last)
			}
			if r.Info().Complete {
				t.Error("the file is complete: nobody was killed in time")
			}
			t.Logf("%d of %d conns, damage %v", conns, last, r.Info().Damage)
		})
	}
}

// killed runs a recorder for three seconds, kills it, and says how many conns
// it had in hand a second before that, and at the end.
func killed(t *testing.T, path string, each int) (before, last uint64) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childPath+"="+path, childRate+"="+strconv.Itoa(each))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type said struct {
		conn uint64
		at   time.Time
	}
	var all []said
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Errorf("the recorder says %q", lines.Text())
			break
		}
		all = append(all, said{n, time.Now()})
		if time.Since(all[0].at) > 3*time.Second {
			break
		}
	}
	end := time.Now()
	cmd.Process.Kill()
	cmd.Wait()
	stalled := time.Duration(0) // a stall that the mark's timer had too
	for i, s := range all[1:] {
		stalled = max(stalled, s.at.Sub(all[i].at)-50*time.Millisecond)
	}
	for _, s := range all {
		last = s.conn
		if end.Sub(s.at) > time.Second+2*stalled {
			before = s.conn
		}
	}
	if before == 0 {
		t.Fatal("the recorder took nothing in hand")
	}
	return before, last
}
