package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// goldens is where the screens are held as files: when one of them changes, the
// pictures show what no longer is.
const goldens = "tui/testdata"

// takenOf is the file beside the pictures that says of which screens they are.
const takenOf = "screens.sha256"

// screensHash is one hash over all golden screens below a folder of the project.
func screensHash(root string) (string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(root, goldens), func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(name, ".txt") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	sort.Strings(names)
	h := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write([]byte(filepath.Base(name)))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
