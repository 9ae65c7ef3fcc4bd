package nginxconf

import (
	"regexp"
	"strconv"
)

var versionText = regexp.MustCompile(`^(?:[^0-9]*[ /v])?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:[^0-9]|$)`)

// ParseVersion reads "1.29.7", "nginx/1.22.1" or "nginx version: nginx/1.22.1 (…)".
func ParseVersion(s string) (Version, bool) {
	m := versionText.FindStringSubmatch(s)
	if m == nil {
		return Version{}, false
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1]) // digits, few
	}
	return Version{n[0], n[1], n[2]}, true
}
