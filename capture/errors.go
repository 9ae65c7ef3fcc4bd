package capture

import (
	"errors"
	"fmt"
)

// ErrNotRecording is wrapped by Open's error for a file that is no recording of
// ours; the error says what it seems to be.
var ErrNotRecording = errors.New("not a wstap recording")

// VersionError refuses a recording of a newer format.
type VersionError struct {
	Path    string
	What    string // what is newer: "format", "event encoding", "channel frames"
	Version string // found
	Reads   string // the newest this build reads
	Tool    string // the version of wstap that wrote it, or ""
}

func (e *VersionError) Error() string {
	by := "a newer wstap"
	if e.Tool != "" {
		by = "wstap " + e.Tool
	}
	return fmt.Sprintf("capture: %q was recorded by %s: its %s has version %s and this build reads up to %s; open it with %s or later",
		e.Path, by, e.What, e.Version, e.Reads, by)
}

// CorruptError is a file of which nothing can be read, for what is at Offset.
type CorruptError struct {
	Path   string
	Offset int64
	Cause  error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("capture: %q is damaged at byte %d, before anything that was recorded: %v", e.Path, e.Offset, e.Cause)
}

func (e *CorruptError) Unwrap() error { return e.Cause }

// Damage is a place that could not be read. Reading went on after it.
type Damage struct {
	File   string
	Offset int64 // in the file
	Text   string
}

func (d Damage) String() string { return fmt.Sprintf("%s, byte %d: %s", d.File, d.Offset, d.Text) }
