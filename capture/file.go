package capture

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"

	"github.com/wstap/wstap/monitor"
)

const (
	chunkSize  = 1 << 20
	bufferSize = 64 << 10
	// windowSize is how far back the compressor looks. A window of a whole chunk
	// saves 0.7 % of a file and takes 1.7 MB more memory.
	windowSize = 256 << 10
)

// mark is the message that ends each second in which something was recorded.
type mark struct {
	V      int          `json:"v"`
	At     monitor.Time `json:"at"`
	Events uint64       `json:"events"`
	Frames uint64       `json:"frames"`
}

// file is one MCAP file being written. After an error it must not be used but
// for abandon.
type file struct {
	path  string
	out   io.WriteCloser
	buf   *bufio.Writer
	opts  *mcap.WriterOptions // the library keeps this very pointer: see flushWith
	w     *mcap.Writer
	seq   [kindMark + 1]uint32 // by kind
	began monitor.Time
	count mark
	dirty bool // something was written since the last mark
	msg   mcap.Message
}

// createFile makes a new file that only its owner can read. It refuses an
// existing one, a symbolic link included.
func createFile(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, existsError(path)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func existsError(path string) error {
	return fmt.Errorf("%q exists: a recording never overwrites a file; give another name, or move that file away (%w)", path, fs.ErrExist)
}

// newFile writes the head of a file to out.
func newFile(path string, out io.WriteCloser, began monitor.Time, tool string, metadata, settings map[string]string) (*file, error) {
	f := &file{path: path, out: out, buf: bufio.NewWriterSize(out, bufferSize), began: began}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(windowSize), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderCRC(false)) // the chunk has a CRC
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	f.opts = &mcap.WriterOptions{
		IncludeCRC: true, Chunked: true, ChunkSize: chunkSize, OverrideLibrary: true,
		Compressor: mcap.NewCustomCompressor(mcap.CompressionZSTD, enc),
	}
	if f.w, err = mcap.NewWriter(f.buf, f.opts); err != nil {
		return nil, err
	}
	return f, f.head(tool, metadata, settings)
}

func (f *file) head(tool string, metadata, settings map[string]string) error {
	if err := f.w.WriteHeader(&mcap.Header{Profile: profile, Library: "wstap " + tool}); err != nil {
		return err
	}
	if err := f.w.WriteMetadata(&mcap.Metadata{Name: metadataName, Metadata: metadata}); err != nil {
		return err
	}
	if len(settings) > 0 {
		if err := f.w.WriteMetadata(&mcap.Metadata{Name: settingsName, Metadata: settings}); err != nil {
			return err
		}
	}
	if err := f.declare(); err != nil {
		return err
	}
	return f.buf.Flush()
}

// declare writes schemas and channels outside of chunks: the library does so
// while chunks are off.
func (f *file) declare() error {
	f.opts.Chunked = false
	defer func() { f.opts.Chunked = true }()
	for _, c := range channels {
		s := &mcap.Schema{ID: uint16(c.kind), Name: c.schema, Encoding: c.schemaEncoding, Data: []byte(c.schemaText)}
		if err := f.w.WriteSchema(s); err != nil {
			return err
		}
		ch := &mcap.Channel{ID: uint16(c.kind), SchemaID: s.ID, Topic: c.topic, MessageEncoding: c.encoding}
		if err := f.w.WriteChannel(ch); err != nil {
			return err
		}
	}
	return nil
}

// write adds one message. data may be reused afterwards.
func (f *file) write(k kind, at monitor.Time, data []byte) error {
	f.seq[k]++
	f.msg = mcap.Message{ChannelID: uint16(k), Sequence: f.seq[k], LogTime: uint64(at), PublishTime: uint64(at), Data: data}
	f.dirty = true
	return f.w.WriteMessage(&f.msg)
}

// flushWith writes a message that ends its chunk. The library has no flush: a
// chunk ends when it has outgrown ChunkSize after a message, and the options
// are read anew each time (TestMarkForcesTheChunkOut holds it to that).
func (f *file) flushWith(k kind, at monitor.Time, data []byte) error {
	f.opts.ChunkSize = 1
	err := f.write(k, at, data)
	f.opts.ChunkSize = chunkSize
	return err
}

// mark ends the chunk and hands all to the kernel.
func (f *file) mark(now monitor.Time) error {
	f.count.V, f.count.At = 1, now
	text, err := json.Marshal(f.count)
	if err != nil {
		return err
	}
	if err := f.flushWith(kindMark, now, text); err != nil {
		return err
	}
	f.dirty = false
	return f.buf.Flush()
}

// close writes summary and footer.
func (f *file) close(now monitor.Time) error {
	err := f.mark(now)
	if err == nil {
		err = f.w.Close()
	}
	if err == nil {
		err = f.buf.Flush()
	}
	return errors.Join(err, f.out.Close())
}

// abandon closes the file as it is, after an error.
func (f *file) abandon() { f.out.Close() }

// size is the length of what was written, buffered bytes included.
func (f *file) size() int64 { return int64(f.w.Offset()) }

// fileMetadata is the content of the metadata record "wstap".
func fileMetadata(o *Options, recording string, part int, started monitor.Time) map[string]string {
	m := map[string]string{
		keyFormat:       strconv.Itoa(formatVersion),
		keyEventVersion: strconv.Itoa(monitor.EventVersion),
		keyToolVersion:  o.Version,
		keyStarted:      started.Std().UTC().Format(time.RFC3339Nano),
		keyRecording:    recording,
		keyPart:         strconv.Itoa(part),
	}
	if o.Hello != nil {
		m[keyHost] = o.Hello.Host
	}
	return m
}
