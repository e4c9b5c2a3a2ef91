package daemon

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// brokerType is a component that makes brokers of its settings.
type brokerType struct {
	config.Component
	open func(b config.Block, name string, log *slog.Logger) (queue.Broker, error)
}

// brokerOf lists a type whose settings S are opened as a B.
func brokerOf[S config.Block, B queue.Broker](c config.Component, open func(S, string, *slog.Logger) (B, error)) brokerType {
	return brokerType{c, func(b config.Block, name string, log *slog.Logger) (queue.Broker, error) {
		return open(b.(S), name, log)
	}}
}

// openBrokers makes every broker that the configuration names. None connects yet: a daemon starts
// without them.
func openBrokers(c *config.Config, types []brokerType, log *slog.Logger) (map[string]queue.Broker, error) {
	out := map[string]queue.Broker{}
	for name, b := range c.Brokers {
		i := slices.IndexFunc(types, func(t brokerType) bool { return t.Name == b.Type })
		if i < 0 {
			return nil, fmt.Errorf("broker %s: there is no type %q", name, b.Type)
		}
		made, err := types[i].open(b.Settings, name, log)
		if err != nil {
			return nil, fmt.Errorf("broker %s: %w", name, err)
		}
		out[name] = made
	}
	return out, nil
}

// tagOf is the same for all daemons of a ledger, and another's for those of others: of ledgers with
// one master key it is the name that differs.
func tagOf(l Ledger, name string) string {
	purpose := "topics on brokers"
	if name != "" {
		purpose += " of " + name
	}
	key := l.Derive(purpose)
	return hex.EncodeToString(key[:4])
}

// tryBroker connects, and has the broker keep nothing.
func (x Connector) tryBroker(ctx context.Context, what string, b queue.Broker) Tried {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(x.Patience, perTry))
	defer cancel()
	l, err := b.Dial(ctx, nil, func(error) {})
	if err != nil {
		return Tried{What: what, Said: err.Error(), Failed: true, Remedy: "Look whether the broker runs, listens at this address and lets this user in: a daemon starts without it, and its queues stay in their process"}
	}
	_ = l.Close() // it was only tried
	return Tried{What: what, Said: "answers"}
}
