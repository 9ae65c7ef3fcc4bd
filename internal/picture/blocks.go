package main

import (
	"image"
	"image/color"
	"image/draw"
)

// drawBlock draws what must fill its cell without a seam, which no font does
// for all: block elements, lines and Braille. False: not one of them.
func drawBlock(img *image.RGBA, r rune, box image.Rectangle, c color.RGBA) bool {
	w, h := box.Dx(), box.Dy()
	fill := func(x0, y0, x1, y1 int) {
		part := image.Rect(box.Min.X+x0, box.Min.Y+y0, box.Min.X+x1, box.Min.Y+y1)
		draw.Draw(img, part, image.NewUniform(c), image.Point{}, draw.Src)
	}
	switch {
	case r == '▀':
		fill(0, 0, w, h/2)
	case r >= '▁' && r <= '█': // lower eighths
		n := int(r-'▁') + 1
		fill(0, h-(n*h+4)/8, w, h)
	case r >= '▉' && r <= '▏': // left eighths, falling
		n := 7 - int(r-'▉')
		fill(0, 0, (n*w+4)/8, h)
	case r == '▐':
		fill(w/2, 0, w, h)
	case r >= '░' && r <= '▓':
		drawShade(img, int(r-'░')+1, box, c)
	case r >= 0x2800 && r <= 0x28ff:
		drawBraille(img, r-0x2800, box, c)
	default:
		return drawRule(r, w, h, fill)
	}
	return true
}

// drawShade dots a cell: a quarter, a half or three quarters of it.
func drawShade(img *image.RGBA, quarters int, box image.Rectangle, c color.RGBA) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if at := 2*(y&1) + (x+y>>1)&1; at < quarters {
				img.SetRGBA(x, y, c)
			}
		}
	}
}

// drawBraille draws the eight dots of a pattern, Unicode's bit order.
func drawBraille(img *image.RGBA, bits rune, box image.Rectangle, c color.RGBA) {
	places := [8][2]int{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {0, 3}, {1, 3}}
	for i, p := range places {
		if bits&(1<<i) == 0 {
			continue
		}
		x, y := box.Min.X+1+p[0]*box.Dx()/2, box.Min.Y+1+p[1]*box.Dy()/4
		draw.Draw(img, image.Rect(x, y, x+3, y+3), image.NewUniform(c), image.Point{}, draw.Src)
	}
}

// arms are the directions in which a line leaves the middle of its cell.
type arms struct{ left, right, up, down bool }

var rules = map[rune]arms{
	'─': {true, true, false, false}, '━': {true, true, false, false}, '│': {false, false, true, true}, '┃': {false, false, true, true},
	'┌': {false, true, false, true}, '┐': {true, false, false, true}, '└': {false, true, true, false}, '┘': {true, false, true, false},
	'╭': {false, true, false, true}, '╮': {true, false, false, true}, '╰': {false, true, true, false}, '╯': {true, false, true, false},
	'├': {false, true, true, true}, '┤': {true, false, true, true}, '┬': {true, true, false, true}, '┴': {true, true, true, false}, '┼': {true, true, true, true},
}

func drawRule(r rune, w, h int, fill func(x0, y0, x1, y1 int)) bool {
	a, ok := rules[r]
	if !ok {
		return false
	}
	thick := 1
	if r == '━' || r == '┃' {
		thick = 3
	}
	x, y := (w-thick)/2, (h-thick)/2
	if a.left {
		fill(0, y, x+thick, y+thick)
	}
	if a.right {
		fill(x, y, w, y+thick)
	}
	if a.up {
		fill(x, 0, x+thick, y+thick)
	}
	if a.down {
		fill(x, y, x+thick, h)
	}
	return true
}
