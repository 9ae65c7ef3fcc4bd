package nginxconf

import "bytes"

// ingressMarks are in every configuration that ingress-nginx generates
// (rootfs/etc/nginx/template/nginx.tmpl of kubernetes/ingress-nginx), and
// hardly in any other.
var ingressMarks = [][]byte{
	[]byte("# Configuration checksum:"),
	[]byte("## start server "),
	[]byte("$proxy_upstream_name"),
	[]byte("upstream upstream_balancer"),
}

// isIngressText says that two of the marks are in text.
func isIngressText(text []byte) bool {
	n := 0
	for _, mark := range ingressMarks {
		if bytes.Contains(text, mark) {
			n++
		}
	}
	return n >= 2
}
