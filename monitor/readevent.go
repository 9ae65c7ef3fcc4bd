package monitor

import (
	"math"

	"github.com/wstap/wstap/ws"
)

// The events of appendCommon, read in the same order.

func (j *jsonReader) head() (h Header) {
	j.want("at")
	h.At = j.time()
	j.want("tap")
	h.Tap = j.instance()
	h.Leg = j.optText("leg")
	h.Conn = j.optNumber("conn", math.MaxUint64)
	return h
}

func (j *jsonReader) instance() (i Instance) {
	s, _ := j.raw()
	if len(s) != 18 {
		j.failed = true
		return 0
	}
	for _, c := range s[1:17] {
		switch {
		case c-'0' <= 9:
			i = i<<4 | Instance(c-'0')
		case c-'a' <= 5:
			i = i<<4 | Instance(c-'a'+10)
		default:
			j.failed = true
		}
	}
	return i
}

func (j *jsonReader) opened() Event {
	ev := &Opened{Header: j.head()}
	j.want("client")
	ev.Client = j.text()
	j.want("listen")
	ev.Listen = j.text()
	ev.Local = j.optText("local")
	ev.Server = j.optText("server")
	ev.Opaque = j.optFlag("opaque")
	ev.Reason = j.optText("reason")
	return ev
}

func (j *jsonReader) request() Event {
	ev := &Request{Header: j.head()}
	j.want("began")
	ev.Began = j.time()
	j.want("nth")
	ev.Nth = int(j.number(math.MaxInt32))
	j.want("method")
	method := j.bytes()
	j.want("target")
	target := j.bytes()
	j.want("proto")
	proto := j.bytes()
	host, origin, key, version := j.optBytes("host"), j.optBytes("origin"), j.optBytes("key"), j.optBytes("ws_version")
	subprotocols, extensions := j.optList("subprotocols"), j.optList("extensions")
	upgrade, connection, forwarded := j.optList("upgrade"), j.optList("connection"), j.optList("forwarded")
	ngxConn := j.optBytes("ngx_conn")
	j.want("head")
	in := j.text()
	ev.HeadText, ev.HeadCut = in, j.optFlag("head_cut")
	ev.Method, ev.Target, ev.Proto = partOf(in, method), partOf(in, target), partOf(in, proto)
	ev.Host, ev.Origin, ev.Key, ev.WSVersion = partOf(in, host), partOf(in, origin), partOf(in, key), partOf(in, version)
	ev.Subprotocols, ev.Extensions = partsOf(in, subprotocols), partsOf(in, extensions)
	ev.Upgrade, ev.Connection, ev.Forwarded = partsOf(in, upgrade), partsOf(in, connection), partsOf(in, forwarded)
	ev.NgxConn = partOf(in, ngxConn)
	return ev
}

func (j *jsonReader) response() Event {
	ev := &Response{Header: j.head()}
	j.want("proto")
	proto := j.bytes()
	j.want("status")
	ev.Status = int(j.number(math.MaxInt32))
	reason, accept := j.optBytes("reason"), j.optBytes("accept")
	j.want("accept_ok")
	ev.AcceptOK = j.flag()
	subprotocol, extensions := j.optBytes("subprotocol"), j.optBytes("extensions")
	upgrade, connection := j.optList("upgrade"), j.optList("connection")
	j.want("head")
	in := j.text()
	ev.HeadText, ev.HeadCut = in, j.optFlag("head_cut")
	ev.Proto, ev.Reason, ev.Accept = partOf(in, proto), partOf(in, reason), partOf(in, accept)
	ev.Subprotocol, ev.Extensions = partOf(in, subprotocol), partOf(in, extensions)
	ev.Upgrade, ev.Connection = partsOf(in, upgrade), partsOf(in, connection)
	return ev
}

func (j *jsonReader) closeFrame() Event {
	ev := &CloseFrame{Header: j.head(), Dir: j.dir()}
	j.want("code")
	ev.Code = ws.CloseCode(j.number(math.MaxUint16))
	ev.Derived = j.optFlag("code_derived")
	ev.Reason = j.optText("reason")
	return ev
}

