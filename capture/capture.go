// Package capture is wstap's recording file: events in an MCAP container that
// survives a crash of its writer and that other people's tools can read.
//
// Create gives a Writer, which is a feed.Writer; Open gives a Reader. FORMAT.md
// describes the file. Secrets were taken out before events come here; the
// package neither looks at traffic nor decides what is worth recording.
package capture

import "strconv"

// What FORMAT.md names.
const (
	profile       = "wstap"
	formatVersion = 1

	metadataName = "wstap"
	settingsName = "settings"

	keyFormat       = "format"
	keyEventVersion = "event_version"
	keyToolVersion  = "tool_version"
	keyHost         = "host"
	keyStarted      = "started"
	keyRecording    = "recording"
	keyPart         = "part"
)

// kind of content; its number is the channel's in files that we write.
type kind uint16

const (
	kindUnknown kind = iota
	kindEvents
	kindFrames
	kindSamples
	kindKeyframe
	kindMark
)

// channelSpec is one row of the table of channels.
type channelSpec struct {
	kind           kind
	topic          string
	encoding       string
	schema         string
	schemaEncoding string
	schemaText     string
}

// anyObject is the schema of JSON channels: events differ by type, and
// monitor/EVENTS.md is their description.
const anyObject = `{"type":"object"}`

// channels is the one list of what a file holds.
var channels = []channelSpec{
	{kindEvents, "events", "json", "wstap.event/1", "jsonschema", anyObject},
	{kindFrames, "frames", "wstap.frames/1", "wstap.frames/1", "", ""},
	{kindSamples, "samples", "wstap.frames/1", "wstap.frames/1", "", ""},
	{kindKeyframe, "keyframe", "wstap.keyframe/1", "wstap.keyframe/1", "", ""},
	{kindMark, "mark", "json", "wstap.mark/1", "jsonschema", anyObject},
}

// Limits, checked before anything is allocated for what a file announces.
const (
	maxHeadRecord = 1 << 20
	maxChunk      = 64 << 20 // of a chunk's record, and of what it unpacks to
	maxSummary    = 64 << 20
	maxEvent      = 8 << 20
	maxKeyEvent   = 48 << 20 // a baseline of 200,000 conns is one event
	maxKeyframe   = 1 << 30
	maxDamages    = 1000 // places listed; more are counted only

	maxBatchFrames  = 1 << 16
	maxBatchSamples = 1 << 10
)

// splitVersion parts "wstap.frames/2" in name and number; 0 without one.
func splitVersion(s string) (name string, version int) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '/' {
			if n, err := strconv.Atoi(s[i+1:]); err == nil {
				return s[:i], n
			}
			break
		}
	}
	return s, 0
}
