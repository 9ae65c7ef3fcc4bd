package printable

import "unicode"

// safeRune reports whether r may be shown as it is. unicode.IsPrint already refuses controls (C0, DEL, C1), format
// characters (bidirectional controls, joiners, tags, U+FEFF), line and paragraph separators, private use,
// surrogates, what is not assigned, and every space except U+0020; unsafe lists what it lets through.
func safeRune(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unsafe, r)
}

// unsafe holds graphic characters that cannot be trusted on a screen: they are invisible, or terminals and
// libraries disagree about their width, or they make one character of what follows them.
var unsafe = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034F, Hi: 0x034F, Stride: 1}, // combining grapheme joiner: invisible
		{Lo: 0x0D4E, Hi: 0x0D4E, Stride: 1}, // prepended mark: joins the next character
		{Lo: 0x1100, Hi: 0x11FF, Stride: 1}, // conjoining Hangul: several make one syllable
		{Lo: 0x17B4, Hi: 0x17B5, Stride: 1}, // Khmer inherent vowels: invisible
		{Lo: 0x180B, Hi: 0x180F, Stride: 1}, // Mongolian variation selectors
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // blank Braille pattern
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler: invisible
		{Lo: 0xA960, Hi: 0xA97F, Stride: 1}, // conjoining Hangul
		{Lo: 0xD7B0, Hi: 0xD7FF, Stride: 1}, // conjoining Hangul
		{Lo: 0xFE00, Hi: 0xFE0F, Stride: 1}, // variation selectors: U+FE0F changes the width
		{Lo: 0xFF9E, Hi: 0xFFA0, Stride: 1}, // halfwidth sound marks: width 0 or 1; halfwidth Hangul filler
	},
	R32: []unicode.Range32{
		{Lo: 0x111C2, Hi: 0x111C3, Stride: 1}, // prepended marks
		{Lo: 0x1193F, Hi: 0x1193F, Stride: 1},
		{Lo: 0x11941, Hi: 0x11941, Stride: 1},
		{Lo: 0x113D1, Hi: 0x113D1, Stride: 1},
		{Lo: 0x11A3A, Hi: 0x11A3A, Stride: 1},
		{Lo: 0x11A84, Hi: 0x11A89, Stride: 1},
		{Lo: 0x11D46, Hi: 0x11D46, Stride: 1},
		{Lo: 0x11F02, Hi: 0x11F02, Stride: 1},
		{Lo: 0x1F1E6, Hi: 0x1F1FF, Stride: 1}, // regional indicators: two make a flag, of 2 or 4 cells
		{Lo: 0x1F3FB, Hi: 0x1F3FF, Stride: 1}, // skin tones: join the emoji before, or do not
		{Lo: 0xE0100, Hi: 0xE01EF, Stride: 1}, // variation selectors
	},
}
