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
// the time, in the column at, of the row behind the window, whose size is the first argument.
func shareOf(s *store.Share, first int, at, last string) (where, order string, args []any) {
	if s == nil {
		return "", at + ", id", nil
	}
	part := func(first int) string { return fmt.Sprintf("(id >> %d) %% $%d = $%d", store.CountAt, first, first+1) }
	if s.Stale {
		return " AND " + part(first), at + " DESC, id DESC", []any{s.Parts, s.Part}
	}
	beside := make([]int64, len(s.Beside))
	for i, id := range s.Beside {
		beside[i] = store.Bits(id)
	}
	instance := fmt.Sprintf("((id >> %d) & %d)", store.InstanceAt, store.Instances-1)
	where = fmt.Sprintf(" AND %s <= coalesce(%s, %s) AND (%s = $%d OR %s <> ALL($%d::bigint[]) AND %s)",
		at, last, at, instance, first+1, instance, first+2, part(first+3))
	return where, at + ", id", []any{int64(window), store.Bits(s.Own), beside, s.Parts, s.Part}
}
