// Package monitor is the core of wstap: the events that sources make, their
// one encoding, and State, the plain value that absorbs them and answers what
// every face shows: conns, links, limits, countdowns, verdicts.
//
// It has no goroutine, no clock and no I/O: time passes when an event says so.
// EVENTS.md describes the encoding.
package monitor

import (
	"github.com/wstap/wstap/logparse"
	"github.com/wstap/wstap/ws"
)

// Header is what every event carries. Leg is the tap's name (a tap's role,
// front or back, is in Hello.Taps); Conn is zero for events of no conn.
type Header struct {
	At   Time     `json:"at"`
	Tap  Instance `json:"tap"`
	Leg  string   `json:"leg,omitempty"`
	Conn uint64   `json:"conn,omitempty"`
}

func (h *Header) Head() *Header { return h }

// ID is the identity of the conn an event speaks of.
func (h *Header) ID() ID { return ID{h.Tap, h.Conn} }

// ID identifies a conn across relays, recordings and viewers.
type ID struct {
	Tap  Instance
	Conn uint64
}

// Event is one of the pointer types of this package that embed Header.
type Event interface {
	Head() *Header
	// Type is the event's stable name in the encoding.
	Type() string
}

// Role of a tap: on which side of nginx it sits.
type Role string

const (
	Front Role = "front" // between client and nginx
	Back  Role = "back"  // between nginx and server
)

// TapInfo describes one tap of a relay.
type TapInfo struct {
	Name     string `json:"name"`
	Role     Role   `json:"leg"`
	Listen   string `json:"listen"`   // as bound: the chosen port, not 0
	Upstream string `json:"upstream"` // as given
}

// Hello comes first from every source of events.
type Hello struct {
	Header
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Started Time      `json:"started"`
	Taps    []TapInfo `json:"taps"`
	// Notes are shown in the dashboard's header and in reports while they
	// hold: a stand-in proxy, TCP keepalive switched on, …
	Notes []string `json:"notes,omitempty"`
	// LogTimezone is the zone error-log stamps are read in, an IANA name or "Local".
	LogTimezone string `json:"log_timezone,omitempty"`
}

// Opened is the beginning of a conn: an upgrade attempt, an opaque stream, or
// a connection that could not be dialled on.
type Opened struct {
	Header
	Client string `json:"client"`           // peer of our accepted connection, ip:port or unix:
	Listen string `json:"listen"`           // where we accepted
	Local  string `json:"local,omitempty"`  // our outgoing end
	Server string `json:"server,omitempty"` // where we dialled
	Opaque bool   `json:"opaque,omitempty"` // not HTTP/1.x from the first byte on
	Reason string `json:"reason,omitempty"` // why it is opaque
}

// Request is the complete head of an upgrade attempt.
type Request struct {
	Header
	Began        Time     `json:"began"` // its first byte; Header.At is its last
	Nth          int      `json:"nth"`   // 1 for the first request on the connection
	Method       string   `json:"method"`
	Target       string   `json:"target"`
	Proto        string   `json:"proto"`
	Host         string   `json:"host,omitempty"`
	Origin       string   `json:"origin,omitempty"`
	Key          string   `json:"key,omitempty"`
	WSVersion    string   `json:"ws_version,omitempty"`
	Subprotocols []string `json:"subprotocols,omitempty"` // offered
	Extensions   []string `json:"extensions,omitempty"`   // offered
	Upgrade      []string `json:"upgrade,omitempty"`
	Connection   []string `json:"connection,omitempty"`
	Forwarded    []string `json:"forwarded,omitempty"` // "Name: value" of X-Forwarded-*, Forwarded, X-Real-IP, Via
	NgxConn      string   `json:"ngx_conn,omitempty"`  // X-Ngx-Conn: "pid connection"
	// HeadText is the whole head, redacted, at most MaxHeadText bytes.
	HeadText string `json:"head"`
	HeadCut  bool   `json:"head_cut,omitempty"`
}

