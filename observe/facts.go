package observe

import (
	"strings"

	"github.com/wstap/wstap/internal/redact"
	"github.com/wstap/wstap/monitor"
	"github.com/wstap/wstap/ws"
)

// requestEvent makes the event of an upgrade request, secrets taken out.
func requestEvent(r *redact.Redactor, head *ws.Head, req *ws.Request) *monitor.Request {
	ev := &monitor.Request{
		Method: head.Method, Target: r.Target(head.Target), Proto: head.Proto,
		Host: req.Host, Origin: r.Text(req.Origin), Key: req.Key, WSVersion: req.Version,
		Extensions: req.Extensions, Upgrade: req.Upgrade, Connection: req.Connection,
		NgxConn: head.Get("X-Ngx-Conn"),
	}
	if len(req.Subprotocols) > 0 { // as one list: a secret may follow the name that tells of it
		ev.Subprotocols = strings.Split(r.Subprotocols(strings.Join(req.Subprotocols, ", ")), ", ")
	}
	for _, f := range req.Forwarded {
		ev.Forwarded = append(ev.Forwarded, f.Name+": "+r.Header(f.Name, f.Value))
	}
	ev.HeadText, ev.HeadCut = headText(r, head)
	return ev
}

// responseEvent makes the event of the answer to an upgrade request.
func responseEvent(r *redact.Redactor, head *ws.Head, resp *ws.Response) *monitor.Response {
	ev := &monitor.Response{
		Proto: head.Proto, Status: head.Status, Reason: head.Reason,
		Accept: resp.Accept, AcceptOK: resp.AcceptOK,
		Subprotocol: r.Subprotocols(resp.Subprotocol), Extensions: resp.Extensions,
		Upgrade: resp.Upgrade, Connection: resp.Connection,
	}
	ev.HeadText, ev.HeadCut = headText(r, head)
	return ev
}

func headText(r *redact.Redactor, head *ws.Head) (string, bool) {
	b := r.Head(head.Raw)
	if len(b) > monitor.MaxHeadText {
		return string(b[:monitor.MaxHeadText]), true
	}
	return string(b), false
}
