package attach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/wstap/wstap/monitor"
)

// ClientOptions is all that a Client needs. URL and Emit must be given.
type ClientOptions struct {
	// URL is wss://HOST:PORT, ws://HOST:PORT (also https, http) or unix:/PATH.
	URL   string
	Token string
	TLS   *tls.Config // for wss; nil: the system's authorities

	// Emit takes an event and must not block. False, which is heeded for Opened,
	// means that it was not taken; it is counted. Ticks do not come: who receives
	// the events makes them.
	Emit func(monitor.Event) bool
	// Restore takes a complete snapshot at once; nil: its events go to Emit. The
	// first holds everything, later ones what is new; they end with a Baseline.
	Restore func([]monitor.Event)
	// LastSample gives what is known of a conn that ended unseen, while the line
	// was broken for so long that the relay has forgotten it; nil: nothing is.
	LastSample func(monitor.ID) monitor.Sample
	// OnState is told of changes, in order; it must not block.
	OnState func(State)
	// Now is the clock that the relay's is compared with.
	Now func() monitor.Time
	// Version is that of wstap.
	Version string

	MaxMessage  int64 // bytes; default 64 MiB
	MaxSnapshot int64 // estimated memory; default 1 GiB

	// RetryLeast and RetryMost are the first and the longest pause between
	// attempts; default 250 ms and 15 s.
	RetryLeast, RetryMost time.Duration
	// Plain asks the relay not to compress; so does a unix socket.
	Plain bool
}

func (o ClientOptions) withDefaults() ClientOptions {
	if o.Now == nil {
		o.Now = func() monitor.Time { return monitor.TimeOf(time.Now()) }
	}
	if o.OnState == nil {
		o.OnState = func(State) {}
	}
	setDefault(&o.MaxMessage, 64<<20)
	setDefault(&o.MaxSnapshot, 1<<30)
	setDefault(&o.RetryLeast, 250*time.Millisecond)
	setDefault(&o.RetryMost, 15*time.Second)
	return o
}

// Phase is what a client is doing.
type Phase string

const (
	Connecting Phase = "connecting"
	Restoring  Phase = "restoring" // a snapshot is coming
	Live       Phase = "live"
	Lost       Phase = "lost"  // it tries again
	Ended      Phase = "ended" // the relay said goodbye; it tries again, for another may start
	Failed     Phase = "failed"
)

// State is how it stands with a relay. Texts are fit for a screen.
type State struct {
	URL   string
	Phase Phase
	Since monitor.Time // of Phase
	Retry monitor.Time // when Lost, of the next attempt
	Tries int          // since it was last connected
	Err   error        // why it is not connected
	// Goodbye: the relay said that it ends, and no other has been found since.
	Goodbye bool

	Instance monitor.Instance
	Host     string
	Version  string // of the relay
	Past     bool   // it has a recording to ask
	Control  bool   // it takes verbs

	ClockKnown bool
	RTT        time.Duration // of the best measurement
	ClockDiff  time.Duration // the relay's clock less ours
	ClockSteps uint64        // how often one of the two was set

	Slow     string // why the relay holds samples and frames back, or ""
	Notice   string // what the relay said last, such as a watch refused
	Resumed  uint64 // lines that went on where the last one broke
	Restored uint64 // snapshots
	Restarts uint64 // of the relay

	// Before + Seen + Missed.Events is what the relay has produced.
	Before  uint64  // lifecycle events before the first snapshot
	Seen    uint64  // lifecycle events received
	Missed  Dropped // not sent by the relay; snapshots make up for it
	Refused uint64  // events that Emit did not take
	Unknown uint64  // records of kinds this build does not know
	Bytes   uint64  // received
}

// Client receives what one relay tells, over as many lines as it takes.
type Client struct {
	o      ClientOptions // unchanging
	target *target
	id     ids
	past   chan struct{} // held by who reads the past

	mu       sync.Mutex // guards what follows
	state    State
	line     *line // nil: there is none, or it is not welcomed
	watching map[monitor.ID]bool

	// Of Run alone.
	known   *known
	clock   clock
	stream  string // what seq and events number; "": nothing to go on from
	last    string // the newest stream
	counted string // the stream whose lifecycle events are counted by events
	seq     uint64 // newest batch
	events  uint64 // number of the next lifecycle event
	stale   bool   // samples are missing
	untold  Dropped
	held    []monitor.Event // of a snapshot, for Restore
}

// NewClient checks the options; Run connects.
func NewClient(o ClientOptions) (*Client, error) {
	t, err := parseTarget(o.URL)
	if err == nil {
		err = t.check(o.Token)
	}
	if err != nil {
		return nil, err
	}
	if o.Emit == nil {
		return nil, errors.New("attach: ClientOptions.Emit is missing")
	}
	return &Client{
		o: o.withDefaults(), target: t, past: make(chan struct{}, 1), known: newKnown(),
		watching: map[monitor.ID]bool{}, state: State{URL: o.URL, Phase: Connecting},
	}, nil
}