// Response is the final (non-1xx, or 101) head answering a conn's request.
type Response struct {
	Header
	Proto       string   `json:"proto"`
	Status      int      `json:"status"`
	Reason      string   `json:"reason,omitempty"`
	Accept      string   `json:"accept,omitempty"`
	AcceptOK    bool     `json:"accept_ok"`
	Subprotocol string   `json:"subprotocol,omitempty"` // chosen
	Extensions  string   `json:"extensions,omitempty"`  // chosen
	Upgrade     []string `json:"upgrade,omitempty"`
	Connection  []string `json:"connection,omitempty"`
	HeadText    string   `json:"head"`
	HeadCut     bool     `json:"head_cut,omitempty"`
}

// MaxHeadText bounds the text of a head kept in an event. State keeps the
// first 4 KiB of it, recordings the whole.
const MaxHeadText = 64 << 10

// DialTLS begins the error of a dial that came as far as TCP: TLS failed.
const DialTLS = "TLS: "

// DialError says that the upstream could not be reached; the client side was reset.
type DialError struct {
	Header
	Error string `json:"error"`
	Errno int    `json:"errno,omitempty"` // Linux number: 111 refused, 110 timed out, …
	Took  Millis `json:"took_ms"`
}

// CloseFrame is a close frame seen on the wire, the first two a direction.
// Derived marks the code 1005: the frame had no body (RFC 6455 §7.1.5).
type CloseFrame struct {
	Header
	Dir     ws.Direction `json:"dir"`
	Code    ws.CloseCode `json:"code"`
	Derived bool         `json:"code_derived,omitempty"`
	Reason  string       `json:"reason,omitempty"`
}

// How a side of a connection ended.
type How string

const (
	HowFIN         How = "fin"
	HowReset       How = "reset"
	HowCloseNotify How = "close_notify"
	HowTimeout     How = "timeout" // the kernel gave up: ETIMEDOUT
	HowError       How = "error"
)

// SideEnded says that no more will come from one side, and how we learnt it.
type SideEnded struct {
	Header
	Dir   ws.Direction `json:"dir"` // whose end
	How   How          `json:"how"`
	Error string       `json:"error,omitempty"`
	// Gap is the silence before the end: bytes that still come after the first
	// end must not shorten it.
	Gap Millis `json:"gap_ms"`
}

// Lost says that a direction can no longer be decoded; bytes go on being relayed and counted.
type Lost struct {
	Header
	Dir    ws.Direction `json:"dir"`
	Reason string       `json:"reason"`
	Offset uint64       `json:"offset"` // bytes of the conn's direction before the place
}

// Reasons of a server's Lost on an opaque stream that its client began with a
// TLS record: by its first bytes the server speaks no TLS.
const (
	ReasonHTTPToTLS = "answered TLS with HTTP"
	ReasonTextToTLS = "answered TLS with plain text"
	// Reasons of an opaque conn whose client failed before its first byte.
	ReasonTLSFailed     = "TLS handshake failed"
	ReasonNoProxyHeader = "no PROXY protocol header"
)

// Closed is the last event of a conn.
type Closed struct {
	Header
	ByTap  bool          `json:"by_tap,omitempty"` // the relay itself was being stopped
	Sample Sample        `json:"sample"`
	Last   []FrameRecord `json:"last,omitempty"` // at most LastFrames, oldest first
}

// LastFrames is how many frame records of a conn are always kept.
const LastFrames = 16

// Violation is a protocol rule broken on the wire: the first of each rule and
// direction comes with Count 1, later ones in the totals that Closed brings.
type Violation struct {
	Header
	Dir     ws.Direction `json:"dir"`
	Rule    string       `json:"rule"`
	Section string       `json:"section"`
	Count   uint64       `json:"count"`
}

// LimitKind is what a limit counts against.
type LimitKind string

const (
	Idle     LimitKind = "idle"     // the current gap
	Lifetime LimitKind = "lifetime" // the age
)

// Limit is a time that will end conns. Conn zero: all conns of the tap named
// by Leg, or of all taps if Leg is empty. Value zero takes the source back.
type Limit struct {
	Header
	Kind   LimitKind `json:"kind"`
	Value  Millis    `json:"value_ms"`
	Source string    `json:"source"` // "FILE:LINE", "flag", "hop NAME", "learned", "assumed"
}

// LogLine is one entry of a followed error log; Header.At is its arrival.
type LogLine struct {
	Header
	Source string         `json:"source"`
	Stamp  Time           `json:"stamp"` // its own time, in the zone in force
	Entry  logparse.Entry `json:"entry"`
}

