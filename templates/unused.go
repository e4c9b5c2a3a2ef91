package templates

import (
	"fmt"
	"slices"
	"strings"
)

// unused finds the files of a tenant that no other file includes: mostly a
// built-in one's name with a typing mistake, whose content is never seen.
func unused(own, files map[string]string) Breaches {
	seen := map[string]bool{}
	var visit func(file string)
	visit = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		var none Breaches // reported where the set was compiled
		includes(parse(file, files[file], "", &none), func(name string) { visit(name + suffix) })
	}
	visit(htmlFile)
	visit(textFile)
	var names []string
	for file := range files {
		if _, mine := own[file]; !mine && !strings.HasPrefix(file, "order.") || file == htmlFile || file == textFile {
			names = append(names, strings.TrimSuffix(file, suffix))
		}
	}
	slices.Sort(names)
	var breaches Breaches
	for file := range own {
		if seen[file] {
			continue
		}
		name := strings.TrimSuffix(file, suffix)
		remedy := fmt.Sprintf("include it with {{> %s}}, or take it away", name)
		if n := nearest(name, names); n != "" {
			remedy = "did you mean " + n + "? Else " + remedy
		}
		breaches = append(breaches, Breach{file, 1, 1, "the file is never used", remedy})
	}
	return ordered(breaches)
}

const suffix = ".mustache"

// includes visits the partials of a template.
func includes(nodes []node, visit func(name string)) {
	for i := range nodes {
		if n := &nodes[i]; n.kind == nodePartial && n.name != blockJSONLD {
			visit(n.name)
		}
		includes(nodes[i].kids, visit)
	}
}

// nearest is the known name that a typing mistake or two lead to, "" if none.
func nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to add, drop, change or swap (the optimal string
// alignment). Long names are not worth the time.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
