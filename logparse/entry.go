package logparse

import (
	"strings"
	"time"
)

// Entry is one entry of an nginx error log: what nginx wrote in one call, on
// one or more physical lines. Fields nginx left out are empty and missing from
// Present; an empty `server: ` is present and empty. All strings are parts of
// Raw (or of the text decoded from a JSON wrapper) and stay valid for ever.
//
// Nothing here is escaped: clients choose many of these bytes (terminal
// escapes included), so show no field unsanitised.
type Entry struct {
	Line  int64  // number of the first physical line, from 1
	Lines int    // how many physical lines
	File  string // Parser.File

	Stamp      Stamp     // nginx's own time, local and without zone
	SourceTime time.Time // from a Docker, kubectl or journald stamp; zero if none
	Level      Level
	PID, TID   int
	Kind       Kind
	Flags      Flags
	Present    Fields

	Connection int64  // the N of *N, shared by all lines of one client connection
	Message    string // without errno, action and fields
	Errno      int
	ErrnoText  string
	Action     string // after " while "

	Client     string
	Server     string
	Request    string
	Subrequest string
	Upstream   string
	Host       string
	Referrer   string
	Bytes      string // stream: "bytes from/to client:…, bytes from/to upstream:…"
	Rest       string // further fields (", resolver: …", ", ctx: …"), as they are

	Prefix string // what stood before nginx's own text on the first line
	Raw    string // all physical lines, joined with \n
}

// Fields is a set of optional fields.
type Fields uint16

// The optional fields of an Entry.
const (
	HasStamp Fields = 1 << iota // also PID and TID
	HasConnection
	HasErrno
	HasAction
	HasClient
	HasServer
	HasRequest
	HasSubrequest
	HasUpstream
	HasHost
	HasReferrer
	HasBytes
)

// Clone copies e and its strings, which as parts of a block (see Read) would
// keep all of it in memory.
func (e *Entry) Clone() Entry {
	c := *e
	parts := [...]*string{
		&c.Raw, &c.Prefix, &c.Message, &c.ErrnoText, &c.Action, &c.Client, &c.Server, &c.Request,
		&c.Subrequest, &c.Upstream, &c.Host, &c.Referrer, &c.Bytes, &c.Rest,
	}
	size := 0
	for _, s := range parts {
		size += len(*s)
	}
	var all strings.Builder
	all.Grow(size)
	for _, s := range parts {
		all.WriteString(*s)
	}
	text := all.String()
	for _, s := range parts {
		n := len(*s)
		*s, text = text[:n], text[n:]
	}
	return c
}

// Has says whether the line had all of f.
func (e *Entry) Has(f Fields) bool { return e.Present&f == f }

// Parsed says whether the line is an entry of an error log.
func (e *Entry) Parsed() bool { return e.Kind != KindUnparsed }

// Time is SourceTime if there is one, else Stamp read in loc. It is zero for a
// line without either.
func (e *Entry) Time(loc *time.Location) time.Time {
	if !e.SourceTime.IsZero() {
		return e.SourceTime
	}
	return e.Stamp.In(loc)
}

// Flags say what is doubtful or special about an Entry.
type Flags uint8

// The flags.
const (
	// FlagForged: the line begins like an entry, but stands inside text that a
	// client sent (see Parser).
	FlagForged Flags = 1 << iota
	// FlagCut: as long as nginx's buffer (2047 bytes), or longer than this
	// package's limits; the end, and fields, may be missing.
	FlagCut
	// FlagJoined: made of more than one physical line.
	FlagJoined
	// FlagSyslog: came in a syslog envelope.
	FlagSyslog
)

var flagNames = [...]string{"forged", "cut", "joined", "syslog"}

// Has says whether all of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Strings lists the flags set, always in the same order.
func (f Flags) Strings() []string {
	var s []string
	for i, n := range flagNames {
		if f&(1<<i) != 0 {
			s = append(s, n)
		}
	}
	return s
}

// FlagByName finds the flag that Strings calls name, or 0.
func FlagByName(name string) Flags {
	for i, n := range flagNames {
		if n == name {
			return 1 << i
		}
	}
	return 0
}
