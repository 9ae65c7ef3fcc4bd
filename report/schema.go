package report

import "github.com/wstap/wstap/monitor"

// Version of the report JSON. It rises when a reader of the old one would
// misunderstand, not when fields are added.
const Version = 1

// Document is the report JSON: one object. It is the schema; JSON writes it
// conn by conn without ever holding it whole.
//
// Times are RFC 3339 with nanoseconds and offset, durations numbers of
// milliseconds. What is not known, or does not exist, is null; a text that was
// sent and is empty is "". No list and no map is ever null. Bytes that are not
// UTF-8 are U+FFFD.
type Document struct {
	Version int    `json:"version"` // 1
	Source  string `json:"source"`  // what was read, as given on the command line
	// Filter chose the conns; absent without one. Totals are of these conns then,
	// except dropped, evicted and http, which are of the whole run, as the log is.
	// Findings are made from all conns; listed are those that touch one of these,
	// may do so, or are about no conn.
	Filter   *string      `json:"filter,omitempty"`
	From     monitor.Time `json:"from"`     // the first event
	To       monitor.Time `json:"to"`       // the last event: "now" for what is still open
	Totals   Totals       `json:"totals"`   // over all conns, also those no longer listed
	Conns    []Conn       `json:"conns"`    // by opened, then id
	Findings []Finding    `json:"findings"` // what rules concluded, gravest first
	Log      Log          `json:"log"`      // counts of nginx's error log
}

// Totals are sums over all conns ever seen; both conns of a link count.
type Totals struct {
	Conns    uint64            `json:"conns"`    // upgrade attempts and opaque streams
	Links    uint64            `json:"links"`    // WebSockets of which both legs were seen and joined
	Upgraded uint64            `json:"upgraded"` // answered with 101
	Refused  uint64            `json:"refused"`  // answered with another status
	Failed   uint64            `json:"failed"`   // not answered, or the server could not be reached
	Open     uint64            `json:"open"`     // at the time "to"
	Closed   uint64            `json:"closed"`
	Frames   uint64            `json:"frames"`  // of both directions, control frames included
	Bytes    uint64            `json:"bytes"`   // all wire bytes, heads included
	Dropped  uint64            `json:"dropped"` // records of any kind that were not kept
	Evicted  uint64            `json:"evicted"` // conns in these totals and no longer in the list
	HTTP     map[string]uint64 `json:"http"`    // plain HTTP exchanges by status; "000": no answer
}

// Conn is one upgrade attempt, successful or not, or one opaque stream, as one
// tap saw it.
type Conn struct {
	ID          uint64       `json:"id"`          // number in order of arrival, from 1
	Tap         string       `json:"tap"`         // name of the tap
	Leg         *string      `json:"leg"`         // "front" or "back"; null if the tap has no side
	Link        *uint64      `json:"link"`        // shared by the legs of one WebSocket
	Key         *string      `json:"key"`         // Sec-WebSocket-Key
	Client      *string      `json:"client"`      // peer of the accepted connection: on the back leg, nginx
	Server      *string      `json:"server"`      // where the tap dialled: on the front leg, nginx
	Host        *string      `json:"host"`        // the request's Host
	Target      *string      `json:"target"`      // the request target
	Status      *int         `json:"status"`      // of the final answer
	Subprotocol *string      `json:"subprotocol"` // chosen
	Extensions  *string      `json:"extensions"`  // chosen
	Opened      monitor.Time `json:"opened"`
	Upgraded    monitor.Time `json:"upgraded"` // when the 101 was complete
	Closed      monitor.Time `json:"closed"`   // when both sides had ended
	// HandshakeMS is from the first byte of the request to the last of the response head.
	HandshakeMS *monitor.Millis `json:"handshake_ms"`
	FromClient  Traffic         `json:"from_client"`
	FromServer  Traffic         `json:"from_server"`
	MaxGapMS    *monitor.Millis `json:"max_gap_ms"` // longest time with no byte either way since the upgrade, the running gap included
	GapMS       monitor.Millis  `json:"gap_ms"`     // time with no byte either way, at "to" or before the first end
	// The limit that ends the conn next or, once it has ended, its smallest idle
	// limit (the lifetime limit, if that was the cause). Null if never upgraded.
	LimitMS     *monitor.Millis    `json:"limit_ms"`
	LimitKind   *monitor.LimitKind `json:"limit_kind"`   // "idle" or "lifetime"
	LimitSource *string            `json:"limit_source"` // "FILE:LINE", "flag", "hop NAME", "learned", "assumed"
	Close       *Close             `json:"close"`        // null while open
	Violations  []Violation        `json:"violations"`
	LogLines    []string           `json:"log_lines"` // raw lines of the error log joined to it
}

