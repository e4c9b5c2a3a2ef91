package outbox

import "sync"

// taken are the rows that are under way, and those that a page which is being asked for may have still.
type taken struct {
	mu   sync.Mutex
	rows map[row]struct{}
	gone []row
}

// asks says that a page is asked for, by one goroutine: it can have no row that was gone before.
func (t *taken) asks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.gone {
		delete(t.rows, r)
	}
	t.gone = nil
}

// take says whether a row is new, and is under way from now on.
func (t *taken) take(r row) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.rows[r]; known {
		return false
	}
	if t.rows == nil {
		t.rows = map[row]struct{}{}
	}
	t.rows[r] = struct{}{}
	return true
}

// drop says that rows are gone.
func (t *taken) drop(rows []row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = append(t.gone, rows...)
}
