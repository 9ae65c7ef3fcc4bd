package monitor

import (
	"encoding/json"
	"fmt"

	"github.com/wstap/wstap/ws"
)

// FrameRecord is one frame in 16 bytes. Frames of one read share its time.
//
// word: bits 0-55 payload length (a longer one is clipped), 56-59 opcode,
// 60 direction, 61 FIN, 62 "some RSV bit", 63 "masked as it should not be or
// not masked as it should be".
type FrameRecord struct {
	At   Time
	word uint64
}

const maxRecordLength = 1<<56 - 1

// RecordFrame makes the record of a frame.
func RecordFrame(at Time, dir ws.Direction, f ws.Frame) FrameRecord {
	w := min(f.Length, maxRecordLength) | uint64(f.Opcode&15)<<56 | uint64(dir&1)<<60
	if f.Fin {
		w |= 1 << 61
	}
	if f.RSV != 0 {
		w |= 1 << 62
	}
	if f.Masked != (dir == ws.FromClient) {
		w |= 1 << 63
	}
	return FrameRecord{at, w}
}

func (r FrameRecord) Length() uint64          { return r.word & maxRecordLength }
func (r FrameRecord) Opcode() ws.Opcode       { return ws.Opcode(r.word >> 56 & 15) }
func (r FrameRecord) Direction() ws.Direction { return ws.Direction(r.word >> 60 & 1) }
func (r FrameRecord) Fin() bool               { return r.word&(1<<61) != 0 }
func (r FrameRecord) RSV() bool               { return r.word&(1<<62) != 0 }
func (r FrameRecord) MaskWrong() bool         { return r.word&(1<<63) != 0 }

type frameJSON struct {
	At        Time         `json:"at"`
	Dir       ws.Direction `json:"dir"`
	Opcode    ws.Opcode    `json:"opcode"`
	Fin       bool         `json:"fin"`
	RSV       bool         `json:"rsv,omitempty"`
	MaskWrong bool         `json:"mask_wrong,omitempty"`
	Length    uint64       `json:"length"`
}

func (r FrameRecord) MarshalJSON() ([]byte, error) {
	return json.Marshal(frameJSON{r.At, r.Direction(), r.Opcode(), r.Fin(), r.RSV(), r.MaskWrong(), r.Length()})
}

func (r *FrameRecord) UnmarshalJSON(b []byte) error {
	var f frameJSON
	if err := json.Unmarshal(b, &f); err != nil {
		return fmt.Errorf("monitor: bad frame record: %w", err)
	}
	rsv := uint8(0)
	if f.RSV {
		rsv = 1
	}
	masked := (f.Dir == ws.FromClient) != f.MaskWrong
	*r = RecordFrame(f.At, f.Dir, ws.Frame{Length: f.Length, Opcode: f.Opcode, Fin: f.Fin, RSV: rsv, Masked: masked})
	return nil
}
