package sandbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// The faults of a call: why its output was not used.
const (
	FaultFuel   = "fuel"   // it ran for too long, in instructions
	FaultWall   = "wall"   // it ran for too long, by the clock
	FaultStack  = "stack"  // it called too deep
	FaultTrap   = "trap"   // it trapped: out of bounds, unreachable, proc_exit, ...
	FaultFailed = "failed" // it said so itself
	FaultABI    = "abi"    // what it returned points nowhere
	FaultOutput = "output" // what it returned was refused
	FaultInput  = "input"  // the order is too large for it
	FaultBusy   = "busy"   // no worker was free in time; nothing ran
	FaultOff    = "off"    // it rests after failures, or is not compiled yet; nothing ran
	FaultLoad   = "load"   // it is not loaded yet; nothing ran
	FaultQuota  = "quota"  // its tenant's plugins have used their time; nothing ran
	FaultHost   = "host"   // a fault of ours
)

// Fault is why a call failed: a word and, behind it, a text for the author.
type Fault struct{ Kind, Text string }

// Error is the word and the text.
func (f *Fault) Error() string {
	if f.Text == "" {
		return f.Kind
	}
	return f.Kind + ": " + f.Text
}

// Blames reports whether the fault is the plugin's own, whenever and wherever
// it runs.
func Blames(kind string) bool {
	switch kind {
	case FaultBusy, FaultOff, FaultLoad, FaultQuota, FaultHost, FaultInput, "":
		return false
	}
	return true
}

var (
	errBusy    = &Fault{Kind: FaultBusy, Text: "no worker was free in time"}
	errQuota   = &Fault{Kind: FaultQuota, Text: "its tenant's plugins have used their time of a minute (plugins.tenant_time)"}
	errLoading = &Fault{Kind: FaultLoad, Text: "it was not loaded in time"}
)

// run is one call under way.
type run struct {
	at       time.Time // the frozen clock
	seed     string
	rng      *rand.ChaCha8
	limits   *abi.Limits
	total    int64 // units of fuel that it may take
	rest     int64 // of total, not yet in the global
	slice    int64 // units that it gets at once
	looked   time.Time
	shared   time.Time // when others last had the processor
	deadline time.Time
	logged   []byte
	full     bool
	fault    *Fault
}

// A guest gets its fuel in slices. Between two of them the clock is looked at,
// and the Go runtime can stop it: compiled code cannot be preempted. Code is a
// hundred times slower where it waits for memory than where it counts, so that a
// slice grows only while it is over soon, and never so far that the slowest code
// that was measured (see BenchmarkFuelCost) would take 2 ms of it.
const (
	firstSlice = 5_000 * wasm.Unit // in units
	mostSlice  = 64_000 * wasm.Unit
	shortSlice = 250 * time.Microsecond
	longSlice  = time.Millisecond
	// shareAfter is after how long others get the processor, where they wait for it.
	shareAfter = 100 * time.Microsecond
)

// resize makes the next slice larger or smaller by how long one took. A slice
// that was stretched by others on the processor makes the next ones short for
// nothing, which costs little.
func (r *run) resize(took time.Duration) {
	switch {
	case took < shortSlice:
		r.slice = min(2*r.slice, mostSlice)
	case took > longSlice:
		r.slice = max(r.slice/4, firstSlice/4)
	}
}

func (r *run) random() *rand.ChaCha8 {
	if r.rng == nil {
		r.rng = rand.NewChaCha8(sha256.Sum256([]byte("random\x00" + r.seed)))
	}
	return r.rng
}

// write takes what a guest writes to standard output.
func (r *run) write(b []byte) {
	room := r.limits.Log - len(r.logged)
	if len(b) > room {
		b, r.full = b[:max(room, 0)], true
	}
	r.logged = append(r.logged, b...)
}

var (
	levels  = [...][]byte{[]byte("debug: "), []byte("info: "), []byte("warn: "), []byte("error: ")}
	newline = []byte("\n")
	indent  = []byte("\n  ")
)

// log takes a line. What does not fit into the log any more is not looked at: a
// guest may call this thousands of times.
func (r *run) log(level uint32, b []byte) {
	r.write(levels[min(level, 3)])
	for !r.full {
		line, more, found := bytes.Cut(b, newline)
		r.write(line)
		if !found {
			break
		}
		r.write(indent) // a line is one line: a guest must not forge another
		b = more
	}
	r.write(newline)
}

// said is the log, readable and without control characters.
func (r *run) said() []byte {
	if len(r.logged) == 0 {
		return nil
	}
	s := clean(string(r.logged))
	if len(s) > r.limits.Log { // what was mended has grown
		s, r.full = strings.ToValidUTF8(s[:r.limits.Log], ""), true
	}
	if r.full {
		s += "\n[more was written than is kept]"
	}
	return []byte(s)
}

// clean makes a guest's text harmless for terminals and log files.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029' {
			return '\ufffd'
		}
		return c
	}, s)
}

// OneLine is clean for a text of one line.
func OneLine(s string, most int) string {
	s = strings.Join(strings.Fields(clean(s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "")
	}
	return s
}

// faultOf turns what a call returned into a fault.
func (r *run) faultOf(err error) *Fault {
	if err == nil {
		return nil
	}
	if r.fault != nil {
		return r.fault
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	first, _, _ := strings.Cut(fmt.Sprint(err), "\n")
	first = strings.TrimPrefix(first, "wasm error: ")
	if strings.Contains(first, "stack overflow") {
		return &Fault{FaultStack, "the stack is full"}
	}
	return &Fault{FaultTrap, OneLine(first, 200)}
}
