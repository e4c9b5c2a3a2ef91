package daemon

import (
	"log/slog"

	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/enrich"
)

// Check opens what Start would, short of the ledger, the listener and any connection, and
// closes it again. Its error says what keeps a daemon from starting, or what of a
// tenant's templates would not be used.
func Check(c *config.Config) error {
	x, err := compose.New(c, slog.New(slog.DiscardHandler))
	if err == nil {
		err = x.Faults()
	}
	if err != nil {
		return err
	}
	ps, err := OpenProviders(c, nil)
	for _, p := range ps {
		CloseNow(p)
	}
	if err != nil {
		return err
	}
	theirs, err := openOwn(c.Tenants, nil, nil)
	for _, p := range theirs {
		CloseNow(p)
	}
	if err != nil {
		return err
	}
	lookups, err := enrich.Open(c.Enrich) // it connects to nothing
	if err != nil {
		return err
	}
	return lookups.Close()
}
