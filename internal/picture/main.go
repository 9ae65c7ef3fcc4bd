// Command picture photographs the dashboard: it runs wstap on pseudo-terminals
// with an emulator behind them, presses keys, and draws what the emulator shows
// as PNG files.
//
//	go run ./internal/picture -wstap bin/wstap -o docs/screens
package main

import (
	"flag"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"time"
)

func main() {
	program := flag.String("wstap", "bin/wstap", "the program to photograph")
	out := flag.String("o", "docs/screens", "folder for the pictures")
	only := flag.String("only", "", "name of one picture")
	flag.Parse()
	if err := run(*program, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func run(program, out, only string) error {
	f, err := newFaces()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	tape, err := record(program)
	if err != nil {
		return err
	}
	defer os.Remove(tape)
	for _, s := range shots {
		if only != "" && s.name != only {
			continue
		}
		if err := s.take(program, tape, out, f); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	hash, err := screensHash(".")
	if err != nil || only != "" {
		return err
	}
	return os.WriteFile(filepath.Join(out, takenOf), []byte(hash+"\n"), 0o644)
}

// take runs the program, presses the keys of the shot and saves the picture.
func (s *shot) take(program, tape, out string, f faces) error {
	t, err := start(s.size, s.look, program, s.arguments(tape)...)
	if err != nil {
		return err
	}
	defer t.stop()
	for _, step := range s.steps {
		if err := t.waitFor(step.until, step.patience()); err != nil {
			return err
		}
		t.press(step.keys...)
	}
	t.calm(600 * time.Millisecond)
	name := filepath.Join(out, s.name+".png")
	w, err := os.Create(name)
	if err != nil {
		return err
	}
	defer w.Close()
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(w, drawScreen(t.emu, f, s.look)); err != nil {
		return err
	}
	fmt.Println(name)
	return w.Close()
}
