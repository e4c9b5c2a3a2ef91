package postgres

import (
	"fmt"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// window is in how many of the rows that are due first an instance looks for its own: others'
// backlog may be long, and is not to be read through each time.
const window = 4096

// shareOf gives what a statement over rows that are due has to ask, beside their time, for an
// instance's share: a condition, the order, and the arguments from the number first on. last is
// the time, in the column at, of the row behind the window, whose size is the first argument. The
// places of an id are NextID's.
func shareOf(s *store.Share, first int, at, last string) (where, order string, args []any) {
	if s == nil {
		return "", at + ", id", nil
	}
	if s.Stale {
		return fmt.Sprintf(" AND (id >> 16) %% $%d = $%d", first, first+1), at + " DESC, id DESC", []any{s.Parts, s.Part}
	}
	beside := make([]int64, len(s.Beside))
	for i, id := range s.Beside {
		beside[i] = store.Bits(id)
	}
	where = fmt.Sprintf(" AND %s <= coalesce(%s, %s) AND (((id >> 6) & %d) = $%d OR ((id >> 6) & %d) <> ALL($%d::bigint[]) AND (id >> 16) %% $%d = $%d)",
		at, last, at, store.Instances-1, first+1, store.Instances-1, first+2, first+3, first+4)
	return where, at + ", id", []any{int64(window), store.Bits(s.Own), beside, s.Parts, s.Part}
}
