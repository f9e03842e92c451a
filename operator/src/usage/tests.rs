//! Rounds of reading, with an answer for each.

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use prometheus::Registry;
use scaling::Spec;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::pods::PodMetrics;
use super::*;
use crate::autoscaler::{Metrics, RevisionEntry};
use crate::clock::Clock;
use crate::decisions::tests::{Nothing, keep};
use crate::footprint::objects::Objects;

/// What is answered to the next questions: the CPU that the pod uses, or why not; nothing: no answer ever comes.
type Answer = Option<Result<&'static str, &'static str>>;

#[derive(Default)]
struct Answers {
    next: Mutex<Answer>,
    /// The revision about which a question is refused.
    refused: Mutex<String>,
    asked: Mutex<Vec<String>>,
}

impl Source for Arc<Answers> {
    fn measured<'a>(&'a self, namespace: &'a str, uid: &'a str) -> BoxFuture<'a, Result<Measured, Failure>> {
        self.asked.lock().push(format!("{namespace}/{uid}"));
        let (next, refused) = (*self.next.lock(), *self.refused.lock() == uid);
        Box::pin(async move {
            let Some(answer) = next else { return std::future::pending().await };
            if refused {
                return Err(Failure::Refused(anyhow::anyhow!("403: forbidden")));
            }
            let cpu = answer.map_err(|why| Failure::Outage(anyhow::anyhow!(why)))?;
            Ok([(uid.to_owned(), metrics(cpu))].into())
        })
    }
}

/// A leader with revisions of one pod each.
struct World {
    meter: Meter<Arc<Answers>>,
    answers: Arc<Answers>,
}

impl World {
    /// So many revisions with these metrics and this request of their only container.
    fn with(metrics: &[Metric], requests: &serde_json::Value) -> Self {
        let registered = Metrics::register(&Registry::new()).expect("unique names");
        let autoscaler = Autoscaler::new(Arc::new(Nothing), Arc::new(Nothing), registered, Clock::system());
        let stores = Stores::new();
        for (n, metric) in (0..).zip(metrics) {
            let Objects { app, revision, revision_uid: uid, revision_name: name, .. } = Objects::of(n, 1);
            keep::<TodoApp, _>(&stores.apps, &app);
            keep::<Revision, _>(&stores.revisions, &revision);
            keep::<Pod, _>(&stores.pods, &pod(&uid, requests));
            let (namespace, spec) = ("default".to_owned(), Spec { target: 50.0, max: 8, ..Spec::of(*metric) });
            let (schedules, routed, initial) = (policy::Schedules::default(), true, false);
            autoscaler.upsert(RevisionEntry { uid: uid.clone(), namespace, name, spec, schedules, routed, initial });
            autoscaler.set_replicas(&uid, 1, 1);
        }
        let answers = Arc::new(Answers::default());
        Self { meter: Meter::new(Arc::clone(&answers), stores, autoscaler, Clock::system()), answers }
    }

    /// What is told in a round with this answer.
    async fn round(&mut self, answer: Answer) -> Vec<String> {
        *self.answers.next.lock() = answer;
        let told = self.meter.round().await;
        told.into_iter()
            .map(|(app, note)| format!("{} {}: {}", app.name.unwrap_or_default(), note.reason, note.text))
            .collect()
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut *self.answers.asked.lock()).len()
    }

    /// The newest decision on the first revision, after some ticks.
    async fn decision(&self) -> String {
        let ticks = self.meter.autoscaler.run(CancellationToken::new());
        let _ = timeout(Duration::from_secs(7), ticks).await;
        let decisions = self.meter.autoscaler.decisions(&Objects::of(0, 1).revision_uid);
        decisions.last().and_then(|decision| decision["text"].as_str()).unwrap_or_default().to_owned()
    }
}

