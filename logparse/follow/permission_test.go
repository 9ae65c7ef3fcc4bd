//go:build linux

package follow

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The new file cannot be read for a while. root reads everything, so as root
// the test runs itself again as a plain user.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		asPlainUser(t, "^TestUnreadable$")
		return
	}
	t.Parallel()
	p := logPath(t)
	f := appendTo(t, p)
	h := start(t, Follower{Path: p})
	n := put(t, f, 0, 50)
	h.waitFor(n)
	must(t, os.Rename(p, p+".1"))
	f.Close()
	f, err := os.OpenFile(p, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o200)
	must(t, err)
	defer f.Close()
	n = put(t, f, n, 50)
	h.waitHealth("permission denied")
	time.Sleep(10 * testPoll)
	must(t, os.Chmod(p, 0o644))
	n = put(t, f, n, 50)
	h.whole(n, true)
}

const nobody = 65534

func asPlainUser(t *testing.T, run string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "wstap-follow")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o777))
	bin := filepath.Join(dir, "test") // where go test put it, nobody else may enter
	copyFile(t, os.Args[0], bin)
	cmd := exec.Command(bin, "-test.run="+run, "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Skipf("cannot run as a plain user: %v", err)
	}
	if err != nil {
		t.Errorf("as a plain user: %v\n%s", err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	must(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	must(t, err)
	_, err = io.Copy(out, in)
	must(t, err)
	must(t, out.Close())
}
