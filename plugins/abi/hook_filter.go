package abi

import (
	"errors"

	"github.com/waxwinghq/waxwing"
)

// filtering is an answer of filter: whether the confirmation may go out.
type filtering struct{ *Answer }

func filter(a *Answer, _ []waxwing.Candidate) said { return filtering{a} }

func (a filtering) key(r *reader, k string) bool {
	switch k {
	case "action":
		if a.Action = r.text(); r.err == nil && a.Action != "pass" && a.Action != "hold" && a.Action != "drop" {
			r.fail("action: want pass, hold or drop")
		}
	case "reason":
		a.Reason = r.line(maxReason)
	default:
		return false
	}
	return true
}

func (a filtering) whole() error {
	if a.Action != "" && a.Action != "pass" && a.Reason == "" {
		return errors.New("filter: hold and drop need a reason")
	}
	return nil
}

// apply adds nothing: whoever asks acts on Action.
func (filtering) apply(*waxwing.Personal, *waxwing.Order) bool { return false }
