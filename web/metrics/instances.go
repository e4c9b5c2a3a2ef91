package metrics

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/waxwinghq/waxwing"
)

// Instances has the daemons shown that share the ledger. It is asked at each scrape.
func (m *Meter) Instances(members func() ([]waxwing.Member, error)) {
	m.reg.MustRegister(instances(members))
}

func instanceDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("waxwing_instance_"+name, help, []string{"ledger", "instance"}, nil)
}

// The names of what is told of an instance, behind "waxwing_instance_".
var (
	instanceAge    = instanceDesc("age_seconds", "How long ago a daemon of this ledger began.")
	instanceSilent = instanceDesc("silent_seconds", "How long ago it last prolonged its lease.")
	instanceLease  = instanceDesc("lease_seconds", "For how long nobody may take it for dead; below 0: another one does so soon.")
	instanceClaims = instanceDesc("claims", "Messages that it holds.")
	instanceDots   = instanceDesc("dots", "Messages that it holds, and that are past their commit point.")
	instanceSelf   = instanceDesc("self", "1: the daemon that tells these figures.")
)

// instances asks the ledger at each scrape.
type instances func() ([]waxwing.Member, error)

// Describe is prometheus.Collector's.
func (instances) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{instanceAge, instanceSilent, instanceLease, instanceClaims, instanceDots, instanceSelf} {
		ch <- d
	}
}

// Collect is prometheus.Collector's.
func (f instances) Collect(ch chan<- prometheus.Metric) {
	all, err := f()
	if err != nil { // the other figures are told all the same
		return
	}
	for i := range all {
		x, number := &all[i], strconv.FormatInt(all[i].ID, 10)
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, x.Ledger, number)
		}
		gauge(instanceAge, x.Age.Seconds())
		gauge(instanceSilent, x.Silent.Seconds())
		gauge(instanceLease, x.Lease.Seconds())
		gauge(instanceClaims, float64(x.Claims))
		gauge(instanceDots, float64(x.Dots))
		self := 0.0
		if x.Self {
			self = 1
		}
		gauge(instanceSelf, self)
	}
}

// ReadInstances reads instances out of metrics in Prometheus' text format, by ledger and number.
func ReadInstances(r io.Reader) ([]waxwing.Member, error) {
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(r)
	if err != nil {
		return nil, fmt.Errorf("these are no metrics: %w", err)
	}
	type key struct {
		ledger string
		id     int64
	}
	by := map[key]*waxwing.Member{}
	seconds := func(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
	for name, set := range map[string]func(x *waxwing.Member, v float64){
		"age_seconds":    func(x *waxwing.Member, v float64) { x.Age = seconds(v) },
		"silent_seconds": func(x *waxwing.Member, v float64) { x.Silent = seconds(v) },
		"lease_seconds":  func(x *waxwing.Member, v float64) { x.Lease = seconds(v) },
		"claims":         func(x *waxwing.Member, v float64) { x.Claims = int64(v) },
		"dots":           func(x *waxwing.Member, v float64) { x.Dots = int64(v) },
		"self":           func(x *waxwing.Member, v float64) { x.Self = v != 0 },
	} {
		for _, m := range families["waxwing_instance_"+name].GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			id, err := strconv.ParseInt(labels["instance"], 10, 64)
			if err != nil {
				continue
			}
			n := key{labels["ledger"], id}
			if by[n] == nil {
				by[n] = &waxwing.Member{ID: id, Ledger: n.ledger}
			}
			set(by[n], m.GetGauge().GetValue())
		}
	}
	var out []waxwing.Member
	for _, x := range by {
		out = append(out, *x)
	}
	slices.SortFunc(out, func(a, b waxwing.Member) int { return cmp.Or(cmp.Compare(a.Ledger, b.Ledger), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}
