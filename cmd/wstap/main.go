// Command wstap watches WebSockets that nginx proxies: it taps them, follows
// nginx's error log, shows the live connections with the time they have left,
// and explains why each one ended.
//
// This package is flags, wiring, signals and exit codes; what wstap knows is in
// the packages it wires together.
//
// Rules for talking to the user: results go to standard output; errors go to
// standard error as one line, "wstap: what, where", and hints on lines of their
// own, in lower case and without a full stop. One such line says what "logs
// --follow" waits for, or how far an interrupted "logs" came, whose progress is
// shown there, too, on a terminal; nothing else is ever written to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

// run is main without the exit, for tests.
func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := fang.Execute(context.Background(), root,
		fang.WithVersion(version()),
		fang.WithoutVersion(), // ours says more
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) { printError(w, err) }),
	)
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "wstap",
		Short: "why do our WebSockets behind nginx drop, and which ones are next?",
		Long: `Why do our WebSockets behind nginx drop, and which ones are next?

It sits in front of nginx, behind it, or both, passes every byte on unchanged,
counts each connection down to the timeout that will end it, and explains each
end with evidence. Start with: wstap demo`,
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return hint(err, "see "+c.CommandPath()+" --help")
	})
	root.AddCommand(controlCommands()...)
	root.AddCommand(tapCommand(), attachCommand(), replayCommand(), reportCommand(), logsCommand(), checkCommand(), demoCommand(), versionCommand())
	return root
}

// Exit codes, design §13.
const (
	exitOK     = 0
	exitJudged = 1 // judged badly, or an input only partly readable
	exitFailed = 2 // usage, start-up, unreadable input
)

// partial is an error after which what could be read has been printed.
type partial struct{ error }

func (p partial) Unwrap() error { return p.error }

// hinted adds lines on what to do next.
type hinted struct {
	error
	hints []string
}

func (h hinted) Unwrap() error { return h.error }

func hint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hints}
}

// usagef is an error of the command line.
func usagef(format string, args ...any) error { return fmt.Errorf(format, args...) }

// needs wants at least one argument, called what in the usage line.
func needs(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return hint(usagef("%s: no %s given", c.Name(), what), "see "+c.CommandPath()+" --help")
		}
		return nil
	}
}

func exitCode(err error) int {
	var p partial
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &p):
		return exitJudged
	}
	return exitFailed
}

// printError writes an error as one line, and its hints.
func printError(w io.Writer, err error) {
	if errors.Is(err, errJudged) {
		return
	}
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	fmt.Fprintf(w, "wstap: %s\n", text)
	var h hinted
	if errors.As(err, &h) {
		for _, line := range h.hints {
			fmt.Fprintf(w, "wstap: hint: %s\n", line)
		}
	}
}
