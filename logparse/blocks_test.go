package logparse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// cutIntoBlocks gives copies of all blocks, and the error that ends them.
func cutIntoBlocks(t *testing.T, r io.Reader, size int) (blocks []string, err error) {
	t.Helper()
	b, buf := NewBlocks(r), make([]byte, size)
	for {
		block, err := b.Next(buf)
		if err != nil {
			if len(block) > 0 {
				t.Fatalf("a block of %d bytes with the error %v", len(block), err)
			}
			return blocks, err
		}
		if len(block) == 0 || len(block) > size {
			t.Fatalf("a block of %d bytes", len(block))
		}
		blocks = append(blocks, string(block))
	}
}

const leastBlock = 2 * keptOfLong

func TestBlocksAreWholeLines(t *testing.T) {
	text := string(variedLog(t, 3*leastBlock))
	for _, in := range []string{"", "a", "a\n", "\n", "\n\n\na", text, text + "the end"} {
		for name, r := range map[string]io.Reader{
			"at once": strings.NewReader(in), "in pieces": &pieces{[]byte(in), 1000}, "byte by byte": &pieces{[]byte(in), 1},
			"with the end": iotest.DataErrReader(strings.NewReader(in)),
		} {
			blocks, err := cutIntoBlocks(t, r, leastBlock)
			if got := strings.Join(blocks, ""); got != in || !errors.Is(err, io.EOF) {
				t.Errorf("%d bytes %s: %d bytes in %d blocks, %v", len(in), name, len(got), len(blocks), err)
			}
			for i, b := range blocks {
				if i < len(blocks)-1 && b[len(b)-1] != '\n' {
					t.Errorf("%d bytes %s: block %d ends in the midst of a line", len(in), name, i)
				}
			}
		}
	}
}

func TestBlocksAreFull(t *testing.T) {
	text := variedLog(t, 1<<20)
	blocks, _ := cutIntoBlocks(t, bytes.NewReader(text), leastBlock)
	if most := len(text)/leastBlock + 2; len(blocks) > most {
		t.Errorf("%d blocks of at most %d bytes for %d, want at most %d", len(blocks), leastBlock, len(text), most)
	}
}

// What a slow reader gives is there at once.
func TestBlocksDoNotWait(t *testing.T) {
	r, w := io.Pipe()
	go w.Write([]byte("a line\nand a half"))
	b := NewBlocks(r)
	if got, err := b.Next(make([]byte, leastBlock)); string(got) != "a line\n" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	w.Close()
	if got, err := b.Next(make([]byte, leastBlock)); string(got) != "and a half" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A line longer than the buffer is cut, whatever its length.
func TestBlocksOfLongLines(t *testing.T) {
	for _, n := range []int{leastBlock - 1, leastBlock, leastBlock + 1, 2*leastBlock - 1, 2 * leastBlock, 5*leastBlock + 7} {
		for _, piece := range []int{leastBlock * 9, 4096, 777} {
			in := "before\n" + strings.Repeat("x", n) + "\nafter\n" + strings.Repeat("y", n)
			blocks, _ := cutIntoBlocks(t, &pieces{[]byte(in), piece}, leastBlock)
			lines := strings.Split(strings.Join(blocks, ""), "\n")
			if len(lines) != 4 || lines[0] != "before" || lines[2] != "after" {
				t.Fatalf("%d bytes: %d lines", n, len(lines))
			}
			for _, i := range []int{1, 3} {
				if len(lines[i]) != n && len(lines[i]) != keptOfLong {
					t.Errorf("line %d of %d bytes: %d are left, want all or %d", i, n, len(lines[i]), keptOfLong)
				}
			}
		}
	}
}

func TestBlocksTellTheError(t *testing.T) {
	broken := errors.New("broken")
	blocks, err := cutIntoBlocks(t, io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), leastBlock)
	if strings.Join(blocks, "|") != "a\n|b" || !errors.Is(err, broken) {
		t.Errorf("%q, %v; want what came before, and the error", blocks, err)
	}
	if _, err := NewBlocks(strings.NewReader("a")).Next(make([]byte, leastBlock-1)); err == nil {
		t.Error("a buffer that is too small is taken")
	}
}
