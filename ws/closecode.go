package ws

// CloseCode is the status code of a close frame, RFC 6455 §7.4, or one of the three that only stand for what was not
// seen on the wire (see [CloseCode.Derived]).
type CloseCode uint16

// The registered codes: IANA WebSocket Close Code Number Registry, RFC 6455 §7.4.1 and §11.7.
const (
	CloseNormalClosure      CloseCode = 1000
	CloseGoingAway          CloseCode = 1001
	CloseProtocolError      CloseCode = 1002
	CloseUnsupportedData    CloseCode = 1003
	CloseReserved           CloseCode = 1004
	CloseNoStatus           CloseCode = 1005 // derived: a close frame without a code
	CloseAbnormal           CloseCode = 1006 // derived: the end without a close frame
	CloseInvalidPayload     CloseCode = 1007
	ClosePolicyViolation    CloseCode = 1008
	CloseMessageTooBig      CloseCode = 1009
	CloseMandatoryExtension CloseCode = 1010
	CloseInternalError      CloseCode = 1011
	CloseServiceRestart     CloseCode = 1012
	CloseTryAgainLater      CloseCode = 1013
	CloseBadGateway         CloseCode = 1014
	CloseTLSHandshake       CloseCode = 1015 // derived: TLS failed
	CloseUnauthorized       CloseCode = 3000
	CloseForbidden          CloseCode = 3003
	CloseTimeout            CloseCode = 3008
)

// closeRange is what the codes first to last have in common. wire: an endpoint may send them; derived: never sent,
// only concluded.
type closeRange struct {
	first, last   CloseCode
	wire, derived bool
	name, meaning string
}

// closeRanges is the one list of close codes. It covers all 65,536 without overlap, in order; names are IANA's, ranges
// RFC 6455 §7.4.2's.
var closeRanges = [...]closeRange{
	{0, 999, false, false, "unassigned", "RFC 6455 uses no code below 1000"},
	{1000, 1000, true, false, "Normal Closure", "the application finished"},
	{1001, 1001, true, false, "Going Away", "the server is shutting down, or the browser left the page: look who sent it"},
	{1002, 1002, true, false, "Protocol error", "the sender saw broken framing or a forbidden close code"},
	{1003, 1003, true, false, "Unsupported Data", "the sender cannot accept this type of data, such as binary"},
	{1004, 1004, false, false, "Reserved", "has no meaning and must not be sent"},
	{1005, 1005, false, true, "No Status Rcvd", "derived: the close frame had no code"},
	{1006, 1006, false, true, "Abnormal Closure", "derived: the connection ended without a close frame"},
	{1007, 1007, true, false, "Invalid frame payload data", "text was not UTF-8, often a codec's or a proxy's fault"},
	{1008, 1008, true, false, "Policy Violation", "refused by policy: authentication, origin, rate limit"},
	{1009, 1009, true, false, "Message Too Big", "a message was over the sender's limit: look at the size of the last one"},
	{1010, 1010, true, false, "Mandatory Ext.", "the client needs an extension that the server did not choose"},
	{1011, 1011, true, false, "Internal Error", "the server failed; several libraries also use it for a ping unanswered"},
	{1012, 1012, true, false, "Service Restart", "the server restarts, as in a deploy: reconnect with jitter"},
	{1013, 1013, true, false, "Try Again Later", "the server sheds load: reconnect later or elsewhere"},
	{1014, 1014, true, false, "Bad Gateway", "a gateway got a bad answer from its upstream, like status 502"},
	{1015, 1015, false, true, "TLS handshake", "derived: the TLS handshake failed"},
	{1016, 1999, false, false, "unassigned", "kept for later versions of the protocol"},
	{2000, 2999, false, false, "unassigned", "kept for extensions of the protocol"},
	{3000, 3000, true, false, "Unauthorized", "the client is not authenticated, like status 401"},
	{3001, 3002, true, false, "library/framework", "a library's or framework's own code: look it up there"},
	{3003, 3003, true, false, "Forbidden", "the client may not do this, like status 403"},
	{3004, 3007, true, false, "library/framework", "a library's or framework's own code: look it up there"},
	{3008, 3008, true, false, "Timeout", "the peer took too long, like status 408"},
	{3009, 3999, true, false, "library/framework", "a library's or framework's own code: look it up there"},
	{4000, 4999, true, false, "private use", "the application's own code: its authors know the meaning"},
	{5000, 65535, false, false, "unassigned", "outside of every range that RFC 6455 defines"},
}

// row finds c's row by halving.
func (c CloseCode) row() *closeRange {
	low, high := 0, len(closeRanges)-1
	for low < high {
		middle := (low + high) / 2
		if c > closeRanges[middle].last {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return &closeRanges[low]
}

// Name returns the IANA registry's name, or the name of the range c is in. It is never empty.
func (c CloseCode) Name() string { return c.row().name }

// Meaning returns one line for the reader of an incident.
func (c CloseCode) Meaning() string { return c.row().meaning }

// Derived says whether c (1005, 1006, 1015) never is on the wire and only stands for what was seen instead.
func (c CloseCode) Derived() bool { return c.row().derived }

// ValidOnWire says whether an endpoint may send c in a close frame: 1000–1003, 1007–1014, 3000–4999; RFC 6455 §7.4.
func (c CloseCode) ValidOnWire() bool { return c.row().wire }
