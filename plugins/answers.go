package plugins

import (
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// rulingOf is what becomes of the order. The answer's reason is a word of the
// plugin's list by now; what else it said stands in its run, which can be erased.
func rulingOf(name string, a *abi.Answer) Ruling {
	reason := "plugin " + name + ": " + a.Reason
	if a.Reason == "" {
		reason = "plugin " + name + ": its reason is not on its list; see its run"
	}
	switch a.Action {
	case "hold":
		return Ruling{Hold: reason}
	case "drop":
		return Ruling{Drop: reason}
	}
	return Ruling{}
}

// apply adds an answer to what was said before: of two subjects the later
// counts, of two lists of articles both.
func apply(p *waxwing.Personal, h waxwing.Hook, a *abi.Answer, o *waxwing.Order) bool {
	switch h {
	case waxwing.HookPersonalise:
		if a.Subject != "" {
			p.Subject = a.Subject
		}
		if a.Greeting != "" {
			p.Greeting = a.Greeting
		}
		for k, v := range a.Vars {
			if p.Vars == nil {
				p.Vars = map[string]string{}
			}
			p.Vars[k] = v
		}
		for k, v := range a.Blocks {
			if p.Blocks == nil {
				p.Blocks = map[string]bool{}
			}
			p.Blocks[k] = v
		}
		return a.Subject != "" || a.Greeting != "" || len(a.Vars) > 0 || len(a.Blocks) > 0
	case waxwing.HookRecommend:
		for _, sku := range a.SKUs {
			if len(p.Recommended) >= abi.MaxRecommended || slices.ContainsFunc(p.Recommended, func(c waxwing.Candidate) bool { return c.SKU == sku }) {
				continue
			}
			i := slices.IndexFunc(o.Insight.Candidates, func(c waxwing.Candidate) bool { return c.SKU == sku })
			p.Recommended = append(p.Recommended, o.Insight.Candidates[i]) // Decode has found it there
		}
		return len(p.Recommended) > 0
	case waxwing.HookPredictDelay:
		if a.Delay != nil {
			p.Delay = a.Delay
		}
		return a.Delay != nil
	}
	return false
}

// shareOf puts an order into one of a hundred parts, the same at each try.
func shareOf(t waxwing.TenantID, o *waxwing.Order) int {
	h := uint32(2166136261)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		h = (h ^ 0xff) * 16777619
	}
	add(string(t))
	if o != nil {
		add(string(o.Shop))
		add(o.ID)
	}
	h ^= h >> 16 // FNV's low bits alone follow the last characters too closely
	h *= 0x85ebca6b
	h ^= h >> 13
	return int(h % 100)
}