// LogSummary counts log entries that came too fast to be kept.
type LogSummary struct {
	Header
	Source string            `json:"source"`
	Levels map[string]uint64 `json:"levels"`
	Kinds  map[string]uint64 `json:"kinds"`
}

// HTTP counts plain HTTP exchanges (no upgrade attempt) by status since the
// last such event of the tap; "000" is a request without an answer.
type HTTP struct {
	Header
	Counts map[string]uint64 `json:"counts"`
}

// Settings is an nginx configuration as it was read: what it does to
// WebSockets. The newest of a Source replaces the one before.
type Settings struct {
	Header
	Source       string    `json:"source"`                  // the file as given
	Files        int       `json:"files"`                   // read
	NginxVersion string    `json:"nginx_version,omitempty"` // that selected the defaults
	Findings     []Finding `json:"findings"`
}

// Polling is an answered request of a polling transport (Socket.IO, SockJS),
// which must reach the server that holds its session.
type Polling struct {
	Header
	Session   string `json:"session"`   // a keyed hash of the session's id
	Transport string `json:"transport"` // "socket.io", "sockjs"
	Path      string `json:"path"`      // of the transport's endpoint, redacted: "/socket.io/"
	Status    int    `json:"status"`
	N         uint64 `json:"n"` // how many, since the last such event of session, tap and status
}

// Tick carries now and nothing else.
type Tick struct{ Header }

// ClockStep says that the wall clock jumped against the monotonic one.
type ClockStep struct {
	Header
	Step Millis `json:"step_ms"`
}

// HealthStatus of a source or a writer.
type HealthStatus string

const (
	HealthOK      HealthStatus = "ok"
	HealthWarning HealthStatus = "warning"
	HealthFailed  HealthStatus = "failed"
)

// Health is the state of a source or writer, the newest replacing the ones
// before it with the same Name.
type Health struct {
	Header
	Name   string       `json:"name"` // "log FILE", "capture", "tap front"
	Status HealthStatus `json:"status"`
	Text   string       `json:"text"`
}

// Dropped counts what was not kept: "conns" (forwarded unrecorded), "events",
// "output lines",
// "frames", "samples", "log lines", … since the last such event of that name.
type Dropped struct {
	Header
	What string `json:"what"`
	N    uint64 `json:"n"`
}

// Verdicted is derived by State, never recorded: a conn's verdict has settled.
type Verdicted struct {
	Header
	Seq     uint64  `json:"seq"` // Conn.Seq
	Key     string  `json:"key,omitempty"`
	Target  string  `json:"target,omitempty"`
	Verdict Verdict `json:"verdict"`
	// Frames are those of each direction so far: the other side may stay for
	// long, and its closed with it.
	Frames [2]uint64 `json:"-"`
}

// Samples is a batch of cumulative samples of the conns that changed, binary
// in recordings and on the wire.
type Samples struct {
	Header
	Conns   []uint64 // numbers within the instance
	Samples []Sample
}

// Frames is a batch of frame records of one conn, binary in recordings.
type Frames struct {
	Header
	Records   []FrameRecord
	Collapsed uint64 // frames not kept as records since the last batch
}

func (*Hello) Type() string      { return "hello" }
func (*Opened) Type() string     { return "opened" }
func (*Request) Type() string    { return "request" }
func (*Response) Type() string   { return "response" }
func (*DialError) Type() string  { return "dial_error" }
func (*CloseFrame) Type() string { return "close_frame" }
func (*SideEnded) Type() string  { return "side_ended" }
func (*Lost) Type() string       { return "lost" }
func (*Closed) Type() string     { return "closed" }
func (*Violation) Type() string  { return "violation" }
func (*Limit) Type() string      { return "limit" }
func (*LogLine) Type() string    { return "log" }
func (*LogSummary) Type() string { return "log_summary" }
func (*HTTP) Type() string       { return "http" }
func (*Settings) Type() string   { return "settings" }
func (*Polling) Type() string    { return "polling" }
func (*Tick) Type() string       { return "tick" }
func (*ClockStep) Type() string  { return "clock_step" }
func (*Health) Type() string     { return "health" }
func (*Dropped) Type() string    { return "dropped" }
func (*Verdicted) Type() string  { return "verdict" }
func (*Samples) Type() string    { return "samples" }
func (*Frames) Type() string     { return "frames" }
