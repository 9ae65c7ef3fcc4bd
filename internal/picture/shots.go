package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// shot is one picture: of the demo as it runs, or of a recording of it.
type shot struct {
	name   string
	size   size
	look   look
	replay bool
	steps  []step
}

// step waits for a text and then types keys.
type step struct {
	until string
	keys  []string
	wait  time.Duration // the longest; 0: 30 s
}

func (s step) patience() time.Duration {
	if s.wait > 0 {
		return s.wait
	}
	return 30 * time.Second
}

var (
	medium = size{120, 36}
	wide   = size{160, 44}
	enter  = "\r"
)

// recordFor is how long the demo is recorded for the pictures of a replay: its
// shortest limit passes several times.
const recordFor = 30 * time.Second

var shots = []shot{
	{"connections", medium, darkLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "left"}}},
	{"connections-light", medium, lightLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "left"}}},
	{"connection", wide, darkLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "left", keys: []string{"/", "c", "a", "u", "s", "e", ":", "i", "d", "l", "e", "_", "t", "i", "m", "e", "o", "u", "t", enter}}, {until: "idle timeout", keys: []string{enter}}}},
	{"findings", medium, darkLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "errors found", keys: []string{"3"}}, {until: "fix"}}},
	{"log", medium, darkLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "left", keys: []string{"4"}}, {until: "upstream"}}},
	{"overview", wide, darkLook, true, []step{{until: "connections", keys: []string{"p", "]", "]"}}, {until: "left", keys: []string{"5"}}, {until: "codes"}}},
}

func (s *shot) arguments(tape string) []string {
	if s.replay {
		return []string{"replay", tape}
	}
	return []string{"demo"}
}

// record makes a recording of the demo.
func record(program string) (string, error) {
	name := filepath.Join(os.TempDir(), "wstap-demo.mcap")
	os.Remove(name)
	cmd := exec.Command(program, "demo", "--headless", "--for", recordFor.String(), "--capture", name)
	cmd.Stderr = os.Stderr
	return name, cmd.Run()
}
