package printable

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestAppendJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":"plain é ‹x›"}`: `{"a":"plain é ‹x›"}`,
		"\"\x7f\"":            `"\u007f"`,
		"\"\u009b31m\"":       `"\u009b31m"`,
		"\"\u202eevil\"":      `"\u202eevil"`,
		"\"\U000e0041\"":      `"\udb40\udc41"`,
	} {
		got := string(AppendJSON(nil, []byte(in)))
		if got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		var a, b any
		if json.Unmarshal([]byte(in), &a) != nil || json.Unmarshal([]byte(got), &b) != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%q means something else: %q, %q", in, a, b)
		}
	}
}
