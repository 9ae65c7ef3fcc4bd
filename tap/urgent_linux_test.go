package tap

import (
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUrgentData: the kernel interrupts a read at the place of urgent data, so
// that a short read has not taken all. The byte itself is lost, as it is to
// every receiver that does not ask for it; what stands around it is not.
func TestUrgentData(t *testing.T) {
	eachWay(t, func(t *testing.T, way way) {
		if way == tlsWay {
			return // a byte less, and no record of TLS is whole
		}
		r := newRig(t, rigOptions{way: way})
		client, server := r.pair()
		exchange(t, client, server, "a word before")
		got := make([]byte, 8)
		for range 1000 {
			io.WriteString(client, "abcd")
			control(client, func(fd uintptr) { unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil) })
			io.WriteString(client, "efgh")
			if _, err := io.ReadFull(server, got); err != nil || string(got) != "abcdefgh" {
				t.Fatalf("got %q, %v", got, err)
			}
		}
	})
}
