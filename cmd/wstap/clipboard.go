package main

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// tmuxTimeout bounds how long tmux may take to answer.
const tmuxTimeout = 2 * time.Second

// clipboard is how a screen copies where the terminal's own way, OSC 52, goes
// nowhere: tmux hides it from the terminal unless it is told otherwise. Nil: the
// terminal's own way it is.
func clipboard(getenv func(string) string) func(text string) (where string, err error) {
	if getenv("TMUX") == "" {
		return nil
	}
	return toTmux
}

// toTmux puts a text into a buffer of tmux, which with -w (since tmux 3.2) also
// gives it to the terminal. The text goes by standard input: arguments are seen
// by others.
func toTmux(text string) (where string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), tmuxTimeout)
	defer cancel()
	for _, args := range [][]string{{"load-buffer", "-w", "-"}, {"load-buffer", "-"}} {
		cmd := exec.CommandContext(ctx, "tmux", args...)
		cmd.Stdin = strings.NewReader(text)
		if err = cmd.Run(); err == nil {
			return "to tmux: prefix ] pastes it", nil
		}
	}
	return "", err
}
