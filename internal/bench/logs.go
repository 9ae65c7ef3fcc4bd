//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"

	"github.com/wstap/wstap/logparse"
)

// logSize is that of the log that is parsed.
const logSize = 300 << 20

// realLog is what nginx 1.22.1 wrote; see the README beside it.
const realLog = "testdata/logs/nginx-1.22.1-error.log"

// contender reads the log, on one core or on all.
type contender struct {
	what string // as in the table; of one of several ways
	way  string
	one  bool
	cmd  func(file string) *exec.Cmd
}

const (
	logPackage  = "error log: package logparse, one core"
	logCommand  = "error log: wstap logs, one core"
	logAllCores = "error log: wstap logs, all cores, by the clock"
)

// grepPattern is in some lines: one that is in none is searched by its rarest
// byte, which reads no line.
const grepPattern = "timed out"

func (b *bench) contenders(ctx context.Context) []contender {
	logs := func(binary string) func(string) *exec.Cmd {
		return func(file string) *exec.Cmd { return exec.CommandContext(ctx, binary, "logs", file) }
	}
	all := []contender{
		{logPackage, reference, true, func(file string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, "grep", "-c", grepPattern, file)
			cmd.Env = append(os.Environ(), "LC_ALL=C")
			return cmd
		}},
		{logPackage, tapped, true, func(file string) *exec.Cmd {
			return exec.CommandContext(ctx, b.self, roleFlag, "parse", fmt.Sprintf("%q", file))
		}},
		{logCommand, tapped, true, logs(b.wstap)},
		{logAllCores, tapped, false, logs(b.wstap)},
	}
	if b.against != "" {
		all = append(all, contender{logCommand, against, true, logs(b.against)}, contender{logAllCores, against, false, logs(b.against)})
	}
	return all
}

// logRows parses one file by the package, by the command, and counts lines of
// it by grep, in interleaved rounds.
func (b *bench) logRows(ctx context.Context) ([]row, error) {
	file, size, rounds := filepath.Join(b.dir, "error.log"), int64(logSize), b.roundsOr(5)
	if b.quick {
		size = 1 << 20
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	of, err := shapeOf(filepath.Join(root, realLog))
	if err != nil {
		return nil, err
	}
	if size, err = makeLog(file, filepath.Join(root, realLog), size); err != nil {
		return nil, err
	}
	defer os.Remove(file)
	speeds := map[string]map[string][]float64{logPackage: {}, logCommand: {}, logAllCores: {}}
	for range rounds {
		for _, c := range b.contenders(ctx) {
			s, err := runOn(c.cmd(file), c.one)
			if err != nil {
				return nil, err
			}
			took := s.wall
			if c.one {
				took = s.cpu
			}
			speeds[c.what][c.way] = append(speeds[c.what][c.way], float64(size)/1e9/max(took.Seconds(), 1e-6))
			b.step()
		}
	}
	return judgeLogs(speeds, of), nil
}

// judgeLogs makes the rows: the speed, and beside it that of grep.
func judgeLogs(speeds map[string]map[string][]float64, of logShape) (rows []row) {
	grep := speeds[logPackage][reference]
	for _, what := range []string{logPackage, logCommand} {
		r := row{What: fmt.Sprintf("%s, %d bytes a line", what, of.line), Unit: "GB/s", Values: speeds[what], Goal: "≥ 1 GB/s a core"}
		r.judge(median(r.Values[tapped]) >= 1)
		share := row{What: fmt.Sprintf("%s / grep -c '%s', in %d %% of the lines", what, grepPattern, of.matched), Unit: "×", Goal: "≥ 0.5 × grep -c", Values: map[string][]float64{}}
		for way, v := range r.Values {
			if way != reference {
				share.Values[way] = ratios(v, grep)
			}
		}
		share.judge(median(share.Values[tapped]) >= 0.5)
		rows = append(rows, r, share)
	}
	return append(rows, row{What: logAllCores, Unit: "GB/s", Values: speeds[logAllCores]})
}

// logsGCPercent is what wstap logs sets for itself (cmd/wstap/logs.go).
const logsGCPercent = 400

// parseLog is the role that reads a whole log by the package alone.
func parseLog(file string) (entries int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	debug.SetGCPercent(logsGCPercent)
	err = logparse.Read(f, file, func(*logparse.Entry) { entries++ })
	return entries, err
}
