package tui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// seekSteps are how far the seeking keys go.
var seekSteps = map[command]time.Duration{
	cmdSeekBack: -10 * time.Second, cmdSeekOn: 10 * time.Second,
	cmdSeekFarBack: -time.Minute, cmdSeekFarOn: time.Minute,
}

// replayBar shows where a replay stands.
func replayBar(st PlayerStatus, w int) line {
	sign, word := "▶", "playing"
	switch {
	case st.Ended:
		sign, word = "■", "ended"
	case st.Paused:
		sign, word = "‖", "paused"
	}
	total := st.To.Sub(st.From)
	part := 0.0
	if total > 0 {
		part = min(max(float64(st.At.Sub(st.From))/float64(total), 0), 1)
	}
	left := one(stBold, sign+" "+word).add(stPlain, " "+clockShort(st.At)+" ")
	right := one(stPlain, fmt.Sprintf(" %s of %s ", span5(max(st.At.Sub(st.From), 0)), span5(total))).add(stBold, "×"+speedText(st.Speed))
	track := w - left.width() - right.width()
	if track < 5 {
		return spread(left, one(stBold, "×"+speedText(st.Speed)), w)
	}
	n := int(part * float64(track-1))
	left = left.add(stAccent, strings.Repeat("━", n)+"●").add(stDim, strings.Repeat("─", track-1-n))
	return append(left, right...)
}

func speedText(s float64) string {
	if math.IsInf(s, 1) {
		return "max"
	}
	return strconv.FormatFloat(s, 'g', -1, 64)
}
