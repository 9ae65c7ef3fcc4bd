package logparse

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces is a reader that gives at most size bytes at a time.
type pieces struct {
	b    []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(p.size, len(b))], p.b)
	p.b = p.b[n:]
	return n, nil
}

func TestReadLastLineWithoutLF(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 1, "a\n": 1, "a\nb": 2, "a\n\n": 2, nextLine: 1} {
		n := 0
		if err := Read(strings.NewReader(text), "", func(*Entry) { n++ }); err != nil || n != want {
			t.Errorf("%q: %d entries, %v, want %d", text, n, err, want)
		}
	}
}

func TestReadTellsTheError(t *testing.T) {
	broken := errors.New("broken")
	n := 0
	err := Read(io.MultiReader(strings.NewReader(openFile+"\n"), iotest.ErrReader(broken)), "f", func(*Entry) { n++ })
	if !errors.Is(err, broken) || n != 1 {
		t.Errorf("%d entries, error %v; want what came before, and the error", n, err)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	line := long(300<<10, `"`)
	var got []Entry
	if err := Read(strings.NewReader(line+"\n"+nextLine+"\n"), "", func(e *Entry) { got = append(got, *e) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Raw != line[:MaxLine] || !got[0].Flags.Has(FlagCut) || got[1].Raw != nextLine || got[1].Line != 2 {
		t.Errorf("%d entries, the first of %d bytes, flags %v", len(got), len(got[0].Raw), got[0].Flags.Strings())
	}
}
