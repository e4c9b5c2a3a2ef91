package templates

import (
	"slices"
	"strings"
)

// personalNames are the names that a set uses of what plugins say. Each becomes
// an index at load.
type personalNames struct{ vars, blocks []string }

// The blocks of the built-in set: shown unless a plugin says otherwise, where
// any other block is hidden unless one asks for it.
const (
	blockRecommendations = iota
	blockDelay
	blockSupport
	numShown
)

var shownBlocks = [numShown]string{"recommendations", "delay", "support"}

func newPersonalNames() *personalNames { return &personalNames{blocks: slices.Clone(shownBlocks[:])} }

// maxNames bounds each kind: a plugin may say 32.
const maxNames = 200

// resolve reads vars.NAME and blocks.NAME; is reports whether the name begins
// like one of them.
func (n *personalNames) resolve(name string) (f field, is, ok bool) {
	list, s, k := &n.vars, scopeVar, kindText
	rest, is := strings.CutPrefix(name, "vars.")
	if !is {
		list, s, k = &n.blocks, scopeBlock, kindFlag
		if rest, is = strings.CutPrefix(name, "blocks."); !is {
			return f, false, false
		}
	}
	i := slices.Index(*list, rest)
	if i < 0 {
		if !personalName(rest) || len(*list) >= maxNames {
			return f, true, false
		}
		i = len(*list)
		*list = append(*list, rest)
	}
	at := ref(s, i)
	return field{kind: k, ref: at, frame: frame{scope: scopeRoot, ref: at}}, true, true
}

// personalName reports whether a plugin could give the name.
func personalName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}
