package metrics

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric is one that a Meter shows, whether it has a sample just now or not.
type Metric struct {
	Name, Help string
	Labels     []string // without those of a histogram's buckets
}

// described is how a prometheus.Desc reads, which tells nothing of itself in another way.
var described = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*variableLabels: \{([^}]*)\}\}$`)

// Known are all metrics that are shown, by name: what documents, rules and dashboards may go by.
func (m *Meter) Known() map[string]Metric {
	all := make(chan *prometheus.Desc)
	go func() {
		defer close(all)
		m.reg.Describe(all)
	}()
	known := map[string]Metric{}
	for d := range all {
		part := described.FindStringSubmatch(d.String())
		if part == nil {
			continue
		}
		var x Metric
		x.Name, _ = strconv.Unquote(part[1])
		x.Help, _ = strconv.Unquote(part[2])
		if part[3] != "" {
			x.Labels = strings.Split(part[3], ",")
		}
		known[x.Name] = x
	}
	return known
}
