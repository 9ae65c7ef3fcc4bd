package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a file holds: an error or events, in bounded memory, and no panic.
func FuzzReader(f *testing.F) {
	data, _ := small(f)
	f.Add(data)
	f.Add([]byte(nil))
	for _, n := range []int{9, 40, 300, 700, len(data) / 2, len(data) - 9} {
		f.Add(bytes.Clone(data[:n]))
	}
	for i := 5; i < len(data); i += 97 {
		b := bytes.Clone(data)
		b[i] ^= 0x55
		f.Add(b)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "x")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path)
		if err != nil {
			return
		}
		defer r.Close()
		drain(t, r)
		for _, k := range r.Info().Keyframes {
			if _, err := r.Seek(k); err != nil {
				return
			}
		}
		drain(t, r)
	})
}

func drain(t *testing.T, r *Reader) {
	for range 1 << 20 {
		_, err := r.Next()
		if err != nil {
			var newer *VersionError
			if !errors.Is(err, io.EOF) && !errors.As(err, &newer) {
				t.Fatalf("Next: %v", err)
			}
			return
		}
	}
	t.Fatal("no end of events")
}
