package tui

import (
	"math"
	"strings"
)

// prefix is what all texts of an order begin with: "/socket?room=", "10.0.". The
// eight bytes after it go into the ranks as a number, so that hardly any
// comparison has to look at the texts themselves, which are all over the memory.
type prefix struct {
	text string
	any  bool // there was a text
}

// prefixMost bounds it, and with it how often it can get shorter.
const prefixMost = 32

// number is what t sorts by among the texts of the order. Those that are equal
// by it are compared as texts.
func (x *index) number(t string) int64 {
	switch p := &x.prefix; {
	case !p.any:
		*p = prefix{t[:min(len(t), prefixMost)], true}
	case !strings.HasPrefix(t, p.text):
		p.text = p.text[:common(p.text, t)]
		x.renumber()
	}
	return numberOf(t[len(x.prefix.text):])
}

// renumber makes the numbers anew after the prefix became shorter.
func (x *index) renumber() {
	x.bounded = false
	for i := range x.ranks {
		if t := x.entries[i].text; t != "" && x.ranks[i].gen == x.gen {
			x.ranks[i].num = numberOf(t[len(x.prefix.text):])
		}
	}
}

// common is the length of what two texts both begin with.
func common(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// numberOf orders texts by their first eight bytes.
func numberOf(t string) int64 {
	var n uint64
	for i := range 8 {
		n <<= 8
		if i < len(t) {
			n |= uint64(t[i])
		}
	}
	return int64(n>>1) - math.MaxInt64/2
}
