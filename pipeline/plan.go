package pipeline

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// plan is the configuration's list of stages, sorted out.
type plan struct {
	hooks    []waxwing.Hook // of the plugins stage
	queue    config.Queue
	send     config.Send
	fallback *config.Fallback
	// channel is the one that is rendered first, instead those that a message falls back
	// to, in this order.
	channel   waxwing.Channel
	instead   []waxwing.Channel
	providers map[waxwing.Channel][]string
}

// planOf reads the stages. Their order was checked with the file; the checks
// here are for configurations made in code.
func planOf(c *config.Config) (plan, error) {
	p := plan{channel: waxwing.Channels[0], providers: map[waxwing.Channel][]string{}}
	seen := map[string]bool{}
	for _, s := range c.Pipeline {
		switch {
		case s.Normalise != nil:
			seen["normalise"] = true
		case s.Plugins != nil:
			for _, h := range s.Plugins.Hooks {
				p.hooks = append(p.hooks, waxwing.Hook(h))
			}
		case s.Render != nil:
			seen["render"] = true
		case s.Queue != nil:
			p.queue, seen["queue"] = *s.Queue, true
		case s.Send != nil:
			p.send, seen["send"] = *s.Send, true
			if s.Send.Channel != "" {
				p.channel = waxwing.Channel(s.Send.Channel)
			}
			p.providers[p.channel] = s.Send.Providers
		case s.Fallback != nil:
			p.fallback = s.Fallback
			names := s.Fallback.Channels
			if len(names) == 0 {
				names = []string{string(waxwing.SMS)}
			}
			for _, ch := range names {
				p.instead = append(p.instead, waxwing.Channel(ch))
				p.providers[waxwing.Channel(ch)] = s.Fallback.Providers
			}
		}
	}
	for _, must := range []string{"normalise", "render", "queue", "send"} {
		if !seen[must] {
			return p, fmt.Errorf("pipeline: the stage %q is missing", must)
		}
	}
	return p, nil
}
