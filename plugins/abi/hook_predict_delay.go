package abi

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
)

const maxDelayHours = 720

// predicting is an answer of predict_delay: the p50 and p90 of the delay.
type predicting struct {
	*Answer
	p50, p90 *float64
}

func predictDelay(a *Answer, _ []waxwing.Candidate) said { return &predicting{Answer: a} }

func (a *predicting) key(r *reader, k string) bool {
	switch k {
	case "p50_hours":
		v := r.number()
		a.p50 = &v
	case "p90_hours":
		v := r.number()
		a.p90 = &v
	case "reason":
		a.Reason = r.line(maxReason)
	default:
		return false
	}
	return true
}

func (a *predicting) whole() error {
	switch {
	case a.p50 == nil && a.p90 == nil && a.Reason == "":
		return nil
	case a.p50 == nil || a.p90 == nil:
		return errors.New("predict_delay: give both p50_hours and p90_hours, or neither")
	case *a.p50 < 0 || *a.p90 < *a.p50 || *a.p90 > maxDelayHours:
		return fmt.Errorf("predict_delay: want 0 <= p50_hours <= p90_hours <= %d", maxDelayHours)
	case a.Reason != "" && !slices.Contains(waxwing.DelayReasons, waxwing.DelayReason(a.Reason)):
		return errors.New("predict_delay: the reason is not one of weather, volume, customs, carrier, stock, holiday, other")
	}
	reason := waxwing.DelayReason(a.Reason)
	if reason == "" {
		reason = waxwing.DelayOther
	}
	a.Delay = &waxwing.Delay{P50: hours(*a.p50), P90: hours(*a.p90), Reason: reason}
	return nil
}

func (a *predicting) apply(p *waxwing.Personal, _ *waxwing.Order) bool {
	if a.Delay != nil {
		p.Delay = a.Delay
	}
	return a.Delay != nil
}

func hours(h float64) time.Duration {
	return time.Duration(h * float64(time.Hour)).Round(time.Minute)
}
