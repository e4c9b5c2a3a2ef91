package ledger

import (
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
)

// AnchorsFile is the list of signed heads in the data folder. Copy it
// elsewhere: it proves that nothing before its newest line was changed.
const AnchorsFile = "anchors.jsonl"

// Options are what any store of a ledger is told: where its files are, whom it serves, and how it
// treats doubt.
type Options struct {
	// Dir is the folder of what an instance keeps in files; it is made with mode 0700.
	Dir string
	// Master is the key that wraps the tenants' keys.
	Master waxwing.Secret
	// Tenants that this daemon serves; unknown ones are refused.
	Tenants []waxwing.TenantID
	// Policy, After, Copies and Ask say what becomes of attempts that a crash left
	// uncertain: the parts of a waxwing.DoubtRule.
	Policy string
	After  time.Duration
	Copies int
	// Ask has providers asked about them first.
	Ask bool
	// HotBytes bounds what is kept in memory of confirmations under way.
	HotBytes int64
	Clock    waxwing.Clock
	Log      *slog.Logger
	// People says whom an event names, as its format reads it; ok is false where the
	// format is not known or cannot read it, and Named is then what can be told. Nil:
	// no format is known.
	People func(format, topic string, raw []byte) (p waxwing.People, ok bool)
	// Address reads an e-mail address by the strict grammar and gives the form that
	// all its spellings have in common. Nil: a plain one of its own.
	Address func(string) (string, error)
	// AcceptLoss lets the ledger start though it is not the newest that there was.
	AcceptLoss *Acceptance
	// Sends says that this instance only sends what comes by a queue: it makes do with one
	// connection, and leaves to the others what is due, and what dead ones held. It is for a
	// store that several instances share.
	Sends bool
	// Quota bounds what is kept of each tenant's plugins and their runs.
	Quota waxwing.PluginQuota
}
