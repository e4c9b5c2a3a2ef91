package pipeline

import (
	"context"
	"encoding/json"
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

// told tells of a step that the ledger has recorded, and passes its error on.
func (x *Pipeline) told(err error, w *waxwing.Work, to waxwing.State, reason string) error {
	if err == nil {
		x.journal.tell(w.ID, w.Tenant, to, reason)
	}
	return err
}

// quarantine keeps an order that cannot be read, under its number where that much
// can be told.
func (x *Pipeline) quarantine(w *waxwing.Work, reason string) error {
	lk := waxwing.Lookup{Order: numbers(w.Raw), People: people(w.Raw)}
	if f, ok := x.now().Formats[w.Format]; ok {
		if k, err := f.Key(w.Topic, w.Raw); err == nil {
			lk.Order = append(lk.Order, k.OrderID)
		}
	}
	return x.told(x.p.Ledger.Quarantine(x.stop.Context(), w, reason, lk), w, waxwing.Quarantined, reason)
}

// foundBy is what an event that is put aside as it comes can be found by. A format that
// is a plugin's is not asked for that.
func (x *Pipeline) foundBy(f waxwing.Format, ev *waxwing.Event) waxwing.Lookup {
	lk := waxwing.Lookup{Order: append(numbers(ev.Raw), ev.Key.OrderID), People: people(ev.Raw)}
	if f.Normalise == nil || f.NormaliseWork != nil {
		return lk
	}
	if o, err := normalise(f, &waxwing.Work{Topic: ev.Topic, Raw: ev.Raw}); err == nil {
		more := lookupOf(o, x.p.Numbers)
		lk.Order, lk.People, lk.Whole = append(lk.Order, more.Order...), append(lk.People, more.People...), true
	}
	return lk
}

// numbers are what an event that cannot be read calls its order, as the formats
// name it; whoever searches for it may know any of them.
func numbers(raw []byte) (out []string) {
	var e map[string]json.RawMessage
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	for _, k := range []string{"name", "number", "order_number", "order_id"} {
		v := strings.TrimSpace(strings.Trim(string(e[k]), `"`))
		if v != "" && len(v) <= 64 && !strings.ContainsAny(v, "{}[]") && v != "null" {
			out = append(out, v)
		}
	}
	return out
}
