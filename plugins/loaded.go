package plugins

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/waxwinghq/waxwing"
)

// loaded is code that is ready to be called: native code, a snapshot of a guest
// that has been initialised, and instances that lie idle.
type loaded struct {
	e        *Engine
	code     *Code
	compiled wazero.CompiledModule
	js       *loaded // whose instances a script runs on
	native   int64   // bytes of native code
	started  int64   // fuel that its start took
	snap     *snapshot
	script   scriptState

	// Of the engine, under its lock.
	uses  int
	at    uint64
	bytes int64

	mu   sync.Mutex
	idle []*instance
}

// snapshot is a guest's state to which it is set back after each call. Pages
// of nothing but noughts are most of it, and need not be kept.
type snapshot struct {
	size    uint32
	pages   map[uint32][]byte // by number, of snapPage bytes
	globals []uint64
}

const snapPage = 4096

func (in *instance) snapshot() (*snapshot, error) {
	s := &snapshot{size: in.mem.Size(), pages: map[uint32][]byte{}}
	all, ok := in.mem.Read(0, s.size)
	if !ok {
		return nil, &Fault{FaultHost, "the memory cannot be read"}
	}
	var nought [snapPage]byte
	for i := 0; i < len(all); i += snapPage {
		if p := all[i : i+snapPage]; !bytes.Equal(p, nought[:]) {
			s.pages[uint32(i/snapPage)] = bytes.Clone(p)
		}
	}
	for _, g := range in.globals {
		s.globals = append(s.globals, g.Get())
	}
	return s, nil
}

// restore sets a guest back. It reports false where its memory has grown: then
// it must be thrown away.
func (in *instance) restore(s *snapshot) bool {
	if in.mem.Size() < s.size {
		if _, ok := in.mem.Grow((s.size - in.mem.Size()) / 65536); !ok {
			return false
		}
	}
	if in.mem.Size() != s.size {
		return false
	}
	all, ok := in.mem.Read(0, s.size)
	if !ok {
		return false
	}
	for i := uint32(0); i < s.size/snapPage; {
		p := s.pages[i]
		if p != nil {
			copy(all[i*snapPage:], p)
			i++
			continue
		}
		from := i
		for i < s.size/snapPage && s.pages[i] == nil {
			i++
		}
		clear(all[from*snapPage : i*snapPage])
	}
	for i, g := range in.globals {
		g.Set(s.globals[i])
	}
	return true
}

func (s *snapshot) bytes() int64 { return int64(len(s.pages))*(snapPage+64) + 1024 }

// open loads code and lets it initialise once.
func (e *Engine) open(c *Code) (*loaded, error) {
	l := &loaded{e: e, code: c}
	if c.Lang == LangJS {
		if err := e.openScript(l); err != nil {
			return nil, err
		}
		l.bytes = l.size()
		return l, nil
	}
	if err := l.compile(); err != nil {
		return nil, err
	}
	in, err := e.newInstance(l)
	if err == nil {
		err = l.initialise(in)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	l.put(in)
	l.bytes = l.size()
	return l, nil
}

// compile takes the native code from the cache.
func (l *loaded) compile() (err error) {
	if l.e.cache != nil {
		if l.native, err = l.e.cache.has(l.code.wasm.Bytes); err != nil {
			return err
		}
	}
	if l.compiled, err = l.e.rt.CompileModule(l.e.ctx, l.code.wasm.Bytes); err != nil {
		return &Fault{FaultHost, oneLine("load: "+err.Error(), 200)}
	}
	return nil
}

// initTime is what the guest's clock shows while it initialises: all orders
// share what comes of it.
var initTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (l *loaded) initialise(in *instance) (err error) {
	r := &run{at: initTime, seed: l.code.Hash, limits: &l.code.limits}
	// By fuel, not by the clock: a slow machine must come to the same.
	in.begin(r, l.code.limits.InitFuel, time.Minute)
	if in.fn(exportInit) != nil {
		if err := in.call(exportInit, nil); err != nil {
			in.close()
			f := r.faultOf(err)
			return &Fault{f.Kind, "_initialize: " + f.Text}
		}
	}
	l.started = in.used()
	if l.snap, err = in.snapshot(); err != nil {
		in.close()
	}
	return err
}

// size is what the code holds in memory, in bytes.
func (l *loaded) size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(4096)
	if l.snap != nil {
		n += l.snap.bytes()
	}
	if l.code.wasm != nil && l.code.Lang != LangJS {
		n += l.native + 3*int64(len(l.code.wasm.Bytes)) // wazero keeps its own picture of the module
	}
	for _, in := range l.idle {
		n += int64(in.mem.Size()) + 64<<10
	}
	return n
}

