package attach

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// packFrom is the size from which on a message is worth compressing.
const packFrom = 512

var packers = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(io.Discard, flate.BestSpeed) // the level is right
	return w
}}

// pack compresses a message; nil if that does not make it smaller.
func pack(msg []byte) []byte {
	if len(msg) < packFrom {
		return nil
	}
	var out bytes.Buffer
	out.Grow(len(msg) / 3)
	out.WriteByte(kindPacked)
	out.Write(binary.AppendUvarint(nil, uint64(len(msg))))
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	w.Write(msg) // to memory: never fails
	w.Close()
	if out.Len() >= len(msg) {
		return nil
	}
	return out.Bytes()
}

// unpacker takes packed messages apart, each at most max bytes long.
type unpacker struct {
	max int64
	in  bytes.Reader
	z   io.ReadCloser
	out bytes.Buffer
}

// unpack is valid until the next call.
func (u *unpacker) unpack(msg []byte) ([]byte, error) {
	n, used := binary.Uvarint(msg[1:])
	if used <= 0 {
		return nil, errCut
	}
	if n > uint64(u.max) {
		return nil, fmt.Errorf("a message of %d bytes, at most %d are taken", n, u.max)
	}
	u.in.Reset(msg[1+used:])
	if u.z == nil {
		u.z = flate.NewReader(&u.in)
	} else if err := u.z.(flate.Resetter).Reset(&u.in, nil); err != nil {
		return nil, err
	}
	if u.out.Cap() > 4<<20 {
		u.out = bytes.Buffer{}
	}
	u.out.Reset()
	// One byte more than was said is one too many. Room is made as bytes come,
	// not by what was said.
	got, err := io.Copy(&u.out, io.LimitReader(u.z, int64(n)+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("a compressed message: %w", err)
	case got != int64(n):
		return nil, errors.New("a compressed message has another length than it says")
	}
	return u.out.Bytes(), nil
}
