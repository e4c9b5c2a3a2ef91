package pipeline

import (
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
)

// Settings are what may change while a pipeline runs. They are made whole and not
// written after Prepare: an event is accepted, an order worked on, and a message offered, with
// those of one moment.
type Settings struct {
	Tenants  map[string]config.Tenant
	Formats  map[string]waxwing.Format
	Composer Composer
	// Own are the tenants' own providers by tenant, in their order, for those who have some.
	Own map[string][]OwnProvider

	members map[waxwing.TenantID]*member
	senders map[waxwing.Channel][]*delivery.Sender // all that there are, the common ones first
}

// OwnProvider is a provider of one tenant's.
type OwnProvider struct {
	Name    string // as its tenant calls it
	Type    string // metrics know it by that alone
	Carries waxwing.Channel
	delivery.Provider
}

// member is a tenant as these settings have it.
type member struct {
	config *config.Tenant
	flow   *flow
	// own are who sends its messages by its own providers, too, by pipeline and channel; what is not in
	// there goes as everybody's does.
	own map[way]*delivery.Sender
}

// way is how a message goes out.
type way struct {
	flow    *flow
	channel waxwing.Channel
}

// Prepare makes settings ready for Use. An error says that they cannot be used; nothing has
// changed then.
func (x *Pipeline) Prepare(s *Settings) error {
	s.members = make(map[waxwing.TenantID]*member, len(s.Tenants))
	s.senders = map[waxwing.Channel][]*delivery.Sender{}
	for _, ch := range waxwing.Channels {
		var idle []*delivery.Sender // without a provider: what is theirs fails whenever somebody looks
		for _, name := range sortedKeys(x.flows) {
			f := x.flows[name]
			if made := x.senders[way{f, ch}]; len(f.providers[ch]) > 0 {
				s.senders[ch] = append(s.senders[ch], made)
			} else {
				idle = append(idle, made)
			}
		}
		if len(s.senders[ch]) == 0 {
			s.senders[ch] = idle
		}
	}
	for name := range s.Tenants {
		t := s.Tenants[name]
		m := &member{config: &t, flow: x.flowFor(&t)}
		if m.flow == nil {
			return fmt.Errorf("tenants.%s.pipeline: there is no pipeline %q", name, t.Pipeline)
		}
		s.members[waxwing.TenantID(name)] = m
		if len(s.Own[name]) > 0 {
			if err := x.sendersOf(s, name, m); err != nil {
				return fmt.Errorf("tenants.%s.providers: %w", name, err)
			}
		}
	}
	return nil
}

// Use has events and orders from now on handled by other settings, which were prepared. What
// is being worked on goes on with those that it began with.
func (x *Pipeline) Use(s *Settings) {
	x.settings.Store(s)
	names := map[string]bool{}
	for t, all := range s.Own {
		for _, p := range all {
			names[OwnName(t, p.Name)] = true
		}
	}
	for _, ch := range x.channels {
		ch.health.Keep(names)
	}
}

// now are the settings of this moment.
func (x *Pipeline) now() *Settings { return x.settings.Load() }

// flowOfMessage is the pipeline of a message: the one that made it, or, where it does not say so or
// that one is gone, its tenant's. Nil: the tenant is gone, too.
func (x *Pipeline) flowOfMessage(m *member, name string) *flow {
	if f := x.flows[name]; f != nil {
		return f
	}
	if m != nil {
		return m.flow
	}
	return x.flows[config.DefaultPipeline]
}

// senderOf is who sends a message.
func (x *Pipeline) senderOf(c *waxwing.Claim) *delivery.Sender {
	m := x.now().members[c.Out.Tenant]
	w := way{x.flowOfMessage(m, c.Out.Pipeline), c.Out.Channel}
	if m != nil {
		if s := m.own[w]; s != nil {
			return s
		}
	}
	return x.senders[w]
}

// OwnName is the name of a tenant's own provider in the trail: no other provider has it.
func OwnName(tenant, name string) string { return tenant + "/" + name }

// sendersOf makes who sends a tenant's messages by its own providers.
func (x *Pipeline) sendersOf(s *Settings, tenant string, m *member) error {
	m.own = map[way]*delivery.Sender{}
	own := map[waxwing.Channel][]delivery.Named{}
	for _, p := range s.Own[tenant] {
		own[p.Carries] = append(own[p.Carries], delivery.Named{Provider: p.Provider, Name: OwnName(tenant, p.Name), Label: "own:" + p.Type, Own: true})
	}
	for _, ch := range waxwing.Channels {
		if len(own[ch]) == 0 {
			continue
		}
		for _, name := range sortedKeys(x.flows) {
			f := x.flows[name]
			all := own[ch]
			if !m.config.OwnProvidersOnly {
				all = append(slices.Clone(all), x.commonOf(f, ch)...)
			}
			made, err := x.newSender(f, ch, all)
			if err != nil {
				return err
			}
			m.own[way{f, ch}] = made
			s.senders[ch] = append(s.senders[ch], made)
		}
	}
	return nil
}