// get gives an instance whose memory has most bytes at the utmost: one script's
// may have grown beyond what another's snapshot fits.
func (l *loaded) get(most uint32) (*instance, error) {
	l.mu.Lock()
	for i := len(l.idle) - 1; i >= 0; i-- {
		if in := l.idle[i]; in.mem.Size() <= most {
			l.idle = slices.Delete(l.idle, i, i+1)
			l.mu.Unlock()
			return in, nil
		}
	}
	l.mu.Unlock()
	in, err := l.e.newInstance(l)
	if err == nil && l.snap != nil && !in.restore(l.snap) {
		in.close()
		return nil, &Fault{FaultHost, "a new instance cannot take the snapshot"}
	}
	return in, err
}

func (l *loaded) put(in *instance) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.idle) >= l.e.o.Workers { // the one that was not used for longest goes
		l.idle[0].close()
		l.idle = slices.Delete(l.idle, 0, 1)
	}
	l.idle = append(l.idle, in)
}

func (l *loaded) dropInstances() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, in := range l.idle {
		in.close()
	}
	l.idle = nil
}

func (l *loaded) close() {
	l.dropInstances()
	if l.compiled != nil {
		_ = l.compiled.Close(l.e.ctx) // frees the native code; nothing can be done about an error
	}
}

// Result is what a call came to. Output is nil where Fault is not.
type Result struct {
	Output []byte
	Log    []byte
	Fuel   int64
	Took   time.Duration
	Fault  *Fault
}

// Call asks a hook. The caller holds a worker's slot. wall 0 is the limit's own.
func (e *Engine) Call(c *Code, h waxwing.Hook, input []byte, at time.Time, seed string, wall time.Duration) Result {
	return e.callBy(c, h, input, at, seed, wall, time.Time{})
}

// callBy is Call that is done by then, where that is set: others' loads are not
// waited for beyond it.
func (e *Engine) callBy(c *Code, h waxwing.Hook, input []byte, at time.Time, seed string, wall time.Duration, by time.Time) (res Result) {
	if len(input) > c.limits.Input {
		res.Fault = &Fault{FaultInput, fmt.Sprintf("the input has %d bytes, at most %d are allowed", len(input), c.limits.Input)}
		return res
	}
	l, err := e.load(c, by)
	if err != nil {
		res.Fault = (&run{}).faultOf(err)
		if err == ErrNotCompiled {
			res.Fault = &Fault{FaultOff, err.Error()}
		}
		return res
	}
	defer e.release(l)
	if !by.IsZero() && !time.Now().Before(by) {
		res.Fault = errBusy // loading took all of the time: nobody's fault
		return res
	}
	home := l
	if l.js != nil {
		home = l.js
	}
	in, err := home.get(l.snap.size)
	if err != nil {
		res.Fault = (&run{}).faultOf(err)
		return res
	}
	if l.js != nil && !in.restore(l.snap) {
		in.close()
		res.Fault = &Fault{FaultHost, "the script's snapshot does not fit"}
		return res
	}
	in.owner = l
	r := &run{at: at, seed: seed + "|" + c.Hash, limits: &c.limits}
	if wall <= 0 {
		wall = c.limits.Wall
	}
	start := time.Now()
	if !by.IsZero() {
		wall = min(wall, by.Sub(start))
	}
	in.begin(r, c.limits.Fuel, wall)
	out, err := in.ask(h, input)
	if err == nil {
		if f := in.over(time.Now()); f != nil { // within its last slice
			err = f
		}
	}
	res.Fuel, res.Log, res.Fault = in.used(), r.said(), r.faultOf(err)
	// A script's instance is set back when the next script takes it: which
	// snapshot it needs is known only then.
	if res.Fault != nil || l.js == nil && !in.restore(l.snap) || in.mem.Size() != l.snap.size {
		in.close()
	} else {
		in.owner = home
		home.put(in)
	}
	res.Took = time.Since(start)
	if res.Fault == nil {
		res.Output = out
	}
	return res
}
