package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestSameTexts(t *testing.T) {
	var same sameTexts
	fresh := func(s string) string { return strings.Clone(s) }
	if a, b := same.text(fresh("127.0.0.1:80")), same.text(fresh("127.0.0.1:80")); unsafe.StringData(a) != unsafe.StringData(b) {
		t.Error("two copies of one text")
	}
	for _, l := range [][]string{{"websocket"}, {"keep-alive", "Upgrade"}} {
		a, b := same.list(slices.Clone(l)), same.list(slices.Clone(l))
		if !slices.Equal(a, l) || &a[0] != &b[0] {
			t.Errorf("%q: two copies of one list, or another one: %q %q", l, a, b)
		}
	}
	// What is written alike in a row is not the same list.
	for _, l := range [][]string{nil, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"ab", ""}, {"\x01a"}, {"a\x01b", "c"}, {"a", "b\x01c"}} {
		if got := same.list(l); !slices.Equal(got, l) {
			t.Errorf("%q became %q", l, got)
		}
	}
}

func TestSameTextsAreBounded(t *testing.T) {
	var same sameTexts
	for i := range 3 * sameMost {
		same.text(fmt.Sprint(i))
		same.list([]string{fmt.Sprint(i)})
		same.list([]string{fmt.Sprint(i), "x"})
	}
	long := strings.Repeat("x", 1<<16)
	same.text(long)
	same.list([]string{long})
	if len(same.texts) > sameMost || len(same.ones) > sameMost || len(same.lists) > sameMost || same.texts[long] != "" || same.ones[long] != nil {
		t.Errorf("%d texts, %d and %d lists", len(same.texts), len(same.ones), len(same.lists))
	}
}
