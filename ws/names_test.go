package ws

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestDirection(t *testing.T) {
	if FromClient != 0 || FromServer != 1 {
		t.Error("directions do not index an array of two")
	}
	if got := FromClient.String() + ", " + FromServer.String(); got != "from client, from server" {
		t.Errorf("directions are named %q", got)
	}
	if FromClient.Other() != FromServer || FromServer.Other() != FromClient {
		t.Error("Other does not return the opposite")
	}
}

func TestDirectionText(t *testing.T) {
	for d, want := range []string{FromClient: "from_client", FromServer: "from_server"} {
		text, err := Direction(d).MarshalText()
		if string(text) != want || err != nil {
			t.Errorf("MarshalText of %v = %q, %v", Direction(d), text, err)
		}
		back := Direction(d).Other()
		if err := back.UnmarshalText(text); err != nil || back != Direction(d) {
			t.Errorf("UnmarshalText(%q): %v, %v", text, back, err)
		}
	}
	d := FromServer
	if err := d.UnmarshalText([]byte("from client")); err == nil || d != FromServer {
		t.Errorf("UnmarshalText of no direction: %v, %v", d, err)
	}
}

// TestOpcodeNames walks all 16 values of the wire's field.
func TestOpcodeNames(t *testing.T) {
	known := map[Opcode]string{0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}
	for op := range Opcode(16) {
		want, ok := known[op]
		if !ok {
			want = fmt.Sprintf("reserved-%d", op)
		}
		if op.String() != want {
			t.Errorf("opcode %d: name %q, want %q", op, op, want)
		}
		if op.IsReserved() == ok || op.IsControl() != (op >= 8) || op.IsData() != (op <= 2) {
			t.Errorf("opcode %d: reserved %v, control %v, data %v", op, op.IsReserved(), op.IsControl(), op.IsData())
		}
		checkMeaning(t, op.String(), op.Meaning())
	}
	if op := Opcode(16); op.IsData() || !op.IsReserved() || op.String() != "reserved-16" || op.Meaning() == "" {
		t.Error("a number over four bits passes for an opcode")
	}
}

// checkMeaning wants one line that is not the name again.
func checkMeaning(t *testing.T, name, meaning string) {
	t.Helper()
	if meaning == "" || meaning == name || strings.ContainsAny(meaning, "\n\r\t") || strings.HasSuffix(meaning, ".") {
		t.Errorf("%s: meaning %q", name, meaning)
	}
}

// TestCloseCodeNames walks all 65,536 codes.
func TestCloseCodeNames(t *testing.T) {
	registered := map[CloseCode]string{
		CloseNormalClosure: "Normal Closure", CloseGoingAway: "Going Away", CloseProtocolError: "Protocol error",
		CloseUnsupportedData: "Unsupported Data", CloseReserved: "Reserved", CloseNoStatus: "No Status Rcvd",
		CloseAbnormal: "Abnormal Closure", CloseInvalidPayload: "Invalid frame payload data",
		ClosePolicyViolation: "Policy Violation", CloseMessageTooBig: "Message Too Big",
		CloseMandatoryExtension: "Mandatory Ext.", CloseInternalError: "Internal Error",
		CloseServiceRestart: "Service Restart", CloseTryAgainLater: "Try Again Later", CloseBadGateway: "Bad Gateway",
		CloseTLSHandshake: "TLS handshake", CloseUnauthorized: "Unauthorized", CloseForbidden: "Forbidden",
		CloseTimeout: "Timeout",
	}
	if len(registered) != 19 {
		t.Fatalf("%d registered codes, want 19", len(registered))
	}
	for n := range 1 << 16 {
		c := CloseCode(n)
		want := registered[c]
		switch {
		case want != "":
		case n >= 3000 && n <= 3999:
			want = "library/framework"
		case n >= 4000 && n <= 4999:
			want = "private use"
		default:
			want = "unassigned"
		}
		if c.Name() != want {
			t.Errorf("code %d: name %q, want %q", n, c.Name(), want)
		}
		if derived := n == 1005 || n == 1006 || n == 1015; c.Derived() != derived {
			t.Errorf("code %d: derived %v", n, c.Derived())
		}
		if valid := n >= 1000 && n <= 1003 || n >= 1007 && n <= 1014 || n >= 3000 && n <= 4999; c.ValidOnWire() != valid {
			t.Errorf("code %d: valid on the wire %v", n, c.ValidOnWire())
		}
		checkMeaning(t, c.Name(), c.Meaning())
	}
}

