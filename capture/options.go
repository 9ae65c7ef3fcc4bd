package capture

import (
	"io"
	"time"

	"github.com/wstap/wstap/monitor"
)

// The defaults of Options.
const (
	DefaultMaxBytes      = 1 << 30 // of one file, before the next is begun
	DefaultMaxAge        = 6 * time.Hour
	DefaultKeyframeBytes = 8 << 20
	DefaultKeyframeAge   = 5 * time.Minute
	DefaultMaxQueue      = 64 << 20
	DefaultCloseTimeout  = 10 * time.Second
)

// MarkEvery is how often what was recorded is handed to the kernel. With the
// 50 ms a feed gathers, a crash of the process costs a second at most.
const MarkEvery = 900 * time.Millisecond

// Options of a Writer. The zero value is usable: it takes the defaults.
type Options struct {
	// MaxBytes and MaxAge end a file and begin the next, NAME.0001 and so on.
	MaxBytes int64
	MaxAge   time.Duration
	// Keyframe gives the events that rebuild everything there is now
	// (monitor.State.Snapshot). It is called inside Events, after a batch, so that
	// it holds exactly what was recorded before it; the events must not be changed
	// afterwards. Without it a reader can only start at the beginning.
	Keyframe func() []monitor.Event
	// KeyframeBytes and KeyframeAge say how much recording may lie between two
	// keyframes: what a reader goes through after the one before the place it wants.
	// After a large keyframe it is more, so that keyframes do not fill the disk.
	KeyframeBytes int64
	KeyframeAge   time.Duration
	// MaxQueue bounds the estimated memory of what waits to be written.
	MaxQueue int64
	// CloseTimeout bounds how long Close waits for a disk that hangs.
	CloseTimeout time.Duration
	// Now tells the time of marks; nil is the wall clock at Create plus the
	// monotonic clock.
	Now func() monitor.Time
	// Hello describes the relay in the file's metadata and, unless the first events
	// bring one, is the first event.
	Hello *monitor.Hello
	// Settings goes into each file as it is: the nginx settings in force and such.
	Settings map[string]string
	// Version is the version of the program that records.
	Version string
	// OnHealth is told when recording falls behind, catches up, or stops. It is
	// called on the writer's own goroutine, never from within Events.
	OnHealth func(status monitor.HealthStatus, text string)

	// create makes a file; tests put failing ones here.
	create func(path string) (io.WriteCloser, error)
}

func (o Options) withDefaults() Options {
	def(&o.MaxBytes, DefaultMaxBytes)
	def(&o.MaxAge, DefaultMaxAge)
	def(&o.KeyframeBytes, DefaultKeyframeBytes)
	def(&o.KeyframeAge, DefaultKeyframeAge)
	def(&o.MaxQueue, DefaultMaxQueue)
	def(&o.CloseTimeout, DefaultCloseTimeout)
	if o.Now == nil {
		anchor := time.Now()
		o.Now = func() monitor.Time { return monitor.TimeOf(anchor).Add(time.Since(anchor)) }
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.OnHealth == nil {
		o.OnHealth = func(monitor.HealthStatus, string) {}
	}
	if o.create == nil {
		o.create = createFile
	}
	return o
}

func def[T int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
