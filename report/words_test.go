package report

import (
	"strings"
	"testing"
	"time"

	"github.com/wstap/wstap/internal/printable"
	"github.com/wstap/wstap/monitor"
)

func TestNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -999: "-999", -1000: "-1,000"} {
		if got := number(n); got != want {
			t.Errorf("number(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestNumberUnsigned(t *testing.T) {
	if got, want := number(uint64(1<<63)), "9,223,372,036,854,775,808"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 1_500_000_000: "1.5 GB", 1 << 63: "9223372.0 TB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestDurations(t *testing.T) {
	for _, test := range []struct {
		d                time.Duration
		took, gap, limit string
	}{
		{0, "0.0 ms", "0.0 ms", "0 s"},
		{3100 * time.Microsecond, "3.1 ms", "3.1 ms", "0.0031 s"},
		{999 * time.Millisecond, "999 ms", "999 ms", "0.999 s"},
		{4 * time.Second, "4.0 s", "4.00 s", "4 s"},
		{59_990 * time.Millisecond, "60.0 s", "59.99 s", "59.99 s"},
		{time.Minute, "1m00s", "60.00 s", "60 s"},
		{62 * time.Second, "1m02s", "62.00 s", "62 s"},
		{10 * time.Minute, "10m00s", "600.00 s", "10m"},
		{2 * time.Hour, "2h00m00s", "7200.00 s", "2h"},
		{90 * time.Minute, "1h30m00s", "5400.00 s", "1h30m"},
		{-time.Second, "-1.0 s", "-1.0 s", "-1 s"},
	} {
		if got := took(test.d); got != test.took {
			t.Errorf("took(%v) = %q, want %q", test.d, got, test.took)
		}
		if got := gap(test.d); got != test.gap {
			t.Errorf("gap(%v) = %q, want %q", test.d, got, test.gap)
		}
		if got := limitWords(test.d); got != test.limit {
			t.Errorf("limitWords(%v) = %q, want %q", test.d, got, test.limit)
		}
	}
}

func TestPeriod(t *testing.T) {
	for _, test := range []struct {
		from, to monitor.Time
		want     string
	}{
		{0, 0, "no event was seen"},
		{start, start.Add(time.Minute), "2026-08-23 10:22:03.123 +00:00 to 10:23:03.123 (1m00s)"},
		{start, start.Add(24 * time.Hour), "2026-08-23 10:22:03.123 +00:00 to 2026-08-24 10:22:03.123 (24h00m00s)"},
	} {
		if got := period(test.from, test.to); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("x", 50)
	for _, test := range []struct{ text, want string }{
		{"", "  -\n"},
		{"one two", "  - one two\n"},
		{"123456789 123456789 123456789 123456789 end", "  - 123456789 123456789 123456789\n    123456789 end\n"},
		{"a " + long + " b", "  - a\n    " + long + "\n    b\n"},
		{"線線線線線線線線線 線線線線線線線線線 線", "  - 線線線線線線線線線\n    線線線線線線線線線 線\n"},
	} {
		var b strings.Builder
		p := newPrinter(&b, Options{Width: 40})
		p.wrap(plain, "  - ", test.text)
		p.flush()
		if b.String() != test.want {
			t.Errorf("%q:\n%s, want\n%s", test.text, &b, test.want)
		}
	}
}

func TestTableFits(t *testing.T) {
	var b strings.Builder
	p := newPrinter(&b, Options{Width: 50})
	p.table([]column{{title: "n", right: true}, {title: "name", cut: printable.Middle}, {title: "note", wrap: true}}, [][]string{
		{"1", strings.Repeat("/path", 40), "short"},
		{"1,000", "線", strings.Repeat("long words ", 9)},
		{"7"},
	})
	p.flush()
	for line := range strings.Lines(b.String()) {
		if n := printable.Width(strings.TrimSuffix(line, "\n")); n > 50 {
			t.Errorf("%d cells: %s", n, line)
		}
	}
	if n := strings.Count(b.String(), "…"); n != 1 {
		t.Errorf("%d cuts, want 1:\n%s", n, &b)
	}
}
