package monitor

import (
	"strconv"

	"github.com/wstap/wstap/ws"
)

// appendCommon appends the members of the events that come with every conn, as
// their struct tags have them. False: ev is another one, for encoding/json.
// A field that is added to one of these types is added here; a test that fills
// all fields compares the two.
func (j *jsonText) appendCommon(ev Event) bool {
	switch ev := ev.(type) {
	case *Opened:
		j.opened(ev)
	case *Request:
		j.request(ev)
	case *Response:
		j.response(ev)
	case *CloseFrame:
		j.closeFrame(ev)
	case *SideEnded:
		j.sideEnded(ev)
	case *Closed:
		j.closed(ev)
	case *Limit:
		j.limit(ev)
	default:
		return false
	}
	return true
}

func (j *jsonText) head(h *Header) {
	j.time("at", h.At)
	j.key("tap")
	j.b = append(j.b, '"')
	j.b = h.Tap.append(j.b)
	j.b = append(j.b, '"')
	j.optText("leg", h.Leg)
	j.optNumber("conn", h.Conn)
}

func (j *jsonText) opened(ev *Opened) {
	j.head(&ev.Header)
	j.text("client", ev.Client)
	j.text("listen", ev.Listen)
	j.optText("local", ev.Local)
	j.optText("server", ev.Server)
	j.optFlag("opaque", ev.Opaque)
	j.optText("reason", ev.Reason)
}

func (j *jsonText) request(ev *Request) {
	j.head(&ev.Header)
	j.time("began", ev.Began)
	j.key("nth")
	j.b = strconv.AppendInt(j.b, int64(ev.Nth), 10)
	j.text("method", ev.Method)
	j.text("target", ev.Target)
	j.text("proto", ev.Proto)
	j.optText("host", ev.Host)
	j.optText("origin", ev.Origin)
	j.optText("key", ev.Key)
	j.optText("ws_version", ev.WSVersion)
	j.optTexts("subprotocols", ev.Subprotocols)
	j.optTexts("extensions", ev.Extensions)
	j.optTexts("upgrade", ev.Upgrade)
	j.optTexts("connection", ev.Connection)
	j.optTexts("forwarded", ev.Forwarded)
	j.optText("ngx_conn", ev.NgxConn)
	j.text("head", ev.HeadText)
	j.optFlag("head_cut", ev.HeadCut)
}

func (j *jsonText) response(ev *Response) {
	j.head(&ev.Header)
	j.text("proto", ev.Proto)
	j.key("status")
	j.b = strconv.AppendInt(j.b, int64(ev.Status), 10)
	j.optText("reason", ev.Reason)
	j.optText("accept", ev.Accept)
	j.flag("accept_ok", ev.AcceptOK)
	j.optText("subprotocol", ev.Subprotocol)
	j.optText("extensions", ev.Extensions)
	j.optTexts("upgrade", ev.Upgrade)
	j.optTexts("connection", ev.Connection)
	j.text("head", ev.HeadText)
	j.optFlag("head_cut", ev.HeadCut)
}

func (j *jsonText) dir(d ws.Direction) {
	name, _ := d.MarshalText() // never fails
	j.key("dir")
	j.b = append(append(append(j.b, '"'), name...), '"')
}

func (j *jsonText) closeFrame(ev *CloseFrame) {
	j.head(&ev.Header)
	j.dir(ev.Dir)
	j.number("code", uint64(ev.Code))
	j.optFlag("code_derived", ev.Derived)
	j.optText("reason", ev.Reason)
}

func (j *jsonText) sideEnded(ev *SideEnded) {
	j.head(&ev.Header)
	j.dir(ev.Dir)
	j.text("how", string(ev.How))
	j.optText("error", ev.Error)
	j.millis("gap_ms", ev.Gap)
}

func (j *jsonText) limit(ev *Limit) {
	j.head(&ev.Header)
	j.text("kind", string(ev.Kind))
	j.millis("value_ms", ev.Value)
	j.text("source", ev.Source)
}

func (j *jsonText) closed(ev *Closed) {
	j.head(&ev.Header)
	j.optFlag("by_tap", ev.ByTap)
	j.key("sample")
	j.sample(&ev.Sample)
	if len(ev.Last) == 0 {
		return
	}
	j.key("last")
	j.open('[')
	for i, r := range ev.Last {
		j.comma(i)
		j.frame(r)
	}
	j.close(']')
}

func (j *jsonText) sample(s *Sample) {
	j.open('{')
	j.key("dir")
	j.open('[')
	for d := range s.Dir {
		j.comma(d)
		j.traffic(&s.Dir[d])
	}
	j.close(']')
	j.millis("longest_gap_ms", s.LongestGap)
	j.time("longest_gap_at", s.LongestGapAt)
	j.key("gaps")
	j.open('[')
	for i, n := range s.Gaps {
		j.comma(i)
		j.b = strconv.AppendUint(j.b, uint64(n), 10)
	}
	j.close(']')
	j.optNumber("collapsed", s.Collapsed)
	j.violations(s.Violations)
	j.close('}')
}

func (j *jsonText) violations(vs []ViolationCount) {
	if len(vs) == 0 {
		return
	}
	j.key("violations")
	j.open('[')
	for i, v := range vs {
		j.comma(i)
		j.open('{')
		j.text("rule", v.Rule)
		j.dir(v.Dir)
		j.number("count", v.Count)
		j.close('}')
	}
	j.close(']')
}

func (j *jsonText) traffic(t *Traffic) {
	j.open('{')
	j.number("bytes", t.Bytes)
	j.number("messages", t.Messages)
	j.key("frames")
	j.b = t.Frames.append(j.b)
	j.time("last_byte", t.LastByte)
	j.time("last_data", t.LastData)
	j.optNumber("pings_unanswered", uint64(t.Unanswered))
	j.optMillis("rtt_last_ms", t.LastRTT)
	j.optMillis("rtt_worst_ms", t.WorstRTT)
	j.optMillis("ping_interval_mean_ms", t.PingEvery)
	j.optMillis("ping_interval_min_ms", t.PingAtLeast)
	j.optMillis("blocked_ms", t.Blocked)
	j.optFlag("blocked_now", t.BlockedNow)
	j.optMillis("waiting_ms", t.Waiting)
	j.optMillis("blocked_at_end_ms", t.BlockedAtEnd)
	j.optMillis("unacked_ms", t.Unacked)
	j.close('}')
}

func (j *jsonText) frame(r FrameRecord) {
	j.open('{')
	j.time("at", r.At)
	j.dir(r.Direction())
	j.number("opcode", uint64(r.Opcode()))
	j.flag("fin", r.Fin())
	j.optFlag("rsv", r.RSV())
	j.optFlag("mask_wrong", r.MaskWrong())
	j.number("length", r.Length())
	j.close('}')
}
