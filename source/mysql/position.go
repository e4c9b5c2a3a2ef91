package mysql

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// gtid is a transaction's name.
type gtid struct {
	domain, server uint32
	seq            uint64
}

func (g gtid) String() string { return fmt.Sprintf("%d-%d-%d", g.domain, g.server, g.seq) }

// position is the last transaction of each domain: what the server calls gtid_binlog_pos. It is not changed once it is told.
type position map[uint32]gtid

// parsePosition reads 0-1-5,1-1-7.
func parsePosition(s string) (position, error) {
	p := position{}
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		g, err := mysql.ParseMariadbGTID(part)
		if err != nil {
			return nil, fmt.Errorf("the position %.100q cannot be read", s)
		}
		if g.SequenceNumber >= p[g.DomainID].seq { // of a state, which names a domain once for each server, the last one
			p[g.DomainID] = gtid{g.DomainID, g.ServerID, g.SequenceNumber}
		}
	}
	return p, nil
}

// String is as the server writes it.
func (p position) String() string {
	var out []string
	for _, d := range slices.Sorted(maps.Keys(p)) {
		out = append(out, p[d].String())
	}
	return strings.Join(out, ",")
}

// with is the position behind a transaction.
func (p position) with(g gtid) position {
	q := maps.Clone(p)
	if q == nil {
		q = position{}
	}
	q[g.domain] = g
	return q
}

// behind is how many transactions it lacks of another; negative where it has some that the other lacks.
func (p position) behind(of position) (n int64) {
	for d, g := range p {
		if g.seq > of[d].seq {
			return -1
		}
	}
	for d, g := range of {
		n += int64(g.seq - p[d].seq) //nolint:gosec // not that many
	}
	return n
}

// set is what the library takes.
func (p position) set() (mysql.GTIDSet, error) { return mysql.ParseMariadbGTIDSet(p.String()) }

// spot is a place in a file of the log, by which it is known again.
type spot struct {
	File string `json:"file,omitempty"`
	At   uint64 `json:"at,omitempty"`
	// Born is when the file was begun, by its first event; 0: not known.
	Born uint32 `json:"born,omitempty"`
}

// number is that of a file: log.000012.
func number(file string) uint64 {
	n, _ := strconv.ParseUint(file[strings.LastIndexByte(file, '.')+1:], 10, 64) // 0 is before all
	return n
}

// reaches says that what lies before b lies before a.
func (a spot) reaches(b spot) bool {
	x, y := number(a.File), number(b.File)
	return x > y || x == y && a.At >= b.At
}

// place is where something is done, and when it was committed.
type place struct {
	pos position // nil: it is not the end of anything
	spot
	when time.Time
}
