package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wstap/wstap/monitor"
)

// number groups digits by three: a wrong power of ten is easily read at night.
func number[T ~uint64 | ~int64 | ~int](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	if n > 0 {
		s = strconv.FormatUint(uint64(n), 10)
	}
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count is a number and its noun.
func count[T ~uint64 | ~int64 | ~int](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// size is a number of bytes, decimal like the units of networks.
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		if f /= 1000; f < 999.95 || unit == "TB" {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
	}
	return ""
}

// took is a duration for a line: three digits are enough to tell causes apart.
func took(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + took(-d)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%dh%02dm%02ds", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}

// gap is a duration to compare with a timeout: in seconds, to a hundredth.
func gap(d time.Duration) string {
	if d < time.Second || d >= 24*time.Hour {
		return took(d)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// limitWords is a limit's value: without zeros that nobody configured.
func limitWords(d time.Duration) string {
	if d > time.Minute && d%time.Minute == 0 {
		s := strings.TrimSuffix(d.String(), "0s")
		if d%time.Hour == 0 {
			s = strings.TrimSuffix(s, "0m")
		}
		return s
	}
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// clock is the time of day, as evidence gives it.
func clock(t monitor.Time) string {
	if t.IsZero() {
		return "--:--:--.---"
	}
	return t.Std().Format("15:04:05.000")
}

// stamp is a time with its day and zone.
func stamp(t monitor.Time) string { return t.Std().Format("2006-01-02 15:04:05.000 -07:00") }

// period is the head of a report.
func period(from, to monitor.Time) string {
	if from.IsZero() || to.IsZero() {
		return "no event was seen"
	}
	end := to.Std().Format("2006-01-02 15:04:05.000")
	if from.Std().YearDay() == to.Std().YearDay() && from.Std().Year() == to.Std().Year() {
		end = clock(to)
	}
	return fmt.Sprintf("%s to %s (%s)", stamp(from), end, took(to.Sub(from)))
}

// orDash is s, or a dash where a table has nothing to say.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// share is a count under a name.
type share struct {
	name string
	n    uint64
}

// ranked is a map by falling count, then name.
func ranked[K ~string](m map[K]uint64) []share {
	out := make([]share, 0, len(m))
	for k, n := range m {
		if n > 0 {
			out = append(out, share{string(k), n})
		}
	}
	slices.SortFunc(out, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name))
	})
	return out
}

// listed is "n × name, n × name", at most most of them and how many more.
func listed(shares []share, most int) string {
	var b strings.Builder
	for i, s := range shares {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(shares)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(number(s.n) + " × " + s.name)
	}
	return b.String()
}
