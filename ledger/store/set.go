package store

import "github.com/waxwinghq/waxwing"

// Set is rows by what they are found by. What was asked for and is not in it is not there.
type Set struct {
	Confirmations map[waxwing.ID]Confirmation
	Keys          map[Hash]waxwing.ID
	Messages      map[waxwing.ID]Message
	Claims        map[waxwing.ID]Claim
	// Doubts are a message's attempts whose answer was lost, where there are any.
	Doubts map[waxwing.ID]int
	// Suppressed are the addresses that are not to be mailed.
	Suppressed map[Hash]bool
	// Found are the confirmations of a lookup, oldest first.
	Found    map[Hash][]waxwing.ID
	Events   map[waxwing.ID]Event
	Contents map[waxwing.ID]Content
	// Attempts are a message's, in their order.
	Attempts map[waxwing.ID][]Attempt
	// Annotations are a message's by their time, and those of one moment by their kind.
	Annotations map[waxwing.ID][]Annotation
	Batches     map[int64]Batch
	// Due are the messages of Keys.Due, those that waited longest first.
	Due []waxwing.ID
	// Over are those of Keys.Over.
	Over []waxwing.ID
	// OldContents and OldEvents are those of Keys.Old.
	OldContents, OldEvents []waxwing.ID
	// Tenants are all.
	Tenants []Tenant
	// Dictionary is the one with the body asked for; 0: there is none. LastDictionary is the
	// greatest that there is.
	Dictionary, LastDictionary uint32
	// Dictionaries are all.
	Dictionaries []Dictionary
	// Instances are those asked for.
	Instances map[int64]Instance
	// Plugins are rows of plugins and of their runs.
	Plugins PluginSet
}

// PluginSet is rows of plugins and of their runs.
type PluginSet struct {
	// Kept are versions without their bodies by tenant, Versions whole ones; the oldest first.
	Kept     map[int64][]KeptVersion
	Versions map[int64][]PluginVersion
	Modules  map[string]PluginModule
	// Tenants are the names of those that have versions, where PluginKeys.Tenants asks for them.
	Tenants []waxwing.TenantID
	// Number is that of PluginKeys.Number; 0: there is none.
	Number int64
	// Runs are those of PluginKeys.Runs, the oldest first; Sum is of all that PluginKeys.Sum
	// asks for.
	Runs []RunSize
	Sum  RunSum
}

// RunSize is what a run takes.
type RunSize struct{ ID, Bytes int64 }

// RunSum is what runs take together.
type RunSum struct{ Count, Bytes int64 }

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{Instances: map[int64]Instance{}, Confirmations: map[waxwing.ID]Confirmation{}, Keys: map[Hash]waxwing.ID{}, Messages: map[waxwing.ID]Message{},
		Claims: map[waxwing.ID]Claim{}, Doubts: map[waxwing.ID]int{}, Suppressed: map[Hash]bool{}, Found: map[Hash][]waxwing.ID{},
		Events: map[waxwing.ID]Event{}, Contents: map[waxwing.ID]Content{}, Attempts: map[waxwing.ID][]Attempt{}, Annotations: map[waxwing.ID][]Annotation{}, Batches: map[int64]Batch{}}
}

// Clear empties the set, whose memory is used again.
func (s *Set) Clear() {
	clear(s.Confirmations)
	clear(s.Keys)
	clear(s.Messages)
	clear(s.Claims)
	clear(s.Doubts)
	clear(s.Suppressed)
	clear(s.Found)
	clear(s.Events)
	clear(s.Contents)
	clear(s.Attempts)
	clear(s.Annotations)
	clear(s.Batches)
	s.Due, s.Over, s.OldContents, s.OldEvents, s.Tenants = s.Due[:0], nil, nil, nil, nil
	s.Dictionary, s.LastDictionary, s.Dictionaries, s.Plugins = 0, 0, nil, PluginSet{}
	clear(s.Instances)
}

