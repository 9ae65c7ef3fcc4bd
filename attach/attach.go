// Package attach is the way from a relay to its viewers: a Server that is one
// of the feed's writers, a Client that gives what it receives to another feed,
// and the list of the relays that run on this machine.
//
// PROTOCOL.md describes what passes between them. A viewer can change nothing:
// the one message that reaches the tap asks for the frames of a conn.
package attach

import "time"

// Version is the version of the protocol (PROTOCOL.md). It rises when an old
// end would misunderstand, not when messages or fields are added.
const Version = 1

// Path is where a relay answers viewers, HealthPath where it says that it lives.
const (
	Path       = "/attach"
	HealthPath = "/healthz"
)

// Limits of the protocol, the same at both ends.
const (
	// maxRequest bounds a viewer's message.
	maxRequest = 8 << 10
	// maxEvent bounds one event; one that is larger is left out and counted.
	maxEvent = 48 << 20
	// batchSize is about how large a batch gets, partSize a part of a snapshot or
	// of the past.
	batchSize = 64 << 10
	partSize  = 128 << 10
	// rowsAtOnce bounds the samples of one record, recordsAtOnce the frame records.
	rowsAtOnce    = 1024
	recordsAtOnce = 1 << 16
	// pastWindow is how many parts of the past may be unacknowledged.
	pastWindow = 4
	// maxWatched bounds the conns watched by one viewer and by all of them.
	maxWatchedEach = 4
	maxWatched     = 16
)

// Times of the protocol.
const (
	beatEvery = 5 * time.Second  // the relay says at least so often that it is there
	pingEvery = 5 * time.Second  // and the viewer
	silentFor = 30 * time.Second // a peer that is silent for so long is gone
	helloIn   = 10 * time.Second // a viewer that came says what it wants
	writeIn   = 10 * time.Second // one message is taken by the kernel
)
