package attach

import (
	"context"
	"time"

	"github.com/wstap/wstap/monitor"
)

// ServerOptions is all that a Server needs of the rest. Zero fields are left
// out or take their defaults.
type ServerOptions struct {
	// Hello says which relay this is; without Snapshot it is what a viewer gets.
	Hello *monitor.Hello
	// Version is that of wstap.
	Version string
	// Now is the relay's clock, the one its events are stamped by.
	Now func() monitor.Time

	// Snapshot gives the events that rebuild the State as it is after all that
	// Events was given (feed.Snapshot). It is called within Events, at most a few
	// times a second, and only when a viewer needs it.
	Snapshot func() []monitor.Event
	// Past calls emit with the recorded events from from to to, in order, until
	// emit fails; nil: there is no recording. It is called on goroutines of its
	// own, at most MaxPast at a time.
	Past func(ctx context.Context, from, to monitor.Time, emit func(monitor.Event) error) error
	// Watch asks the tap for all frames of a conn, or for no more of them.
	Watch func(id monitor.ID, on bool)
	// Control does what a verb of Verbs says and returns what to tell; it is
	// called only with AllowControl and only for viewers at a unix socket. ctx is
	// done when who asked has gone: what was begun may go on, but Control returns.
	Control      func(ctx context.Context, verb string) (string, error)
	AllowControl bool
	// OnHealth is told, at most once a second, how the serving goes. It must not
	// block.
	OnHealth func(status monitor.HealthStatus, text string)

	// Token is what viewers must present over TCP; "" asks for none. A unix
	// socket is guarded by its file's mode instead.
	Token string
	// AllowOrigins are the values of the Origin header that are served, as in
	// "https://host:port". Requests without the header, which no browser sends,
	// always are.
	AllowOrigins []string

	MaxViewers int   // at a time; default 16, and 8 more at unix sockets
	MaxPast    int   // reading the past at a time; default 2
	RingBytes  int64 // newest batches kept, and how far a viewer may be behind; default 8 MiB
	MaxQueue   int64 // estimated memory of events not encoded yet; default 32 MiB
	MaxPastLen int64 // bytes of the past given at once; default 256 MiB
	PastRate   int64 // bytes of the past a second and viewer; default 16 MiB

	// SlowAfter is how long a viewer may be thinned before it is dropped; default
	// 30 s. ResumeFor is how long the ring goes on when the last viewer has left;
	// default 2 min.
	SlowAfter, ResumeFor time.Duration
}

// Verbs are what Control may be asked for.
var Verbs = []string{"drain", "stop", "reload", "status"}

func (o ServerOptions) withDefaults() ServerOptions {
	if o.Now == nil {
		o.Now = func() monitor.Time { return monitor.TimeOf(time.Now()) }
	}
	setDefault(&o.MaxViewers, 16)
	setDefault(&o.MaxPast, 2)
	setDefault(&o.RingBytes, 8<<20)
	setDefault(&o.MaxQueue, 32<<20)
	setDefault(&o.MaxPastLen, 256<<20)
	setDefault(&o.PastRate, 16<<20)
	setDefault(&o.SlowAfter, 30*time.Second)
	setDefault(&o.ResumeFor, 2*time.Minute)
	return o
}

func setDefault[T ~int | ~int64](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (o *ServerOptions) instance() monitor.Instance {
	if o.Hello == nil {
		return 0
	}
	return o.Hello.Tap
}

func (o *ServerOptions) host() string {
	if o.Hello == nil {
		return ""
	}
	return o.Hello.Host
}
