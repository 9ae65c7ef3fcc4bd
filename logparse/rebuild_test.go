package logparse

import (
	"fmt"
	"strings"
)

// rebuild writes e as nginx would have.
func rebuild(e *Entry) string {
	var b strings.Builder
	b.WriteString(e.Prefix)
	add := func(has bool, format string, a ...any) {
		if has {
			fmt.Fprintf(&b, format, a...)
		}
	}
	s := e.Stamp
	add(true, "%04d/%02d/%02d %02d:%02d:%02d [%s] %d#%d: ", s.Year, s.Month, s.Day, s.Hour, s.Min, s.Sec, e.Level, e.PID, e.TID)
	add(e.Has(HasConnection), "*%d ", e.Connection)
	b.WriteString(e.Message)
	add(e.Has(HasErrno), " (%d: %s)", e.Errno, e.ErrnoText)
	add(e.Has(HasAction), " while %s", e.Action)
	add(e.Has(HasClient), ", client: %s", e.Client)
	add(e.Has(HasServer), ", server: %s", e.Server)
	add(e.Has(HasRequest), `, request: "%s"`, e.Request)
	add(e.Has(HasSubrequest), `, subrequest: "%s"`, e.Subrequest)
	add(e.Has(HasUpstream), `, upstream: "%s"`, e.Upstream)
	add(e.Has(HasHost), `, host: "%s"`, e.Host)
	add(e.Has(HasReferrer), `, referrer: "%s"`, e.Referrer)
	add(e.Has(HasBytes), ", %s", e.Bytes)
	add(e.Rest != "", ", %s", e.Rest)
	return b.String()
}
