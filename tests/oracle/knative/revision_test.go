package oracle

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/zap"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"knative.dev/serving/pkg/apis/autoscaling"
	autoscalingv1alpha1 "knative.dev/serving/pkg/apis/autoscaling/v1alpha1"
	"knative.dev/serving/pkg/autoscaler/config"
	"knative.dev/serving/pkg/autoscaler/config/autoscalerconfig"
	"knative.dev/serving/pkg/autoscaler/metrics"
	"knative.dev/serving/pkg/autoscaler/scaling"
	kpa "knative.dev/serving/pkg/reconciler/autoscaling/kpa/resources"
	"knative.dev/serving/pkg/reconciler/autoscaling/resources"
)

// Spec is what users may set: the annotations of a revision, and the ConfigMap of the cluster.
type Spec struct {
	Annotations map[string]string `json:"annotations"`
	Config      map[string]string `json:"config"`
}

var key = types.NamespacedName{Namespace: "default", Name: "user-00001"}

// revision is one revision as Knative's autoscaler knows it: the collector of its metrics and its decider.
type revision struct {
	t         *testing.T
	spec      Spec
	pa        *autoscalingv1alpha1.PodAutoscaler
	cfg       *autoscalerconfig.Config
	routed    bool
	ready     int
	collector *metrics.MetricCollector
	scaler    scaling.UniScaler
	meter     *meter
}

// ReadyCount and NotReadyCount stand for the endpoints of the revision.
func (r *revision) ReadyCount() (int, error)    { return r.ready, nil }
func (r *revision) NotReadyCount() (int, error) { return 0, nil }

func follow(t *testing.T, trace *Trace) []Answer {
	begin := time.Now()
	at := func(ms int64) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	r := &revision{t: t, spec: trace.Specs[0], routed: true}
	r.start()
	defer func() { r.stop() }()
	answers := []Answer{}
	for _, event := range trace.Events {
		time.Sleep(time.Until(at(event.AtMs)))
		switch {
		case event.Observe != nil:
			r.observe(at(event.Observe.OfMs), event.Observe.Load)
		case event.Tick != nil:
			answers = append(answers, r.tick(event.Tick))
		case event.Configure != nil:
			r.configure(trace.Specs[*event.Configure])
		case event.Restart != nil:
			r.stop()
			r.ready = event.Restart.Ready
			r.start()
		}
	}
	return answers
}

// start makes what the reconciler of a PodAutoscaler makes. Nothing is scraped: each measurement of a trace comes in
// as an activator's does, at a time that the trace names.
func (r *revision) start() {
	r.meter = &meter{}
	r.collector = metrics.NewMetricCollector(
		func(*autoscalingv1alpha1.Metric, *zap.SugaredLogger) (metrics.StatsScraper, error) { return nil, nil },
		zap.NewNop().Sugar())
	decider := r.resolve()
	r.scaler = scaling.New(attribute.Set{}, provider{meter: r.meter}, key.Namespace, key.Name, r.collector, r, decider)
}

func (r *revision) stop() { r.collector.Delete(key.Namespace, key.Name) }

func (r *revision) configure(spec Spec) {
	r.spec = spec
	r.scaler.Update(r.resolve())
}

// resolve turns the settings into those of the collector, which are in force at once, and of the decider.
func (r *revision) resolve() *scaling.DeciderSpec {
	r.pa, r.cfg = r.podAutoscaler()
	// With something to scrape, no data is an error and not a zero.
	if err := r.collector.CreateOrUpdate(resources.MakeMetric(r.pa, "scraped", r.cfg)); err != nil {
		r.t.Fatal(err)
	}
	return &kpa.MakeDecider(r.pa, r.cfg).Spec
}

// podAutoscaler is the object and the cluster's settings. Knative's webhooks would accept both.
func (r *revision) podAutoscaler() (*autoscalingv1alpha1.PodAutoscaler, *autoscalerconfig.Config) {
	cfg, err := config.NewConfigFromMap(r.spec.Config)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := autoscaling.ValidateAnnotations(context.Background(), cfg, r.spec.Annotations); err != nil {
		r.t.Fatal(err)
	}
	reachability := autoscalingv1alpha1.ReachabilityReachable
	if !r.routed {
		reachability = autoscalingv1alpha1.ReachabilityUnreachable
	}
	return &autoscalingv1alpha1.PodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: r.spec.Annotations},
		Spec:       autoscalingv1alpha1.PodAutoscalerSpec{Reachability: reachability},
	}, cfg
}

// observe records the load as both metrics: the annotations say which one is used.
func (r *revision) observe(at time.Time, load float64) {
	r.collector.Record(key, at, metrics.Stat{AverageConcurrentRequests: load, RequestCount: load})
}

func (r *revision) tick(tick *Tick) Answer {
	r.ready = tick.Ready
	if r.routed != tick.Routed {
		r.routed = tick.Routed
		r.configure(r.spec)
	}
	result := r.scaler.Scale(zap.NewNop().Sugar(), time.Now())
	told := r.meter.read(r.t)
	return Answer{
		Valid:   result.ScaleValid,
		Desired: result.DesiredPodCount,
		Panic:   told["panic.mode"] == 1,
		Stable:  told["stable"],
		Burst:   told["panic"],
		Target:  told["target"],
		Bounded: r.bounded(result.DesiredPodCount),
	}
}

// bounded says again what applyBounds does: it is private to a package that needs a whole controller.
func (r *revision) bounded(desired int32) int32 {
	least, most := r.pa.ScaleBounds(r.cfg)
	if desired < least {
		return least
	}
	if most != 0 && desired > most {
		return most
	}
	return desired
}
