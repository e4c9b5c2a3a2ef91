package mailbox

import (
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// tenant is whom a row's mail is from, as it is shown.
type tenant struct{ id, name, color, from string }

// row is one line of the mailbox's list: a letter, or an order that has none.
type row struct {
	N       int             `json:"n"`
	Version int             `json:"v"`
	Letter  bool            `json:"letter"` // something was received
	Gone    bool            `json:"gone,omitempty"`
	Channel waxwing.Channel `json:"channel"`
	Tenant  string          `json:"tenant"`
	Brand   string          `json:"brand"`
	Color   string          `json:"color"`
	To      string          `json:"to"`
	Name    string          `json:"name"`
	Order   string          `json:"order"`
	Shop    string          `json:"shop"`
	Subject string          `json:"subject"`
	Locale  string          `json:"locale"`
	At      time.Time       `json:"at"`
	State   waxwing.State   `json:"state"`
	Reason  string          `json:"reason,omitempty"`
	Badges  []string        `json:"badges"`
	letter  *Letter
	file    *file
	nth     int // which copy of its message it is, from 1
}

func (r *row) sender(t tenant) { r.Tenant, r.Brand, r.Color = t.id, t.name, t.color }

// file is what the mailbox knows of one confirmation.
type file struct {
	tenant  tenant
	view    *waxwing.ConfirmationView
	order   string // its number
	name    string
	email   string
	locale  string
	changed time.Time
	rows    []*row
	pending *row // shown while there is no letter
}

// Counts are the numbers in the page's top strip.
type counts struct {
	Accepted    int `json:"accepted"`
	Sent        int `json:"sent"`
	Retrying    int `json:"retrying"`
	Uncertain   int `json:"uncertain"`
	Held        int `json:"held"`
	Quarantined int `json:"quarantined"`
	Failed      int `json:"failed"`
}

func sortedNames(m map[string]config.Tenant) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
