package wasm

// touched are places in memory that the present way through a function has loaded
// from and paid for: a local that holds an address, and an offset to it. A further load
// from beside one finds its line in the nearest cache. What real code loads is mostly such:
// the fields of a record, the frame of a function; a chase of pointers has a new address
// for each load.
type touched struct {
	places [24]place
	n      int
	local  uint32 // the local that lies on the stack
	at     int    // where in the file that is so
}

type place struct{ local, offset uint32 }

// besides is how far a load may be from one that was paid for: two lines of a cache at most
// lie within it.
const besides = 32

// base says that a local's value lies on the stack at a place in the file.
func (t *touched) base(local uint32, at int) { t.local, t.at = local, at }

// set forgets what a local held: it holds another address.
func (t *touched) set(local uint32) {
	keep := t.places[:0]
	for _, p := range t.places[:t.n] {
		if p.local != local {
			keep = append(keep, p)
		}
	}
	t.n = len(keep)
}

// forget forgets all of them: another way may lead to here, or much else has run.
func (t *touched) forget() { t.n = 0 }

// load is a load that stands at a place in the file. It reports whether one beside
// it was paid for.
func (t *touched) load(at int, offset uint32) bool {
	if t.at != at {
		return false
	}
	for _, p := range t.places[:t.n] {
		if p.local == t.local && max(p.offset, offset)-min(p.offset, offset) <= besides {
			return true
		}
	}
	if t.n < len(t.places) {
		t.places[t.n] = place{t.local, offset}
		t.n++
	}
	return false
}
