package main

import (
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"
)

const root = "../.."

// TestPicturesAreOfTheScreens fails when the golden screens have changed since
// the pictures were taken.
func TestPicturesAreOfTheScreens(t *testing.T) {
	want, err := screensHash(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, "docs/screens", takenOf))
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != want {
		t.Error("the screens have changed since their pictures were taken: make screenshots, and look at them")
	}
}

// TestPicturesAreThere: each shot has its picture, of its size, and the README
// shows no other.
func TestPicturesAreThere(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shots {
		name := filepath.Join("docs/screens", s.name+".png")
		f, err := os.Open(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		c, err := png.DecodeConfig(f)
		f.Close()
		if err != nil || c.Width != s.size.w*cellWidth+2*margin || c.Height != s.size.h*cellHeight+2*margin {
			t.Errorf("%s: %d×%d, %v", name, c.Width, c.Height, err)
		}
	}
	for _, part := range strings.Split(string(readme), "docs/screens/")[1:] {
		name, _, _ := strings.Cut(part, ")")
		if _, err := os.Stat(filepath.Join(root, "docs/screens", name)); err != nil {
			t.Error(err)
		}
	}
}

// TestDrawing looks at single pixels: a full block, half a block, reverse, a
// colour of the palette, Braille.
func TestDrawing(t *testing.T) {
	f, err := newFaces()
	if err != nil {
		t.Fatal(err)
	}
	emu := vt.NewSafeEmulator(6, 1)
	if _, err := emu.Write([]byte("\x1b[31m█\x1b[m▄\x1b[7m \x1b[m\x1b[38;2;1;2;3m█\x1b[m⠁")); err != nil {
		t.Fatal(err)
	}
	img := drawScreen(emu, f, darkLook)
	at := func(cell, x, y int) color.RGBA { return img.RGBAAt(margin+cell*cellWidth+x, margin+y) }
	for _, c := range []struct {
		what       string
		cell, x, y int
		want       color.RGBA
	}{
		{"red block", 0, 5, 5, darkLook.palette[1]},
		{"upper half of ▄", 1, 5, 2, darkLook.background},
		{"lower half of ▄", 1, 5, 18, darkLook.foreground},
		{"reverse", 2, 5, 5, darkLook.foreground},
		{"true colour", 3, 5, 5, color.RGBA{1, 2, 3, 255}},
		{"dot 1 of Braille", 4, 2, 2, darkLook.foreground},
		{"no dot 4", 4, 7, 2, darkLook.background},
	} {
		if got := at(c.cell, c.x, c.y); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}
