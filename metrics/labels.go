package metrics

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/wstap/wstap/monitor"
)

// other is the label value of what has none of its own.
const other = "other"

// directions are label values by ws.Direction.
var directions = [2]string{"from_client", "from_server"}

// causes are label values; the last is other.
var causes = [...]monitor.Cause{
	monitor.CauseTapShutdown, monitor.CauseLingering, monitor.CauseCloseHandshake, monitor.CauseProxyShutdown,
	monitor.CauseSlowConsumer, monitor.CauseClientReset, monitor.CauseServerReset, monitor.CauseIdleTimeout,
	monitor.CauseLifetimeLimit, monitor.CausePeerVanished, monitor.CauseClientFIN, monitor.CauseServerFIN,
	monitor.CauseTLSFailed, monitor.CauseConnectFailed, monitor.CauseRefused, monitor.CauseHandshakeFailed,
	monitor.CauseUnknown, other,
}

func causeIndex(c monitor.Cause) int {
	if i := slices.Index(causes[:], c); i >= 0 {
		return i
	}
	return len(causes) - 1
}

// codes are the registered close codes, RFC 6455 §7.4.1 and IANA's registry.
// 0 stands for none: the conn was never upgraded. The last is for all others.
var codes = [...]int{
	0, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015,
	3000, 3003, 3008, -1,
}

func codeIndex(code int) int {
	if i := slices.Index(codes[:], code); i >= 0 {
		return i
	}
	return len(codes) - 1
}

func codeLabel(i int) string {
	switch codes[i] {
	case 0:
		return "none"
	case -1:
		return other
	}
	return strconv.Itoa(codes[i])
}

// expected are the codes whose series exist from the start, by cause: a rate
// can tell the first of a kind only if it saw the zero before.
func expected(c monitor.Cause) []int {
	switch c {
	case monitor.CauseConnectFailed, monitor.CauseRefused, monitor.CauseHandshakeFailed:
		return []int{0}
	case monitor.CauseCloseHandshake:
		return []int{1000, 1001, 1006, 1011}
	case monitor.CauseTLSFailed, monitor.CauseUnknown, monitor.CauseTapShutdown:
		return []int{0, 1006}
	case other:
		return nil
	}
	return []int{1006}
}

// statuses are those of the refusals that get a label of their own: the
// registered ones from 200 on; 0 is for all others.
var statuses = [...]int{
	200, 204, 206, 301, 302, 303, 304, 307, 308,
	400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
	500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 0,
}

func statusIndex(status int) int {
	if i, found := slices.BinarySearch(statuses[:len(statuses)-1], status); found {
		return i
	}
	return len(statuses) - 1
}

func statusLabel(i int) string {
	if statuses[i] == 0 {
		return other
	}
	return strconv.Itoa(statuses[i])
}

// usual are the refusals whose series exist from the start.
var usual = []int{
	http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
	http.StatusUpgradeRequired, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
	http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// drops are what Dropped events count, as label values; the last is for
// all others.
var drops = [...]string{
	"conns", "events", "frames", "samples", "log_lines", "log_joins", "polling_sessions", "output_lines", other,
}

func dropIndex(what string) int {
	switch what {
	case "log lines":
		what = "log_lines"
	case "log joins":
		what = "log_joins"
	case "polling sessions":
		what = "polling_sessions"
	case "output lines":
		what = "output_lines"
	}
	if i := slices.Index(drops[:], what); i >= 0 {
		return i
	}
	return len(drops) - 1
}
