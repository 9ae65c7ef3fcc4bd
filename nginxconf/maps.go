package nginxconf

import "strings"

// lookUp is what a map gives for this request.
func (v *visit) lookUp(m *Map) (string, bool) {
	if v.resolved[m] {
		return "", false
	}
	v.resolved[m] = true
	defer delete(v.resolved, m)
	source, known := v.expand(m.Source)
	if !known {
		return m.always()
	}
	row, known := v.row(m, source)
	switch {
	case !known:
		return "", false
	case row == nil:
		return "", true
	}
	return v.expand(row.Value)
}

// always is the value of a map that has only a default: its source is of no
// account.
func (m *Map) always() (string, bool) {
	if len(m.Rows) == 1 && m.Rows[0].Key == "default" && !m.Incomplete && !strings.Contains(m.Rows[0].Value, "$") {
		return m.Rows[0].Value, true
	}
	return "", false
}

// row is the row that source selects: the same string in any case, the longest
// leading wildcard, the longest trailing one, the first pattern, the default.
func (v *visit) row(m *Map, source string) (row *MapRow, known bool) {
	if row = m.byKey(source); row != nil {
		return row, true
	}
	if m.Incomplete {
		return nil, false
	}
	for i := range m.Rows {
		row := &m.Rows[i]
		switch {
		case row.regex.unknown != "":
			return nil, false
		case row.regex.re != nil && v.matched(row.regex, source):
			return row, true
		}
	}
	return m.byDefault(), true
}

func (m *Map) byDefault() *MapRow {
	for i := range m.Rows {
		if m.Rows[i].Key == "default" {
			return &m.Rows[i]
		}
	}
	return nil
}

// byKey finds a string, or with "hostnames" a name with a wildcard.
func (m *Map) byKey(source string) (best *MapRow) {
	low := strings.ToLower(source)
	weight := 0
	for i := range m.Rows {
		row := &m.Rows[i]
		if w := m.weight(strings.ToLower(row.Key), low); w > weight {
			best, weight = row, w
		}
	}
	return best
}

// weight says how well a key fits, 0 for not at all.
func (m *Map) weight(key, source string) int {
	const exact, leading, trailing = 1 << 30, 1 << 20, 1
	if key == "default" || strings.HasPrefix(key, "~") {
		return 0
	}
	if m.hostnames {
		source = strings.TrimSuffix(source, ".")
		switch {
		case strings.HasPrefix(key, ".") && source == key[1:]:
			return exact
		case strings.HasPrefix(key, "*.") || strings.HasPrefix(key, "."):
			tail := strings.TrimPrefix(key, "*")
			return one(len(source) > len(tail) && strings.HasSuffix(source, tail)) * (leading + len(tail))
		case strings.HasSuffix(key, ".*"):
			head := strings.TrimSuffix(key, "*")
			return one(len(source) > len(head) && strings.HasPrefix(source, head)) * (trailing + len(head))
		}
	}
	// `\default` is the string, not the default.
	return one(strings.TrimPrefix(key, `\`) == source) * exact
}