// State is how it stands now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// RelayNow is the relay's clock, as far as it is known: what a feed of its
// events ticks by.
func (c *Client) RelayNow() monitor.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.o.Now().Add(c.state.ClockDiff)
}

// change changes the state and tells it.
func (c *Client) change(fn func(*State)) {
	c.mu.Lock()
	was := c.state.Phase
	fn(&c.state)
	if c.state.Phase != was || c.state.Since == 0 {
		c.state.Since = c.o.Now()
	}
	now := c.state
	c.mu.Unlock()
	c.o.OnState(now)
}

// count changes counts, which are told with the next change.
func (c *Client) count(fn func(*State)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(&c.state)
}

// Run connects, and again whenever the line breaks, until ctx is done: then it
// returns nil. An error means that it was never connected and trying again
// cannot help, or that relay and viewer do not understand each other.
func (c *Client) Run(ctx context.Context) error {
	ever := false
	for tries := 0; ; tries++ {
		c.change(func(s *State) { s.Phase, s.Tries = Connecting, tries })
		ok, err := c.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if ok {
			tries, ever = 0, true
		}
		if isFinal(err, ever) {
			c.change(func(s *State) { s.Phase, s.Err = Failed, err })
			return err
		}
		pause := c.pause(tries, err)
		c.change(func(s *State) {
			s.Phase, s.Err, s.Retry, s.Slow = Lost, err, c.o.Now().Add(pause), ""
			if errors.Is(err, ErrEnded) {
				s.Phase, s.Goodbye = Ended, true
			}
		})
		if sleep(ctx, pause) != nil {
			return nil
		}
	}
}

// ErrEnded is the end of a line that the relay announced.
var ErrEnded = errors.New("attach: the relay has ended")

func isFinal(err error, ever bool) bool {
	var version *VersionError
	var refused *RefusedError
	return errors.As(err, &version) || (!ever && errors.As(err, &refused) && refused.permanent())
}

// pause grows, and is not the same for all viewers of a relay.
func (c *Client) pause(tries int, err error) time.Duration {
	d := c.o.RetryMost
	if tries < 16 {
		d = min(c.o.RetryLeast<<tries, d)
	}
	var refused *RefusedError
	if errors.As(err, &refused) && (refused.permanent() || refused.Status == http.StatusTooManyRequests) {
		d = c.o.RetryMost // a wrong token does not get better by being repeated
	}
	return d/2 + rand.N(d/2+1)
}

// Watch asks for all frames of a conn, or for no more of them; it is remembered
// over lines.
func (c *Client) Watch(id monitor.ID, on bool) {
	c.mu.Lock()
	if on {
		if len(c.watching) >= maxWatchedEach && !c.watching[id] {
			c.state.Notice = fmt.Sprintf("a viewer watches at most %d connections", maxWatchedEach)
			c.mu.Unlock()
			return
		}
		c.watching[id] = true
	} else {
		delete(c.watching, id)
	}
	l := c.line
	c.mu.Unlock()
	if l != nil {
		l.send(&request{Type: typeWatch, connID: connIDOf(id), On: on})
	}
}

// ErrNoLine is returned when a relay is asked while there is no line to it.
var ErrNoLine = errors.New("attach: there is no line to the relay at present")

func (c *Client) current() *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.line
}

// RelayError is what a relay answers to what it will not or cannot do.
type RelayError struct{ Text string }

func (e *RelayError) Error() string { return "attach: the relay says: " + e.Text }

// Control asks the relay for one of Verbs and returns its answer, which may
// take as long as a drain does.
func (c *Client) Control(ctx context.Context, verb string) (string, error) {
	l := c.current()
	if l == nil {
		return "", ErrNoLine
	}
	return l.control(ctx, c.id.next(), verb)
}

// PastCutError says that a relay gave as much of the past as it gives at once:
// up to At. What is after that may be asked for.
type PastCutError struct{ At monitor.Time }

func (e *PastCutError) Error() string {
	return "attach: the relay gives no more of the past at once than up to " + e.At.String()
}

// Past asks for the recorded events from from to to and calls emit with them,
// in order, on the caller's goroutine; emit may take its time. One at a time:
// others wait.
func (c *Client) Past(ctx context.Context, from, to monitor.Time, emit func(monitor.Event) error) error {
	select {
	case c.past <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.past }()
	l := c.current()
	if l == nil {
		return ErrNoLine
	}
	return l.readPast(ctx, c.id.next(), from, to, emit)
}

// ids numbers questions.
type ids struct {
	mu sync.Mutex
	n  uint64
}

func (i *ids) next() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return i.n
}

// Control asks the relay at a URL for one of Verbs, over a line of its own, and
// returns its answer. Of the options URL, Token, TLS and Version count.
func Control(ctx context.Context, o ClientOptions, verb string) (string, error) {
	o.Emit = func(monitor.Event) bool { return true }
	c, err := NewClient(o)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return c.controlOnly(ctx, verb)
}
