//! The times that bound a request on its way through one upstream.

use std::{pin::Pin, time::Duration};

use http::{Response, StatusCode};
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Failed;
use crate::{Body, idle::Idle};

/// How long a request may take: as a whole, until the head of its answer, and while nothing moves.
#[derive(Debug, Clone)]
pub struct Times {
    deadline: Instant,
    head: Option<Instant>,
    idle: Option<Idle>,
}

impl From<Instant> for Times {
    /// The answer is to be over at that moment.
    fn from(deadline: Instant) -> Self {
        Self { deadline, head: None, idle: None }
    }
}

impl Times {
    /// The head of the answer must come within this time from now.
    #[must_use]
    pub fn head_within(mut self, span: Duration) -> Self {
        self.head = Some(Instant::now() + span);
        self
    }

    /// Some byte must move, of the request or of its answer, within this time from now and again and again. Once the
    /// protocol has changed this is the only bound there is.
    #[must_use]
    pub fn idle_within(mut self, span: Duration) -> Self {
        self.idle = Some(Idle::new(span));
        self
    }

    /// The request's body, whose movement counts from now on.
    #[must_use]
    pub fn watch(&self, body: Body) -> Body {
        match &self.idle {
            Some(idle) if !body.is_end_stream() => Body::watched(body, idle.clone(), None),
            _ => body,
        }
    }

    /// Ends at the first moment at which the head of the answer may be overdue.
    pub(super) fn timer(&self) -> Pin<Box<Sleep>> {
        Box::pin(sleep_until(self.next()))
    }

    /// What is over now; with nothing over `sleep` goes on.
    pub(super) fn over(&self, sleep: &mut Pin<Box<Sleep>>) -> Option<Failed> {
        let now = Instant::now();
        if self.deadline <= now {
            return Some(Failed::Timeout);
        }
        if self.head.is_some_and(|head| head <= now) {
            return Some(Failed::ResponseStart);
        }
        if self.idle.as_ref().is_some_and(|idle| idle.until() <= now) {
            return Some(Failed::Idle);
        }
        sleep.as_mut().reset(self.next());
        None
    }

    /// Bounds the rest of an answer whose head has come.
    pub(super) fn bound(self, response: Response<Body>, mut sleep: Pin<Box<Sleep>>) -> Response<Body> {
        if sleep.deadline() != self.deadline {
            sleep.as_mut().reset(self.deadline);
        }
        let Some(idle) = self.idle else {
            return response.map(|mut body| {
                body.deadline(sleep);
                body
            });
        };
        idle.moved();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let (mut head, body) = response.into_parts();
            // For the tunnel, which is not opened here.
            head.extensions.insert(idle);
            return Response::from_parts(head, body);
        }
        response.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            let stall = Box::pin(sleep_until(idle.until()));
            let mut body = Body::watched(body, idle, Some(stall));
            body.deadline(sleep);
            body
        })
    }

    fn next(&self) -> Instant {
        let idle = self.idle.as_ref().map(Idle::until);
        [self.head, idle].into_iter().flatten().fold(self.deadline, Instant::min)
    }
}
