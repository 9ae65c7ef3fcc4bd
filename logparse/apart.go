package logparse

// unknownPID stands in Parser.pids for one that the lines before have.
const unknownPID = -1

// Apart makes p parse lines from the midst of an input, lines of which come
// before them and are parsed elsewhere, perhaps at the same time. What p gives
// holds if the parser of those can Continue with it.
//
// Almost every line can be parsed so: what came before it matters only if an
// entry goes on over the border, or might be forged by a pid never seen.
func (p *Parser) Apart(file string, lines int64) {
	*p = Parser{File: file, line: lines, apart: true, before: lines}
	for i := range p.pids {
		p.pids[i] = unknownPID
	}
}

// Continue says whether next, made by Apart for the lines that come after those
// of p, has given the entries that p would have given for them. If so, p goes on
// where next stands, and emits before what it still holds back; if not, p is as
// it was and has to take these lines itself.
func (p *Parser) Continue(next *Parser, emit func(*Entry)) bool {
	if !next.apart || next.guessed || next.before != p.line || next.File != p.File {
		return false
	}
	if p.held && !p.endsBefore(next.first) {
		return false
	}
	p.Flush(emit)
	pids, at := p.pids, p.next
	*p = *next
	p.apart, p.first = false, ""
	p.pids, p.next = pids, at
	for i := range next.pids {
		if pid := next.pids[(next.next+i)%len(next.pids)]; pid != unknownPID {
			p.know(pid)
		}
	}
	return true
}

// endsBefore says that the entry held ends before a line, which is certainly
// one of its own.
func (p *Parser) endsBefore(line string) bool {
	var h head
	if !p.stamps.parseHead(line, &h) {
		return false
	}
	return !p.same(&bare) || !p.forges(line, &h)
}
