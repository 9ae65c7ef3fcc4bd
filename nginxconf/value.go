package nginxconf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseTime reads nginx's time: "60", "1m30s", "500ms", "1d 12h"
// (ngx_parse.c:ngx_parse_time; without a unit it is seconds).
func parseTime(s string) (time.Duration, bool) {
	var total time.Duration
	smallest := len(timeUnits) // units must come in falling order
	for s != "" {
		n, rest, ok := leadingNumber(s)
		if !ok {
			return 0, false
		}
		unit, rank, rest := timeUnit(rest)
		if rank >= smallest {
			return 0, false
		}
		if n > int64(math.MaxInt64-total)/int64(unit) {
			return 0, false
		}
		total += time.Duration(n) * unit
		smallest, s = rank, strings.TrimLeft(rest, " ")
	}
	return total, smallest < len(timeUnits)
}

// timeUnits in rising order. "ms" stands before "m" and "s", so that it is
// tried first; a year has 365 days, a month 30.
var timeUnits = []struct {
	name string
	d    time.Duration
}{
	{"ms", time.Millisecond}, {"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour},
	{"w", 7 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"y", 365 * 24 * time.Hour},
}

// timeUnit is the unit that s begins with, its place in the order, and what
// follows it; seconds, and the last in the order, if there is none.
func timeUnit(s string) (unit time.Duration, rank int, rest string) {
	for i, u := range timeUnits {
		if after, ok := strings.CutPrefix(s, u.name); ok {
			return u.d, i, after
		}
	}
	return time.Second, -1, s
}

func leadingNumber(s string) (n int64, rest string, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	return n, s[i:], err == nil
}

// parseSize reads nginx's size in bytes: "4k", "1m" (ngx_parse.c:ngx_parse_size).
func parseSize(s string) (int, bool) {
	n, unit, ok := leadingNumber(s)
	if !ok {
		return 0, false
	}
	shift := 0
	switch unit {
	case "":
	case "k", "K":
		shift = 10
	case "m", "M":
		shift = 20
	case "g", "G":
		shift = 30
	default:
		return 0, false
	}
	if n > math.MaxInt>>shift {
		return 0, false
	}
	return int(n) << shift, true
}

// valueOf reads the first argument of d.
func valueOf[T any](d *directive, kind string, parse func(string) (T, bool)) Value[T] {
	v := Value[T]{Place: d.place}
	s := d.arg(0)
	x, ok := parse(s)
	switch {
	case ok:
		v.V = x
	case s == "":
		v.Unknown = fmt.Sprintf("%s has no value", d.name)
	case strings.Contains(s, "$"):
		v.Unknown = s + " is a variable"
	default:
		v.Unknown = fmt.Sprintf("%q is no %s", s, kind)
	}
	return v
}

func timeOf(d *directive) Value[time.Duration] { return valueOf(d, "time", parseTime) }

func sizeOf(d *directive) Value[int] { return valueOf(d, "size", parseSize) }

func numberOf(d *directive) Value[int] {
	return valueOf(d, "number", func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= 0
	})
}

func flagOf(d *directive) Value[bool] {
	return valueOf(d, "flag", func(s string) (on, ok bool) {
		s = strings.ToLower(s)
		return s == "on", s == "on" || s == "off"
	})
}

// wordsOf takes all arguments as they are.
func wordsOf(d *directive) Value[string] {
	return Value[string]{V: strings.Join(d.args, " "), Place: d.place}
}