// State is a message's, with what its claim says.
func (s *Set) State(m *Message) waxwing.State {
	if k, held := s.Claims[m.ID]; held {
		if k.Dot {
			return waxwing.Dot
		}
		return waxwing.Claimed
	}
	return m.State
}

// Of gives the messages of a confirmation in their order.
func (s *Set) Of(id waxwing.ID) (out []Message) {
	n := s.Confirmations[id].Messages
	for i := waxwing.ID(1); i <= waxwing.ID(n); i++ {
		if m, ok := s.Messages[id|i]; ok {
			out = append(out, m)
		}
	}
	return out
}

// Keys name the rows that are to be loaded. What is named twice is loaded once.
type Keys struct {
	// Confirmations are loaded alone, those of Whole with all of their messages, and
	// those of Keys by their key.
	Confirmations []waxwing.ID
	Whole         []waxwing.ID
	Keys          []Hash
	// Messages come with their claims and, unless Shown is set, with their doubts.
	Messages []waxwing.ID
	// Shown says that the rows are only shown, and nothing is decided by them.
	Shown bool
	// People are asked whether they are suppressed, Lookups which confirmations have them.
	People  []Hash
	Lookups []Hash
	Events  []waxwing.ID
	// Contents, Attempts and Annotations are those of messages.
	Contents    []waxwing.ID
	Attempts    []waxwing.ID
	Annotations []waxwing.ID
	Batches     []int64
	// HeldBesides asks for all claims that other instances than this one hold; 0: for none.
	HeldBesides int64
	// Due asks for messages whose time has come; nil: for none.
	Due *DueMessages
	// Over asks for messages that no provider is needed for; nil: for none.
	Over *OverMessages
	// Old asks for content that is to go; nil: for none.
	Old *OldContent
	// Tenants asks for all tenants.
	Tenants bool
	// Dictionary is the body of one that may be there; nil: none is asked for.
	Dictionary []byte
	// Dictionaries asks for all of them.
	Dictionaries bool
	// Instances are asked for by their numbers; Running asks for all that have not stopped.
	Instances []int64
	Running   bool
	// Plugins asks for rows of plugins; nil: for none.
	Plugins *PluginKeys
}

// Add has the keys name also the orders' rows that others name.
func (k *Keys) Add(o *Keys) {
	k.Confirmations, k.Whole = append(k.Confirmations, o.Confirmations...), append(k.Whole, o.Whole...)
	k.Keys, k.People = append(k.Keys, o.Keys...), append(k.People, o.People...)
	k.Messages, k.Instances = append(k.Messages, o.Messages...), append(k.Instances, o.Instances...)
}

// OverMessages asks for up to Limit messages that nobody holds, that were due at At, in ms,
// and whose time to live was over then, or, with Doubt, that are uncertain.
type OverMessages struct {
	At    int64
	Doubt bool
	Limit int
}

// OldContent asks for up to Limit of the contents, and of the events, below an id.
type OldContent struct {
	Below waxwing.ID
	Limit int
}

// PluginKeys name rows of plugins and of their runs. A database that an older program made
// may have none of them.
type PluginKeys struct {
	// Kept and Versions are tenants, whose versions are loaded without and with their bodies.
	Kept, Versions []int64
	// Tenants asks for the names of those that have versions.
	Tenants bool
	// Modules are hashes.
	Modules []string
	// Number asks for the one of a tenant's plugin; nil: for none.
	Number *PluginNumber
	// Runs asks for what runs take, each; nil: for none.
	Runs *RunRange
	// Sum asks for what they take together; nil: not.
	Sum *RunRange
}

// RunRange is a tenant's runs, or, where that is 0, all, whose ids are From or greater and
// below Below, where that is not 0; up to Limit of them.
type RunRange struct {
	Tenant      int64
	From, Below int64
	Limit       int
}

// DueMessages asks for up to Limit messages of a channel that nobody holds, and which were
// due at At, in ms.
type DueMessages struct {
	Channel waxwing.Channel
	At      int64
	Limit   int
	// Queued leaves out those in doubt.
	Queued bool
	// Share keeps instances out of each other's way; nil: all are asked for.
	Share *Share
}
