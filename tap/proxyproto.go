package tap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt has it:
// a header before the first byte of a connection says whose it is.

var proxySignature = []byte("\r\n\r\n\x00\r\nQUIT\n") // §2.2

const (
	proxyV1Most  = 107      // bytes, §2.1
	proxyV2Most  = 536 - 16 // bytes of addresses and TLVs that we take
	proxyV2Local = 0x20     // version 2, a connection of the proxy's own
	proxyV2Proxy = 0x21     // version 2, somebody else's
	proxyV2TCP4  = 0x11     // AF_INET, STREAM
	proxyV2TCP6  = 0x21     // AF_INET6, STREAM
	proxyV2Size4 = 4 + 4 + 2 + 2
	proxyV2Size6 = 16 + 16 + 2 + 2
)

var errNoProxyHeader = errors.New("no PROXY protocol header came first")

// readProxyHeader reads exactly the header off c. The address is not valid if the
// header names none.
func readProxyHeader(c io.Reader) (client netip.AddrPort, err error) {
	head := make([]byte, len(proxySignature), proxyV1Most)
	if _, err := io.ReadFull(c, head); err != nil {
		return client, fmt.Errorf("%w: %w", errNoProxyHeader, err)
	}
	switch {
	case bytes.Equal(head, proxySignature):
		return readProxyV2(c)
	case bytes.HasPrefix(head, []byte("PROXY ")):
		return readProxyV1(c, head)
	}
	return client, errNoProxyHeader
}

// readProxyV1 reads a byte at a time: what follows the line is not ours.
func readProxyV1(c io.Reader, head []byte) (client netip.AddrPort, err error) {
	for head[len(head)-1] != '\n' {
		if len(head) == proxyV1Most {
			return client, errors.New("PROXY protocol: a line of more than 107 bytes")
		}
		head = head[:len(head)+1]
		if _, err := io.ReadFull(c, head[len(head)-1:]); err != nil {
			return client, fmt.Errorf("PROXY protocol: %w", err)
		}
	}
	fields := strings.Fields(string(head))
	switch {
	case len(fields) >= 2 && fields[1] == "UNKNOWN":
		return client, nil
	case len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6":
		return client, fmt.Errorf("PROXY protocol: cannot read %.107q", head)
	}
	addr, err := netip.ParseAddr(fields[2])
	port, err2 := strconv.ParseUint(fields[4], 10, 16)
	if err != nil || err2 != nil {
		return client, fmt.Errorf("PROXY protocol: cannot read %.107q", head)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

func readProxyV2(c io.Reader) (client netip.AddrPort, err error) {
	var fixed [4]byte
	if _, err := io.ReadFull(c, fixed[:]); err != nil {
		return client, fmt.Errorf("PROXY protocol: %w", err)
	}
	size := int(binary.BigEndian.Uint16(fixed[2:]))
	if size > proxyV2Most {
		return client, fmt.Errorf("PROXY protocol: a header of %d bytes, more than %d", size, proxyV2Most)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return client, fmt.Errorf("PROXY protocol: %w", err)
	}
	switch {
	case fixed[0] == proxyV2Local:
		return client, nil
	case fixed[0] != proxyV2Proxy:
		return client, fmt.Errorf("PROXY protocol: version and command %#x are unknown", fixed[0])
	case fixed[1] == proxyV2TCP4 && size >= proxyV2Size4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:])), nil
	case fixed[1] == proxyV2TCP6 && size >= proxyV2Size6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)).Unmap(), binary.BigEndian.Uint16(body[32:])), nil
	}
	return client, nil // unix, UDP or unspecified: whose it is stays unknown
}

// proxyHeader is the version 2 header that says client connected to local.
// Anything but two IP addresses is a connection of our own, as the protocol has it.
func proxyHeader(client, local netip.AddrPort) []byte {
	b := bytes.Clone(proxySignature)
	if !client.IsValid() || !local.IsValid() {
		return append(b, proxyV2Local, 0, 0, 0)
	}
	from, to := client.Addr().Unmap().WithZone(""), local.Addr().Unmap().WithZone("")
	if from.Is4() && to.Is4() {
		b = append(b, proxyV2Proxy, proxyV2TCP4, 0, proxyV2Size4)
		b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	} else {
		from16, to16 := from.As16(), to.As16() // an IPv4 address becomes a mapped one
		b = append(b, proxyV2Proxy, proxyV2TCP6, 0, proxyV2Size6)
		b = append(append(b, from16[:]...), to16[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, client.Port())
	return binary.BigEndian.AppendUint16(b, local.Port())
}

// addrPortOf is a's address; not valid if it is no TCP address.
func addrPortOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort()
	}
	return netip.AddrPort{}
}
