package diagnose

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wstap/wstap/monitor"
)

func TestSiblingsOf(t *testing.T) {
	for subject, want := range map[string]string{
		"/chat/anna":                   "/chat/*",
		"/chat/anna, before nginx":     "/chat/*, before nginx",
		"404 at /chat/anna":            "404 at /chat/*",
		"the client of /a/b/c":         "the client of /a/b/*",
		"/chat":                        "",
		"/chat/":                       "",
		"127.0.0.1:80":                 "",
		"unix:/run/app.sock":           "",
		"":                             "",
		"1011 Internal from the serve": "",
	} {
		if got := siblingsOf(subject); got != want {
			t.Errorf("%q: %q, want %q", subject, got, want)
		}
	}
}

// manySubjects is what a rule says of n conns with a subject each.
func manySubjects(r rule, n int, subject func(int) string) (out []Finding) {
	p := &pass{rule: &r}
	for i := range n {
		c := &monitor.Conn{ID: monitor.ID{Conn: uint64(i + 1)}}
		p.about(subject(i)).conn(c, monitor.Time(i+1)).say("of %d", i).fix("do %d", i)
	}
	return p.appendTo(nil)
}

// TestManySubjects: no finding holds what is of another subject, and nothing is
// lost from the counts.
func TestManySubjects(t *testing.T) {
	wire := rule{id: "x", title: "It is so", severity: monitor.SeverityError, conn: func(*pass, *monitor.Conn) {}}
	for _, tt := range []struct {
		name      string
		n         int
		subject   string
		findings  int
		lastTitle string
	}{
		{"few", subjectsMost, "/x%03d", subjectsMost, "It is so: /x011"},
		{"one more", subjectsMost + 1, "/x%03d", subjectsMost + 1, "It is so: /x012"},
		{"two more", subjectsMost + 2, "/x%03d", subjectsMost + 1, "It is so: 2 others"},
		{"more than are kept", subjectsKept + 100, "/x%03d", subjectsMost + 1, "It is so: 388 others"},
		{"few rooms", siblingsMore, "/chat/%d", siblingsMore, "It is so: /chat/3"},
		{"many rooms", 400, "/chat/%d", 1, "It is so: /chat/*"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := manySubjects(wire, tt.n, func(i int) string { return fmt.Sprintf(tt.subject, i) })
			sum := 0
			for _, f := range fs {
				sum += f.Count
				if f.Fix == "" || len(f.Evidence) == 0 {
					t.Errorf("without fix or evidence: %+v", f)
				}
			}
			if len(fs) != tt.findings || sum != tt.n {
				t.Fatalf("%d findings that count %d, want %d and %d", len(fs), sum, tt.findings, tt.n)
			}
			if got := fs[len(fs)-1].Title; got != tt.lastTitle {
				t.Errorf("the last is %q, want %q", got, tt.lastTitle)
			}
		})
	}
}

// serversConf has n servers, each with a location that lacks the headers.
func serversConf(n int) string {
	var b strings.Builder
	b.WriteString("events {}\nhttp {\n")
	for i := range n {
		fmt.Fprintf(&b, "server { listen 80; server_name h%d.example; location /ws/ { proxy_pass http://127.0.0.1:9000; } }\n", i)
	}
	b.WriteString("}\n")
	return b.String()
}

// TestManyServers: one mistake made in a thousand servers is one finding, that
// says so.
func TestManyServers(t *testing.T) {
	fs := Check(parseConf(t, serversConf(1000), ""))
	if len(fs) > 20 {
		t.Errorf("%d findings", len(fs))
	}
	for _, f := range fs {
		if f.ID == "upgrade-header-missing" {
			if f.Count != 1000 || !strings.Contains(f.Title, "in 1000 places, the first: location /ws/ of h0.example") {
				t.Errorf("%d: %s", f.Count, f.Title)
			}
			return
		}
	}
	t.Error("not found")
}

func TestSameConfigurationTwice(t *testing.T) {
	s := monitor.NewState(monitor.Bounds{})
	f := Finding{ID: "x", Severity: monitor.SeverityInfo, Subject: "a", File: "/etc/nginx/nginx.conf", Line: 3, Count: 1}
	other := f
	other.Line = 4
	for i := range 2 {
		s.Apply(&monitor.Settings{Header: monitor.Header{At: 1, Tap: monitor.Instance(i + 1)}, Source: "nginx.conf", Findings: []Finding{f, other}})
	}
	if fs := Run(s, Options{}); len(fs) != 2 {
		t.Errorf("%d findings, want each place once: %+v", len(fs), fs)
	}
}

func TestFilled(t *testing.T) {
	got := filled("# of %s\nset $x %d;", []any{"a\nevil on;\x1b\u2028", 3})
	if want := "# of a?evil on;??\nset $x 3;"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
