package logparse

// Level is the severity of an entry, ordered: LevelDebug < LevelEmerg. Zero is
// unknown (a line that is no entry).
type Level uint8

// The levels of nginx, as src/core/ngx_log.h names them.
const (
	LevelUnknown Level = iota
	LevelDebug
	LevelInfo
	LevelNotice
	LevelWarn
	LevelError
	LevelCrit
	LevelAlert
	LevelEmerg
)

var levelNames = [...]string{"", "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"}

// String gives nginx's word, or "" for LevelUnknown.
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return ""
}

// LevelByName finds the level nginx calls name.
func LevelByName(name string) (Level, bool) {
	switch name {
	case "debug":
		return LevelDebug, true
	case "info":
		return LevelInfo, true
	case "notice":
		return LevelNotice, true
	case "warn":
		return LevelWarn, true
	case "error":
		return LevelError, true
	case "crit":
		return LevelCrit, true
	case "alert":
		return LevelAlert, true
	case "emerg":
		return LevelEmerg, true
	}
	return LevelUnknown, false
}
