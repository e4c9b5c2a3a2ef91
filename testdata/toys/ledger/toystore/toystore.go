// Package toystore keeps a ledger in the embedded store, in a folder of another name.
package toystore

import (
	"context"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// Component is the store's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "toy", Settings: func() config.Block { return &Settings{} }, Example: "type: toy\nfolder: ./toys.d"}
}

// Settings are the keys of a folder.
type Settings struct {
	// Folder is where the ledger is.
	Folder string `yaml:"folder,omitempty" default:"./toys.d"`
}

// Check makes the folder's path one for the daemon.
func (s *Settings) Check(r *config.Report) { s.Folder = r.Beside("folder", s.Folder) }

// Ledger is the embedded one, elsewhere.
type Ledger struct{ *sqlite.Ledger }

// Open opens it.
func (s *Settings) Open(ctx context.Context, o ledger.Options) (*Ledger, error) {
	o.Dir = s.Folder
	l, err := sqlite.Open(ctx, sqlite.Options{Options: o})
	if err != nil {
		return nil, err
	}
	return &Ledger{l}, nil
}
