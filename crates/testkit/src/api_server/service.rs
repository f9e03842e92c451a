//! The HTTP side: what `kube::Client` speaks to. Request in, fate, state, answer out.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use tokio::time::sleep;
use tower_service::Service;

use super::Inner;
use super::faults::Fate;
use super::patch::PatchKind;
use super::path::{self, Verb};
use super::refusal::Refusal;
use super::selector::Selector;
use super::state::{Query, Request};
use super::watch::Watching;

type Answer = http::Response<UnsyncBoxBody<Bytes, io::Error>>;

/// The server as one user sees it.
#[derive(Clone)]
pub struct Door {
    pub(super) server: Arc<Inner>,
    pub(super) user: String,
}

impl Service<http::Request<kube::client::Body>> for Door {
    type Response = Answer;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Answer>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<kube::client::Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
            match understand(&door, &head, &body) {
                Ok(request) => door.serve(request).await,
                Err(refusal) => Ok(refused(&refusal)),
            }
        })
    }
}

impl Door {
    async fn serve(self, request: Request) -> io::Result<Answer> {
        let fate = self.server.fate(&request);
        if fate.away {
            self.server.record(&request, "", 0, "");
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        pause(fate.slow / 2).await;
        let answer = self.answer(&request, &fate).await;
        pause(fate.slow / 2).await;
        if fate.lost { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(answer) }
    }

    async fn answer(&self, request: &Request, fate: &Fate) -> Answer {
        let answer = match &fate.refused {
            Some((refusal, after)) => {
                pause(*after).await;
                self.server.record(request, "", refusal.code, "");
                Err(refusal.clone())
            }
            None if request.verb == Verb::Watch => {
                let watching = Watching::begin(&self.server, request.clone(), fate);
                self.server.record(request, "", watching.as_ref().map_or_else(|refusal| refusal.code, |_| 200), "");
                watching.map(|watching| {
                    let lines = StreamBody::new(stream::unfold(watching, Watching::next));
                    respond(200, BodyExt::boxed_unsync(lines))
                })
            }
            None => self.server.act(request).map(|(code, object)| respond(code, whole(&object))),
        };
        answer.unwrap_or_else(|refusal| refused(&refusal))
    }
}

async fn pause(length: Duration) {
    if !length.is_zero() {
        sleep(length).await;
    }
}

fn understand(door: &Door, head: &http::request::Parts, body: &[u8]) -> Result<Request, Refusal> {
    let header =
        |name: http::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if header(http::header::ACCEPT).contains("as=") {
        let message = "only whole objects are served, no PartialObjectMetadata and no Table";
        return Err(Refusal::new(406, "NotAcceptable", message));
    }
    let (query, watch) = query(head.uri.query().unwrap_or_default())?;
    let target = path::target(head.uri.path(), &door.server.state.lock().kinds)?;
    let is_patch = head.method == http::Method::PATCH;
    let patch = is_patch.then(|| PatchKind::of(header(http::header::CONTENT_TYPE))).transpose()?;
    let verb = path::verb(&head.method, &target, watch, patch)?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(body).map_err(|error| Refusal::bad_request(format!("cannot read the body: {error}")))?
    };
    Ok(Request { user: door.user.clone(), verb, target, query, patch, body })
}

/// What stands behind the `?`, and whether it asks for a watch.
fn query(text: &str) -> Result<(Query, bool), Refusal> {
    let (mut query, mut watch) = (Query::default(), false);
    let (mut labels, mut fields) = (String::new(), String::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let number =
            || value.parse().map_err(|_| Refusal::bad_request(format!("{name} must be a number, not {value}")));
        match name.as_ref() {
            "fieldManager" => query.manager = Some(value.into_owned()),
            "force" => query.force = value == "true",
            "labelSelector" => labels = value.into_owned(),
            "fieldSelector" => fields = value.into_owned(),
            "limit" => query.limit = number()? as usize,
            "continue" => query.go_on = value.into_owned(),
            "resourceVersion" => query.version = value.into_owned(),
            "watch" => watch = value == "true" || value == "1",
            "timeoutSeconds" => query.timeout_seconds = Some(number()?),
            "allowWatchBookmarks" => query.bookmarks = value == "true",
            "sendInitialEvents" => query.initial_events = value == "true",
            "dryRun" => return Err(Refusal::bad_request("dryRun is not served: every write is for good")),
            // Which version a list may show, and how unknown fields are met: one server of one mind answers the same.
            "resourceVersionMatch" | "fieldValidation" | "pretty" => {}
            _ => return Err(Refusal::bad_request(format!("the query parameter {name} is not served"))),
        }
    }
    query.selector = Selector::parse(&labels, &fields)?;
    Ok((query, watch))
}

fn whole(object: &Value) -> UnsyncBoxBody<Bytes, io::Error> {
    Full::new(Bytes::from(object.to_string())).map_err(|never| match never {}).boxed_unsync()
}

fn respond(code: u16, body: UnsyncBoxBody<Bytes, io::Error>) -> Answer {
    let mut response = http::Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

fn refused(refusal: &Refusal) -> Answer {
    let mut response = respond(refusal.code, whole(&refusal.status()));
    if let Some(after) = refusal.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, after.as_secs().into());
    }
    response
}
