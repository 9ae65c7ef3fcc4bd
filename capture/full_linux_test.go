package capture

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wstap/wstap/monitor"
)

// A real disk without room: 64 KiB of tmpfs, where mounting is allowed.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("wstap", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("cannot mount a small disk (TestWriteErrorStopsRecordingAndNothingElse and /dev/full stand in): ", err)
	}
	defer syscall.Unmount(dir, 0)
	var h health
	path := filepath.Join(dir, "r.mcap")
	w := create(t, path, Options{Hello: hello(), OnHealth: h.on})
	first := life(1, 0)
	w.Events(first[:1])
	until(t, "the disk to be full", func() bool {
		w.Events([]monitor.Event{&monitor.Health{Header: head(0, 0), Name: "x", Text: noise(300_000)}})
		return w.Stats().Err != nil
	})
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(h.last(), "failed: recording stopped: ") {
		t.Errorf("Close says %v; health %q", err, h.last())
	}
	r := open(t, path)
	if in := r.Info(); in.Complete {
		t.Errorf("the recording is complete: %+v", in)
	}
	all(t, r)
	r.Close() // before the disk goes
}
