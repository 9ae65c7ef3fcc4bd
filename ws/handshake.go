package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"strings"
)

const (
	acceptGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" // RFC 6455 §1.3
	keyLen     = 16                                     // bytes before base64, RFC 6455 §4.1
	version    = "13"                                   // RFC 6455 §4.1
)

// Request is what a request says about its opening handshake, RFC 6455 §4.1. Its strings are the head's.
type Request struct {
	Key          string // of the first Sec-WebSocket-Key, "" if there is none
	KeyValid     bool   // Key is 16 bytes in base64
	Version      string
	Subprotocols []string // requested, in order of preference
	Extensions   []string // requested, with their parameters
	Upgrade      []string // tokens
	Connection   []string // tokens
	Host, Origin string
	Forwarded    []Field // what proxies said of the client: X-Forwarded-…, X-Real-IP, Forwarded, Via
	Violations   RuleSet
}

// Response is what a response says about the opening handshake, RFC 6455 §4.2.2. Only a 101 breaks rules; other
// responses are refusals.
type Response struct {
	Status      int
	Accept      string
	WantAccept  string // computed from the request's key, "" if it has none
	AcceptOK    bool   // both are there and equal
	Subprotocol string // selected
	Extensions  string // selected, with their parameters
	Upgrade     []string
	Connection  []string
	Deflate     bool // the connection has permessage-deflate, RFC 7692 §7
	Violations  RuleSet
}

// UpgradeRequest reads h as a request for a WebSocket. The result is false if it is none: it has neither the Upgrade
// token websocket nor a Sec-WebSocket-Key, which is all that is left where nginx has not passed Upgrade on.
func UpgradeRequest(h *Head) (Request, bool) {
	keys := h.count("Sec-WebSocket-Key")
	upgrade := h.Tokens("Upgrade")
	if !h.Request || keys == 0 && !hasToken(upgrade, "websocket") {
		return Request{}, false
	}
	r := Request{
		Key:          h.Get("Sec-WebSocket-Key"),
		Version:      h.Get("Sec-WebSocket-Version"),
		Subprotocols: h.Tokens("Sec-WebSocket-Protocol"),
		Extensions:   h.Tokens("Sec-WebSocket-Extensions"),
		Upgrade:      upgrade,
		Connection:   h.Tokens("Connection"),
		Host:         h.Get("Host"),
		Origin:       h.Get("Origin"),
		Forwarded:    forwarded(h),
	}
	r.KeyValid = validKey(r.Key)
	r.Violations = r.broken(h, keys)
	return r, true
}

// broken returns the rules that the request breaks, §4.1 and §11.3.1.
func (r *Request) broken(h *Head, keys int) (s RuleSet) {
	for _, check := range [...]struct {
		broken bool
		rule   Rule
	}{
		{r.Key == "", RuleKeyMissing},
		{r.Key != "" && !r.KeyValid, RuleKeyMalformed},
		{keys > 1, RuleKeyRepeated},
		{r.Version != version, RuleVersionUnsupported},
		{!hasToken(r.Upgrade, "websocket"), RuleUpgradeTokenMissing},
		{!hasToken(r.Connection, "upgrade"), RuleConnectionTokenMissing},
		{h.Method != "GET", RuleMethodNotGet},
		{h.Proto == "HTTP/1.0", RuleHTTPVersionTooLow},
	} {
		if check.broken {
			s.Add(check.rule)
		}
	}
	return s
}

// validKey says whether key is 16 bytes in base64, §4.1.
func validKey(key string) bool {
	var buffer [keyLen + 2]byte // base64 decodes in threes
	if len(key) != base64.StdEncoding.EncodedLen(keyLen) {
		return false
	}
	n, err := base64.StdEncoding.Decode(buffer[:], []byte(key))
	return err == nil && n == keyLen
}

// forwarded returns the fields in which proxies name the client and themselves.
func forwarded(h *Head) (fields []Field) {
	const prefix = "X-Forwarded-"
	for _, f := range h.Fields {
		switch {
		case f.is("Forwarded"), f.is("Via"), f.is("X-Real-IP"),
			len(f.Name) >= len(prefix) && strings.EqualFold(f.Name[:len(prefix)], prefix):
			fields = append(fields, f)
		}
	}
	return fields
}

// UpgradeResponse reads h as the answer to req. If the request was not seen, req is nil: what needs it is not judged.
func UpgradeResponse(req *Request, h *Head) Response {
	r := Response{
		Status:      h.Status,
		Accept:      h.Get("Sec-WebSocket-Accept"),
		Subprotocol: h.joined("Sec-WebSocket-Protocol"),
		Extensions:  h.joined("Sec-WebSocket-Extensions"),
		Upgrade:     h.Tokens("Upgrade"),
		Connection:  h.Tokens("Connection"),
	}
	if req != nil && req.Key != "" {
		want := accept(req.Key)
		if r.AcceptOK = r.Accept == string(want[:]); r.AcceptOK {
			r.WantAccept = r.Accept
		} else {
			r.WantAccept = string(want[:])
		}
	}
	if r.Status != 101 {
		return r
	}
	extensions := h.Tokens("Sec-WebSocket-Extensions")
	r.Deflate = slices.ContainsFunc(extensions, isDeflate)
	r.Violations = r.broken()
	if req != nil {
		r.Violations |= r.notOffered(req, extensions)
	}
	return r
}

// broken returns the rules that a 101 breaks by itself or by its accept, §4.2.2.
func (r *Response) broken() (s RuleSet) {
	if r.Accept == "" {
		s.Add(RuleAcceptMissing)
	} else if r.WantAccept != "" && !r.AcceptOK {
		s.Add(RuleAcceptMismatch)
	}
	if !hasToken(r.Upgrade, "websocket") {
		s.Add(RuleResponseUpgradeMissing)
	}
	if !hasToken(r.Connection, "upgrade") {
		s.Add(RuleResponseConnectionMissing)
	}
	return s
}

// notOffered returns the rules that a 101 breaks by choosing what req did not offer.
func (r *Response) notOffered(req *Request, extensions []string) (s RuleSet) {
	if r.Subprotocol != "" && !slices.Contains(req.Subprotocols, r.Subprotocol) { // §4.1
		s.Add(RuleSubprotocolNotOffered)
	}
	for _, chosen := range extensions { // §9.1
		offered := func(e string) bool { return extensionName(e) == extensionName(chosen) }
		if !slices.ContainsFunc(req.Extensions, offered) {
			s.Add(RuleExtensionNotOffered)
		}
	}
	return s
}

// isDeflate says whether an extension is permessage-deflate, RFC 7692 §7.
func isDeflate(extension string) bool { return extensionName(extension) == "permessage-deflate" }

// extensionName returns an extension without its parameters, §9.1.
func extensionName(extension string) string {
	name, _, _ := strings.Cut(extension, ";")
	return strings.TrimRight(name, " \t")
}

// Accept returns the Sec-WebSocket-Accept that belongs to key, §4.2.2.
func Accept(key string) string {
	text := accept(key)
	return string(text[:])
}

// acceptLen is the size of a hash of SHA-1 in base64.
const acceptLen = (sha1.Size + 2) / 3 * 4

func accept(key string) (text [acceptLen]byte) {
	var room [2 * len(acceptGUID)]byte // for a key of the right length
	sum := sha1.Sum(append(append(room[:0], key...), acceptGUID...))
	base64.StdEncoding.Encode(text[:], sum[:])
	return text
}

func hasToken(tokens []string, token string) bool {
	return slices.ContainsFunc(tokens, func(t string) bool { return strings.EqualFold(t, token) })
}
