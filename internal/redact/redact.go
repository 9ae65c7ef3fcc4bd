// Package redact replaces secrets before anything is stored or sent: values of headers and of query keys with a
// telling name, userinfo in URLs, bearer tokens, JSON Web Tokens.
//
// The replacement, ‹redacted:hhhh›, holds four digits of an HMAC of the value under the Redactor's key: equal
// secrets stay equal, so a log line still joins the request it speaks of, and nothing can be read back. To keep that
// join, Target and Text find the same values in the same target. Redacting twice changes nothing.
//
// It works on names and shapes; it does not know which other values its user holds secret.
package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strings"
	"sync"
)

const (
	markStart  = "‹redacted:"
	markEnd    = "›"
	markDigits = 4
	markLen    = len(markStart) + markDigits + len(markEnd)
)

// Redactor redacts with one key. A nil Redactor returns everything as it is. It may be used by several goroutines at
// once. Make it with New.
type Redactor struct {
	macs sync.Pool // of *mac: keying one costs more than using it
}

// mac makes HMACs. It has room for what goes in and out, which else would be made for each.
type mac struct {
	hash.Hash
	value, sum []byte
}

// New returns a Redactor whose marks depend on key, random bytes made at start.
func New(key []byte) *Redactor {
	key = bytes.Clone(key)
	return &Redactor{macs: sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, key)} }}}
}

// Target redacts a request target: query keys and ;matrix parameters with a sensitive name (percent-encoded names
// too), userinfo of an absolute target, and tokens that are known by their shape.
func (r *Redactor) Target(target string) string {
	return r.scan(target, true)
}

// Text redacts free text: a log line, a close reason, a referrer, a message. Beside what Target finds it knows
// "Bearer …", JSON members ("token":"…") and header lines quoted by nginx.
func (r *Redactor) Text(s string) string {
	return r.scan(s, false)
}

// mark returns the replacement of value. What is empty or a mark already stays.
func (r *Redactor) mark(value string) string {
	if value == "" || isMark(value) {
		return value
	}
	var mark [markLen]byte
	n := copy(mark[:], markStart)
	r.digits(mark[n:n+markDigits], value)
	copy(mark[n+markDigits:], markEnd)
	return string(mark[:])
}

// Hash returns 16 hex digits of the HMAC of value, for values that are only
// compared: many of them at once, which four digits would confuse.
func (r *Redactor) Hash(value string) string {
	if r == nil {
		return value
	}
	var digits [16]byte
	r.digits(digits[:], value)
	return string(digits[:])
}

// digits fills to with the first hex digits of the HMAC of value.
func (r *Redactor) digits(to []byte, value string) {
	m := r.macs.Get().(*mac)
	defer r.macs.Put(m)
	m.value = append(m.value[:0], value...)
	m.Reset()
	m.Write(m.value)
	clear(m.value) // a secret
	m.sum = m.Sum(m.sum[:0])
	hex.Encode(to, m.sum[:len(to)/2])
}

// isMark reports whether s is exactly one mark: a mark with anything beside it is a value like any other, or a
// client could hide its secret from us by putting a mark in front.
func isMark(s string) bool {
	if len(s) != markLen || !strings.HasPrefix(s, markStart) || !strings.HasSuffix(s, markEnd) {
		return false
	}
	for _, c := range []byte(s[len(markStart) : len(markStart)+markDigits]) {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
