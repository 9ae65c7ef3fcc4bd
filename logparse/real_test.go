package logparse

import (
	"bytes"
	"strings"
	"testing"
)

// The numbers were counted with grep and by eye in the log, not by this code.

func readAll(t testing.TB, log []byte) []Entry {
	t.Helper()
	var all []Entry
	if err := Read(bytes.NewReader(log), "real", func(e *Entry) { all = append(all, *e) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRealLogCounts(t *testing.T) {
	all := readAll(t, readRealLog(t))
	levels, kinds, lines := map[Level]int{}, map[Kind]int{}, 0
	for i := range all {
		lines += all[i].Lines
		levels[all[i].Level]++
		kinds[all[i].Kind]++
	}
	if lines != 448 || len(all) != 447 { // one entry has two lines
		t.Errorf("%d lines in %d entries, want 448 in 447", lines, len(all))
	}
	for l, want := range map[Level]int{
		LevelDebug: 29, LevelInfo: 181, LevelNotice: 116, LevelWarn: 11,
		LevelError: 85, LevelCrit: 5, LevelAlert: 10, LevelEmerg: 10, // 1 forged
	} {
		if levels[l] != want {
			t.Errorf("%d entries at %v, want %d", levels[l], l, want)
		}
	}
	for k, want := range realKinds {
		if kinds[k] != want {
			t.Errorf("%d entries of %s, want %d", kinds[k], k, want)
		}
		delete(kinds, k)
	}
	if len(kinds) > 0 {
		t.Errorf("unexpected kinds %v", kinds)
	}
}

var realKinds = map[Kind]int{
	KindUpstreamTimedOut: 36, KindClientTimedOut: 7, KindConnectFailed: 36, KindRecvFailed: 19,
	KindSendFailed: 4, KindSSLWriteFailed: 2, KindSSLHandshakeFailed: 3, KindPeerClosedSSLHandshake: 1,
	KindNoLiveUpstreams: 4, KindUpstreamDisabled: 7, KindUpstreamPrematurelyClosed: 2,
	KindNoValidHeader: 1, KindTooBigHeader: 1, KindInvalidHeader: 1, KindCertificateVerifyFailed: 1,
	KindNotResolved: 3, KindNoResolver: 1, KindHostNotFound: 2,
	KindBindFailed: 7, // 5 bind(), bind(192.0.2.1), still could not bind()
	KindBindRetry:  5, KindUpgradeInSubrequest: 1, KindAuthRequestStatus: 1,
	KindClientClosed: 15, KindClientPrematurelyClosed: 4, KindClientClosedKeepalive: 64,
	KindPlainHTTPToHTTPS: 1, KindUnknownPseudoHeader: 1,
	KindClientSentInvalid: 14, // 16 "client sent" less the two before
	KindBodyTooLarge:      1, KindBodyBuffered: 1, KindAccessForbidden: 1,
	KindLimitConn: 1, KindLimitReq: 1, KindDelayingRequest: 2,
	KindOpenFailed: 4, KindDirectoryForbidden: 1,
	KindWorkerConnections: 3, KindReusingConnections: 1, KindAcceptFailed: 3, KindSocketFailed: 5,
	KindWorkerExited: 14, KindSignalReceived: 39, KindReconfiguring: 4, KindReopeningLogs: 2,
	KindStartWorker: 10, KindGracefullyShuttingDown: 4, KindExiting: 12, KindExit: 21,
	KindEventMethod: 4, KindVersion: 1, KindOS: 1, KindRlimit: 1, KindEpollWaitFailed: 4,
	KindConfigError: 1, KindDebug: 29,
	KindStreamClientConnected: 13, KindStreamProxyConnected: 9, KindStreamDisconnected: 6,
	KindConnectionTimedOut: 3,
	KindOther:              1, // the forged one
}

func TestRealLogFields(t *testing.T) {
	count := map[Fields]int{}
	for _, e := range readAll(t, readRealLog(t)) {
		for f := HasStamp; f <= HasBytes; f <<= 1 {
			if e.Has(f) {
				count[f]++
			}
		}
	}
	for f, want := range map[Fields]int{
		HasStamp: 447, HasConnection: 310, HasClient: 188,
		HasServer:  187, // one line is cut before it
		HasRequest: 154, HasSubrequest: 2, HasUpstream: 128, HasHost: 139, HasReferrer: 5, HasBytes: 18,
		HasErrno:  130, // 133 less three codes of DNS
		HasAction: 174,
	} {
		if count[f] != want {
			t.Errorf("field %b: in %d entries, want %d", f, count[f], want)
		}
	}
}

// Each whole line is put together again from its fields.
func TestRealLogRebuilt(t *testing.T) {
	for _, e := range readAll(t, readRealLog(t)) {
		if got := rebuild(&e); got != e.Raw && !e.Flags.Has(FlagCut) && !e.Flags.Has(FlagForged) {
			t.Errorf("line %d:\nrebuilt %q\nraw     %q", e.Line, got, e.Raw)
		} else if e.Flags.Has(FlagCut) && !strings.HasPrefix(strings.TrimSuffix(got, `"`), strings.TrimRight(e.Raw, `, "`)) {
			t.Errorf("line %d, cut:\nrebuilt %q\nraw     %q", e.Line, got, e.Raw)
		}
	}
}

func TestRealLogRawIsPreserved(t *testing.T) {
	log := readRealLog(t)
	var raw []string
	for _, e := range readAll(t, log) {
		raw = append(raw, e.Raw)
	}
	if strings.Join(raw, "\n")+"\n" != string(log) {
		t.Error("the raw texts joined are not the log")
	}
}

func TestRealLogFlags(t *testing.T) {
	want := map[int64]string{
		189: "cut", 209: "forged", 212: "joined",
		216: "cut", 217: "cut", 219: "cut", 221: "cut", 223: "cut",
		233: "syslog", 234: "cut,syslog", 235: "syslog", 236: "syslog", 237: "syslog",
	}
	for _, e := range readAll(t, readRealLog(t)) {
		if got := strings.Join(e.Flags.Strings(), ","); got != want[e.Line] {
			t.Errorf("line %d: flags %q, want %q", e.Line, got, want[e.Line])
		}
		if e.File != "real" {
			t.Fatalf("file %q", e.File)
		}
	}
}

// Some of the difficult lines, by hand.
func TestRealLogLines(t *testing.T) {
	byLine := map[int64]Entry{}
	for _, e := range readAll(t, readRealLog(t)) {
		byLine[e.Line] = e
	}
	for line, want := range map[int64]string{
		208: `open_failed error 4962#4962 *298 <open() "/srv/nginxlab/main/html/static/x>`,
		212: `connect_failed error 4962#4962 *300 <connect() failed> errno=111<Connection refused> action=<connecting to upstream> client=<127.0.0.1> server=<ws.example.test> request=<GET /rewrite/x%0aforged HTTP/1.1> upstream=<http://127.0.0.1:28291/rewrite/x` + "\n" + `forged> host=<ws.example.test> joined`,
		233: `connect_failed error 4962#4962 *329 <connect() failed> errno=111<Connection refused> action=<connecting to upstream> client=<127.0.0.1> server=<syslog.example.test> request=<GET /dead/echo HTTP/1.1> upstream=<http://127.0.0.1:28291/dead/echo> host=<ws.example.test> syslog prefix="<187>Nov 22 09:09:11 vm nginxlab: "`,
	} {
		e := byLine[line]
		if got := brief(&e); got != want {
			t.Errorf("line %d\ngot  %s\nwant %s", line, got, want)
		}
	}
	for _, e := range byLine {
		if e.Client != "" && e.Client != "127.0.0.1" && e.Client != "::1" && e.Client != "unix:" {
			t.Errorf("line %d: client %q", e.Line, e.Client)
		}
		if !e.SourceTime.IsZero() {
			t.Errorf("line %d: source time %v; syslog has no year", e.Line, e.SourceTime)
		}
	}
}
