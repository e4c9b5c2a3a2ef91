package config

import (
	"strings"
	"testing"
)

// Components are the program's, which TestMain puts here: a test of this package cannot
// import package daemon, which imports it.
var Components Registry

// block indents an example of a component as a file would have it below a name.
func block(example string) string { return "    " + strings.ReplaceAll(example, "\n", "\n    ") }

// TestComponentsExamples: what the reference shows of each component loads.
func TestComponentsExamples(t *testing.T) {
	for _, l := range Components.Lookups {
		t.Run("lookup "+l.Name, func(t *testing.T) {
			c := parse(t, least+"enrich:\n  example:\n"+block(l.Example)+"\n")
			if got := c.Enrich["example"]; got.Type != l.Name || got.Settings == nil {
				t.Errorf("%+v", got)
			}
		})
	}
	for _, b := range Components.Brokers {
		t.Run("broker "+b.Name, func(t *testing.T) {
			text := strings.NewReplacer("${REDIS_URL}", "redis://h", "${AMQP_URL}", "amqp://h", "${NATS_URL}", "nats://h", "${KAFKA_URL}", "kafka://h", "${BUS_URL}", "postgres://h/d").Replace(b.Example)
			c := parse(t, least+"brokers:\n  example:\n"+block(text)+"\n")
			if got := c.Brokers["example"]; got.Type != b.Name || got.Settings == nil {
				t.Errorf("%+v", got)
			}
		})
	}
	for _, p := range Components.Providers {
		t.Run("provider "+p.Name, func(t *testing.T) {
			c := parse(t, strings.Replace(least, "  mail:", "  example:\n"+block(p.Example)+"\n  mail:", 1))
			if got := c.Providers["example"]; got.Type != p.Name || got.Settings == nil {
				t.Errorf("%+v", got)
			}
		})
	}
}

// pretend is a component that no program has.
type pretend struct {
	// Shout is how loud.
	Shout int `yaml:"shout,omitempty" default:"7" min:"1" max:"9"`
	// Key is shared with no other type.
	Key Secret `yaml:"key"`
	// From is shared with another type.
	From string `yaml:"from,omitempty"`
	Pool
}

func (p *pretend) Check(r *Report) {
	if p.From == "nowhere" {
		r.Fail("from", r.Path("from")+" is nowhere", "Write somewhere")
	}
}

func TestRegistered(t *testing.T) {
	more := Components
	more.Providers = append(append([]Component{}, more.Providers...), Component{Name: "drum", Carries: "email", Settings: func() Block { return &pretend{} }})
	for name, x := range map[string]struct{ text, want string }{
		"good":             {"{type: drum, key: k, connections: 3}", ""},
		"of its own check": {"{type: drum, key: k, from: nowhere}", `2:36: providers.drum.from is nowhere. Write somewhere`},
		"missing":          {"{type: drum}", `2:3: providers.drum: "key" is missing. Add key: with text`},
		"of others":        {"{type: drum, key: k, tls: none}", `2:30: "tls" belongs to providers of type smtp or mx, and this one's is drum. Take it out, or change the type`},
		"of two others":    {"{type: smtp, addr: \"a.example:25\", from: x}", `2:44: "from" belongs to providers of type twilio or vonage or httptext or drum, and this one's is smtp. Take it out, or change the type`},
		"mistyped":         {"{type: drumm, key: k}", `2:16: providers.drum.type: there is no "drumm". Did you mean "drum"?`},
		"its bounds":       {"{type: drum, key: k, shout: 10}", `2:37: providers.drum.shout is out of range: "10". Choose from 1 to 9`},
	} {
		t.Run(name, func(t *testing.T) {
			src := strings.Replace(least, "providers:\n", "providers:\n  drum: "+x.text+"\n", 1)
			c, err := Parse("x.yaml", []byte(src), always, more)
			if x.want == "" {
				p := c.Providers["drum"]
				if s, ok := p.Settings.(*pretend); err != nil || !ok || s.Shout != 7 || s.Key != "k" || p.MaxConnections() != 3 {
					t.Errorf("%+v %v", p, err)
				}
				if q := p.WithConnections(2); q.MaxConnections() != 2 || p.MaxConnections() != 3 {
					t.Errorf("%+v %+v", p, q)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), "x.yaml:"+x.want) {
				t.Errorf("want %s\ngot  %v", x.want, err)
			}
		})
	}
	if _, err := Parse("x.yaml", []byte(least), always, Registry{}); err == nil || !strings.Contains(err.Error(), `there is no "smtp". Choose nothing`) {
		t.Errorf("nothing is registered, and it loads: %v", err)
	}
}

// TestChangedSettings: a component's block is compared key by key.
func TestChangedSettings(t *testing.T) {
	a := parse(t, least)
	for want, now := range map[string]string{
		`providers.mail.tls has changed`:         "tls: starttls",
		`providers.mail.connections has changed`: "tls: none, connections: 3",
	} {
		b := parse(t, strings.Replace(least, "tls: none", now, 1))
		if err := b.Fixed(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}

func TestRegistryValid(t *testing.T) {
	good := Component{Name: "a", Settings: func() Block { return &pretend{} }}
	for want, list := range map[string][]Component{
		"stands twice":     {good, good},
		"no valid name":    {{Name: "A", Settings: good.Settings}},
		"no pointer to a ": {{Name: "b"}},
	} {
		if err := (Registry{Providers: list}).Valid(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}
