package main

import (
	"image"
	"image/color"
	"image/draw"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/go-fonts/dejavu/dejavusansmono"
	"github.com/go-fonts/dejavu/dejavusansmonobold"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// A cell in pixels, and the size of the font that fits it.
const (
	cellWidth  = 10
	cellHeight = 20
	fontSize   = 16
	baseline   = 15
	margin     = 10
)

// look is the colours of a terminal.
type look struct {
	name       string
	background color.RGBA
	foreground color.RGBA
	palette    [16]color.RGBA
}

func rgb(n uint32) color.RGBA { return color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255} }

func palette(colours ...uint32) (p [16]color.RGBA) {
	for i, c := range colours {
		p[i] = rgb(c)
	}
	return p
}

var (
	darkLook = look{"dark", rgb(0x16181d), rgb(0xd8dbe2), palette(
		0x2a2e37, 0xf0616d, 0x8cc265, 0xe6b455, 0x5ba4f0, 0xc47fdc, 0x42b9c6, 0xd8dbe2,
		0x6b7280, 0xff7b86, 0xa5e075, 0xf5cc73, 0x7dbbff, 0xdc9bf0, 0x5fd5e0, 0xffffff)}
	lightLook = look{"light", rgb(0xfbfbf9), rgb(0x2b2f36), palette(
		0x2b2f36, 0xc5283d, 0x2f7d32, 0x9a6b00, 0x1d5fb8, 0x8e3aa8, 0x0b7285, 0xd0d3d9,
		0x6b7280, 0xd9485a, 0x3c9a40, 0xb58000, 0x2f78dd, 0xa650c2, 0x12899c, 0xffffff)}
)

// faces are the fonts of plain and of bold text.
type faces struct{ plain, bold font.Face }

func newFaces() (f faces, err error) {
	if f.plain, err = face(dejavusansmono.TTF); err == nil {
		f.bold, err = face(dejavusansmonobold.TTF)
	}
	return f, err
}

func face(ttf []byte) (font.Face, error) {
	parsed, err := opentype.Parse(ttf)
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(parsed, &opentype.FaceOptions{Size: fontSize, DPI: 72, Hinting: font.HintingFull})
}

// drawScreen makes a picture of what is on a terminal.
func drawScreen(emu *vt.SafeEmulator, f faces, l look) *image.RGBA {
	w, h := emu.Width(), emu.Height()
	img := image.NewRGBA(image.Rect(0, 0, w*cellWidth+2*margin, h*cellHeight+2*margin))
	draw.Draw(img, img.Bounds(), image.NewUniform(l.background), image.Point{}, draw.Src)
	for y := range h {
		for x := range w {
			if c := emu.CellAt(x, y); c != nil {
				drawCell(img, f, l, c, margin+x*cellWidth, margin+y*cellHeight)
			}
		}
	}
	return img
}

func drawCell(img *image.RGBA, f faces, l look, c *uv.Cell, x, y int) {
	fg, bg := l.colour(c.Style.Fg, l.foreground), l.colour(c.Style.Bg, l.background)
	if c.Style.Attrs&uv.AttrFaint != 0 {
		fg = between(fg, bg)
	}
	if c.Style.Attrs&uv.AttrReverse != 0 {
		fg, bg = bg, fg
	}
	box := image.Rect(x, y, x+max(c.Width, 1)*cellWidth, y+cellHeight)
	draw.Draw(img, box, image.NewUniform(bg), image.Point{}, draw.Src)
	if c.Content == "" || c.Content == " " {
		return
	}
	if r := []rune(c.Content); len(r) == 1 && drawBlock(img, r[0], box, fg) {
		return
	}
	face := f.plain
	if c.Style.Attrs&uv.AttrBold != 0 {
		face = f.bold
	}
	d := font.Drawer{Dst: img, Src: image.NewUniform(fg), Face: face, Dot: fixed.P(x, y+baseline)}
	d.DrawString(c.Content)
}

// colour is a cell's colour on this terminal.
func (l *look) colour(c color.Color, none color.RGBA) color.RGBA {
	switch c := c.(type) {
	case nil:
		return none
	case ansi.BasicColor:
		return l.palette[c&15]
	}
	r, g, b, _ := c.RGBA()
	return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255}
}

func between(a, b color.RGBA) color.RGBA {
	mix := func(x, y uint8) uint8 { return uint8((3*int(x) + 2*int(y)) / 5) }
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}
