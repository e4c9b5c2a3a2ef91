package wasm

// touched are places in memory that the present way through a function has loaded
// from and paid for: a local that holds an address, and an offset to it. A further load
// from beside one finds its line in the nearest cache. What real code loads is mostly such:
// the fields of a record, the frame of a function; a chase of pointers has a new address
// for each load.
type touched struct {
	places [mostPlaces]place // the newest ones, in a ring
	n      int               // so far
	local  uint32            // the local that lies on the stack
	at     int               // where in the file that is so
}

type place struct {
	local, offset uint32
	gone          bool // the local holds another address
}

// mostPlaces is how many lines each set of the nearest caches holds: more might push one another
// out of them, if they are chosen so.
const mostPlaces = 8

// besides is how far a load may be from one that was paid for: two lines of a cache at most
// lie within it.
const besides = 32

// base says that a local's value lies on the stack at a place in the file.
func (t *touched) base(local uint32, at int) { t.local, t.at = local, at }

// kept are those that it remembers.
func (t *touched) kept() []place { return t.places[:min(t.n, mostPlaces)] }

// set forgets what a local held: it holds another address.
func (t *touched) set(local uint32) {
	for i := range t.kept() {
		if p := &t.places[i]; p.local == local {
			p.gone = true
		}
	}
}

// forget forgets all of them: another way may lead to here, or much else has run.
func (t *touched) forget() { t.n = 0 }

// load is a load that stands at a place in the file. It reports whether one beside
// it was paid for.
func (t *touched) load(at int, offset uint32) bool {
	if t.at != at {
		return false
	}
	for _, p := range t.kept() {
		if !p.gone && p.local == t.local && max(p.offset, offset)-min(p.offset, offset) <= besides {
			return true
		}
	}
	t.places[t.n%mostPlaces] = place{local: t.local, offset: offset}
	t.n++
	return false
}
