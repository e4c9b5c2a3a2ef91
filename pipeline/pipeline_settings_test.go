package pipeline

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
)

// named takes every message and says by whom.
func named(name string, got chan string) *taker { return &taker{name: name, got: got} }

// sickly fails for as long as it is told to.
type sickly struct {
	taker
	ill atomic.Bool
}

func (s *sickly) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	if s.ill.Load() {
		return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true}
	}
	return s.taker.Offer(ctx, out, commit)
}

// twoTenants are parts with acme, which has a provider of its own, and bolt, which has none.
func twoTenants(b *book, mail, own delivery.Provider, only bool) Parts {
	p := partsOf(b, paid, mail, &taker{})
	acme := p.Config.Tenants["acme"]
	acme.OwnProvidersOnly = only
	p.Config.Tenants["acme"], p.Config.Tenants["bolt"] = acme, acme
	p.Own = map[string][]OwnProvider{"acme": {{Name: "mine", Type: "smtp", Carries: waxwing.Email, Provider: own}}}
	return p
}

func acceptOf(t *testing.T, x *Pipeline, tenant waxwing.TenantID, order string) {
	t.Helper()
	if _, err := x.Accept(t.Context(), &waxwing.Event{Tenant: tenant, Shop: "shop", Source: "webhook", Raw: []byte(order)}); err != nil {
		t.Fatal(err)
	}
}

// heard takes what has come so far.
func heard(got chan string) string {
	var all []string
	for len(got) > 0 {
		who, _, _ := strings.Cut(<-got, " ")
		all = append(all, who)
	}
	return strings.Join(all, " ")
}

// TestOwnProvidersStandFirst: a tenant's messages go by its own providers, by the common ones
// where those are down and it does not say no; another tenant's never go by them.
func TestOwnProvidersStandFirst(t *testing.T) {
	for name, c := range map[string]struct {
		only, ill   bool
		acme, later string // who takes acme's, at once and when its own is well again
	}{
		"its own is well":              {acme: "mine"},
		"it is down":                   {ill: true, acme: "mail"},
		"it is well, and alone":        {only: true, acme: "mine"},
		"it is down, and stands alone": {only: true, ill: true, acme: "", later: "mine"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := make(chan string, 99)
				own := &sickly{taker: taker{name: "mine", got: got}}
				own.ill.Store(c.ill)
				x := newPipeline(t, twoTenants(newBook(), named("mail", got), own, c.only))
				running(t, x)
				acceptOf(t, x, "bolt", "1")
				time.Sleep(time.Second)
				if by := heard(got); by != "mail" {
					t.Errorf("another tenant's went by %q", by)
				}
				acceptOf(t, x, "acme", "2")
				time.Sleep(10 * time.Second)
				if by := heard(got); by != c.acme {
					t.Errorf("its own went by %q, want %q", by, c.acme)
				}
				acceptOf(t, x, "bolt", "3")
				time.Sleep(time.Second)
				if by := heard(got); by != "mail" {
					t.Errorf("another tenant's went by %q then", by)
				}
				own.ill.Store(false)
				time.Sleep(10 * time.Minute)
				if by := heard(got); by != c.later {
					t.Errorf("what waited went by %q, want %q", by, c.later)
				}
			})
		})
	}
}

// TestChangedSettings: what is accepted before a change runs through its stages as it began,
// and is sent by the pipeline that made it; what comes after goes the new way.
func TestChangedSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, slow := make(chan string, 99), &lookup{wait: make(chan struct{})}
		b := newBook()
		p := partsOf(b, paid, named("mail", got), &taker{})
		p.Providers["spare"], p.Enrichers = named("spare", got), map[string]Enricher{"crm": slow}
		p.Config.Pipeline = stagesFrom("normalise :a enrich render :mail send")
		p.Config.Pipeline[2].Settings.(*EnrichStage).Deadline = config.Duration(time.Hour)
		p.Config.Pipelines = map[string][]config.Stage{"other": stagesFrom("normalise render :fast send")}
		p.Config.Pipelines["other"][3].Settings.(*Send).Providers = []string{"spare"}
		x := newPipeline(t, p)
		running(t, x)
		acceptOf(t, x, "acme", "1")
		synctest.Wait()
		tenants := map[string]config.Tenant{"acme": p.Config.Tenants["acme"]}
		changed := tenants["acme"]
		changed.Pipeline = "other"
		tenants["acme"] = changed
		use(t, x, &Settings{Tenants: tenants, Formats: p.Formats, Composer: p.Composer})
		acceptOf(t, x, "acme", "2")
		time.Sleep(time.Second)
		if by := heard(got); by != "spare" {
			t.Errorf("the new order went by %q", by)
		}
		close(slow.wait)
		time.Sleep(time.Second)
		if by := heard(got); by != "mail" {
			t.Errorf("the old order went by %q", by)
		}
		changed.Pipeline = "nowhere"
		tenants["acme"] = changed
		if err := x.Prepare(&Settings{Tenants: tenants}); err == nil || !strings.Contains(err.Error(), `tenants.acme.pipeline: there is no pipeline "nowhere"`) {
			t.Errorf("%v", err)
		}
		acceptOf(t, x, "acme", "3")
		time.Sleep(time.Second)
		if by := heard(got); by != "spare" {
			t.Errorf("settings that were refused are used: %q", by)
		}
	})
}

// TestFlowOfMessage: a message is sent by the pipeline that made it, or, where that is not
// known, by its tenant's.
func TestFlowOfMessage(t *testing.T) {
	p := partsOf(newBook(), paid, &taker{}, &taker{})
	if x := newPipeline(t, p); x.flows.all["default"].label != "" {
		t.Error("where there is one pipeline its name is nobody's business")
	}
	p = partsOf(newBook(), paid, &taker{}, &taker{})
	p.Config.Pipelines = map[string][]config.Stage{"other": stagesFrom("normalise render :fast send")}
	x := newPipeline(t, p)
	chooses := &member{flow: x.flows.all["other"]}
	for _, c := range []struct {
		by   *member
		name string
		want string
	}{{chooses, "default", "default"}, {chooses, "other", "other"}, {chooses, "", "other"}, {chooses, "gone", "other"}, {nil, "gone", "default"}, {nil, "other", "other"}} {
		if f := x.flows.ofMessage(c.by, c.name); f.label != c.want {
			t.Errorf("%q of a tenant %v: %s, want %s", c.name, c.by != nil, f.label, c.want)
		}
	}
}

// TestTextsOfATenantWithMailOnly: providers of its own for one channel leave the others as they are.
func TestTextsOfATenantWithMailOnly(t *testing.T) {
	x := newPipeline(t, twoTenants(newBook(), &taker{}, &taker{}, true))
	of := func(tenant waxwing.TenantID, ch waxwing.Channel) *delivery.Sender {
		return x.out.senderOf(&waxwing.Claim{Out: waxwing.Outgoing{Tenant: tenant, Channel: ch}})
	}
	if of("acme", waxwing.SMS) != of("bolt", waxwing.SMS) || of("acme", waxwing.Email) == of("bolt", waxwing.Email) {
		t.Error("its mails go their own way, its texts do not")
	}
	if of("nobody", waxwing.Email) != of("bolt", waxwing.Email) {
		t.Error("a tenant that is gone has no providers")
	}
	if n := of("acme", waxwing.Email).Most; n != 256/ownPart {
		t.Errorf("it takes %d workers", n)
	}
	if n := len(x.settings.Load().senders[waxwing.Email]); n != 2 {
		t.Errorf("%d send mails", n)
	}
}
