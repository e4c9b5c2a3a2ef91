package plugins

import (
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
