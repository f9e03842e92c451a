//! Spans of a cold start, at a collector that takes them as one does: OTLP over gRPC.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use parking_lot::Mutex;
use prost::Message as _;
use proxy::{
    Body,
    listen::{self, Limits},
    net,
};
use tokio_util::sync::CancellationToken;

use super::world::{Bounds, Pod, World, answer, call};
use crate::spans::Spans;

const HOST: &str = "web.default.test";

/// What was sent, with the names of services.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

fn collector() -> (SocketAddr, Received) {
    let received = Received::default();
    let listener = net::bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let kept = Arc::clone(&received);
    let handler = move |request: Request<Incoming>, _| export(request, Arc::clone(&kept));
    tokio::spawn(listen::serve(listener, handler, Limits::default(), CancellationToken::new(), Duration::ZERO));
    (address, received)
}

/// `TraceService.Export`, a call of one message each way.
async fn export(request: Request<Incoming>, received: Received) -> Response<Body> {
    assert_eq!(request.uri().path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    let mut body = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!((body.get_u8(), body.get_u32() as usize), (0, body.len()), "one message, not compressed");
    for resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        let service = text(&resource.resource.unwrap().attributes, "service.name");
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        received.lock().extend(spans.map(|span| (service.clone(), span)));
    }
    let mut status = HeaderMap::new();
    status.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(status)];
    let frames = futures_util::stream::iter(frames.map(Ok::<_, Infallible>));
    let mut response = Response::new(Body::boxed(StreamBody::new(frames)));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

fn text(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|a| a.value.clone()?.value);
    match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => panic!("{key} is {other:?}"),
    }
}

/// A world that tells a collector of its cold starts.
fn world() -> (World, Arc<Spans>, Received) {
    let (address, received) = collector();
    let spans = Arc::new(Spans::new(&format!("http://{address}"), "pod-1", Arc::new(SystemTime::now)).unwrap());
    let telling = Arc::clone(&spans);
    let bounds = Bounds { cold_start: Mutex::new(Some(Box::new(move |cold| telling.tell(cold)))), ..Bounds::default() };
    (World::with(&bounds), spans, received)
}

/// All spans by name, after the last was sent.
async fn sent(spans: Arc<Spans>, received: &Received) -> BTreeMap<String, Span> {
    tokio::task::spawn_blocking(move || spans.end()).await.unwrap();
    let received = received.lock();
    assert!(received.iter().all(|(service, _)| service == "todoapp-activator"));
    received.iter().map(|(_, span)| (span.name.clone(), span.clone())).collect()
}

#[tokio::test]
async fn a_cold_start_is_a_trace_of_its_request() {
    let (mut world, spans, received) = world();
    let uid = world.simple("web", 0);
    // Not sampled by the client: cold starts are told all the same.
    let trace = "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\ncontent-length: 0\r\n\r\n";
    let client = call(world.public, HOST, "/", trace).await;
    world.demand(&uid, 1).await;
    world.desired(&uid, 1);
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);

    let all = sent(spans, &received).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["app", "cold start", "hold"]);
    let (root, hold, app) = (&all["cold start"], &all["hold"], &all["app"]);
    for span in all.values() {
        assert_eq!(span.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    }
    assert_eq!(root.parent_span_id.len(), 8);
    assert_eq!((&hold.parent_span_id, &app.parent_span_id), (&root.span_id, &root.span_id));
    let kinds = [root, hold, app].map(|span| span.kind);
    assert_eq!(kinds, [SpanKind::Server, SpanKind::Internal, SpanKind::Client].map(i32::from));
    for (key, value) in [
        ("faas.coldstart", "true"),
        ("k8s.namespace.name", "default"),
        ("todoapp.app", "web"),
        ("todoapp.revision", "web-1"),
        ("todoapp.result", "ready"),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(text(&root.attributes, key), value, "{key}");
    }
    let events: Vec<_> = hold.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["demand told", "pods wanted", "pod ready"]);
    let mut times = vec![root.start_time_unix_nano];
    times.extend(hold.events.iter().map(|event| event.time_unix_nano));
    times.extend([hold.end_time_unix_nano, app.end_time_unix_nano]);
    // Each is reckoned back from its own moment of asking the clock: microseconds between them say nothing.
    let slack = Duration::from_millis(1).as_nanos() as u64;
    assert!(times.windows(2).all(|pair| pair[0] <= pair[1] + slack), "{times:?}");
}

#[tokio::test]
async fn one_that_failed_is_an_error() {
    let (mut world, spans, received) = world();
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    world.failing("web", "web-1", "ImagePullBackOff", "no such image");
    assert_eq!(answer(client).await.status, 503);
    let all = sent(spans, &received).await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["cold start", "hold"]);
    let status = all["cold start"].status.clone().unwrap();
    assert_eq!((status.code, &*status.message), (StatusCode::Error.into(), "failed"));
    assert_eq!(text(&all["cold start"].attributes, "todoapp.result"), "failed");
}

#[tokio::test]
async fn without_a_collector_requests_go_on() {
    let nobody = super::world::nobody();
    let spans = Arc::new(Spans::new(&format!("http://{nobody}"), "pod-1", Arc::new(SystemTime::now)).unwrap());
    let telling = Arc::clone(&spans);
    let bounds = Bounds { cold_start: Mutex::new(Some(Box::new(move |cold| telling.tell(cold)))), ..Bounds::default() };
    let mut world = World::with(&bounds);
    let uid = world.simple("web", 0);
    let client = call(world.public, HOST, "/", "").await;
    world.demand(&uid, 1).await;
    let pod = Pod::new("a");
    world.up(&uid, pod.address);
    assert_eq!(answer(client).await.status, 200);
    tokio::task::spawn_blocking(move || spans.end()).await.unwrap();
}