func (j *jsonReader) sideEnded() Event {
	ev := &SideEnded{Header: j.head(), Dir: j.dir()}
	j.want("how")
	ev.How = How(j.text())
	ev.Error = j.optText("error")
	j.want("gap_ms")
	ev.Gap = j.millis()
	return ev
}

func (j *jsonReader) limit() Event {
	ev := &Limit{Header: j.head()}
	j.want("kind")
	ev.Kind = LimitKind(j.text())
	j.want("value_ms")
	ev.Value = j.millis()
	j.want("source")
	ev.Source = j.text()
	return ev
}

func (j *jsonReader) closed() Event {
	ev := &Closed{Header: j.head(), ByTap: j.optFlag("by_tap")}
	j.want("sample")
	j.sample(&ev.Sample)
	if !j.key("last") {
		return ev
	}
	ev.Last = make([]FrameRecord, 0, LastFrames)
	j.skip("[")
	for !j.failed {
		ev.Last = append(ev.Last, j.frame())
		if !j.has(",") {
			break
		}
	}
	j.skip("]")
	return ev
}

func (j *jsonReader) sample(s *Sample) {
	j.skip(`{"dir":[`)
	j.traffic(&s.Dir[0])
	j.skip(",")
	j.traffic(&s.Dir[1])
	j.skip("]")
	j.want("longest_gap_ms")
	s.LongestGap = j.millis()
	j.want("longest_gap_at")
	s.LongestGapAt = j.time()
	j.want("gaps")
	for i := range s.Gaps {
		j.element(i)
		s.Gaps[i] = uint32(j.number(math.MaxUint32))
	}
	j.skip("]")
	s.Collapsed = j.optNumber("collapsed", math.MaxUint64)
	j.violations(s)
	j.skip("}")
}

// element takes what stands before an element of an array.
func (j *jsonReader) element(i int) {
	if i == 0 {
		j.skip("[")
	} else {
		j.skip(",")
	}
}

func (j *jsonReader) violations(s *Sample) {
	if !j.key("violations") {
		return
	}
	j.skip("[")
	for !j.failed {
		j.skip(`{"rule":`)
		v := ViolationCount{Rule: j.text(), Dir: j.dir()}
		j.want("count")
		v.Count = j.number(math.MaxUint64)
		j.skip("}")
		s.Violations = append(s.Violations, v)
		if !j.has(",") {
			break
		}
	}
	j.skip("]")
}

func (j *jsonReader) traffic(t *Traffic) {
	j.skip(`{"bytes":`)
	t.Bytes = j.number(math.MaxUint64)
	j.want("messages")
	t.Messages = j.number(math.MaxUint64)
	j.want("frames")
	j.frames(&t.Frames)
	j.want("last_byte")
	t.LastByte = j.time()
	j.want("last_data")
	t.LastData = j.time()
	t.Unanswered = uint32(j.optNumber("pings_unanswered", math.MaxUint32))
	t.LastRTT = j.optMillis("rtt_last_ms")
	t.WorstRTT = j.optMillis("rtt_worst_ms")
	t.PingEvery = j.optMillis("ping_interval_mean_ms")
	t.PingAtLeast = j.optMillis("ping_interval_min_ms")
	t.Blocked = j.optMillis("blocked_ms")
	t.BlockedNow = j.optFlag("blocked_now")
	t.Waiting = j.optMillis("waiting_ms")
	t.BlockedAtEnd = j.optMillis("blocked_at_end_ms")
	t.Unacked = j.optMillis("unacked_ms")
	j.skip("}")
}

func (j *jsonReader) frames(f *FrameCounts) {
	for op := range ws.Opcode(16) {
		j.element(int(op))
		f.Add(op, j.number(math.MaxUint64))
	}
	j.skip("]")
}

func (j *jsonReader) frame() FrameRecord {
	j.skip(`{"at":`)
	at, dir := j.time(), j.dir()
	f := ws.Frame{Masked: dir == ws.FromClient}
	j.want("opcode")
	f.Opcode = ws.Opcode(j.number(15))
	j.want("fin")
	f.Fin = j.flag()
	if j.optFlag("rsv") {
		f.RSV = 1
	}
	if j.optFlag("mask_wrong") {
		f.Masked = !f.Masked
	}
	j.want("length")
	f.Length = j.number(math.MaxUint64)
	j.skip("}")
	return RecordFrame(at, dir, f)
}
