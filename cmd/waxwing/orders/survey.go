package orders

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline"
)

// survey is what would become of events, before anything is sent.
type survey struct {
	chosen
	now time.Time

	events   int
	became   map[string]int // "confirmed", "held: payment pending", "ignored: ..."
	bad      []string       // the first of what cannot be read, with their places
	badCount int
	sums     map[string]int64 // minor units, by currency, of what would be confirmed
	oldest   time.Time
	newest   time.Time
	ids      map[string]int // how often each order's id came
	samples  []*waxwing.Order
	step     int // each which order is a sample
	orders   int
}

const mostBad, mostSamples = 10, 10

func newSurvey(c chosen) *survey {
	return &survey{chosen: c, now: time.Now(), became: map[string]int{}, sums: map[string]int64{}, ids: map[string]int{}, step: 1}
}

// spoil counts what no event can be read from.
func (s *survey) spoil(place string, err error) {
	s.badCount++
	if len(s.bad) < mostBad {
		s.bad = append(s.bad, place+": "+remote.Printable(bare(err)))
	}
}

// judged is one event as its format reads it.
type judged struct {
	key   waxwing.EventKey
	order *waxwing.Order // nil: there is none
	would string
}

// judge says what would become of an event. An error is why it would be quarantined.
func (c chosen) judge(topic string, raw []byte, now time.Time) (j judged, err error) {
	if j.key, err = c.format.Key(topic, raw); err != nil {
		return j, err
	}
	if j.key.Ignore != "" {
		j.would = "ignored: " + j.key.Ignore
		return j, nil
	}
	if j.order, err = c.format.Normalise(topic, raw); err != nil {
		return j, err
	}
	t := c.cfg.Tenants[c.tenant]
	if old(&t, j.key, now) {
		j.would = "held: older than max_age, " + t.MaxAge.String()
		return j, nil
	}
	switch d := pipeline.AtGate(j.order, &t); {
	case d.To != "":
		j.would = string(d.To) + ": " + d.Reason
	case j.order.Customer.Email == "":
		j.would = "without a mail: there is no e-mail address"
	default:
		j.would = wouldConfirm
	}
	return j, nil
}

const wouldConfirm = "confirmed"

func old(t *config.Tenant, k waxwing.EventKey, now time.Time) bool {
	return t.MaxAge.D() > 0 && !k.OccurredAt.IsZero() && now.Sub(k.OccurredAt) > t.MaxAge.D()
}

// add counts one event.
func (s *survey) add(place, topic string, raw []byte) {
	s.events++
	j, err := s.judge(topic, raw, s.now)
	if err != nil {
		s.spoil(place, err)
		return
	}
	if j.order == nil {
		s.became[j.would]++
		return
	}
	if s.ids[j.key.OrderID]++; s.ids[j.key.OrderID] > 1 {
		s.became["known: the order came before in this file"]++
		return
	}
	s.became[j.would]++
	o := j.order
	if s.oldest.IsZero() || o.PlacedAt.Before(s.oldest) {
		s.oldest = o.PlacedAt
	}
	if o.PlacedAt.After(s.newest) {
		s.newest = o.PlacedAt
	}
	if j.would != wouldConfirm {
		return
	}
	s.sums[o.Currency] += o.Total.Minor
	s.sample(o)
}

// sample keeps ten orders from the whole of the file, however long it is: when there are twice as many, each second
// one goes.
func (s *survey) sample(o *waxwing.Order) {
	if s.orders%s.step == 0 {
		s.samples = append(s.samples, o)
		if len(s.samples) == 2*mostSamples {
			kept := s.samples[:0]
			for i := 0; i < 2*mostSamples; i += 2 {
				kept = append(kept, s.samples[i])
			}
			s.samples = kept
			s.step *= 2
		}
	}
	s.orders++
}

// print shows it.
func (s *survey) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%d\tevents\n", s.events)
	for _, k := range slices.SortedFunc(maps.Keys(s.became), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.became[b], s.became[a]), cmp.Compare(a, b))
	}) {
		_, _ = fmt.Fprintf(w, "%d\twould be %s\n", s.became[k], k)
	}
	if s.badCount > 0 {
		_, _ = fmt.Fprintf(w, "%d\twould be quarantined or cannot be read\n", s.badCount)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, b := range s.bad {
		_, _ = fmt.Fprintf(out, "    %s\n", b)
	}
	if s.badCount > len(s.bad) {
		_, _ = fmt.Fprintf(out, "    ... and %d more\n", s.badCount-len(s.bad))
	}
	if !s.oldest.IsZero() {
		_, _ = fmt.Fprintf(out, "Placed from %s to %s.\n", s.oldest.Format(time.RFC3339), s.newest.Format(time.RFC3339))
	}
	for _, c := range slices.Sorted(maps.Keys(s.sums)) {
		_, _ = fmt.Fprintf(out, "To be confirmed: %s.\n", waxwing.Money{Minor: s.sums[c], Currency: c})
	}
	if len(s.samples) > mostSamples {
		s.samples = s.samples[:mostSamples]
	}
	if len(s.samples) > 0 {
		_, _ = fmt.Fprintf(out, "\n%s of them:\n", some(len(s.samples), "sample"))
		w = tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		for _, o := range s.samples {
			_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", remote.Printable(o.Number), o.PlacedAt.Format(time.DateTime), o.Total, remote.Printable(o.Customer.Email), cmp.Or(o.Locale, "-"))
		}
		return w.Flush()
	}
	return nil
}
