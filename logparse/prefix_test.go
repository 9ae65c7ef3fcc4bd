package logparse

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const plainLine = "2026/11/22 09:05:03 [error] 7#8: *4 access forbidden by rule, client: 1.2.3.4, server: a"

// prefixTable: what transports put before a line. flags and at are those of
// brief.
var prefixTable = []struct{ name, prefix, flags, at string }{
	{"docker compose", "nginx-1  | ", "", ""},
	{"docker compose v1", "nginx_1             | ", "", ""},
	{"docker compose, coloured", "\x1b[36mnginx-1  | \x1b[0m", "", ""},
	{"docker compose, coloured name", "\x1b[36mnginx-1  |\x1b[0m ", "", ""},
	{"docker compose -t", "nginx-1  | 2026-11-22T09:05:03.123456789Z ", "", "2026-11-22T09:05:03.123456789Z"},
	{"docker logs -t", "2026-11-22T09:05:03.123456789Z ", "", "2026-11-22T09:05:03.123456789Z"},
	{"kubectl --prefix", "[pod/web-6d4cf56db6-x2x7z/nginx] ", "", ""},
	{"kubectl --timestamps", "2026-11-22T10:05:03.123456789+01:00 ", "", "2026-11-22T10:05:03.123456789+01:00"},
	{"kubectl both", "[pod/web-0/nginx] 2026-11-22T09:05:03.5Z ", "", "2026-11-22T09:05:03.5Z"},
	{"CRI file", "2026-11-22T09:05:03.123456789+00:00 stderr F ", "", "2026-11-22T09:05:03.123456789Z"},
	{"journald short", "Nov 22 09:05:03 host nginx[123]: ", "", ""},
	{"journald short, day of one digit", "Nov  2 09:05:03 host nginx[123]: ", "", ""},
	{"journald short-precise", "Nov 22 09:05:03.123456 host nginx[123]: ", "", ""},
	{"journald short-iso", "2026-11-22T09:05:03+0000 host nginx[1]: ", "", "2026-11-22T09:05:03Z"},
	{"journald short-iso-precise", "2026-11-22T10:05:03.25+0100 host nginx[1]: ", "", "2026-11-22T10:05:03.25+01:00"},
	{"syslog datagram", "<187>Nov 22 09:05:03 vm nginx: ", "syslog", ""},
	{"syslog without host", "<187>Nov 22 09:05:03 nginx: ", "syslog", ""},
	{"syslog file", "Nov 22 09:05:03 vm nginx: ", "syslog", ""},
	{"rsyslog file", "2026-11-22T09:05:03.123456+00:00 vm nginx: ", "syslog", "2026-11-22T09:05:03.123456Z"},
}

func TestPrefixes(t *testing.T) {
	for _, c := range prefixTable {
		t.Run(c.name, func(t *testing.T) {
			line := c.prefix + plainLine
			got := parse(line)
			if len(got) != 1 {
				t.Fatalf("%d entries of %q", len(got), line)
			}
			want := brief(&parse(plainLine)[0])
			if c.flags != "" {
				want += " " + c.flags
			}
			want += fmt.Sprintf(" prefix=%q", c.prefix)
			if c.at != "" {
				want += " at=" + c.at
			}
			e := got[0]
			if !e.SourceTime.IsZero() && e.SourceTime.Location() != time.UTC && strings.HasSuffix(c.at, "Z") {
				e.SourceTime = e.SourceTime.UTC()
			}
			if b := brief(&e); b != want || e.Raw != line {
				t.Errorf("\ngot  %s\nwant %s\nraw  %q", b, want, e.Raw)
			}
		})
	}
}

func TestJSONFileDriver(t *testing.T) {
	line := `{"log":"2026/11/22 09:05:03 [error] 7#8: *4 access forbidden by rule, client: 1.2.3.4, server: a, host: \"h\"\n","stream":"stderr","time":"2026-11-22T09:05:03.5Z"}`
	e := parse(line)[0]
	want := `access_forbidden error 7#8 *4 <access forbidden by rule> client=<1.2.3.4> server=<a> host=<h> at=2026-11-22T09:05:03.5Z`
	if got := brief(&e); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if e.Raw != line {
		t.Errorf("raw %q", e.Raw)
	}
	for _, line := range []string{`{"log":"x`, `{"log":5}`, `{"a":"b"}`, `{"`} {
		if e := parse(line)[0]; e.Kind != KindUnparsed || e.Raw != line {
			t.Errorf("%s: %s", line, brief(&e))
		}
	}
}

// Lines of others in the output of a container.
func TestOtherLinesWithPrefix(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"nginx-1  | /docker-entrypoint.sh: Configuration complete; ready for start up", `unparsed prefix="nginx-1  | "`},
		{`nginx-1  | 1.2.3.4 - - [22/Nov/2026:09:05:03 +0000] "GET / HTTP/1.1" 101 0 "-" "-"`, `unparsed prefix="nginx-1  | "`},
		{"nginx-1  | nginx: [emerg] host not found in upstream \"b\" in /etc/nginx/nginx.conf:3", `host_not_found emerg <host not found in upstream "b" in /etc/nginx/nginx.conf:3> prefix="nginx-1  | "`},
		{"2026-11-22T09:05:03.5Z hello", `unparsed prefix="2026-11-22T09:05:03.5Z " at=2026-11-22T09:05:03.5Z`},
	} {
		if got := parse(c.line); len(got) != 1 || brief(&got[0]) != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.line, brief(&got[0]), c.want)
		}
	}
}
