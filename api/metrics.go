package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clinivault/clinivault/vault"
)

const collectFor = 3 * time.Second // how long the vault has to count

// metrics are the numbers of one server. No label ever holds anything about a person: routes are patterns, states
// and kinds are fixed words.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	captures *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, v *vault.Vault) (*metrics, error) {
	m := &metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clinivault_http_requests_total", Help: "Requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "clinivault_http_request_seconds", Help: "Time from header to the end of the answer.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 15, 60},
		}, []string{"method", "route"}),
		captures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "clinivault_captures_total", Help: "Captures sent: accepted, repeated (the same bytes again) or refused.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"accepted", "repeated", "refused"} {
		m.captures.WithLabelValues(outcome)
	}
	for _, c := range []prometheus.Collector{m.requests, m.seconds, m.captures, &inside{v}} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) request(r *http.Request, route string, status int, took time.Duration) {
	if status == 0 {
		status = http.StatusOK
	}
	m.requests.WithLabelValues(method(r), route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(method(r), route).Observe(took.Seconds())
}

func (m *metrics) capture(outcome string) { m.captures.WithLabelValues(outcome).Inc() }

// inside counts what the vault holds, when Prometheus asks.
type inside struct{ v *vault.Vault }

var (
	descWitness   = prometheus.NewDesc("clinivault_witness_lag_seconds", "Age of the oldest checkpoint that a witness of the log does not have; 0 when it has all.", []string{"witness"}, nil)
	descUp        = prometheus.NewDesc("clinivault_vault_up", "1 when the vault's database could be counted.", nil, nil)
	descPhotos    = prometheus.NewDesc("clinivault_photos", "Photos by state.", []string{"state"}, nil)
	descJobs      = prometheus.NewDesc("clinivault_jobs", "Jobs by kind and state; dead ones wait for an operator.", []string{"kind", "state"}, nil)
	descLog       = prometheus.NewDesc("clinivault_audit_events", "Events in the audit log.", nil, nil)
	descIntegrity = prometheus.NewDesc("clinivault_integrity_refusals_total", "Stored objects that this process refused because they were not what had been stored.", nil, nil)
	descIncidents = prometheus.NewDesc("clinivault_incidents_open", "Open incidents by what was found wrong with a stored object.", []string{"found"}, nil)
)

// Describe implements prometheus.Collector.
func (*inside) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWitness, descUp, descPhotos, descJobs, descLog, descIntegrity, descIncidents} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A vault that does not answer is itself a number, not a failed scrape.
func (in *inside) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectFor)
	defer cancel()
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	ch <- prometheus.MustNewConstMetric(descIntegrity, prometheus.CounterValue, float64(in.v.IntegrityRefusals()))
	up := 1.0
	if photos, err := in.v.PhotoCounts(ctx); err != nil {
		up = 0
	} else {
		for state, n := range photos {
			gauge(descPhotos, float64(n), string(state))
		}
	}
	if jobs, err := in.jobs(ctx); err != nil {
		up = 0
	} else {
		for key, n := range jobs {
			gauge(descJobs, float64(n), key[0], key[1])
		}
	}
	if incidents, err := in.v.IncidentCounts(ctx); err != nil {
		up = 0
	} else {
		for found, n := range incidents {
			gauge(descIncidents, float64(n), string(found))
		}
	}
	if size, err := in.v.LogSize(ctx); err != nil {
		up = 0
	} else {
		gauge(descLog, float64(size))
	}
	if lags, err := in.v.WitnessLags(ctx); err != nil {
		up = 0
	} else {
		for name, seconds := range lags {
			gauge(descWitness, seconds, name)
		}
	}
	gauge(descUp, up)
}

// jobs counts jobs by kind and state, with a zero for what alerts look at.
func (in *inside) jobs(ctx context.Context) (map[[2]string]int64, error) {
	counts, err := in.v.JobCounts(ctx)
	if err != nil {
		return nil, err
	}
	out := map[[2]string]int64{}
	for _, kind := range []string{vault.JobProcess, vault.JobDeliver} {
		out[[2]string{kind, "ready"}], out[[2]string{kind, "dead"}] = 0, 0
	}
	for _, c := range counts {
		out[[2]string{c.Kind, c.State}] = c.Count
	}
	return out, nil
}
