package machine

import (
	"fmt"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Note is what became known of a message after it was sent.
type Note struct {
	Message  waxwing.ID
	Kind     waxwing.AnnotationKind
	Provider string
	Class    string // of a bounce; no personal data, since it stands in the trail
	Reason   string // likewise
	Sealed   []byte // the evidence, under the confirmation's data key
}

// Annotate records what became known of a message, once of a kind: the same again changes
// nothing. A message that was never offered is refused with ErrState, since nobody can know
// anything of it; of an erased person no evidence is kept.
//
// Loaded: the confirmation, the message with its claim, its annotations.
func (s *Set) Annotate(n *Note) (c Changes, err error) {
	c = s.none()
	if !slices.Contains(waxwing.AnnotationKinds, n.Kind) {
		return c, fmt.Errorf("%q is no annotation: %w", n.Kind, waxwing.ErrState)
	}
	conf, err := s.confirmation(n.Message)
	if err != nil {
		return c, err
	}
	m, ok := s.Messages[n.Message]
	if !ok {
		return c, fmt.Errorf("message: %w", waxwing.ErrNotFound)
	}
	if m.Attempts == 0 && s.State(&m) != waxwing.Dot { // at the dot, an answer may overtake the verdict
		return c, fmt.Errorf("message %s was never offered to a provider: %w", m.ID, waxwing.ErrState)
	}
	for _, a := range s.Annotations[n.Message] {
		if a.Kind == n.Kind {
			return c, nil
		}
	}
	a := store.Annotation{Message: m.ID, Kind: n.Kind, At: s.ms(), Provider: n.Provider, Sealed: n.Sealed, Class: Clip(n.Class, 40)}
	if conf.Erased() {
		a.Sealed = nil
	}
	c.Annotations = append(c.Annotations, a)
	c.note(Entry{Confirmation: conf.ID, Message: m.ID, Cause: CauseAnnotated,
		Detail: n.detail()})
	return c, nil
}

// detail is what the trail says of it.
func (n *Note) detail() [][2]string {
	d := [][2]string{{"kind", string(n.Kind)}, {"provider", Clip(n.Provider, 64)}}
	for _, x := range [][2]string{{"class", n.Class}, {"reason", n.Reason}} {
		if x[1] != "" {
			d = append(d, [2]string{x[0], Clip(x[1], 40)})
		}
	}
	return d
}