// TestCloseRangesCoverAll wants each row to begin where the one before ended.
func TestCloseRangesCoverAll(t *testing.T) {
	next := 0
	for _, row := range closeRanges {
		if int(row.first) != next || row.last < row.first {
			t.Errorf("row %d–%d, want it to begin at %d", row.first, row.last, next)
		}
		next = int(row.last) + 1
	}
	if next != 1<<16 {
		t.Errorf("the rows end before %d", next)
	}
}

// TestRuleNames holds the names, which users' scripts know, and walks all 256 numbers.
func TestRuleNames(t *testing.T) {
	want := strings.Fields(`reserved-bits reserved-opcode control-fragmented control-too-long client-not-masked
		server-masked length-not-minimal length-overflow unexpected-continuation message-interrupted
		close-payload-one-byte close-code-invalid close-reason-not-utf8 text-not-utf8 data-after-close
		rsv1-on-continuation key-missing key-malformed version-unsupported upgrade-token-missing
		connection-token-missing method-not-get http-version-too-low key-repeated accept-missing accept-mismatch
		response-upgrade-missing response-connection-missing subprotocol-not-offered extension-not-offered`)
	section := regexp.MustCompile(`^RFC (6455|7692) §\d+(\.\d+)*$`)
	var got []string
	for n := range 256 {
		r := Rule(n)
		if r == 0 || r >= ruleEnd {
			if r.String() != "unknown" || r.Section() != "" {
				t.Errorf("rule %d: %q %q, want unknown", n, r, r.Section())
			}
			continue
		}
		got = append(got, r.String())
		if !section.MatchString(r.Section()) {
			t.Errorf("%s: section %q", r, r.Section())
		}
		checkMeaning(t, r.String(), r.Meaning())
		if back, ok := RuleByName(r.String()); !ok || back != r {
			t.Errorf("RuleByName(%q) = %d, %v, want %d", r, back, ok, r)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rules are\n%q, want\n%q", got, want)
	}
	for _, name := range []string{"", "unknown", "Reserved-Bits"} {
		if r, ok := RuleByName(name); ok {
			t.Errorf("RuleByName(%q) = %d", name, r)
		}
	}
}

func TestRuleSet(t *testing.T) {
	var s RuleSet
	if s.Len() != 0 || s.Has(RuleReservedBits) {
		t.Error("the zero set is not empty")
	}
	s.Add(RuleExtensionNotOffered)
	s.Add(RuleReservedBits)
	s.Add(RuleReservedBits)
	if s.Len() != 2 || !s.Has(RuleReservedBits) || !s.Has(RuleExtensionNotOffered) || s.Has(RuleReservedOpcode) {
		t.Errorf("set %b", s)
	}
	if got := slices.Collect(s.Each()); !slices.Equal(got, []Rule{RuleReservedBits, RuleExtensionNotOffered}) {
		t.Errorf("Each yields %v", got)
	}
	for r := range s.Each() {
		if r != RuleReservedBits {
			t.Errorf("Each goes on to %v after a break", r)
		}
		break
	}
	if ruleEnd > 64 {
		t.Errorf("%d rules do not fit a RuleSet", ruleEnd)
	}
}

func TestHTTPWords(t *testing.T) {
	for ev := range HTTPEvent(6) {
		if want := []string{"none", "head", "end", "tunnel", "lost", "unknown"}[ev]; ev.String() != want {
			t.Errorf("event %d: %q, want %q", ev, ev, want)
		}
	}
	for kind := range BodyKind(6) {
		if want := []string{"none", "length", "chunked", "until end", "tunnel", "unknown"}[kind]; kind.String() != want {
			t.Errorf("body kind %d: %q, want %q", kind, kind, want)
		}
	}
}
