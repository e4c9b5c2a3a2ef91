// Package redis reads events from a stream of Redis that is the shop's.
package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	api "github.com/redis/go-redis/v9"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/redis"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "redis", Settings: func() config.Block { return &Settings{} },
		Example: "type: redis\nurl: \"${SHOP_REDIS}\"\nstream: orders\ntenant: acme\nshop: web",
		Notes:   "Redis 6.2 or newer. The group is made where it is missing, and begins with the oldest entry. Nothing is deleted from the stream: whoever writes to it bounds it (`MAXLEN ~`), generously, since an entry that goes before it was read is lost."}
}

// Settings are the keys of a stream on a Redis server.
type Settings struct {
	// URL names the server: redis://user:password@host:6379/0, or rediss:// over TLS.
	URL config.Secret `yaml:"url"`
	// Stream is the key of the stream that the shop writes to.
	Stream string `yaml:"stream" want:"the stream's key, such as orders"`
	// Group is the consumers' group, which all daemons of a ledger share.
	Group string `yaml:"group,omitempty" default:"waxwing"`
	// Field is which field of an entry has the event. Without it it is payload, data, body, event, value, message or json,
	// or the only field that there is.
	Field string `yaml:"field,omitempty"`
	// ClaimIdle is how long an entry may be with a daemon that says nothing, before another takes it. One that has it in hand says so.
	ClaimIdle config.Duration `yaml:"claim_idle,omitempty" default:"1m" min:"10s" max:"1h"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
}

// Check reports what is no Redis.
func (s *Settings) Check(r *config.Report) {
	redis.CheckURL(r, "url", s.URL)
	if s.Group == "" && !r.Bad("group") {
		r.Fail("group", r.Path("group")+" is empty: a group has a name", "Take the line out, or name the group that all daemons share")
	}
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(string, *slog.Logger) (*Source, error) {
	o, err := redis.Options(s.URL)
	if err != nil {
		return nil, err
	}
	return &Source{Watch: broker.NewWatch(), settings: *s, options: o}, nil
}

// Source is a stream of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
	options  *api.Options
}

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)},
		Keep: x.settings.ClaimIdle.D() / 4}, x.dial)
}

// reader is two clients: one waits for entries, and the other says what becomes of them.
type reader struct {
	Settings
	consumer string
	in, out  *api.Client
	cursor   string    // of what others hold
	claimed  time.Time // when all of that was looked at
	stop     func() bool
}

const (
	// blockFor is how long the server is asked to wait for an entry.
	blockFor = 2 * time.Second
	// partFor is how long it may take to say good-bye.
	partFor = 800 * time.Millisecond
)

func (x *Source) dial(ctx context.Context) (broker.Reader[string], error) {
	life := ctx
	return broker.Dialled(ctx, func(ctx context.Context) (broker.Reader[string], error) {
		// Daemons of one machine are one consumer: an entry goes to one of them all the same.
		host, err := os.Hostname()
		if err != nil {
			host = "waxwing"
		}
		o := *x.options
		r := &reader{Settings: x.settings, consumer: host, in: api.NewClient(&o), out: api.NewClient(&o), cursor: "0-0"}
		r.stop = context.AfterFunc(life, func() { // the client waits for an answer whatever its context says
			_ = r.in.Close()
			time.AfterFunc(partFor, func() { _ = r.out.Close() })
		})
		err = r.out.XGroupCreateMkStream(ctx, r.Stream, r.Group, "0").Err()
		if err != nil && !strings.HasPrefix(err.Error(), "BUSYGROUP") {
			r.Close(ctx, nil)
			return nil, fmt.Errorf("the group %s of the stream %s: %w", r.Group, r.Stream, err)
		}
		return r, nil
	})
}

// Next is broker.Reader's. First comes what others had, and left.
func (r *reader) Next(ctx context.Context) ([]broker.Delivery[string], error) {
	if r.cursor != "0-0" || time.Since(r.claimed) > r.ClaimIdle.D()/2 {
		list, next, err := r.out.XAutoClaim(ctx, &api.XAutoClaimArgs{Stream: r.Stream, Group: r.Group, Consumer: r.consumer, MinIdle: r.ClaimIdle.D(), Start: r.cursor, Count: broker.Batch}).Result()
		if err != nil {
			return nil, over(ctx, err)
		}
		if r.cursor = next; next == "0-0" {
			r.claimed = time.Now()
		}
		if len(list) > 0 {
			return r.read(list), nil
		}
	}
	got, err := r.in.XReadGroup(ctx, &api.XReadGroupArgs{Group: r.Group, Consumer: r.consumer, Streams: []string{r.Stream, ">"}, Count: broker.Batch, Block: min(blockFor, r.ClaimIdle.D()/2)}).Result()
	if errors.Is(err, api.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, over(ctx, err)
	}
	var out []broker.Delivery[string]
	for _, s := range got {
		out = append(out, r.read(s.Messages)...)
	}
	return out, nil
}

// over is an error, unless only ctx has ended.
func over(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *reader) read(list []api.XMessage) []broker.Delivery[string] {
	out := make([]broker.Delivery[string], len(list))
	for i, m := range list {
		fields := map[string]string{}
		for k, v := range m.Values {
			fields[k] = fmt.Sprint(v) // it is text
		}
		body := r.body(fields)
		out[i] = broker.Delivery[string]{At: m.ID, Message: broker.Message{Body: []byte(body), Headers: broker.Lower(fields), Where: "stream " + r.Stream + ", entry " + m.ID}}
	}
	return out
}

// bodies are the fields that publishers put an event into.
var bodies = []string{"payload", "data", "body", "event", "value", "message", "json"}

// body takes the event out of an entry's fields. An entry without one is all its fields, which no format reads.
func (r *reader) body(fields map[string]string) string {
	names := bodies
	if r.Field != "" {
		names = []string{r.Field}
	}
	for _, name := range names {
		if v, ok := fields[name]; ok {
			delete(fields, name)
			return v
		}
	}
	if len(fields) == 1 && r.Field == "" {
		for k, v := range fields {
			delete(fields, k)
			return v
		}
	}
	if len(fields) == 0 {
		return ""
	}
	whole, _ := json.Marshal(map[string]any{"fields": fields}) // text
	return string(whole)
}

// Settle is broker.Reader's.
func (r *reader) Settle(ctx context.Context, at []string) error {
	return r.out.XAck(ctx, r.Stream, r.Group, at...).Err()
}

// Keep is broker.Reader's: the entries were heard of just now.
func (r *reader) Keep(ctx context.Context, at []string) error { return r.claim(ctx, at, 0) }

// claim makes entries ours that were heard of so long ago.
func (r *reader) claim(ctx context.Context, at []string, idle time.Duration) error {
	args := []any{"XCLAIM", r.Stream, r.Group, r.consumer, 0}
	for _, id := range at {
		args = append(args, id)
	}
	return r.out.Do(ctx, append(args, "IDLE", idle.Milliseconds(), "JUSTID")...).Err()
}

// Behind is broker.Reader's.
func (r *reader) Behind(ctx context.Context) (int64, error) {
	groups, err := r.out.XInfoGroups(ctx, r.Stream).Result()
	if err != nil {
		return 0, err
	}
	for _, g := range groups {
		if g.Name == r.Group {
			if g.Lag < 0 { // it does not know
				return -1, nil
			}
			return g.Lag + g.Pending, nil
		}
	}
	return 0, fmt.Errorf("the group %s of the stream %s is gone", r.Group, r.Stream)
}

// Close is broker.Reader's. What is given back counts as left long ago, so that the next one takes it at once.
func (r *reader) Close(ctx context.Context, at []string) {
	if len(at) > 0 {
		_ = r.claim(ctx, at, 24*time.Hour) // it is taken later, else
	}
	r.stop()
	_ = r.in.Close()
	_ = r.out.Close()
}
