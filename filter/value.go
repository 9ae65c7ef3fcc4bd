package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wstap/wstap/internal/printable"
)

// value makes the question of one value.
func (f *Field[T]) value(p piece) (func(T) bool, error) {
	switch f.Kind {
	case Text, Address, Word:
		word, err := unquote(p)
		if err != nil {
			return nil, err
		}
		return f.worded(p, word)
	}
	return f.counted(p)
}

func (f *Field[T]) worded(p piece, word string) (func(T) bool, error) {
	switch f.Kind {
	case Word:
		if word = strings.ToLower(word); !slices.Contains(f.Words, word) {
			return nil, p.fault(fmt.Sprintf("%s is none of %s", word, strings.Join(f.Words, ", ")))
		}
		return func(v T) bool { return f.is(v, word) }, nil
	case Address:
		if within := addressed(word); within != nil {
			return func(v T) bool { return within(f.text(v)) }, nil
		}
	}
	if word == "" { // "" asks for what has none
		return func(v T) bool { return f.text(v) == "" }, nil
	}
	found := containsFold(word)
	return func(v T) bool { return found(f.text(v)) }, nil
}

// addressed is the question for an address, an address with a port, or a
// network; nil if the word is none of them.
func addressed(word string) func(string) bool {
	if ap, err := netip.ParseAddrPort(word); err == nil {
		return func(s string) bool { got, err := netip.ParseAddrPort(s); return err == nil && got == ap }
	}
	if a, err := netip.ParseAddr(strings.Trim(word, "[]")); err == nil {
		return func(s string) bool { got, ok := addressOf(s); return ok && got == a }
	}
	if n, err := netip.ParsePrefix(word); err == nil {
		return func(s string) bool { got, ok := addressOf(s); return ok && n.Contains(got) }
	}
	return nil
}

func addressOf(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr(), true
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil
}

// operators, the longer ones first. Without one a Number is equal, and the
// others are at least.
var operators = []string{">=", "<=", ">", "<", "="}

// counted makes the question of a number, a duration or a size.
func (f *Field[T]) counted(p piece) (func(T) bool, error) {
	op, rest := "", p
	for _, o := range operators {
		if strings.HasPrefix(p.text, o) {
			op, rest = o, p.tail(len(o))
			break
		}
	}
	if op == "" && f.Kind == Number {
		if lo, hi, ok := strings.Cut(rest.text, "-"); ok {
			return f.between(p, lo, hi)
		}
		op = "="
	}
	n, err := f.parseNumber(rest.text)
	if err != nil {
		return nil, p.fault(f.Name + ": " + err.Error())
	}
	return f.compared(op, n), nil
}

func (f *Field[T]) between(p piece, lo, hi string) (func(T) bool, error) {
	from, err := f.parseNumber(lo)
	to, err2 := f.parseNumber(hi)
	if err != nil || err2 != nil {
		return nil, p.fault(f.Name + ": want " + f.Example + " or 1000-1015")
	}
	return f.asked(func(n float64) bool { return n >= from && n <= to }), nil
}

func (f *Field[T]) compared(op string, want float64) func(T) bool {
	switch op {
	case ">":
		return f.asked(func(n float64) bool { return n > want })
	case "<":
		return f.asked(func(n float64) bool { return n < want })
	case "<=":
		return f.asked(func(n float64) bool { return n <= want })
	case "=":
		return f.asked(func(n float64) bool { return n == want })
	}
	return f.asked(func(n float64) bool { return n >= want })
}

// asked is the question whether a number of a value, or one of several, passes.
func (f *Field[T]) asked(pass func(float64) bool) func(T) bool {
	if f.numbers != nil {
		return func(v T) bool { return f.numbers(v, pass) }
	}
	return func(v T) bool { n, ok := f.number(v); return ok && pass(n) }
}

// parseNumber reads a value: of a duration in nanoseconds, of a size in bytes.
func (f *Field[T]) parseNumber(s string) (float64, error) {
	switch f.Kind {
	case Duration:
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return 0, fmt.Errorf("want a duration such as 500ms, 30s, 5m or 1h30m")
		}
		return float64(d), nil
	case Size:
		return parseSize(s)
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a number, such as %s", f.Example)
	}
	return float64(n), nil
}

func parseSize(s string) (float64, error) {
	digits := strings.TrimSuffix(strings.ToLower(s), "b")
	unit := 1.0
	for suffix, n := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12} {
		if rest, ok := strings.CutSuffix(digits, suffix); ok {
			digits, unit = rest, n
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n < 1e15) {
		return 0, fmt.Errorf("want a size such as 500, 10k or 1.5MB")
	}
	return n * unit, nil
}

// containsFold looks for a text as it is shown, in any case. Nearly all text is
// ASCII, and that costs no allocation.
func containsFold(text string) func(string) bool {
	text = strings.ToLower(printable.String(text))
	return func(s string) bool {
		s = printable.String(s)
		for i := range len(s) {
			if s[i] >= utf8.RuneSelf {
				return strings.Contains(strings.ToLower(s), text)
			}
		}
		for i := 0; i+len(text) <= len(s); i++ {
			if hasPrefixFold(s[i:], text) {
				return true
			}
		}
		return false
	}
}

func hasPrefixFold(s, text string) bool {
	for j := range len(text) {
		b := s[j]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		if b != text[j] {
			return false
		}
	}
	return true
}
