package pack

import (
	"github.com/klauspost/compress/s2"
)

// Lines of the trail are packed with a dictionary that is part of the program: they are much
// alike, and a batch may be of few. The first byte says how: packedLines, or what plain lines
// begin with, which older programs wrote.
const packedLines = 1

// lineWords are lines as they mostly are, what is frequent last. They are never changed: what
// was packed with them is read with them. Others get a number of their own.
const lineWords = `{"seq":100,"at":1764201600000,"c":"0000000000000","m":"0000000000001","cause":"note","detail":{"note":"
{"seq":101,"at":1764201600000,"c":"0000000000000","from":"received","to":"held","cause":"gate","detail":{"reason":"
{"seq":102,"at":1764201600000,"c":"0000000000000","m":"0000000000001","from":"dot","to":"queued","cause":"verdict","detail":{"attempt":"1","provider":"","verdict":"deferred","fault":"","phase":"rcpt","code":"451"
{"seq":103,"at":1764201600000,"c":"0000000000000","to":"received","cause":"accepted","detail":{"source":"webhook","shop":"shopify"}}
{"seq":104,"at":1764201600000,"c":"0000000000000","from":"received","to":"ready","cause":"released"}
{"seq":105,"at":1764201600000,"c":"0000000000000","m":"0000000000001","to":"queued","cause":"rendered","detail":{"channel":"email","locale":"en","digest":"
{"seq":106,"at":1764201600000,"c":"0000000000000","m":"0000000000001","from":"queued","to":"claimed","cause":"claimed"}
{"seq":107,"at":1764201600000,"c":"0000000000000","m":"0000000000001","from":"claimed","to":"dot","cause":"commit_point","detail":{"provider":"mail"}}
{"seq":108,"at":1764201600000,"c":"0000000000000","m":"0000000000001","from":"dot","to":"sent","cause":"verdict","detail":{"attempt":"1","provider":"mail","verdict":"accepted","phase":"dot","code":"250"}}
`

var lineDict = s2.MakeDict([]byte(lineWords), nil)

// Lines appends lines of the trail, packed, to dst.
func Lines(dst, lines []byte) []byte {
	if s2.MaxEncodedLen(len(lines)) < 0 {
		return append(dst, lines...)
	}
	dst, room := roomFor(append(dst, packedLines), lines)
	return dst[:len(dst)+len(lineDict.Encode(room, lines))]
}

// UnpackLines appends what Lines packed to dst, or lines as older programs wrote them;
// ErrDamaged says that they can never be read.
func UnpackLines(dst, b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != packedLines {
		return append(dst, b...), nil
	}
	n, err := s2.DecodedLen(b[1:])
	if err != nil || n > maxUnpacked {
		return dst, ErrDamaged
	}
	at := len(dst)
	dst = append(dst, make([]byte, n)...)
	if _, err := lineDict.Decode(dst[at:], b[1:]); err != nil {
		return dst[:at], ErrDamaged
	}
	return dst, nil
}
