package tap

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadProxyHeader(t *testing.T) {
	v2 := string(proxySignature)
	for _, test := range []struct {
		name, in string
		want     string // address, or
		err      string
	}{
		{"v1 TCP4", "PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n", "192.0.2.1:50000", ""},
		{"v1 TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n", "[2001:db8::1]:50000", ""},
		{"v1 unknown", "PROXY UNKNOWN\r\n", "", ""},
		{"v1 unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "", ""},
		{"v1 short", "PROXY TCP4 192.0.2.1\r\n", "", "cannot read"},
		{"v1 port", "PROXY TCP4 192.0.2.1 192.0.2.2 70000 443\r\n", "", "cannot read"},
		{"v1 too long", "PROXY TCP4 " + strings.Repeat("1", 200) + "\r\n", "", "more than 107 bytes"},
		{"v1 cut", "PROXY TCP4 192.0", "", "EOF"},
		{"v2 TCP4", v2 + "\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xc3\x50\x01\xbb", "192.0.2.1:50000", ""},
		{"v2 TCP4 with TLV", v2 + "\x21\x11\x00\x10\xc0\x00\x02\x01\xc0\x00\x02\x02\xc3\x50\x01\xbb\x04\x00\x01\x00", "192.0.2.1:50000", ""},
		{"v2 local", v2 + "\x20\x00\x00\x00", "", ""},
		{"v2 unix", v2 + "\x21\x31\x00\xd8" + strings.Repeat("\x00", 216), "", ""},
		{"v2 short", v2 + "\x21\x11\x00\x02ab", "", ""},
		{"v2 version", v2 + "\x31\x11\x00\x00", "", "unknown"},
		{"v2 huge", v2 + "\x21\x11\xff\xff", "", "more than"},
		{"v2 cut", v2 + "\x21\x11\x00\x0c\xc0", "", "EOF"},
		{"HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", errNoProxyHeader.Error()},
		{"nothing", "", "", "EOF"},
	} {
		for name, in := range map[string]io.Reader{"whole": strings.NewReader(test.in + "rest"), "bytes": iotest.OneByteReader(strings.NewReader(test.in + "rest"))} {
			if test.err == "EOF" {
				in = strings.NewReader(test.in)
			}
			got, err := readProxyHeader(in)
			switch {
			case test.err != "":
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%s, %s: %v, want an error with %q", test.name, name, err, test.err)
				}
				continue
			case err != nil, got.IsValid() != (test.want != ""), got.IsValid() && got.String() != test.want:
				t.Errorf("%s, %s: %v, %v, want %s", test.name, name, got, err, test.want)
			}
			if rest, _ := io.ReadAll(in); string(rest) != "rest" {
				t.Errorf("%s, %s: left %q to read, want what follows the header", test.name, name, rest)
			}
		}
	}
}

func FuzzReadProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n"))
	f.Add(proxyHeader(netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("[::1]:2")))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		readProxyHeader(r)
		if used := len(in) - r.Len(); used > proxyV2Most+16 {
			t.Errorf("%d bytes taken", used)
		}
	})
}

func TestProxyHeaderComesBack(t *testing.T) {
	for _, test := range [][3]string{
		{"192.0.2.1:50000", "192.0.2.2:443", "192.0.2.1:50000"},
		{"[2001:db8::1]:50000", "[2001:db8::2]:443", "[2001:db8::1]:50000"},
		{"192.0.2.1:50000", "[2001:db8::2]:443", "192.0.2.1:50000"},
	} {
		got, err := readProxyHeader(bytes.NewReader(proxyHeader(netip.MustParseAddrPort(test[0]), netip.MustParseAddrPort(test[1]))))
		if err != nil || got.String() != test[2] {
			t.Errorf("%s to %s: read back as %v, %v", test[0], test[1], got, err)
		}
	}
	if got, err := readProxyHeader(bytes.NewReader(proxyHeader(netip.AddrPort{}, netip.AddrPort{}))); err != nil || got.IsValid() {
		t.Errorf("our own connection: %v, %v", got, err)
	}
}

// TestProxyProtocolThrough: a front tap that hears the header and one that
// sends it, in a row.
func TestProxyProtocolThrough(t *testing.T) {
	inner := newRig(t, rigOptions{spec: func(s *Spec) { s.AcceptProxy = true }})
	outer := newRig(t, rigOptions{upstream: inner.server.Taps()[0].Listen, spec: func(s *Spec) { s.SendProxy = true }})
	client := outer.dial()
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	server := inner.accept()
	got := make([]byte, 16)
	if _, err := io.ReadFull(server, got); err != nil || string(got) != "GET / HTTP/1.1\r\n" {
		t.Fatalf("the server got %q, %v", got, err)
	}
	if c := opened(inner).Client; c != client.LocalAddr().String() {
		t.Errorf("the inner tap's client is %s, want %s", c, client.LocalAddr())
	}
}

func TestNoProxyHeader(t *testing.T) {
	r := newRig(t, rigOptions{spec: func(s *Spec) { s.AcceptProxy = true }})
	client := r.dial()
	io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	io.Copy(io.Discard, client)
	r.idle()
	if got := opened(r); !got.Opaque || got.Reason != "no PROXY protocol header" || got.Client != client.LocalAddr().(*net.TCPAddr).String() {
		t.Errorf("on record as %+v", got)
	}
}
