package capture

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Prune removes the oldest files of a recording, NAME, NAME.0001 and so on, until
// those that are left are within bytes and were written to after oldest. The
// newest, which may still be written, stays. It returns how many it removed.
func Prune(name string, bytes int64, oldest time.Time) (removed int, err error) {
	files, err := parts(name)
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, f := range files {
		total += f.size
	}
	for _, f := range files[:max(len(files)-1, 0)] {
		if total <= bytes && !f.written.Before(oldest) {
			break
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, err
		}
		total -= f.size
		removed++
	}
	return removed, nil
}

// filePart is one file of a recording.
type filePart struct {
	path    string
	number  int
	size    int64
	written time.Time
}

// parts lists the files of a recording, the oldest first.
func parts(name string) (files []filePart, err error) {
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	base := filepath.Base(name)
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), base)
		number := 0
		if ok && rest != "" {
			digits, dotted := strings.CutPrefix(rest, ".")
			number, err = strconv.Atoi(digits)
			ok = dotted && err == nil && len(digits) >= 4
		}
		info, err := e.Info()
		if !ok || err != nil || !info.Mode().IsRegular() {
			continue
		}
		files = append(files, filePart{filepath.Join(filepath.Dir(name), e.Name()), number, info.Size(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b filePart) int { return a.number - b.number })
	return files, nil
}

// Parts are the files of a recording that exist, the oldest first.
func Parts(name string) ([]string, error) {
	files, err := parts(name)
	var names []string
	for _, f := range files {
		names = append(names, f.path)
	}
	return names, err
}
