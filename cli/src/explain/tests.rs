//! The way to the operator against an API server on a socket, and what is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use kube::Config;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::args::Target;
use crate::session::connect;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/todoapp-system/leases/todoapp-operator";
const POD: &str = "/api/v1/namespaces/todoapp-system/pods/todoapp-operator-a:9090/proxy/debug/decisions";

/// Answers by path and query.
type Answers = Vec<(&'static str, u16, String)>;

/// A client of an API server that gives these answers and else says 404, and how often that was asked.
async fn counted(answers: Answers) -> (Client, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (answers, asked) = (Arc::new(answers), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answers, count) = (Arc::clone(&answers), Arc::clone(&count));
            let answer = service_fn(move |request: Request<Incoming>| {
                count.fetch_add(1, Ordering::Relaxed);
                let asked = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
                let known = answers.iter().find(|(path, ..)| asked.starts_with(path));
                let (status, body) =
                    known.map_or_else(|| (404, status(404, &asked)), |(_, code, body)| (*code, body.clone()));
                let answer = Response::builder().status(status).body(Full::new(Bytes::from(body)));
                std::future::ready(answer)
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    (connect(Config::new(format!("http://{address}").parse().expect("a URL"))).expect("a client"), asked)
}

async fn server(answers: Answers) -> Client {
    counted(answers).await.0
}

fn status(code: u16, message: &str) -> String {
    let reason = if code == 403 { "Forbidden" } else { "NotFound" };
    let kind = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason,
        "code": code });
    kind.to_string()
}

fn lease(holder: &str) -> String {
    json!({ "metadata": { "name": "todoapp-operator" }, "spec": { "holderIdentity": holder } }).to_string()
}

fn decision(time: &str, times: u32, text: &str) -> Value {
    json!({ "time": time, "forSeconds": 58.0, "times": times, "reason": "load", "text": text })
}

fn told() -> Value {
    let decisions = [
        decision("2026-05-01T23:59:58.5Z", 1, "held 1, in flight 0 → wanted 1 (1/10) → 1"),
        decision("2026-05-02T12:00:04Z", 30, "held 37, in flight 0 → wanted 4 (37/10), max 10 → 4"),
        decision("2026-05-02T12:01:02Z", 1, "held 0, in flight 9 → wanted 1 (9/10), max 10 → 1"),
    ];
    json!({ "app": "shop", "namespace": "default", "revisions": [
        { "name": "shop-00001", "decisions": [] }, { "name": "shop-00002", "decisions": decisions } ] })
}

fn args() -> Explain {
    Explain {
        app: "shop".to_owned(),
        revision: None,
        system_namespace: "todoapp-system".to_owned(),
        output: Output::Text,
        last: 2,
        target: Target::default(),
    }
}

#[tokio::test]
async fn the_leader_is_asked_and_the_newest_decisions_are_left() {
    let client = server(vec![(LEASE, 200, lease("todoapp-operator-a")), (POD, 200, told().to_string())]).await;
    let told = decisions(&client, &args()).await.expect("decisions");
    let kept = told["revisions"][1]["decisions"].as_array().expect("decisions");
    assert_eq!(kept.len(), 2);
    assert_eq!(kept[1]["time"], "2026-05-02T12:01:02Z");
}

#[tokio::test]
async fn the_question_names_namespace_app_and_revision() {
    let asked = format!("{POD}?namespace=n%26s&app=shop&revision=shop-00002");
    let (asked, empty) = (&*asked.leak(), json!({ "revisions": [] }).to_string());
    let client = server(vec![(LEASE, 200, lease("todoapp-operator-a")), (asked, 200, empty)]).await;
    let args = Explain {
        target: Target { namespace: Some("n&s".to_owned()), ..Target::default() },
        revision: Some("shop-00002".to_owned()),
        ..args()
    };
    decisions(&client, &args).await.expect("the pod knows this question alone");
}

#[tokio::test]
async fn what_stands_in_the_way_is_named() {
    let leads = || (LEASE, 200, lease("todoapp-operator-a"));
    let forbidden = r#"User "ann" cannot get resource "pods/proxy""#;
    for (answers, expected) in [
        (vec![], "there is no Lease `todoapp-operator` in namespace `todoapp-system`"),
        (vec![(LEASE, 200, lease(""))], "no operator leads: nobody holds the Lease"),
        (
            vec![(LEASE, 403, status(403, "no"))],
            "the right to `get` `leases.coordination.k8s.io` in namespace `todoapp-system`",
        ),
        (
            vec![leads(), (POD, 403, status(403, forbidden))],
            "the right to `get` `pods/proxy` in namespace `todoapp-system`",
        ),
        (vec![leads()], "`todoapp-operator-a` held the Lease and leads no longer"),
        (vec![leads(), (POD, 503, "this process does not lead\n".into())], "`todoapp-operator-a` held the Lease"),
        (vec![leads(), (POD, 404, "there is no TodoApp `shop`\n".into())], "there is no TodoApp `shop`"),
        (
            vec![leads(), (POD, 502, status(502, "refused"))],
            "the API server does not reach pod `todoapp-operator-a`: 502 refused",
        ),
        (vec![leads(), (POD, 500, "oh".into())], "pod `todoapp-operator-a` answers 500: oh"),
    ] {
        let (client, asked) = counted(answers).await;
        let error = decisions(&client, &args()).await.expect_err(expected);
        assert!(asked.load(Ordering::Relaxed) <= 2, "a 503 is an answer, not a reason to ask again: {error}");
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.code(), if expected.contains("no TodoApp") { 3 } else { 1 });
    }
}

#[test]
fn decisions_are_a_table_with_the_day_where_there_is_more_than_one() {
    let mut told: Value = told();
    let page = |told: &Value| table::render(&serde_json::from_value(told.clone()).expect("known"));
    let days = page(&told);
    assert!(days.contains("\n2026-05-01 23:59:58      1        58s  load        held 1,"), "{days}");
    told["revisions"][1]["decisions"].as_array_mut().expect("decisions").remove(0);
    let expected = "TodoApp shop in namespace default, times in UTC

Revision shop-00001
no decision yet

Revision shop-00002
TIME      TIMES        FOR  REASON      DECISION
12:00:04     30        58s  load        held 37, in flight 0 → wanted 4 (37/10), max 10 → 4
12:01:02      1        58s  load        held 0, in flight 9 → wanted 1 (9/10), max 10 → 1
";
    assert_eq!(page(&told), expected);
}
