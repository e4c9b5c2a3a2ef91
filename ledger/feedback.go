package ledger

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Feedback is what becomes known of messages after they were sent.
type Feedback struct{ p *shared }

// Annotation is what somebody tells of a message.
type Annotation struct {
	Tenant   waxwing.TenantID
	Message  waxwing.ID
	Kind     waxwing.AnnotationKind
	Provider string // who tells it
	// Class and Reason say why a mail came back, in a word each. They stand in the trail.
	Class, Reason string
	// Evidence is how it was told. It is sealed with the message's bytes, and goes with them.
	Evidence []byte
	// New is set by Annotate: it was not known before.
	New bool
}

// Annotate records what became known of a message, once of a kind: the same again changes
// nothing. ErrNotFound: the tenant has no such message; ErrState: it was never offered.
// What is told of a person who was erased is recorded without its evidence.
func (f *Feedback) Annotate(ctx context.Context, a *Annotation) error {
	t, err := f.p.Keys.Tenant(a.Tenant)
	if err != nil {
		return err
	}
	conf := store.ConfirmationOf(a.Message)
	n := &machine.Note{Message: a.Message, Kind: a.Kind, Provider: a.Provider, Class: a.Class, Reason: a.Reason}
	if len(a.Evidence) > 0 {
		owner, dek, err := f.p.reader.KeysFor(ctx, conf)
		switch {
		case err == nil && owner.No == t.No:
			n.Sealed = SealEvidence(&dek, a)
		case err != nil && !view.Unreadable(err): // a fault of reading, not an erasure: told again, it is not lost
			return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
		}
	}
	return f.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{conf}, Messages: []waxwing.ID{a.Message}, Annotations: []waxwing.ID{a.Message}})
		if err != nil {
			return err
		}
		if s.Confirmations[conf].Tenant != t.No {
			return fmt.Errorf("message: %w", waxwing.ErrNotFound)
		}
		c, err := s.Annotate(n)
		if err != nil {
			return err
		}
		a.New = len(c.Annotations) > 0
		return g.Apply(ctx, &c)
	})
}

// Checks says whether a token begins as that of a message of this tenant does: who knows it
// has seen the message, and may tell of it. It asks no database, and says nothing of whether
// there is such a message.
func (f *Feedback) Checks(tenant waxwing.TenantID, message waxwing.ID, token string) bool {
	t, err := f.p.Keys.Tenant(tenant)
	if err != nil {
		return false
	}
	want := t.Key.Token(message)
	return len(token) >= minToken && len(token) <= len(want) && subtle.ConstantTimeCompare([]byte(token), []byte(want[:len(token)])) == 1
}

// minToken is how much of a token must be known: 100 bits.
const minToken = 20

// SealEvidence seals how something was told of a message, tied to the message and the kind.
func SealEvidence(dek *seal.Key, a *Annotation) []byte {
	return dek.Sealer().Seal(nil, a.Evidence, evidenceAAD(a.Message, a.Kind))
}

// OpenEvidence opens what SealEvidence sealed.
func OpenEvidence(dek *seal.Key, row *store.Annotation) ([]byte, error) {
	return dek.Sealer().Open(nil, row.Sealed, evidenceAAD(row.Message, row.Kind))
}

func evidenceAAD(id waxwing.ID, kind waxwing.AnnotationKind) string {
	return "annotation|" + id.String() + "|" + string(kind)
}
