package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCopyToTmux: in tmux a copy is in tmux's buffer, byte for byte.
func TestCopyToTmux(t *testing.T) {
	if clipboard(func(string) string { return "" }) != nil {
		t.Error("outside of tmux it is copied to tmux")
	}
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: .ci/deps installs it")
	}
	socket := filepath.Join(t.TempDir(), "tmux")
	tmux := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", socket}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Setenv("TMUX", "")
	tmux("new-session", "-d", "sleep 60")
	t.Cleanup(func() { tmux("kill-server") })
	t.Setenv("TMUX", fmt.Sprintf("%s,%s,0", socket, tmux("display-message", "-p", "#{pid}")))
	const text = "proxy_read_timeout 3600s;\n# - \x1b \"$x\" ü\n"
	where, err := clipboard(func(string) string { return "set" })(text)
	if err != nil || where == "" {
		t.Fatalf("copied to %q: %v", where, err)
	}
	if got := tmux("show-buffer"); got != text {
		t.Errorf("the buffer holds %q, want %q", got, text)
	}
}
