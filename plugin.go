package waxwing

import "time"

// Hook is a question that the pipeline asks a tenant's plugins. Package plugins/abi lists
// them.
type Hook string

// The hooks, in the order in which the pipeline asks them by default.
const (
	HookNormalise    Hook = "normalise"     // an event of an unknown shop -> the generic order
	HookFilter       Hook = "filter"        // hold or drop, with a reason
	HookRecommend    Hook = "recommend"     // an order of the candidates' SKUs
	HookPredictDelay Hook = "predict_delay" // p50 and p90 of the delay
	HookPersonalise  Hook = "personalise"   // subject, greeting, variables, blocks
)

// Insight is what enrich knows of an order for its plugins' sake. Nothing of
// it is asked where no plugin of the tenant needs it.
type Insight struct {
	Candidates []Candidate // articles that may be recommended
	Baskets    [][]string  // SKUs of earlier orders that share an article with this one
	Lane       *Lane
}

// Candidate is an article that may be recommended.
type Candidate struct {
	SKU      string
	Name     string
	Price    *Money // nil: unknown
	ImageURL string // https or empty
	URL      string // https or empty
	Tags     []string
}

// Lane is a carrier's way from a place to a country, with the delays of its
// latest parcels in hours (negative: early).
type Lane struct {
	Carrier string
	Service string
	Origin  string
	Delays  []float64
}

// Personal is what plugins made of one order. The plugins stage writes it; the
// render stage shows it. All of it is text that the renderer escapes.
type Personal struct {
	Subject  string // "": the template's own
	Greeting string // "": the template's own
	// Vars are {{vars.NAME}} in templates; Blocks say whether {{#blocks.NAME}} is shown.
	Vars   map[string]string
	Blocks map[string]bool
	// Recommended are candidates, in the order in which to show them.
	Recommended []Candidate
	Delay       *Delay
}

// Delay is a prediction: half of such parcels come later than P50, one in ten
// later than P90.
type Delay struct {
	P50, P90 time.Duration
	Reason   DelayReason
}

// DelayReason says why a parcel is late.
type DelayReason string

// The reasons that a notice has words for.
const (
	DelayWeather DelayReason = "weather"
	DelayVolume  DelayReason = "volume" // too many parcels
	DelayCustoms DelayReason = "customs"
	DelayCarrier DelayReason = "carrier" // the carrier's own trouble
	DelayStock   DelayReason = "stock"   // the goods are not there yet
	DelayHoliday DelayReason = "holiday"
	DelayOther   DelayReason = "other"
)

// DelayReasons are all of them.
var DelayReasons = []DelayReason{DelayWeather, DelayVolume, DelayCustoms, DelayCarrier, DelayStock, DelayHoliday, DelayOther}

// Run is one call of one plugin's hook on one order, recorded so that it can
// be replayed.
type Run struct {
	Plugin string // its name in the tenant
	Hash   string // SHA-256 of the module or script, hex
	Hook   Hook
	// Role is active, canary or shadow: a shadow's output was not used.
	Role   string
	Input  []byte
	Output []byte // what the guest gave, before it was judged
	Log    []byte
	Fuel   int64
	// Costs is the version of what instructions cost in fuel: of two versions
	// fuel cannot be compared.
	Costs  int
	Micros int64
	// Fault is why the output was not used, "" if it was: "fuel", "wall",
	// "trap", "output", ... and a text for the author behind a colon.
	Fault string
	// Left says what of the run was not kept, for want of room; "" nothing.
	Left string
	At   time.Time // the frozen clock's reading
	Seed string    // of the random source, beside the hash
	// Confirmation and ID are set when it is read back.
	Confirmation ID
	ID           int64
}

// String hides the run: it holds an order's data.
func (r *Run) String() string { return "run of " + r.Plugin + " " + redacted }

// PluginUse is what a tenant's plugin has taken since the daemon's start, all of its
// versions together.
type PluginUse struct {
	Tenant TenantID      `json:"-"`
	Plugin string        `json:"-"`
	Calls  int64         `json:"calls"`
	Fuel   int64         `json:"fuel"`
	Time   time.Duration `json:"nanoseconds"` // of its calls, restoring included
	// Faults are why an output was not used or it was not asked, by Run.Fault's word.
	Faults map[string]int64 `json:"faults"`
	Rests  int64            `json:"rests"`  // the circuit breaker has opened
	Loads  int64            `json:"loads"`  // loaded anew
	Memory int64            `json:"memory"` // bytes that it holds now, while loaded
}

// TenantUse is what all plugins of a tenant have taken since the daemon's start.
type TenantUse struct {
	Tenant  TenantID      `json:"-"`
	Time    time.Duration `json:"nanoseconds"` // of a processor: calls, restoring and loading
	LeftOut int64         `json:"left_out"`    // calls that were not made, since the time of a minute was used up
	Memory  int64         `json:"memory"`      // bytes, those of versions that are kept included
	Plugins []PluginUse   `json:"-"`
}

// PluginState is where a version of a plugin stands in its life (docs/plugins.md).
type PluginState string

