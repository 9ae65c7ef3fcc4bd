package attach

import (
	"encoding/json"
	"fmt"

	"github.com/wstap/wstap/monitor"
)

// request is a text message of a viewer. Which fields count depends on Type.
type request struct {
	Type string `json:"type"`

	// hello
	V       int      `json:"v,omitempty"`
	Version string   `json:"version,omitempty"`
	Deflate bool     `json:"deflate,omitempty"`
	Only    string   `json:"only,omitempty"` // "control": no events
	Resume  *resume  `json:"resume,omitempty"`
	Watch   []connID `json:"watch,omitempty"`

	// watch
	connID
	On bool `json:"on,omitempty"`

	// ping, past, more, stop, control
	ID   uint64       `json:"id,omitempty"`
	From monitor.Time `json:"from,omitempty"`
	To   monitor.Time `json:"to,omitempty"`
	Verb string       `json:"verb,omitempty"`
}

// resume is where a viewer was when its line broke.
type resume struct {
	Stream  string `json:"stream"`
	Seq     uint64 `json:"seq"`
	Refresh bool   `json:"refresh,omitempty"` // samples are missing
}

type connID struct {
	Tap  monitor.Instance `json:"tap,omitempty"`
	Conn uint64           `json:"conn,omitempty"`
}

func (c connID) id() monitor.ID { return monitor.ID{Tap: c.Tap, Conn: c.Conn} }

func connIDOf(id monitor.ID) connID { return connID{id.Tap, id.Conn} }

// encodeText encodes a request or a notice: plain structs, which cannot fail.
func encodeText(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

// Types of text messages.
const (
	typeHello   = "hello"   // viewer: what it wants
	typeWatch   = "watch"   // viewer: the frames of a conn, or no more of them
	typePing    = "ping"    // viewer
	typePast    = "past"    // viewer: events of the recording
	typeMore    = "more"    // viewer: a part of the past was used
	typeStop    = "stop"    // viewer: no more of the past
	typeFresh   = "fresh"   // viewer: a snapshot, for something is missing
	typeControl = "control" // viewer: a verb to the relay

	typeWelcome  = "welcome"  // relay: first
	typeSnapshot = "snapshot" // relay: a snapshot follows
	typePong     = "pong"     // relay
	typeBeat     = "beat"     // relay: nothing else to say
	typePastEnd  = "past_end" // relay: the past asked for is complete, or not
	typeAnswer   = "answer"   // relay: to control
	typeSlow     = "slow"     // relay: the viewer is thinned, or no more
	typeDropped  = "dropped"  // relay: what was not sent
	typeRefused  = "refused"  // relay: a watch was refused
	typeError    = "error"    // relay: why the line ends
	typeBye      = "bye"      // relay: it is ending
)

// notice is a text message of a relay. Which fields count depends on Type.
type notice struct {
	Type string `json:"type"`

	// welcome
	V        int              `json:"v,omitempty"`
	Version  string           `json:"version,omitempty"`
	Stream   string           `json:"stream,omitempty"`
	Instance monitor.Instance `json:"instance,omitempty"`
	Host     string           `json:"host,omitempty"`
	Resumed  bool             `json:"resumed,omitempty"`
	Past     bool             `json:"past,omitempty"`
	Control  bool             `json:"control,omitempty"`

	// welcome, snapshot, beat, pong, bye
	Now    monitor.Time `json:"now,omitempty"`
	Seq    uint64       `json:"seq,omitempty"`
	Events uint64       `json:"events,omitempty"` // lifecycle events so far

	// snapshot
	Refresh bool   `json:"refresh,omitempty"` // samples only
	LogN    uint64 `json:"log_n,omitempty"`
	Logs    uint64 `json:"logs,omitempty"`

	// pong, past_end, answer, refused
	ID uint64 `json:"id,omitempty"`
	connID
	At   monitor.Time `json:"at,omitempty"`   // past_end: of the last event
	Cut  bool         `json:"cut,omitempty"`  // past_end: there is more than is given at once
	Text string       `json:"text,omitempty"` // also: slow, error, bye
	Err  string       `json:"error,omitempty"`

	// slow, dropped
	On     bool     `json:"on,omitempty"`
	Counts *Dropped `json:"counts,omitempty"`

	Code string `json:"code,omitempty"` // error
}

// Codes of errors that end a line.
const (
	codeVersion  = "version"
	codeProtocol = "protocol"
	codeRate     = "rate"
	codeSlow     = "slow"
	codeSilent   = "silent"
)

// Dropped counts what did not reach a viewer.
type Dropped struct {
	Events  uint64 `json:"events,omitempty"`  // lifecycle events
	Samples uint64 `json:"samples,omitempty"` // cumulative: a later one makes up for them
	Frames  uint64 `json:"frames,omitempty"`  // frame records of watched conns
}

// Total is the sum.
func (d Dropped) Total() uint64 { return d.Events + d.Samples + d.Frames }

func (d *Dropped) add(e Dropped) {
	d.Events += e.Events
	d.Samples += e.Samples
	d.Frames += e.Frames
}

// parseRequest reads a viewer's message.
func parseRequest(msg []byte) (*request, error) {
	var r request
	if err := json.Unmarshal(msg, &r); err != nil {
		return nil, fmt.Errorf("not a message of this protocol: %w", err)
	}
	if len(r.Watch) > maxWatchedEach {
		return nil, fmt.Errorf("%d conns watched, at most %d are possible", len(r.Watch), maxWatchedEach)
	}
	return &r, nil
}

// VersionError is a relay and a viewer that do not understand each other.
type VersionError struct {
	Relay, Viewer             int    // versions of the protocol
	RelayBuild, ViewerVersion string // of wstap
}

func (e *VersionError) Error() string {
	what := "update the viewer"
	if e.Relay < e.Viewer {
		what = "update the relay, or use a viewer of its version"
	}
	return fmt.Sprintf("attach: the relay (wstap %s) speaks version %d of the attach protocol, this viewer (wstap %s) version %d: %s",
		orUnknown(e.RelayBuild), e.Relay, orUnknown(e.ViewerVersion), e.Viewer, what)
}

func orUnknown(s string) string {
	if s == "" {
		return "of unknown version"
	}
	return clean(s, 40)
}
