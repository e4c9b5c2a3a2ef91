package pipeline

import (
	"context"
	"log/slog"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// journal is what the log tells of orders: its id, states, reasons that stand in the trail
// anyway, names from the configuration. Never what is in it.
type journal struct {
	log   *slog.Logger
	debug bool // steps are read
}

func newJournal(log *slog.Logger) *journal {
	return &journal{log, log.Enabled(context.Background(), slog.LevelDebug)}
}

// Debug reports whether steps are read at all. Callers on hot paths ask first, since the
// arguments cost even where nobody reads them.
func (j *journal) Debug() bool { return j.debug }

// Step logs one step at level debug.
func (j *journal) Step(what string, id waxwing.ID, args ...any) {
	j.log.LogAttrs(context.Background(), slog.LevelDebug, what, append([]slog.Attr{slog.Any("confirmation", id)}, pairs(args)...)...)
}

// tell logs that a confirmation or message does not go the usual way, and why.
// What is ignored is no order, and is told at level debug only.
func (j *journal) tell(id waxwing.ID, t waxwing.TenantID, to waxwing.State, reason string, args ...any) {
	level := slog.LevelInfo
	if to == waxwing.Ignored {
		level = slog.LevelDebug
	}
	as := []slog.Attr{slog.Any("confirmation", id), slog.String("tenant", string(t)), slog.String("reason", logged(reason))}
	j.log.LogAttrs(context.Background(), level, string(to), append(as, pairs(args)...)...)
}

// Ended tells what ended a message.
func (j *journal) Ended(c *waxwing.Claim, r *waxwing.Resolution) {
	a := &r.Attempt
	j.tell(c.Confirmation, c.Out.Tenant, r.To, r.Reason, "message", c.Out.Message, "channel", c.Out.Channel, "provider", a.Provider,
		"phase", a.Phase, "code", a.Code, "enhanced", a.Enhanced, "fallback", len(r.Fallback) > 0)
}

func pairs(args []any) (as []slog.Attr) {
	for i := 0; i+1 < len(args); i += 2 {
		name, _ := args[i].(string) // the callers are in this package
		as = append(as, slog.Any(name, args[i+1]))
	}
	return as
}

// logged is a reason for the log. A plugin's own words stay in the trail: its
// author may have put in them what he likes.
func logged(reason string) string {
	for _, p := range []string{"plugin ", "the plugin "} {
		if strings.HasPrefix(reason, p) {
			reason, _, _ = strings.Cut(reason, ":")
		}
	}
	return reason
}
