package attach

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wstap/wstap/monitor"
)

// Relay is a relay on this machine, as its file describes it.
type Relay struct {
	Name      string            `json:"name"`
	PID       int               `json:"pid"`
	Started   monitor.Time      `json:"started"`
	Taps      []monitor.TapInfo `json:"taps"`
	Socket    string            `json:"socket"`
	Log       string            `json:"log,omitempty"`
	Recording string            `json:"recording,omitempty"`

	// Reachable says that it answered at its socket just now.
	Reachable bool `json:"-"`
}

// URL is what a Client takes.
func (r *Relay) URL() string { return "unix:" + r.Socket }

// Registry is where the relays of one user on this machine are listed.
type Registry struct {
	State   string   // directory of the files
	Sockets []string // directories for sockets, the best first
}

// LocalRegistry is the registry of the user, by the environment:
// XDG_STATE_HOME or ~/.local/state, and XDG_RUNTIME_DIR if there is one.
func LocalRegistry() (Registry, error) {
	state, err := StateDir()
	if err != nil {
		return Registry{}, err
	}
	r := Registry{State: state}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		r.Sockets = append(r.Sockets, filepath.Join(dir, "wstap"))
	}
	// The last is for a home with a very long path.
	r.Sockets = append(r.Sockets, state, filepath.Join(os.TempDir(), "wstap-"+strconv.Itoa(os.Getuid())))
	return r, nil
}

// StateDir is where wstap keeps what outlives it: its relays' files, logs and
// recordings.
func StateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "wstap"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("attach: no place for state: set XDG_STATE_HOME or HOME: %w", err)
	}
	return filepath.Join(home, ".local", "state", "wstap"), nil
}

var relayName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// CheckName says what is wrong with the name of a relay.
func CheckName(name string) error {
	if !relayName.MatchString(name) {
		return fmt.Errorf("attach: %q is no name for a relay: want a letter, then letters, digits and -, at most 40, all small", clean(name, 60))
	}
	return nil
}

// DefaultName names a relay after the ports of its taps.
func DefaultName(taps []monitor.TapInfo) string {
	name := "tap"
	for _, t := range taps {
		if part := namePart(t.Listen); part != "" && len(name)+len(part) < 32 {
			name += "-" + part
		}
	}
	return name
}

// namePart is the port of an address, or what can be used of a socket's name.
func namePart(listen string) string {
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		base := strings.ToLower(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
		return strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(base, "-"), "-")
	}
	_, port, _ := net.SplitHostPort(listen)
	return strings.Trim(port, "-")
}

// Register lists a relay and listens at its socket. Name (by default from the
// taps) and PID (ours) are filled in; a name that is taken becomes NAME-2. When
// the listener has been closed, Remove ends it.
func (g Registry) Register(r Relay) (Relay, net.Listener, error) {
	if r.Name == "" {
		r.Name = DefaultName(r.Taps)
	}
	if err := CheckName(r.Name); err != nil {
		return r, nil, err
	}
	if r.PID == 0 {
		r.PID = os.Getpid()
	}
	unlock, err := g.lock()
	if err != nil {
		return r, nil, err
	}
	defer unlock()
	if r.Name, err = g.free(r.Name); err != nil {
		return r, nil, err
	}
	ln, err := g.listen(&r)
	if err != nil {
		return r, nil, err
	}
	if err := g.write(r); err != nil {
		ln.Close()
		return r, nil, err
	}
	return r, ln, nil
}

// lock is held over looking for a name and taking it.
func (g Registry) lock() (unlock func(), err error) {
	if err := privateDir(g.State); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(g.State, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("attach: the state folder cannot be used: %w", err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("attach: locking the state folder: %w", err)
	}
	return func() { f.Close() }, nil
}

// privateDir makes a directory that only we may use, and refuses any other.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("attach: cannot make a folder for relays: %w", err)
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("attach: %w", err)
	case !info.IsDir() || !ownedByUs(info):
		return fmt.Errorf("attach: %q belongs to or may be changed by others: chmod 700 it, or set XDG_STATE_HOME and XDG_RUNTIME_DIR", dir)
	}
	return nil
}

// mostRelays bounds the relays listed.
const mostRelays = 256

// free finds a name that is not taken.
func (g Registry) free(name string) (string, error) {
	taken, err := g.list()
	if err != nil {
		return "", err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(taken, func(r Relay) bool { return r.Name == name })
	}
	try := name
	for n := 2; has(try); n++ {
		if n > mostRelays {
			return "", fmt.Errorf("attach: there are %d relays called %q already", mostRelays, name)
		}
		suffix := fmt.Sprintf("-%d", n)
		try = name[:min(len(name), 40-len(suffix))] + suffix
	}
	return try, nil
}