// The states. One version of a plugin is active, one at most is in shadow or canary.
const (
	PluginRefused  PluginState = "refused"     // it broke a limit, or its fixtures failed
	PluginWaiting  PluginState = "waiting"     // a person must approve what it needs to see
	PluginShadow   PluginState = "shadow"      // it runs on real orders, unused
	PluginCanary   PluginState = "canary"      // it serves a share of the orders
	PluginActive   PluginState = "active"      // it serves all
	PluginRetired  PluginState = "retired"     // a newer one serves; kept for a rollback
	PluginStopped  PluginState = "stopped"     // a canary or shadow that was worse than the old one
	PluginRolled   PluginState = "rolled_back" // it served, and failed
	PluginWithdraw PluginState = "withdrawn"   // by a person
)

// PluginVersion is one upload of a tenant's plugin.
type PluginVersion struct {
	Tenant   TenantID    `json:"-"`
	Plugin   string      `json:"plugin"`
	No       int         `json:"no"`      // from 1
	Version  string      `json:"version"` // the author's
	Hash     string      `json:"hash"`    // SHA-256 of module or script, hex
	Lang     string      `json:"lang"`
	State    PluginState `json:"state"`
	Percent  int         `json:"percent,omitempty"` // of a canary
	Why      string      `json:"why,omitempty"`     // refused, stopped, rolled back
	Signer   string      `json:"signer,omitempty"`  // name of the key that signed it
	Source   string      `json:"source"`            // upload or file
	Created  time.Time   `json:"created_at"`
	Changed  time.Time   `json:"changed_at"`
	Manifest []byte      `json:"-"`
	// Needs are what it is shown of an order. Unapproved are those of them that a
	// person has yet to approve, ApprovedBy is who did so.
	Needs      []string `json:"needs,omitempty"`
	Unapproved []string `json:"unapproved,omitempty"`
	ApprovedBy Actor    `json:"approved_by,omitempty"`
	// Number is what its signature covers beside tenant, name and code; of one
	// name it only rises. 0: it is not signed.
	Number int64 `json:"number,omitempty"`
	// Now says that it serves all at once when it is approved.
	Now bool `json:"now,omitempty"`
}

// Live reports whether the version serves, is tried, or waits to be.
func (s PluginState) Live() bool {
	return s == PluginActive || s == PluginShadow || s == PluginCanary || s == PluginWaiting
}

// PluginQuota bounds what is kept of one tenant's plugins. Of what may be had
// again the oldest goes first; a zero field is its default.
type PluginQuota struct {
	Names    int   // plugins that serve, are tried or wait
	Versions int   // kept of one name
	Refused  int   // refused uploads on record, and recorded a day
	Modules  int64 // bytes of modules and scripts, as they lie on the disk
	Native   int64 // bytes of native code of what serves or may serve
	OrderRun int64 // bytes of one order's runs
	DayRuns  int64 // bytes of a day's runs, as they lie on the disk
}

// DefaultPluginQuota is that of a shop with a handful of plugins.
func DefaultPluginQuota() PluginQuota {
	return PluginQuota{Names: 20, Versions: 10, Refused: 20, Modules: 64 << 20, Native: 256 << 20, OrderRun: 64 << 10, DayRuns: 64 << 20}
}

// OrDefault fills what is not set.
func (q PluginQuota) OrDefault() PluginQuota {
	d := DefaultPluginQuota()
	for _, f := range []struct{ to, from *int }{{&q.Names, &d.Names}, {&q.Versions, &d.Versions}, {&q.Refused, &d.Refused}} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	for _, f := range []struct{ to, from *int64 }{{&q.Modules, &d.Modules}, {&q.Native, &d.Native}, {&q.OrderRun, &d.OrderRun}, {&q.DayRuns, &d.DayRuns}} {
		if *f.to == 0 {
			*f.to = *f.from
		}
	}
	return q
}

// PluginUpload is a new version as its author sends it: nothing of it is
// checked yet.
type PluginUpload struct {
	Tenant    TenantID
	Name      string
	Manifest  []byte   // plugin.json
	Code      []byte   // the module or script
	Fixtures  [][]byte // JSON each
	Signature string   // as "waxwing plugin sign" prints it, "" none
	// Now skips shadow and canary: whoever asks for it has tried it elsewhere.
	Now bool
	// ApproveNeeds says that whoever sends it, By, has seen what it needs and
	// approves of it.
	ApproveNeeds bool
	By           Actor
}

// TextFormat is how a language writes dates and money, as plugins are told it:
// they have no CLDR of their own. {day}, {month}, {year} and {weekday} in the
// patterns stand for what Months and Weekdays hold.
type TextFormat struct {
	Date     string       // a day: "{month} {day}, {year}"
	Weekday  string       // a day with its weekday
	Months   []string     // twelve, from January
	Weekdays []string     // seven, from Sunday
	Money    *MoneyFormat // of the order's currency
}

// MoneyFormat is how a language writes amounts in one currency.
type MoneyFormat struct {
	Currency                      string
	Before, After                 string // around the figures
	BeforeNegative, AfterNegative string // likewise, the sign included
	Group, Point                  string // between groups of three, and before the decimals
	Decimals                      int    // shown at least
	MinGroup                      int    // figures that the first group needs for there to be groups
}
