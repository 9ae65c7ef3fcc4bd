package monitor

import (
	"encoding/binary"
	"strings"
)

// sameTexts keeps one copy of the texts and lists that most conns have in
// common: the address listened on, the tap's name, "Upgrade: websocket". The
// first sameMost different ones are known, the rest is each conn's own.
type sameTexts struct {
	texts map[string]string
	ones  map[string][]string // lists of one, by that
	lists map[string][]string // others, by their elements, each with its length before it
	key   []byte
}

const (
	sameMost   = 1024
	sameLength = 256 // of one, so that the table stays small
)

// text is t, in memory shared with its like.
func (k *sameTexts) text(t string) string {
	if known, ok := k.texts[t]; ok {
		return known
	}
	if len(k.texts) < sameMost && len(t) <= sameLength {
		if k.texts == nil {
			k.texts = map[string]string{}
		}
		t = strings.Clone(t) // it may be a part of a head, and would keep all of it
		k.texts[t] = t
	}
	return t
}

// list is l, in memory shared with its like; it must not be changed.
func (k *sameTexts) list(l []string) []string {
	switch len(l) {
	case 0:
		return l
	case 1:
		if known, ok := k.ones[l[0]]; ok {
			return known
		}
		return keepList(&k.ones, l[0], l)
	}
	k.key = k.key[:0]
	for _, t := range l {
		k.key = append(binary.AppendUvarint(k.key, uint64(len(t))), t...)
	}
	if known, ok := k.lists[string(k.key)]; ok {
		return known
	}
	return keepList(&k.lists, string(k.key), l)
}

// keepList puts a copy of l into a table, if there is room.
func keepList(m *map[string][]string, key string, l []string) []string {
	if len(*m) >= sameMost || len(key) > sameLength {
		return l
	}
	own := make([]string, len(l))
	for i, t := range l {
		own[i] = strings.Clone(t)
	}
	if *m == nil {
		*m = map[string][]string{}
	}
	(*m)[strings.Clone(key)] = own
	return own
}
