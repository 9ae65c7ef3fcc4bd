package redact

import (
	"math"
	"strings"
)

// Subprotocols redacts the bearer tokens that browser clients put into Sec-WebSocket-Protocol, because they can set
// no other header. What is left are names of subprotocols and of the way the token was given.
func (r *Redactor) Subprotocols(value string) string {
	if r == nil {
		return value
	}
	w := rewriter{s: value}
	afterName := false
	for start := 0; start < len(value); {
		end := indexFrom(value, start, ',')
		from, to := trim(value, start, end)
		var with string
		with, afterName = r.subprotocol(value[from:to], afterName)
		w.replace(from, to, with)
		start = end + 1
	}
	return w.result()
}

// subprotocol redacts one item. secret says that the item before it was a name such as "bearer"; names says that
// this one is.
func (r *Redactor) subprotocol(item string, secret bool) (with string, names bool) {
	if item == "" || knownSubprotocols[strings.ToLower(item)] {
		return item, false
	}
	at := tokenStart(item)
	names = at == 0 && sensitive(item) && withoutMark(item) == item
	switch {
	case secret && !isMark(item[at:]):
		return r.mark(item), names
	case at > 0:
		return item[:at] + r.mark(item[at:]), false
	case looksRandom(item):
		return r.mark(item), names
	}
	return item, names
}

// knownSubprotocols are in the IANA registry or in wide use; they are never tokens, also after "auth".
var knownSubprotocols = map[string]bool{
	"graphql-ws": true, "graphql-transport-ws": true, "mqtt": true, "mqttv3.1": true, "stomp": true, "v10.stomp": true,
	"v11.stomp": true, "v12.stomp": true, "wamp": true, "wamp.2.json": true, "wamp.2.msgpack": true, "soap": true,
	"actioncable-v1-json": true, "actioncable-unsupported": true, "ocpp1.6": true, "ocpp2.0.1": true, "xmpp": true,
	"sip": true, "json": true, "binary": true, "base64": true, "chat": true, "superchat": true,
	"v4.channel.k8s.io": true, "v5.channel.k8s.io": true, "json.webpubsub.azure.v1": true,
	"base64url.bearer.authorization.k8s.io": true,
}

const (
	kubernetesToken = "base64url.bearer.authorization.k8s.io."
	leastToken      = 8  // characters after - or _, which also occur in plain names: auth-v1
	leastRandom     = 32 // characters of an item that is a token by its looks alone
)

// tokenStart returns where a token begins in an item such as bearer.TOKEN, 0 if the item is not of that kind.
func tokenStart(item string) int {
	if len(item) > len(kubernetesToken) && strings.EqualFold(item[:len(kubernetesToken)], kubernetesToken) {
		return len(kubernetesToken)
	}
	named := namedTokenStart(item)
	at := strings.Index(item, "eyJ")
	if at > 0 && (named == 0 || at < named) && strings.Count(item[at:], ".") >= 2 && !looksRandom(item[:at]) {
		return at
	}
	return named
}

// namedTokenStart looks for a telling word and a separator. The first word decides: later ones may be part of the
// token.
func namedTokenStart(item string) int {
	const sure, unsure = ".:=|~!/", "-_"
	_, i := firstWord(asciiLower(item))
	if i == 0 {
		return 0
	}
	for i < len(item) && isAlnum(item[i]) {
		i++
	}
	if i+1 >= len(item) || !isAny(item[i], sure+unsure) {
		return 0
	}
	if isAny(item[i], sure) || len(item)-i > leastToken || strings.ContainsAny(item[i:], sure) {
		return i + 1
	}
	return 0
}

// withoutMark returns item without the mark at its end: what is left has been judged before.
func withoutMark(item string) string {
	if n := len(item) - markLen; n >= 0 && isMark(item[n:]) {
		return item[:n]
	}
	return item
}

func asciiLower(s string) []byte {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return b
}

// looksRandom reports whether an item is a JWT, or long and of so many different characters, digits or both cases
// among them, that nobody chose it as a name.
func looksRandom(item string) bool {
	if strings.HasPrefix(item, "eyJ") && strings.Count(item, ".") >= 2 {
		return true
	}
	item = withoutMark(item)
	if len(item) < leastRandom {
		return false
	}
	mixed := strings.ContainsAny(item, "0123456789") || strings.ToLower(item) != item && strings.ToUpper(item) != item
	return mixed && entropy(item) >= 3
}

// entropy returns the bits per character by the frequencies in s.
func entropy(s string) float64 {
	var count [256]int
	for i := range len(s) {
		count[s[i]]++
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
