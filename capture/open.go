package capture

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/wstap/wstap/monitor"
)

// FileInfo describes one file of a recording.
type FileInfo struct {
	Path      string
	Size      int64
	Complete  bool // closed properly: footer and summary are there
	From, To  monitor.Time
	Version   string // of the wstap that wrote it
	Host      string
	Started   monitor.Time
	Recording string            // the same in all files of one recording
	Part      int               // 0 for NAME, 1 for NAME.0001, …
	Settings  map[string]string // as given to the recorder
}

// part is one open file with its index.
type part struct {
	FileInfo
	f      *os.File
	kinds  map[uint16]kind // channels declared so far
	body   int64           // where the head ends
	walked int64           // how far the walk came: see grow
	chunks []chunkRef
	counts map[uint16]uint64 // messages by channel
	damage []Damage
	skip   uint64 // records of unknown kinds
}

// openPart opens a file, reads its head and its index.
func openPart(path string) (*part, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	p := &part{FileInfo: FileInfo{Path: path}, f: f, kinds: map[uint16]kind{}, counts: map[uint16]uint64{}}
	if err := p.load(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

func (p *part) load() error {
	st, err := p.f.Stat()
	switch {
	case err != nil:
		return fmt.Errorf("capture: %w", err)
	case st.IsDir():
		return fmt.Errorf("capture: %q is a directory: name the files in it", p.Path)
	case !st.Mode().IsRegular():
		return fmt.Errorf("capture: %q is no ordinary file, and a recording is read out of order: save it to a file first", p.Path)
	}
	p.Size = st.Size()
	if err := p.readHead(); err != nil {
		return err
	}
	if !p.readSummary() {
		p.walk()
	}
	p.span()
	return nil
}

// span finds the time the file covers; a batch is as long as a second.
func (p *part) span() {
	for _, c := range p.chunks {
		if c.from == 0 && c.to == 0 {
			continue
		}
		if p.From == 0 || c.from < p.From {
			p.From = c.from
		}
		p.To = max(p.To, c.to)
	}
}

// readHead reads what stands before the first chunk. A head cut short after
// its first record is a recording of nothing.
func (p *part) readHead() error {
	first := make([]byte, 16)
	n, err := p.f.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("capture: %w", err)
	}
	switch first = first[:n]; {
	case n > 0 && n < len(mcap.Magic) && bytes.HasPrefix(mcap.Magic, first):
		return &CorruptError{p.Path, int64(n), errShort}
	case !bytes.HasPrefix(first, mcap.Magic):
		return notRecording(p.Path, first)
	}
	return p.readHeadRecords()
}

func (p *part) readHeadRecords() error {
	p.body = int64(len(mcap.Magic))
	for first := true; ; first = false {
		op, body, err := p.headRecord()
		if first {
			if err := p.checkHeader(op, body, err); err != nil {
				return err
			}
		}
		if err != nil || !p.inHead(op) || p.likeChunk(p.body) {
			return nil // walk or the summary go on from here
		}
		if !sound(op, body) {
			p.hurt(p.body, "the description of the contents is damaged from here on; ours was assumed")
			p.assume()
			if next := p.findChunk(p.body + 1); next > 0 {
				p.body = next
			}
			return nil
		}
		if err := p.absorb(op, body); err != nil {
			return err
		}
		p.body += recordHead + int64(len(body))
	}
}

// inHead says whether op stands before the chunks.
func (p *part) inHead(op byte) bool {
	switch op {
	case opHeader, opMetadata, opSchema, opChannel:
		return true
	}
	return op > opLast // later versions may have more
}

// headRecord reads the record at p.body.
func (p *part) headRecord() (op byte, body []byte, err error) {
	var head [recordHead]byte
	if _, err := p.f.ReadAt(head[:], p.body); err != nil {
		return 0, nil, err
	}
	c := cursor{b: head[1:]}
	n := c.u64()
	if !p.inHead(head[0]) {
		return head[0], nil, nil
	}
	if n > maxHeadRecord || int64(n) > p.Size-p.body-recordHead {
		return head[0], nil, errShort
	}
	body = make([]byte, n)
	_, err = p.f.ReadAt(body, p.body+recordHead)
	return head[0], body, err
}

// sound says whether the fields fill a record of the head: no CRC covers it, and
// a wrong length would lead over chunks.
func sound(op byte, body []byte) bool {
	c := &cursor{b: body}
	switch op {
	case opHeader:
		c.text()
		c.text()
	case opMetadata:
		c.text()
		c.table()
	case opSchema:
		c.u16()
		c.text()
		c.text()
		c.take(uint64(c.u32()))
	case opChannel:
		c.u16()
		c.u16()
		c.text()
		c.text()
		c.table()
	default:
		return true
	}
	return c.err == nil && len(c.b) == 0
}

// assume takes our own numbers for channels that are not declared.
func (p *part) assume() {
	known := map[kind]bool{}
	for _, k := range p.kinds {
		known[k] = true
	}
	for _, spec := range channels {
		if _, taken := p.kinds[uint16(spec.kind)]; !taken && !known[spec.kind] {
			p.kinds[uint16(spec.kind)] = spec.kind
		}
	}
}

// checkHeader wants the first record to say that the file is ours.
func (p *part) checkHeader(op byte, body []byte, err error) error {
	c := cursor{b: body}
	prof := c.text()
	switch {
	case err != nil || op != opHeader || c.err != nil:
		return &CorruptError{p.Path, p.body, errors.New("no whole MCAP header")}
	case prof != profile:
		return fmt.Errorf("capture: %q is %w: it is an MCAP file with profile %.40q", p.Path, ErrNotRecording, prof)
	}
	return nil
}

// absorb learns from a record of the head.
func (p *part) absorb(op byte, body []byte) error {
	c := &cursor{b: body}
	switch op {
	case opMetadata:
		return p.absorbMetadata(c)
	case opChannel:
		return p.absorbChannel(c)
	case opHeader, opSchema:
	default:
		p.skip++
	}
	return nil
}

func (p *part) absorbMetadata(c *cursor) error {
	name, m := c.text(), c.table()
	if c.err != nil {
		return nil
	}
	switch name {
	case settingsName:
		p.Settings = m
		return nil
	case metadataName:
	default:
		p.skip++
		return nil
	}
	p.Version, p.Host, p.Recording = m[keyToolVersion], m[keyHost], m[keyRecording]
	p.Part, _ = strconv.Atoi(m[keyPart])
	if t, err := time.Parse(time.RFC3339Nano, m[keyStarted]); err == nil {
		p.Started = monitor.TimeOf(t)
	}
	if err := p.checkVersion("format", m[keyFormat], formatVersion); err != nil {
		return err
	}
	return p.checkVersion("event encoding", m[keyEventVersion], monitor.EventVersion)
}

func (p *part) checkVersion(what, found string, reads int) error {
	if n, err := strconv.Atoi(found); err != nil || n <= reads {
		return nil
	}
	return &VersionError{Path: p.Path, What: what, Version: found, Reads: strconv.Itoa(reads), Tool: p.Version}
}

// absorbChannel learns what a channel's number means.
func (p *part) absorbChannel(c *cursor) error {
	id, _ := c.u16(), c.u16()
	topic, encoding := c.text(), c.text()
	if c.err != nil {
		return nil
	}
	for _, spec := range channels {
		if spec.topic != topic {
			continue
		}
		name, version := splitVersion(encoding)
		wantName, want := splitVersion(spec.encoding)
		if name != wantName {
			return nil // somebody else's channel of that name
		}
		p.kinds[id] = spec.kind
		return p.checkVersion("channel "+topic, strconv.Itoa(version), want)
	}
	return nil
}

// isKeyframe says that a channel, by its number in this file, is the keyframes'.
func (p *part) isKeyframe(channel uint16) bool { return p.kinds[channel] == kindKeyframe }

func (p *part) hurt(offset int64, format string, args ...any) {
	if len(p.damage) < maxDamages {
		p.damage = append(p.damage, Damage{p.Path, offset, fmt.Sprintf(format, args...)})
	}
}
