package ws

import (
	"iter"
	"math/bits"
)

// Rule is a rule of the protocol that was seen broken on the wire. Its name is stable: reports, recordings and users'
// scripts know it by that.
type Rule uint8

// Rules about frames, which [FrameDecoder.Violations] reports, then about the opening handshake. The numbers are not
// stable, the names are.
const (
	_ Rule = iota // unknown
	RuleReservedBits
	RuleReservedOpcode
	RuleControlFragmented
	RuleControlTooLong
	RuleClientNotMasked
	RuleServerMasked
	RuleLengthNotMinimal
	RuleLengthOverflow
	RuleUnexpectedContinuation
	RuleMessageInterrupted
	RuleClosePayloadOneByte
	RuleCloseCodeInvalid
	RuleCloseReasonNotUTF8
	RuleTextNotUTF8
	RuleDataAfterClose
	RuleRSV1OnContinuation

	RuleKeyMissing
	RuleKeyMalformed
	RuleVersionUnsupported
	RuleUpgradeTokenMissing
	RuleConnectionTokenMissing
	RuleMethodNotGet
	RuleHTTPVersionTooLow
	RuleKeyRepeated
	RuleAcceptMissing
	RuleAcceptMismatch
	RuleResponseUpgradeMissing
	RuleResponseConnectionMissing
	RuleSubprotocolNotOffered
	RuleExtensionNotOffered

	ruleEnd // one past the last
)

// rules is the one list of rules; row 0 answers for every number that is none.
var rules = [ruleEnd]struct{ name, section, meaning string }{
	0: {"unknown", "", "no rule that this version knows"},

	RuleReservedBits:           {"reserved-bits", "RFC 6455 §5.2", "a reserved bit is set that no negotiated extension uses"},
	RuleReservedOpcode:         {"reserved-opcode", "RFC 6455 §5.2", "the frame has an opcode without a meaning"},
	RuleControlFragmented:      {"control-fragmented", "RFC 6455 §5.5", "a control frame came without FIN"},
	RuleControlTooLong:         {"control-too-long", "RFC 6455 §5.5", "a control frame's payload is over 125 bytes"},
	RuleClientNotMasked:        {"client-not-masked", "RFC 6455 §5.1", "the client sent a frame without a mask"},
	RuleServerMasked:           {"server-masked", "RFC 6455 §5.1", "the server sent a masked frame"},
	RuleLengthNotMinimal:       {"length-not-minimal", "RFC 6455 §5.2", "the payload length is written in more bytes than it needs"},
	RuleLengthOverflow:         {"length-overflow", "RFC 6455 §5.2", "the payload length has its highest bit set, so the next frame cannot be found"},
	RuleUnexpectedContinuation: {"unexpected-continuation", "RFC 6455 §5.4", "a continuation came with no message to continue"},
	RuleMessageInterrupted:     {"message-interrupted", "RFC 6455 §5.4", "a new message began before the fragmented one ended"},
	RuleClosePayloadOneByte:    {"close-payload-one-byte", "RFC 6455 §5.5.1", "the close frame's payload is one byte, half a code"},
	RuleCloseCodeInvalid:       {"close-code-invalid", "RFC 6455 §7.4.1", "the close frame carries a code that must not be sent"},
	RuleCloseReasonNotUTF8:     {"close-reason-not-utf8", "RFC 6455 §5.5.1", "the close frame's reason is not UTF-8"},
	RuleTextNotUTF8:            {"text-not-utf8", "RFC 6455 §8.1", "a text message is not UTF-8"},
	RuleDataAfterClose:         {"data-after-close", "RFC 6455 §5.5.1", "a frame followed the sender's own close frame"},
	RuleRSV1OnContinuation:     {"rsv1-on-continuation", "RFC 7692 §6.1", "the compression bit is set on a fragment that is not the first"},

	RuleKeyMissing:                {"key-missing", "RFC 6455 §4.1", "the request has no Sec-WebSocket-Key"},
	RuleKeyMalformed:              {"key-malformed", "RFC 6455 §4.1", "Sec-WebSocket-Key is not 16 bytes in base64"},
	RuleVersionUnsupported:        {"version-unsupported", "RFC 6455 §4.1", "Sec-WebSocket-Version is not 13"},
	RuleUpgradeTokenMissing:       {"upgrade-token-missing", "RFC 6455 §4.1", "the request's Upgrade does not say websocket: a proxy may have removed it"},
	RuleConnectionTokenMissing:    {"connection-token-missing", "RFC 6455 §4.1", "the request's Connection does not say Upgrade: a proxy may have replaced it"},
	RuleMethodNotGet:              {"method-not-get", "RFC 6455 §4.1", "the handshake's method is not GET"},
	RuleHTTPVersionTooLow:         {"http-version-too-low", "RFC 6455 §4.1", "the handshake is below HTTP/1.1, as nginx sends by default before 1.29.7"},
	RuleKeyRepeated:               {"key-repeated", "RFC 6455 §11.3.1", "the request has more than one Sec-WebSocket-Key"},
	RuleAcceptMissing:             {"accept-missing", "RFC 6455 §4.2.2", "the 101 has no Sec-WebSocket-Accept"},
	RuleAcceptMismatch:            {"accept-mismatch", "RFC 6455 §4.2.2", "Sec-WebSocket-Accept does not belong to the request's key: another request's answer, or a cache's"},
	RuleResponseUpgradeMissing:    {"response-upgrade-missing", "RFC 6455 §4.2.2", "the 101's Upgrade does not say websocket"},
	RuleResponseConnectionMissing: {"response-connection-missing", "RFC 6455 §4.2.2", "the 101's Connection does not say Upgrade"},
	RuleSubprotocolNotOffered:     {"subprotocol-not-offered", "RFC 6455 §4.1", "the server chose a subprotocol that the client did not offer"},
	RuleExtensionNotOffered:       {"extension-not-offered", "RFC 6455 §9.1", "the server chose an extension that the client did not offer"},
}

// row returns the number of r's row.
func (r Rule) row() Rule {
	if r >= ruleEnd {
		return 0
	}
	return r
}

// String returns the stable name, such as "control-too-long", or "unknown".
func (r Rule) String() string { return rules[r.row()].name }

// Section returns the document and section, such as "RFC 6455 §5.5".
func (r Rule) Section() string { return rules[r.row()].section }

// Meaning returns one line for the reader of an incident.
func (r Rule) Meaning() string { return rules[r.row()].meaning }

// RuleByName finds the rule whose String is name.
func RuleByName(name string) (Rule, bool) {
	for r := Rule(1); r < ruleEnd; r++ {
		if rules[r].name == name {
			return r, true
		}
	}
	return 0, false
}

// RuleSet is a set of rules, the zero value the empty one.
type RuleSet uint64

// Has says whether r is in the set.
func (s RuleSet) Has(r Rule) bool { return s&(1<<(r&63)) != 0 }

// Add puts r in the set.
func (s *RuleSet) Add(r Rule) { *s |= 1 << (r & 63) }

// Len returns the number of rules in the set.
func (s RuleSet) Len() int { return bits.OnesCount64(uint64(s)) }

// Each yields the rules in the order of their constants.
func (s RuleSet) Each() iter.Seq[Rule] {
	return func(yield func(Rule) bool) {
		for ; s != 0; s &= s - 1 {
			if !yield(Rule(bits.TrailingZeros64(uint64(s)))) {
				return
			}
		}
	}
}
