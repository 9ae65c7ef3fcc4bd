package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrune(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		name  string
		bytes int64
		age   time.Duration
		want  string
	}{
		{"nothing to do", 1000, time.Hour, "r.mcap r.mcap.0001 r.mcap.0002 r.mcap.0010"},
		{"too large", 250, time.Hour, "r.mcap.0002 r.mcap.0010"},
		{"too old", 1000, 25 * time.Minute, "r.mcap.0002 r.mcap.0010"},
		{"the newest stays", 0, 0, "r.mcap.0010"},
	} {
		dir := t.TempDir()
		others := "r.mcap.txt r.mcap.01 q.mcap r.mcap.0003.bak"
		for i, name := range []string{"r.mcap", "r.mcap.0001", "r.mcap.0002", "r.mcap.0010"} {
			path := filepath.Join(dir, name)
			os.WriteFile(path, make([]byte, 100), 0o600)
			written := now.Add(time.Duration(i-4) * 10 * time.Minute)
			os.Chtimes(path, written, written)
		}
		for _, name := range strings.Fields(others) {
			os.WriteFile(filepath.Join(dir, name), nil, 0o600)
		}
		if _, err := Prune(filepath.Join(dir, "r.mcap"), test.bytes, now.Add(-test.age)); err != nil {
			t.Fatal(err)
		}
		left, err := Parts(filepath.Join(dir, "r.mcap"))
		for i := range left {
			left[i] = filepath.Base(left[i])
		}
		if got := strings.Join(left, " "); err != nil || got != test.want {
			t.Errorf("%s: left %s, %v, want %s", test.name, got, err, test.want)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != len(left)+len(strings.Fields(others)) {
			t.Errorf("%s: other files are gone", test.name)
		}
	}
}
