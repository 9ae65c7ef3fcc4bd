package tui

import (
	"fmt"
	"strings"
	"testing"
)

func TestDiffHeads(t *testing.T) {
	head := func(lines ...string) string {
		return strings.Join(append([]string{"GET /chat HTTP/1.1"}, lines...), "\r\n") + "\r\n\r\n"
	}
	for _, c := range []struct {
		name                 string
		before, behind       string
		cutBefore, cutBehind bool
		twoRelays            bool
		want                 string // of what is not the same: sign, name, values
	}{
		{name: "the same", before: head("Host: a", "Upgrade: websocket"), behind: head("Upgrade: websocket", "Host: a")},
		{name: "names in another case", before: head("HOST: a"), behind: head("host: a")},
		{name: "changed", before: head("Connection: Upgrade"), behind: head("Connection: close"), want: "≠ Connection [Upgrade] [close]"},
		{name: "values keep their case", before: head("Connection: Upgrade"), behind: head("Connection: upgrade"), want: "≠ Connection [Upgrade] [upgrade]"},
		{name: "removed", before: head("Upgrade: websocket", "Host: a"), behind: head("Host: a"), want: "− Upgrade [websocket] []"},
		{name: "added", before: head("Host: a"), behind: head("Host: a", "X-Real-IP: 10.0.0.1"), want: "+ X-Real-IP [] [10.0.0.1]"},
		{name: "first line", before: "GET /a HTTP/1.1\r\n\r\n", behind: "GET /b HTTP/1.0\r\n\r\n", want: "≠ first line [GET /a HTTP/1.1] [GET /b HTTP/1.0]"},
		{name: "several lines of a name", before: head("X-Forwarded-For: a"), behind: head("X-Forwarded-For: a", "X-Forwarded-For: b"), want: "≠ X-Forwarded-For [a] [a b]"},
		{name: "empty value", before: head("Origin:"), behind: head("Origin: x"), want: "≠ Origin [] [x]"},
		{name: "empty on both", before: head("Origin:"), behind: head("Origin: ")},
		{name: "no colon", before: head("garbage"), behind: head(), want: "− garbage [] []"},
		{name: "cut behind: nothing is called removed", before: head("A: 1", "B: 2"), behind: head("A: 1") + "B: ", cutBehind: true, want: "? B [2] []"},
		{name: "cut before: nothing is called added", before: "GET /chat HTTP/1.1\r\nA: 1\r\nB", behind: head("A: 1", "B: 2"), cutBefore: true, want: "? B [] [2]"},
		{name: "the half line at the cut is no change", before: head("A: long value"), behind: "GET /chat HTTP/1.1\r\nA: long", cutBehind: true, want: "? A [long value] []"},
		{name: "equal secrets", before: head("Authorization: ‹redacted:1f2e›"), behind: head("Authorization: ‹redacted:1f2e›"), twoRelays: true},
		{name: "another secret", before: head("Authorization: ‹redacted:1f2e›"), behind: head("Authorization: ‹redacted:aaaa›"), want: "≠ Authorization [‹redacted:1f2e›] [‹redacted:aaaa›]"},
		{name: "secrets of two relays", before: head("Authorization: ‹redacted:1f2e›"), behind: head("Authorization: ‹redacted:aaaa›"), twoRelays: true,
			want: "? Authorization [‹redacted:1f2e›] [‹redacted:aaaa›]"},
		{name: "line ends of one byte", before: "GET / HTTP/1.1\nHost: a\n\n", behind: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		var got []string
		for _, d := range diffHeads(c.before, c.behind, c.cutBefore, c.cutBehind, !c.twoRelays) {
			if d.change != unchanged {
				got = append(got, fmt.Sprintf("%s %s %v %v", changeLooks[d.change].sign, d.name, d.was, d.is))
			}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, s, c.want)
		}
	}
}

func TestDiffSummary(t *testing.T) {
	for _, c := range []struct {
		changes []change
		want    string
	}{
		{nil, "nginx passed it on unchanged"},
		{[]change{unchanged, unchanged}, "nginx passed it on unchanged"},
		{[]change{changed, added, added, removed, unchanged}, "1 changed, 2 added, 1 removed by nginx"},
		{[]change{unchanged, unknown}, "not all of it can be compared"},
		{[]change{incomparable}, "not all of it can be compared"},
	} {
		var diff []headChange
		for _, k := range c.changes {
			diff = append(diff, headChange{change: k})
		}
		if got := diffSummary(diff); got != c.want {
			t.Errorf("%v: %q, want %q", c.changes, got, c.want)
		}
	}
}
