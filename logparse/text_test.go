package logparse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// The texts of blocks stay as they are while later ones are read, from readers
// that give much and little at a time.
func TestNextText(t *testing.T) {
	log := variedLog(t, 4*BlockSize)
	for name, r := range map[string]io.Reader{
		"all at once": bytes.NewReader(log),
		"by halves":   iotest.HalfReader(bytes.NewReader(log)),
		"with EOF":    iotest.DataErrReader(bytes.NewReader(log)),
		"by line":     &lineReader{log},
	} {
		blocks := NewBlocks(r)
		var texts []string
		for {
			text, err := blocks.NextText()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || text == "" {
				t.Fatalf("%s: %q, %v", name, text, err)
			}
			texts = append(texts, text)
		}
		if strings.Join(texts, "") != string(log) {
			t.Errorf("%s: %d texts are not the log", name, len(texts))
		}
	}
}

// lineReader gives a line at a time.
type lineReader struct{ rest []byte }

func (r *lineReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.rest[:bytes.IndexByte(r.rest, '\n')+1])
	r.rest = r.rest[n:]
	return n, nil
}

// A part has a name more than once where other names of the same place came
// between; merged, it is counted as in one Summary.
func TestMergeOfCollidingNames(t *testing.T) {
	names := []string{"/a?1", "/b?1", "/a", "/ab", "/ba", "", "x", strings.Repeat("y", maxName+1)}
	for i := range 300 {
		names = append(names, strings.Repeat("z", i%7)+string(rune('a'+i%26))+"-tail")
	}
	whole, merged, part := Top{}, Top{}, Top{part: true}
	for range 3 {
		for i := range names {
			whole.add(names[i*5%len(names)], 1)
			part.add(names[i*5%len(names)], 1)
		}
		merged.merge(&part)
		part.reset()
	}
	a, b := whole.List(0), merged.List(0)
	if len(a) != len(b) || len(a) < 150 {
		t.Fatalf("%d names, want %d", len(b), len(a))
	}
	for i := range a {
		if a[i] != b[i] {
			t.Errorf("%v, want %v", b[i], a[i])
		}
	}
}

func TestProtoOfRequest(t *testing.T) {
	for _, c := range []struct{ request, target, proto string }{
		{"GET / HTTP/1.1", "/", "HTTP/1.1"},
		{"GET /a b HTTP/2.0", "/a b", "HTTP/2.0"},
		{"GET /a HTTP/1.1 b", "/a HTTP/1.1 b", ""},
		{"GET /a HTTP/ HTTP/1", "/a HTTP/", "HTTP/1"},
		{"GET HTTP/1.1", "HTTP/1.1", ""},
		{"GET  HTTP/1.1", "", "HTTP/1.1"},
		{"GET", "", ""},
		{"", "", ""},
	} {
		e := Entry{Request: c.request}
		if e.RequestTarget() != c.target || e.Proto() != c.proto {
			t.Errorf("%q: target %q, proto %q, want %q, %q", c.request, e.RequestTarget(), e.Proto(), c.target, c.proto)
		}
	}
}
