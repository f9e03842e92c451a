//! Cold starts as spans, sent to a collector over OTLP (gRPC); in builds with the feature `otlp`.
//!
//! ```text
//! cold start (SERVER)      first request ─────────────────────────────────▶ head of its answer
//! ├─ hold (INTERNAL)       first request ─ told ─ scaled ─ ready ─▶ out
//! └─ app (CLIENT)                                                  out ───▶ head of the answer
//! ```

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{Event, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tokio::time::Instant;

use crate::{cold::ColdStart, metrics::Woke, wakes::Now};

/// What one attempt to send may take, and what the end of the process waits for the last.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends in the background; what cannot be sent is dropped.
pub(crate) struct Spans {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    now: Now,
}

impl Spans {
    /// Sends to `endpoint`, such as `http://collector:4317`, as the process `instance`.
    ///
    /// # Errors
    /// The endpoint is no URL.
    pub(crate) fn new(endpoint: &str, instance: &str, now: Now) -> anyhow::Result<Self> {
        let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(PATIENCE).build();
        let instance = KeyValue::new("service.instance.id", instance.to_owned());
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty()
            .with_service_name("todoapp-activator")
            .with_attributes([instance, version])
            .build();
        let provider = SdkTracerProvider::builder()
            // There are few of them, and each is worth it, whatever the client samples.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource)
            .with_batch_exporter(exporter.with_context(|| format!("OTLP endpoint {endpoint}"))?)
            .build();
        Ok(Self { tracer: provider.tracer("todoapp"), provider, now })
    }

    /// The cold start is over.
    pub(crate) fn tell(&self, cold: &ColdStart) {
        let clock = (self.now)();
        let at = |instant: Instant| clock - instant.elapsed();
        let (how, ended) = cold.end();
        let (out, answered) = cold.answered.map_or((ended, ended), |(sent, answered, _)| (sent, answered));
        let mut root = SpanBuilder::from_name("cold start")
            .with_kind(SpanKind::Server)
            .with_start_time(at(cold.began))
            .with_attributes(attributes(cold, how))
            .start_with_context(&self.tracer, &parent(&cold.headers));
        if how != Woke::Ready {
            root.set_status(Status::error(how.label()));
        }
        let within = Context::new().with_remote_span_context(root.span_context().clone());
        let child = |name: &'static str, kind, from, to, events| {
            SpanBuilder::from_name(name)
                .with_kind(kind)
                .with_start_time(at(from))
                .with_events(events)
                .start_with_context(&self.tracer, &within)
                .end_with_timestamp(at(to));
        };
        child("hold", SpanKind::Internal, cold.began, out, events(cold, at));
        if cold.answered.is_some() {
            child("app", SpanKind::Client, out, answered, Vec::new());
        }
        root.end_with_timestamp(at(answered));
    }

    /// Sends what is left. Blocks.
    pub(crate) fn end(&self) {
        // Whatever is not sent by then is lost, and nobody is there to be told.
        let _ = self.provider.shutdown_with_timeout(PATIENCE);
    }
}

fn attributes(cold: &ColdStart, how: Woke) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("faas.coldstart", true),
        KeyValue::new("k8s.namespace.name", cold.key.namespace().to_owned()),
        KeyValue::new("todoapp.app", cold.app.to_string()),
        KeyValue::new("todoapp.revision", cold.key.name().to_owned()),
        KeyValue::new("todoapp.result", how.label()),
        KeyValue::new("todoapp.held", i64::try_from(cold.held).unwrap_or(i64::MAX)),
    ];
    if let Some((.., status)) = cold.answered {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
    }
    attributes
}

fn events(cold: &ColdStart, at: impl Fn(Instant) -> SystemTime) -> Vec<Event> {
    let ready = cold.ended.filter(|(how, _)| *how == Woke::Ready).map(|(_, at)| at);
    let reached = [("demand told", cold.told), ("pods wanted", cold.scaled), ("pod ready", ready)];
    reached.into_iter().filter_map(|(name, when)| Some(Event::new(name, at(when?), Vec::new(), 0))).collect()
}

/// The span that the app was told of in `traceparent`.
fn parent(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Fields(headers))
}

struct Fields<'a>(&'a HeaderMap);

impl Extractor for Fields<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
