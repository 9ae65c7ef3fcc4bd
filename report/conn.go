package report

import (
	"bytes"
	"encoding/json"

	"github.com/wstap/wstap/monitor"
)

// ConnJSON is one conn as the report JSON has it (see Conn), indented. It is nil
// if s keeps no such conn.
func ConnJSON(s *monitor.State, id monitor.ID) []byte {
	c := s.Conn(id)
	if c == nil {
		return nil
	}
	var line, out bytes.Buffer
	e := newEncoder(&line)
	e.value(connOf(s, c))
	if err := e.flush(); err != nil {
		return nil
	}
	if err := json.Indent(&out, line.Bytes(), "", "  "); err != nil {
		return nil
	}
	return out.Bytes()
}
