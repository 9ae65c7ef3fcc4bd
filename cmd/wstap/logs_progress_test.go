package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLogProgress(t *testing.T) {
	const mb = 1_000_000
	for _, tt := range []struct {
		name  string
		total int64
		steps []int // MB, one each 100 ms, the first at once
		want  string
	}{
		{"a short log needs none", 300 * mb, []int{100, 100, 100}, ""},
		{"a long one", 1000 * mb, []int{100, 100, 100, 100}, "\r40 %  1.33 GB/s  0 s left\x1b[K"},
		{"each time in place of the last", 10_000 * mb, []int{100, 0, 0, 100, 100}, "\r2 %  666.7 MB/s  15 s left\x1b[K\r3 %  750.0 MB/s  13 s left\x1b[K"},
		{"of unknown size", 0, []int{100, 0, 0, 50}, "\r150.0 MB  500.0 MB/s\x1b[K"},
		{"a file that grew", 100 * mb, []int{100, 100, 100, 100}, "\r100 %  1.33 GB/s  0 s left\x1b[K"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			at := time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)
			p := &logProgress{out: &out, now: func() time.Time { return at }, total: tt.total}
			for _, n := range tt.steps {
				p.step(n * mb)
				at = at.Add(100 * time.Millisecond)
			}
			if out.String() != tt.want {
				t.Errorf("%q, want %q", &out, tt.want)
			}
			shown := out.Len() > 0
			out.Reset()
			p.clear()
			if cleared := out.String() == "\r\x1b[K"; cleared != shown {
				t.Errorf("shown %v, cleared %v", shown, cleared)
			}
		})
	}
}

func TestLogProgressIsDrawnSeldom(t *testing.T) {
	var out strings.Builder
	at := time.Date(2026, 11, 22, 9, 5, 3, 0, time.UTC)
	p := &logProgress{out: &out, now: func() time.Time { return at }}
	for range 10_000 {
		p.step(1 << 18)
		at = at.Add(200 * time.Microsecond)
	}
	if n := strings.Count(out.String(), "\r"); n < 10 || n > 20 {
		t.Errorf("drawn %d times in two seconds", n)
	}
}

func TestSizeOfFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(name, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		files []string
		want  int64
	}{
		{[]string{name}, 5}, {[]string{name, name}, 10}, {[]string{name, "-"}, 0}, {[]string{name, os.DevNull}, 0}, {[]string{name, name + "no"}, 5},
	} {
		if got := sizeOfFiles(tt.files); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.files, got, tt.want)
		}
	}
}
