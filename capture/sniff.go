package capture

import (
	"bytes"
	"fmt"
)

// signatures of what people give us instead of a recording.
var signatures = []struct{ magic, what string }{
	{"\x0a\x0d\x0d\x0a", "a pcapng file"},
	{"\xd4\xc3\xb2\xa1", "a pcap file"},
	{"\xa1\xb2\xc3\xd4", "a pcap file"},
	{"\x4d\x3c\xb2\xa1", "a pcap file"},
	{"\xa1\xb2\x3c\x4d", "a pcap file"},
	{"\x1f\x8b", "compressed with gzip; unpack it first"},
	{"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"},
	{"PK\x03\x04", "a zip archive; unpack it first"},
	{"\x89MCAP", "an MCAP file of another version of that format"},
	{"{", "JSON, perhaps a HAR or the output of --json"},
	{"[", "JSON"},
}

// notRecording says what a file that does not begin as ours seems to be.
func notRecording(path string, head []byte) error {
	what := "it begins with " + fmt.Sprintf("%.16q", head)
	if len(head) == 0 {
		what = "it is empty"
	}
	for _, s := range signatures {
		magic := []byte(s.magic)
		if bytes.HasPrefix(head, magic) || bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), magic) {
			what = "it is " + s.what
			break
		}
	}
	return fmt.Errorf("capture: %q is %w: %s", path, ErrNotRecording, what)
}
