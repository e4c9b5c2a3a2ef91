// Package layout tells which numbered migrations of a store's tables are still to run.
package layout

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Migration is one numbered file.
type Migration struct {
	Number int64
	Name   string
	SQL    string
}

// After gives the migrations of a folder above a number, in their order.
func After(folder fs.FS, at int64) (out []Migration, err error) {
	names, err := fs.Glob(folder, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number", name)
		}
		if n <= at {
			continue
		}
		b, err := fs.ReadFile(folder, name)
		if err != nil {
			return nil, err
		}
		out = append(out, Migration{n, path.Base(name), string(b)})
	}
	return out, nil
}
