package oracle

import (
	"context"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// meter listens to what the autoscaler tells of itself: the averages and the panic mode are in no result.
type meter struct {
	noop.Meter
	noop.Observer
	callback metric.Callback
	values   map[string]float64
}

type provider struct {
	noop.MeterProvider
	meter *meter
}

func (p provider) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter }

type ints struct {
	noop.Int64ObservableGauge
	name string
}

type floats struct {
	noop.Float64ObservableGauge
	name string
}

func (m *meter) read(t *testing.T) map[string]float64 {
	m.values = map[string]float64{}
	if err := m.callback(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	return m.values
}

func (m *meter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return ints{name: short(name)}, nil
}

func (m *meter) Float64ObservableGauge(name string, _ ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	return floats{name: short(name)}, nil
}

func (m *meter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	m.callback = f
	return noop.Registration{}, nil
}

func (m *meter) ObserveInt64(gauge metric.Int64Observable, value int64, _ ...metric.ObserveOption) {
	m.values[gauge.(ints).name] = float64(value)
}

func (m *meter) ObserveFloat64(gauge metric.Float64Observable, value float64, _ ...metric.ObserveOption) {
	m.values[gauge.(floats).name] = value
}

// short drops what differs between the metrics: kn.revision.concurrency.stable and kn.revision.rps.stable.
func short(name string) string {
	for _, prefix := range []string{"kn.revision.concurrency.", "kn.revision.rps.", "kn.revision."} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return rest
		}
	}
	return name
}