// Traffic is what one direction carried.
type Traffic struct {
	Bytes    uint64 `json:"bytes"`    // wire bytes, heads included
	Messages uint64 `json:"messages"` // data frames with FIN
	Frames   Frames `json:"frames"`
	// CloseCode and CloseReason are of the first close frame of the direction;
	// both null if there was none or it had no body.
	CloseCode   *uint16 `json:"close_code"`
	CloseReason *string `json:"close_reason"`
}

// Frames counts frames by opcode.
type Frames struct {
	Continuation uint64 `json:"continuation"`
	Text         uint64 `json:"text"`
	Binary       uint64 `json:"binary"`
	Close        uint64 `json:"close"`
	Ping         uint64 `json:"ping"`
	Pong         uint64 `json:"pong"`
	Reserved     uint64 `json:"reserved"` // the ten opcodes without a meaning
}

// Close is the verdict: why the conn ended, and how we know.
type Close struct {
	Cause         monitor.Cause      `json:"cause"`        // see monitor.Cause
	Confidence    monitor.Confidence `json:"confidence"`   // "confirmed", "likely", "possible"
	Code          *uint16            `json:"code"`         // RFC 6455 §7.1.5; null if never upgraded
	CodeDerived   bool               `json:"code_derived"` // not on the wire: 1005, 1006, 1015
	CodeName      *string            `json:"code_name"`    // IANA's
	Reason        *string            `json:"reason"`       // of the close frame; null if it had none
	CloseFrom     string             `json:"close_from"`   // who sent the first close frame: "client", "server", "none"
	CloseAnswered bool               `json:"close_answered"`
	FirstEnd      *string            `json:"first_end"`     // "client", "server", "tap": whose end this leg saw first
	FirstEndHow   *monitor.How       `json:"first_end_how"` // "fin", "reset", "close_notify", "timeout", "error"
	Evidence      []string           `json:"evidence"`
}

// Violation is a broken rule of the protocol, of either direction.
type Violation struct {
	Rule    string  `json:"rule"`
	Section *string `json:"section"` // null for a rule this version does not know
	Count   uint64  `json:"count"`
}

// Finding is what a rule concluded over conns, log and configuration.
type Finding struct {
	ID        string           `json:"id"`       // of the rule
	Severity  monitor.Severity `json:"severity"` // "error", "warning", "info"
	Title     string           `json:"title"`
	Subject   string           `json:"subject,omitempty"` // a target, a server, a location: findings of one rule differ by it
	Count     int              `json:"count"`             // conns touched, else log lines or places
	Conns     []uint64         `json:"conns"`             // their ids, the first of them
	Evidence  []string         `json:"evidence"`
	Fix       string           `json:"fix"` // configuration to paste, or what to do
	Reference string           `json:"reference"`
	File      string           `json:"file,omitempty"` // of the configuration
	Line      int              `json:"line,omitempty"`
	First     monitor.Time     `json:"first,omitzero"` // when it was seen; absent for the configuration's
	Last      monitor.Time     `json:"last,omitzero"`
}

// Log counts the entries of the error logs.
type Log struct {
	Lines    uint64            `json:"lines"`
	Parsed   uint64            `json:"parsed"`
	Unparsed uint64            `json:"unparsed"`
	Levels   map[string]uint64 `json:"levels"`
	Kinds    map[string]uint64 `json:"kinds"` // logparse's kinds
}
