package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script/*.txtar: the command as users see it.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("NO_COLOR", "1")
			root, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
			e.Setenv("TESTDATA", root)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"takeport": takePort,
			"cutfile":  cutFile,
			"flipbyte": flipByte,
		},
	})
}

// takePort VAR listens at a port until the script ends.
func takePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], fmt.Sprint(l.Addr().(*net.TCPAddr).Port))
}

// cutFile FILE PERCENT shortens a file.
func cutFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	fi, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, fi.Size()*int64(percent)/100))
}

// flipByte FILE PERCENT inverts the byte at that part of a file.
func flipByte(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	percent, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)*percent/100] ^= 0xff
	ts.Check(os.WriteFile(path, b, 0o600))
}