fn pod(uid: &str, requests: &serde_json::Value) -> serde_json::Value {
    json!({
        "metadata": { "name": uid, "namespace": "default", "uid": uid, "labels": { labels::REVISION_UID: uid } },
        "spec": { "containers": [{ "name": "app", "resources": { "requests": requests } }] },
        "status": { "phase": "Running", "startTime": "2020-01-01T00:00:00Z",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:05Z" }] },
    })
}

/// `cpu`, and half a GiB of memory.
fn metrics(cpu: &str) -> PodMetrics {
    let metrics = json!({ "timestamp": "2026-01-01T00:00:00Z", "window": "10.1s",
        "containers": [{ "name": "app", "usage": { "cpu": cpu, "memory": "512Mi" } }] });
    serde_json::from_value(metrics).expect("PodMetrics")
}

#[tokio::test(start_paused = true)]
async fn what_pods_use_decides_and_others_are_not_asked_about() {
    let mut world = World::with(&[Metric::Cpu, Metric::Concurrency, Metric::RequestRate], &json!({ "cpu": "100m" }));
    assert!(world.round(Some(Ok("120m"))).await.is_empty());
    assert_eq!(*world.answers.asked.lock(), [format!("default/{}", Objects::of(0, 1).revision_uid)]);
    let decision = world.decision().await;
    assert!(decision.contains("cpu 120 % of requests, target 50 % → wanted 3"), "{decision}");
    assert!(decision.ends_with("→ 3"), "{decision}");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_while_no_app_scales_by_what_its_pods_use() {
    let mut world = World::with(&[Metric::Concurrency; 3], &json!({}));
    assert!(world.round(Some(Err("never asked"))).await.is_empty());
    assert_eq!((world.asked(), world.meter.unanswered), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_app_is_told_once_which_container_requests_nothing_and_keeps_its_pods() {
    let mut world = World::with(&[Metric::Memory], &json!({ "cpu": "100m" }));
    let told = world.round(Some(Ok("900m"))).await;
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("asleep-0 FailedGetResourceMetric: container 'app' of 'asleep-0-00001' requests no memory")
    );
    assert!(told[0].contains("set its `resources.requests.memory`"), "{told:?}");
    assert!(world.round(Some(Ok("900m"))).await.is_empty(), "it knows");
    let decision = world.decision().await;
    assert!(decision.contains("memory not known → wanted 1") && decision.ends_with("→ 1"), "{decision}");
    let uid = Objects::of(0, 1).revision_uid;
    keep::<Pod, _>(&world.meter.stores.pods, &pod(&uid, &json!({ "memory": "1Gi" })));
    assert!(world.round(Some(Ok("0"))).await.is_empty(), "mended");
    assert!(world.decision().await.contains("memory 50 % of requests"));
    keep::<Pod, _>(&world.meter.stores.pods, &pod(&uid, &json!({})));
    assert_eq!(world.round(Some(Ok("0"))).await.len(), 1, "and broken again");
}

#[tokio::test(start_paused = true)]
async fn while_metrics_k8s_io_is_away_no_further_question_is_asked_and_each_app_is_told_once() {
    let mut world = World::with(&[Metric::Cpu; 20], &json!({ "cpu": "100m" }));
    world.round(Some(Ok("60m"))).await;
    assert_eq!(world.asked(), 20);
    assert!(world.round(Some(Err("503: no endpoints"))).await.is_empty(), "it may only restart");
    assert_eq!(world.asked(), 1);
    assert!(world.decision().await.contains("cpu 60 % of requests"), "what was read last counts for a while");
    let told = world.round(None).await;
    assert_eq!((told.len(), world.asked()), (20, AT_ONCE), "none after those under way");
    assert!(
        told[0].contains("FailedGetResourceMetric: cannot read the cpu") && told[0].contains("no answer within 5s")
    );
    assert!(world.round(Some(Err("404: not found"))).await.is_empty(), "they know");
    tokio::time::advance(Duration::from_mins(1)).await;
    assert!(world.decision().await.contains("cpu not known → wanted 2"));
    assert!(world.round(Some(Ok("60m"))).await.is_empty());
    assert_eq!(world.meter.unanswered, 0);
    world.round(None).await;
    assert_eq!(world.round(None).await.len(), 20, "another outage");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_refused_keeps_no_other_from_being_asked() {
    let mut world = World::with(&[Metric::Cpu; 20], &json!({ "cpu": "100m" }));
    for n in 0..20 {
        *world.answers.refused.lock() = Objects::of(n, 1).revision_uid;
        let told = world.round(Some(Ok("60m"))).await;
        assert_eq!((told.len(), world.asked(), world.meter.unanswered), (1, 20, 0), "{told:?}");
        let text = format!(
            "asleep-{n} FailedGetResourceMetric: cannot read the cpu that pods of 'asleep-{n}-00001' use: 403: forbidden; \
             their number stays"
        );
        assert_eq!(told[0], text);
        assert!(world.round(Some(Ok("60m"))).await.is_empty(), "it knows");
        world.asked();
    }
}

fn client(port: u16) -> kube::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = kube::Config::new(format!("http://127.0.0.1:{port}").parse().expect("a URI"));
    kube::Client::try_from(config).expect("a client")
}

/// An API server that gives this answer once; what it was asked.
async fn asked(status: &str, body: &serde_json::Value) -> (Result<Measured, Failure>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let api = MetricsApi(client(listener.local_addr().expect("bound").port()));
    let body = body.to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.expect("a request");
        stream.write_all(answer.as_bytes()).await.expect("taken");
        String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned()
    };
    tokio::join!(api.measured("shop", "uid-1"), serve)
}

#[tokio::test]
async fn metrics_k8s_io_is_asked_for_the_pods_of_a_revision() {
    let list = json!({ "kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": [{
        "metadata": { "name": "p", "namespace": "shop", "creationTimestamp": "2026-01-01T00:00:15Z" },
        "timestamp": "2026-01-01T00:00:10Z", "window": "10.035s",
        "containers": [{ "name": "app", "usage": { "cpu": "7013n", "memory": "5208Ki" } }] }] });
    let (measured, line) = asked("200 OK", &list).await;
    let path = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?&labelSelector=todoapp.dev%2Frevision-uid%3Duid-1";
    assert_eq!(line, format!("GET {path} HTTP/1.1"));
    let measured = measured.expect("an answer");
    assert_eq!((measured.len(), measured["p"].containers[0].usage["cpu"].as_str()), (1, "7013n"));
    assert_eq!(Duration::from(measured["p"].window), Duration::from_millis(10_035));
}

#[tokio::test]
async fn what_is_not_served_is_an_outage_and_any_other_answer_a_refusal() {
    for (status, code, is_outage) in
        [("404 Not Found", 404, true), ("403 Forbidden", 403, false), ("500 Internal Server Error", 500, false)]
    {
        let body =
            json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": "so it is" });
        let (none, _) = asked(status, &body).await;
        let (Failure::Outage(error) | Failure::Refused(error)) = none.as_ref().expect_err("no measurements");
        assert!(format!("{error:#}").contains("so it is"), "{error:#}");
        assert_eq!(matches!(none, Err(Failure::Outage(_))), is_outage, "{status}");
    }
    let odd = json!({ "items": [{ "metadata": { "name": "p" }, "timestamp": "yesterday" }], "metadata": {} });
    let (none, _) = asked("200 OK", &odd).await;
    let Err(Failure::Refused(error)) = none else { panic!("{none:?}") };
    assert!(format!("{error:#}").starts_with("PodMetrics p: "), "{error:#}");
    let none = MetricsApi(client(1)).measured("shop", "uid-1").await;
    assert!(matches!(none, Err(Failure::Outage(_))), "nobody listens there: {none:?}");
}

#[tokio::test(start_paused = true)]
async fn rounds_go_on_and_what_they_find_is_told() {
    let reporter = Reporter::new(client(1), "p".to_owned(), Clock::system());
    let world = World::with(&[Metric::Cpu], &json!({ "cpu": "100m" }));
    *world.answers.next.lock() = Some(Ok("60m"));
    let answers = Arc::clone(&world.answers);
    let run = timeout(PERIOD * 3 + Duration::from_secs(1), world.meter.run(reporter)).await;
    assert!(run.is_err(), "they do not end");
    assert_eq!(answers.asked.lock().len(), 4, "at once, and then each 15 s");
}
