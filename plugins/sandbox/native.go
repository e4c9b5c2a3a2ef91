package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// native is one file of native code.
type native struct {
	name string
	seal seal
	at   time.Time // when its seal was written
}

// list gives all that has a seal, oldest first.
func (c *cache) list() ([]native, error) {
	found, err := filepath.Glob(filepath.Join(c.dir, "*.seal"))
	if err != nil {
		return nil, err
	}
	out := make([]native, 0, len(found))
	for _, f := range found {
		st, err := os.Stat(f)
		if err != nil {
			continue // it was removed meanwhile
		}
		name := strings.TrimSuffix(filepath.Base(f), ".seal")
		if s, err := c.read(name); err == nil {
			out = append(out, native{name, s, st.ModTime()})
		}
	}
	slices.SortStableFunc(out, func(a, b native) int { return a.at.Compare(b.at) })
	return out, nil
}

// Natives are the bytes of native code that lie in the cache, by the key of what
// they were made of.
func (e *Engine) Natives() (map[string]int64, error) {
	out := map[string]int64{}
	if e.cache == nil {
		return out, nil
	}
	all, err := e.cache.list()
	for _, n := range all {
		out[n.seal.Source] += n.seal.Size
	}
	return out, err
}

// freshFor is how long native code is kept whose version is not known yet: its
// upload may be under way.
const freshFor = 2 * time.Minute

// tidy removes native code that no version holds, then the oldest until the
// rest fits; what is needed all the same is compiled again. What is loaded stays
// loaded: the file is only where it came from.
// The engine of scripts, ours, stays in any case: each upload of one would wait for it.
func (c *cache) tidy(held map[string]bool, engine string, most int64, now time.Time) (removed int, err error) {
	c.one.Lock()
	defer c.one.Unlock()
	all, err := c.list()
	if err != nil {
		return 0, err
	}
	total, files := int64(0), map[string]int{} // two seals may stand for one file
	for _, n := range all {
		if files[n.seal.File]++; files[n.seal.File] == 1 {
			total += n.seal.Size
		}
	}
	for _, n := range all {
		idle := !held[n.seal.Source] && now.Sub(n.at) > freshFor
		if !idle && total <= most || n.seal.Source == engine && engine != "" {
			continue
		}
		if err := os.Remove(filepath.Join(c.dir, n.name+".seal")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, err
		}
		if files[n.seal.File]--; files[n.seal.File] == 0 {
			if err := os.Remove(filepath.Join(c.dir, n.seal.File)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return removed, err
			}
			total -= n.seal.Size
		}
		removed++
	}
	return removed, nil
}

// Tidy removes native code whose source is not among held, and the oldest beyond so many
// bytes. What was made just now stays: its upload may be under way.
func (e *Engine) Tidy(held map[string]bool, most int64) (removed int, err error) {
	if e.cache == nil {
		return 0, nil
	}
	engine := ""
	if js, err := e.script(nil); err == nil {
		engine = js.Source()
	}
	return e.cache.tidy(held, engine, e.cache.kept.bound(most), time.Now()) // files have the system's times
}
