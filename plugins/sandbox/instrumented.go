package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// instrumented keeps modules as the injector wrote them, in files beside the native
// code, so that loading one again needs neither its body from the store, nor reading
// it, nor injecting: that is most of the time of a large module. What is in a file is
// what this process wrote there, or it is not used: the sums are in memory. So no file
// outlives the process, whose injector and limits the next one need not share.
type instrumented struct {
	in string // the folder of native code

	mu    sync.Mutex
	dir   string // this process's own; "" until the first file
	most  int64  // bytes of all files
	bytes int64
	of    map[waxwing.TenantID]int64 // of each tenant's
	kept  []*keptModule              // the one that was not used for longest is the first
	no    int                        // the next file's name
}

// keptModule is one file.
type keptModule struct {
	key    string
	tenant waxwing.TenantID
	hash   string // of what the author wrote
	file   string
	size   int64
	sum    [sha256.Size]byte
	wasm   wasm.Instrumented // without its bytes
}

const (
	// usualInstrumented is the bytes of files where nobody says how much native
	// code there may be; instrumentedShare is their part of it.
	usualInstrumented = 128 << 20
	instrumentedShare = 8
	// tenantInstrumented is one tenant's part of it.
	tenantInstrumented = 4
	// leastInstrumented is what a small module need not have: it is made anew within
	// a millisecond.
	leastInstrumented = 32 << 10
)

func newInstrumented(dir string) *instrumented {
	return &instrumented{in: dir, most: usualInstrumented, of: map[waxwing.TenantID]int64{}}
}

// write writes a file. The caller holds mu.
func (k *instrumented) write(b []byte) (file string, err error) {
	if k.dir == "" {
		// A name of what compiles: where it is left, it goes with the next start.
		if k.dir, err = os.MkdirTemp(k.in, "compile-instrumented-"); err != nil {
			return "", err
		}
	}
	k.no++
	file = filepath.Join(k.dir, strconv.Itoa(k.no))
	if err = os.WriteFile(file, b, 0o600); err != nil {
		_ = os.Remove(file) // a part of it takes room, no more
	}
	return file, err
}

// close removes all of them.
func (k *instrumented) close() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir != "" {
		_ = os.RemoveAll(k.dir) // likewise
	}
	k.dir, k.kept, k.bytes, k.of = "", nil, 0, map[waxwing.TenantID]int64{}
}

// instrumented is the engine's; nil: it has no folder.
func (e *Engine) instrumented() *instrumented {
	if e.cache == nil {
		return nil
	}
	return e.cache.kept
}

// instrumentedKey tells apart whose module it is and what it was checked for.
func instrumentedKey(c *Code, hooks []waxwing.Hook) string {
	var b strings.Builder
	b.WriteString(c.key())
	for _, h := range slices.Sorted(slices.Values(hooks)) {
		b.WriteString(" " + string(h))
	}
	return b.String()
}

// get is the module and its name in the cache of native code, nil where it is not there
// or is not what was written.
func (k *instrumented) get(key string) (*wasm.Instrumented, string) {
	if k == nil {
		return nil, ""
	}
	k.mu.Lock()
	i := slices.IndexFunc(k.kept, func(m *keptModule) bool { return m.key == key })
	if i < 0 {
		k.mu.Unlock()
		return nil, ""
	}
	m := k.kept[i]
	k.kept = append(slices.Delete(k.kept, i, i+1), m)
	k.mu.Unlock()

	b, err := os.ReadFile(m.file)
	if err != nil || sha256.Sum256(b) != m.sum {
		k.mu.Lock()
		defer k.mu.Unlock()
		if i := slices.Index(k.kept, m); i >= 0 {
			k.remove(i)
		}
		return nil, ""
	}
	w := m.wasm
	w.Bytes = b
	return &w, hex.EncodeToString(m.sum[:])
}

// put keeps a module. What cannot be kept is made anew the next time.
func (k *instrumented) put(key string, c *Code) {
	size := int64(len(c.wasm.Bytes))
	if k == nil || size < leastInstrumented {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if size > k.most/tenantInstrumented || slices.ContainsFunc(k.kept, func(m *keptModule) bool { return m.key == key }) {
		return
	}
	for k.of[c.Tenant]+size > k.most/tenantInstrumented {
		k.remove(slices.IndexFunc(k.kept, func(m *keptModule) bool { return m.tenant == c.Tenant }))
	}
	k.shrink(k.most - size)
	file, err := k.write(c.wasm.Bytes)
	if err != nil {
		return
	}
	m := &keptModule{key: key, tenant: c.Tenant, hash: c.Hash, file: file, size: size, sum: sha256.Sum256(c.wasm.Bytes), wasm: *c.wasm}
	m.wasm.Bytes = nil
	k.kept = append(k.kept, m)
	k.bytes += size
	k.of[c.Tenant] += size
}

// shrink removes files until the rest has so many bytes: those of the tenant that has
// most of them first, since nobody is to lose what is his for another's. The caller
// holds mu.
func (k *instrumented) shrink(most int64) {
	for k.bytes > most && len(k.kept) > 0 {
		largest, n := waxwing.TenantID(""), int64(-1)
		for t, b := range k.of {
			if b > n {
				largest, n = t, b
			}
		}
		k.remove(slices.IndexFunc(k.kept, func(m *keptModule) bool { return m.tenant == largest }))
	}
}

// remove removes one. The caller holds mu.
func (k *instrumented) remove(i int) {
	m := k.kept[i]
	k.kept = slices.Delete(k.kept, i, i+1)
	k.bytes -= m.size
	if k.of[m.tenant] -= m.size; k.of[m.tenant] == 0 {
		delete(k.of, m.tenant)
	}
	_ = os.Remove(m.file) // it takes room until the next start, no more
}

// forget removes what was made of a module that will not be called again.
func (k *instrumented) forget(hash string) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.kept) - 1; i >= 0; i-- {
		if k.kept[i].hash == hash {
			k.remove(i)
		}
	}
}

// bound says how much native code there may be, of which these files are a part, and
// gives what is left of it.
func (k *instrumented) bound(native int64) int64 {
	if k == nil {
		return native
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.most = native / instrumentedShare
	k.shrink(k.most)
	return native - k.bytes
}
