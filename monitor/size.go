package monitor

// SizeOf estimates the memory of an event that waits in a queue.
func SizeOf(ev Event) int {
	const least = 200
	switch ev := ev.(type) {
	case *Samples:
		return least + 700*len(ev.Samples)
	case *Frames:
		return least + 16*len(ev.Records)
	case *Request:
		return least + len(ev.HeadText) + 400
	case *Response:
		return least + len(ev.HeadText) + 400
	case *LogLine:
		return least + len(ev.Entry.Raw) + 300
	case *Settings:
		return least + 2000*len(ev.Findings)
	case *Closed:
		return least + 1000
	}
	return least
}
