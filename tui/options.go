package tui

import (
	"io"

	"github.com/wstap/wstap/diagnose"
	"github.com/wstap/wstap/monitor"
)

// Mode is what the dashboard looks at.
type Mode uint8

// The modes.
const (
	Live     Mode = iota // taps at work in this process
	Replay               // a recording
	Attached             // a relay elsewhere, which goes on when the dashboard ends
)

// Options of a dashboard. Read is needed, all else may be zero. None of the
// functions may block: they are called while a key is handled.
type Options struct {
	Read  func(func(*monitor.State)) // feed.Read
	Mode  Mode
	Title string // "2 taps", or the recording's file name

	Replay    Player                 // nil live
	Relay     Relay                  // nil where no traffic depends on this process
	Recording func() string          // "rec 1.2 MB"; "" while nothing is recorded
	Reload    func()                 // asks for the nginx configuration to be read again, and does not wait; nil: there is none
	Watch     func(monitor.ID, bool) // asks for all frames of the conn on screen; nil: not possible

	// Diagnose says what rules may look at beside the State, when a look begins; nil: nothing.
	Diagnose func() diagnose.Options

	// ConnJSON is a conn as report writes it; called while State is held. Nil: not possible.
	ConnJSON func(*monitor.State, monitor.ID) []byte

	// Save writes what the screen lists to a new file, whose name ends in name, and
	// says where it is. It is called in a goroutine. Nil: not possible.
	Save func(name string, write func(io.Writer) error) (path string, err error)

	// Copy puts a text where the user can paste it from, and says where in a few
	// words. It is called in a goroutine. Nil: the terminal is asked to, by OSC 52.
	Copy func(text string) (where string, err error)

	Config Config

	NoColor bool // attributes only; else NO_COLOR in the environment decides
	Light   bool // Light and Dark override what the terminal says of its background
	Dark    bool
	Version string
}

// PlayerStatus is where a replay stands.
type PlayerStatus struct {
	At, From, To  monitor.Time
	Goal          monitor.Time // of a seek that is under way; zero: none
	Speed         float64      // +Inf: as fast as possible
	Paused, Ended bool
}

// Player is the replay behind the screen.
type Player interface {
	Status() PlayerStatus
	Pause(bool)
	SetSpeed(float64)
	Seek(monitor.Time)
	// Timeline is what is known so far of the whole recording; it is asked for at
	// every refresh. Zero: nothing is known.
	Timeline() Timeline
}

// LivePlayer is a Player of the past of something that goes on: Read gives the
// State of where it stands, or of now.
type LivePlayer interface {
	Player
	Live() bool // it shows what happens now; Seek ends that
	GoLive()
}

// Relay is the traffic that quitting would end.
type Relay interface {
	// Live is the number of connections passing; it is asked at every refresh.
	Live() int
	// Drain stops accepting and returns when the last connection has ended,
	// the drain timeout is over or Stop was called. It runs in a goroutine.
	Drain()
	// Stop ends what is left, at once. It may be called during Drain.
	Stop()
}
