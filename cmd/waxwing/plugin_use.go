package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

// sayUse prints what a plugin has taken since the daemon's start, below a heading where
// it is the first.
func sayUse(s streams, first bool, name string, u *waxwing.PluginUse) {
	if u == nil {
		return
	}
	if first {
		_, _ = fmt.Fprintf(s.out, "\n%-24s %9s %9s %11s %6s %6s %9s  %s\n", "SINCE THE START", "CALLS", "MEAN", "MEAN FUEL", "RESTS", "LOADS", "MEMORY", "WITHOUT, AND WHY")
	}
	mean, fuel := "-", "-"
	if u.Calls > 0 {
		mean = (u.Time / time.Duration(u.Calls)).Round(time.Microsecond).String()
		fuel = fmt.Sprint(u.Fuel / u.Calls)
	}
	_, _ = fmt.Fprintf(s.out, "%-24s %9d %9s %11s %6d %6d %8dK  %s\n", name, u.Calls, mean, fuel, u.Rests, u.Loads, u.Memory>>10, faultsInWords(u.Faults))
}

// faultsInWords is the kinds of faults, the most frequent one first.
func faultsInWords(of map[string]int64) string {
	kinds := slices.Sorted(maps.Keys(of))
	slices.SortStableFunc(kinds, func(a, b string) int { return int(of[b] - of[a]) })
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", of[k], k)
	}
	return remote.Printable(strings.Join(kinds, ", "))
}

// sayTenantUse prints what all of a tenant's plugins have taken.
func sayTenantUse(s streams, u *waxwing.TenantUse) {
	if u == nil {
		return
	}
	_, _ = fmt.Fprintf(s.out, "\nAll of them: %s of a processor, %d KiB of memory.\n", u.Time.Round(time.Millisecond), u.Memory>>10)
	if u.LeftOut > 0 {
		_, _ = fmt.Fprintf(s.out, "%d calls were not made, since the time of a minute (plugins.tenant_time) was used up.\n", u.LeftOut)
	}
}