// listen takes the first directory in which it works.
func (g Registry) listen(r *Relay) (ln net.Listener, err error) {
	var errs []error
	for _, dir := range g.Sockets {
		path := filepath.Join(dir, r.Name+".sock")
		if len(path) > maxSocketPath {
			errs = append(errs, fmt.Errorf("%q is longer than the %d bytes a socket's path may have", path, maxSocketPath))
			continue
		}
		if err := privateDir(dir); err != nil {
			errs = append(errs, err)
			continue
		}
		if ln, err = ListenUnix(path); err == nil {
			r.Socket = path
			return ln, nil
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("attach: no place for the relay's socket (set XDG_RUNTIME_DIR to a short path): %w", errors.Join(errs...))
}

func (g Registry) file(name string) string { return filepath.Join(g.State, name+".json") }

// write replaces the file as a whole: nobody reads half of one.
func (g Registry) write(r Relay) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	tmp := g.file(r.Name) + ".new"
	if err = os.WriteFile(tmp, append(b, '\n'), 0o600); err == nil {
		err = os.Rename(tmp, g.file(r.Name))
	}
	if err != nil {
		os.Remove(tmp)
		return fmt.Errorf("attach: the relay cannot be listed (is the disk full?): %w", err)
	}
	return nil
}

// Remove takes a relay off the list, unless another has its name by now.
func (g Registry) Remove(r Relay) error {
	unlock, err := g.lock()
	if err != nil {
		return err
	}
	defer unlock()
	now, err := g.read(g.file(r.Name))
	if err != nil || now.PID != r.PID {
		return nil
	}
	if err := os.Remove(g.file(r.Name)); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

// List gives the relays that run, by the time of their start. Files and sockets
// that dead ones left behind are removed.
func (g Registry) List() ([]Relay, error) {
	if _, err := os.Stat(g.State); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	unlock, err := g.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return g.list()
}

// list is List with the lock.
func (g Registry) list() (relays []Relay, err error) {
	files, err := filepath.Glob(filepath.Join(globEscape(g.State), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	for _, file := range files[:min(len(files), mostRelays)] {
		r, err := g.read(file)
		if err != nil {
			continue // not ours
		}
		if r.Reachable, err = reachable(r.Socket); isGone(err) && !alive(r.PID) {
			os.Remove(file)
			if errors.Is(err, syscall.ECONNREFUSED) {
				os.Remove(r.Socket)
			}
			continue
		}
		relays = append(relays, r)
	}
	slices.SortFunc(relays, func(a, b Relay) int {
		return cmp.Or(cmp.Compare(a.Started, b.Started), cmp.Compare(a.Name, b.Name))
	})
	return relays, nil
}

// globEscape makes a directory's name stand for itself in a pattern.
func globEscape(dir string) string {
	return regexp.MustCompile(`[\\*?\[]`).ReplaceAllString(dir, `\$0`)
}

// maxRelayFile bounds the file of a relay.
const maxRelayFile = 256 << 10

func (g Registry) read(file string) (r Relay, err error) {
	info, err := os.Stat(file)
	if err != nil {
		return r, err
	}
	if info.Size() > maxRelayFile {
		return r, fmt.Errorf("attach: %q is too large for a relay's file", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("attach: %q: %w", file, err)
	}
	if CheckName(r.Name) != nil || g.file(r.Name) != file || filepath.Base(r.Socket) != r.Name+".sock" {
		return r, fmt.Errorf("attach: %q is not the file of a relay", file)
	}
	return r, nil
}

func reachable(socket string) (bool, error) {
	conn, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false, err
	}
	conn.Close()
	return true, nil
}

func isGone(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist)
}

// Find gives the relay of that name; without a name, the only one there is.
func (g Registry) Find(name string) (Relay, error) {
	relays, err := g.List()
	if err != nil {
		return Relay{}, err
	}
	var names []string
	for _, r := range relays {
		if r.Name == name || (name == "" && len(relays) == 1) {
			return r, nil
		}
		names = append(names, r.Name)
	}
	switch {
	case len(relays) == 0:
		return Relay{}, errors.New("attach: no relay runs on this machine: start one with wstap tap")
	case name == "":
		return Relay{}, fmt.Errorf("attach: %d relays run on this machine, say which: %s", len(relays), strings.Join(names, ", "))
	}
	return Relay{}, fmt.Errorf("attach: no relay %q runs on this machine; there are: %s", clean(name, 60), strings.Join(names, ", "))
}
