package config

import (
	"slices"
	"strings"
)

// meant is the remedy for a word that is not known: the nearest one that is,
// else all of them.
func meant(word string, known []string, otherwise string) string {
	if n := nearest(word, known); n != "" {
		return `Did you mean "` + n + `"?`
	}
	return otherwise
}

// nearest is the known word that a typing mistake or two lead to, "" if none.
func nearest(word string, known []string) string {
	w := plain(word)
	best, least := "", max(1, min(len(w), 9)/3)+1
	for _, k := range known {
		p := plain(k)
		d := distance(w, p)
		if len(w) >= 3 && len(p) >= 3 && (strings.HasPrefix(w, p) || strings.HasPrefix(p, w)) {
			d = min(d, 1) // address, addr
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// plain takes away what people vary: case, hyphens, double letters, spelling.
func plain(s string) string {
	s = strings.NewReplacer("-", "_", " ", "_", "colour", "color", "ize", "ise").Replace(strings.ToLower(s))
	return string(slices.Compact([]rune(s)))
}

// distance counts the letters to add, drop, change or swap (the optimal string
// alignment). Long words are not worth the time.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// choices writes "a, b or c".
func choices(words []string) string {
	switch len(words) {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
